// What a user does first, against the packed tarball: `.ci/run` copies this file beside a fresh install, checks its types and runs it.
import { createAgent } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';

const agent = createAgent({ model: simulated() });
const { text } = await agent.run('what is 2+3?');
await agent.close();
if (text.trim() === '') throw new Error('the turn ended without text');
