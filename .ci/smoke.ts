// What a user does first, against the packed tarball: `.ci/run` copies this file beside a fresh install, checks its types and runs it.
import { createAgent } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { sqliteStore } from 'turnchart/durability';

const agent = createAgent({ model: simulated() });
const { text } = await agent.run('what is 2+3?');
await agent.close();
if (text.trim() === '') throw new Error('the turn ended without text');

// a session of one agent is gone on with by the next
for (const turns of [1, 2]) {
  const store = sqliteStore('sessions.db');
  const session = createAgent({ model: simulated(), store }).session({ id: 'smoke' });
  await session.send('what is 2+3?').result;
  await session.close();
  const [kept] = await store.list();
  await store.close();
  if (kept?.turns !== turns) throw new Error(`${turns} turns should be kept: ${JSON.stringify(kept)}`);
}
