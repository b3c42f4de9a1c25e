import { writeSync } from 'node:fs';
import { sqliteStore } from '../../../src/durability/index.ts';
import { checkpoint, rows, user } from '../changes.ts';

// Writes the same to two sessions at a time, and says what is safe, until it is killed.
const [file = ''] = process.argv.slice(2);
const store = sqliteStore(file);
await store.lock('a');
const found = await store.read('a');
if (found === undefined) await store.write([checkpoint('a'), checkpoint('b')]);
let index = (found?.rowIndex ?? 0) + (found?.rows.length ?? 0);
let messages = found?.messages.length ?? 0;
for (; ; index += 1) {
  // some fill many pages
  const row = JSON.stringify({ index, text: 'x'.repeat((index % 7) * 3_000) });
  const isLast = index % 5 === 4;
  const sessions = ['a', 'b'];
  await store.write([
    ...sessions.map((id) => rows(id, index, row)),
    ...(isLast ? sessions.map((id) => checkpoint(id, index + 1, messages, user(`message ${messages}`))) : []),
  ]);
  if (isLast) messages += 1;
  writeSync(1, `${index}\n`);
}
