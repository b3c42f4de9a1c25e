import { sqliteStore } from '../../../src/durability/index.ts';
import { checkpoint, rows } from '../changes.ts';

// Writes a session of its own, row by row, and ends.
const [file = '', sessionId = '', count = ''] = process.argv.slice(2);
const store = sqliteStore(file);
const lock = await store.lock(sessionId);
await store.write([checkpoint(sessionId)]);
for (let index = 0; index < Number(count); index += 1) await store.write([rows(sessionId, index, String(index))]);
await lock.release();
await store.close();
