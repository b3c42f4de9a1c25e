// Measures sessions that are kept: npm run bench:durable -- [--runs N]
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAgent, type Model } from 'turnchart';
import { memoryStore, type Store, sqliteStore } from 'turnchart/durability';
import { median, now, warmUp } from './measure.ts';
import { hangingModel, mockModel, type Read } from './mockModel.ts';
import { addTool } from './subjects.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number from 1.');

const folder = mkdtempSync(join(tmpdir(), 'turnchart-bench-'));
const usage = { inputTokens: 100, outputTokens: 20 };
const answer: readonly Read[] = [
  [
    { type: 'text-delta', text: 'So it is. '.repeat(20) },
    { type: 'finish', finishReason: { unified: 'stop' }, usage },
  ],
];

/** A model that calls two tools in each of so many steps, and then answers. */
function steps(count: number): Model {
  const calls = Array.from({ length: count }, (_, step): readonly Read[] => [
    [
      ...[0, 1].map((index) => ({
        type: 'tool-call' as const,
        toolCallId: `call-${step}-${index}`,
        toolName: 'add',
        rawInput: '{"a":2,"b":3}',
      })),
      { type: 'finish' as const, finishReason: { unified: 'tool-calls' as const }, usage },
    ],
  ]);
  return mockModel(({ messages }) => {
    const start = messages.findLastIndex(({ role }) => role === 'user');
    return calls[messages.slice(start).filter(({ role }) => role === 'tool').length] ?? answer;
  });
}

interface Kept {
  readonly store: Store | undefined;
  /** What is on the disk. */
  size(): number;
}

let files = 0;
const places: Readonly<Record<string, () => Kept>> = {
  'no store': () => ({ store: undefined, size: () => Number.NaN }),
  memoryStore: () => ({ store: memoryStore(), size: () => Number.NaN }),
  sqliteStore: () => {
    files += 1;
    const file = join(folder, `${files}.db`);
    return { store: sqliteStore(file), size: () => statSync(file).size };
  },
};

/** Turns a second, microseconds of CPU and bytes a turn, with so many sessions at once, a turn each at a time. */
async function turns(open: () => Kept, stepCount: number, sessionCount: number, perSession: number) {
  const { store, size } = open();
  const agent = createAgent({
    model: steps(stepCount),
    tools: [addTool],
    limits: { maxSteps: 20 },
    ...(store && { store }),
  });
  let ended = 0;
  const converse = async () => {
    const session = agent.session();
    ended += perSession;
    for (let turn = 0; turn < perSession; turn += 1) await session.send('And 2+3?').outcome;
    await session.close();
  };
  await warmUp(converse);
  const [start, before] = [now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: sessionCount }, converse));
  const seconds = (now() - start) / 1_000_000;
  const { user, system } = process.cpuUsage(before);
  const count = sessionCount * perSession;
  await agent.close();
  // what is left beside the file goes into it
  await store?.close();
  return { rate: count / seconds, cpu: (user + system) / count, bytes: size() / ended };
}

/** How long it takes until so many unfinished turns are open, and until all of them ask their model again. */
async function recovery(open: () => Kept, count: number) {
  const { store } = open();
  if (store === undefined) return undefined;
  const before = createAgent({ model: hangingModel([[{ type: 'text-delta', text: 'So' }]]), store });
  for (let index = 0; index < count; index += 1) {
    const session = before.session();
    session.send('And 2+3?');
    await new Promise((resolve) => session.on('message.started', resolve));
  }
  let asked = 0;
  const all = Promise.withResolvers<void>();
  const model: Model = {
    ...steps(0),
    stream: (request, options) => {
      asked += 1;
      if (asked === count) all.resolve();
      return steps(0).stream(request, options);
    },
  };
  const start = now();
  const sessions = await createAgent({ model, store: asAnotherProcess(store) }).recover();
  const opened = now();
  await all.promise;
  const begun = now();
  await Promise.all(sessions.flatMap((session) => session.turns.map(({ outcome }) => outcome)));
  // it cannot write any more, and gives up
  await before.close();
  return { openedMs: (opened - start) / 1_000, begunMs: (begun - start) / 1_000 };
}

/** The process that had its sessions is gone. */
function asAnotherProcess(store: Store): Store {
  return {
    lock: () => ({ release: () => {} }),
    read: (id) => store.read(id),
    write: (changes) => store.write(changes),
    list: (options) => store.list(options),
    journal: (id, options) => store.journal(id, options),
    trim: (options) => store.trim(options),
    delete: (id) => store.delete(id),
    close: () => store.close(),
  };
}

/** The median of each figure. */
async function measure(...args: Parameters<typeof turns>): Promise<Awaited<ReturnType<typeof turns>>> {
  const measured: Awaited<ReturnType<typeof turns>>[] = [];
  for (let count = 0; count < runs; count += 1) measured.push(await turns(...args));
  const of = (figure: 'rate' | 'cpu' | 'bytes') => median(measured.map((one) => one[figure]));
  return { rate: of('rate'), cpu: of('cpu'), bytes: of('bytes') };
}

const unfinished = 400;
const rows: Record<string, string | number>[] = [];
// all of them before any of them is measured: they share their code
for (const open of Object.values(places)) await turns(open, 10, 10, 5);
for (const [name, open] of Object.entries(places)) {
  const one = await measure(open, 0, 1, 200);
  const many = await measure(open, 0, 100, 5);
  const tenSteps = await measure(open, 10, 1, 20);
  const recovered = await recovery(open, unfinished);
  rows.push({
    store: name,
    'turns/s': Math.round(one.rate),
    '100 at once, turns/s': Math.round(many.rate),
    'of 10 steps, turns/s': Math.round(tenSteps.rate),
    'CPU us/turn': Math.round(one.cpu),
    'CPU us/step': Math.round((tenSteps.cpu - one.cpu) / 10),
    ...(Number.isFinite(one.bytes) && {
      'bytes/turn': Math.round(one.bytes),
      'bytes/step': Math.round((tenSteps.bytes - one.bytes) / 10),
    }),
    ...(recovered !== undefined && {
      [`${unfinished} opened, ms`]: Math.round(recovered.openedMs),
      'going on, ms': Math.round(recovered.begunMs),
    }),
  });
}
rmSync(folder, { recursive: true, force: true });

console.table(Object.fromEntries(rows.map(({ store, ...row }) => [store, row])));
