import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { sqliteStore } from '../../../src/durability/sqliteStore.ts';
import { createAgent, type TurnEvent } from '../../../src/index.ts';
import { bookkeeper, isInput, type Task, tasks, tools } from '../bookkeeping.ts';

// Has conversations at once until all tasks are done, and says what happens: the tools that run, and the kept events.
const [file = '', deeds = '', seed = '1', seen = '{}'] = process.argv.slice(2);
const told = JSON.parse(seen) as Readonly<Record<string, number>>;
const store = sqliteStore(file);
const say = (what: string, about: object) => process.stdout.write(`${what} ${JSON.stringify(about)}\n`);
const agent = createAgent({
  model: bookkeeper,
  tools: tools(wait, (tool, key) => {
    appendFileSync(deeds, `${tool} ${key}\n`);
    say('ran', { tool, key });
  }),
  modelRetry: { initialDelayMs: 4, jitter: 0 },
  store,
});

await Promise.all(Object.entries(tasks(Number(seed))).map(([id, list]) => converse(id, list)));
await agent.close();
await store.close();

async function converse(id: string, list: readonly Task[]): Promise<void> {
  const session = agent.session({ id });
  const tell = ({ sessionId, turnId, seq, n, type }: TurnEvent) => {
    if (n === undefined) say('event', { sessionId, turnId, seq, type });
  };
  session.on('*', tell, { kept: true });
  for (const event of await agent.events(id, { after: told[id] ?? 0 })) tell(event);
  await Promise.all(session.turns.map(({ outcome }) => outcome));
  for (const task of list.slice(session.messages.filter(isInput).length))
    await session.send(JSON.stringify(task)).outcome;
}
