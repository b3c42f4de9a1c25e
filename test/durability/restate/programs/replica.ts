import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { setTimeout as wait } from 'node:timers/promises';
import { createEndpointHandler } from '@restatedev/restate-sdk';
import { type DeltaBus, restateServices } from '../../../../src/durability/restate/index.ts';
import { createAgent } from '../../../../src/index.ts';
import { bookkeeper, tools } from '../../bookkeeping.ts';

// Serves the turns of a bookkeeper. Its first line is its port; then it says what happens here.
const [deeds = '', suspends = ''] = process.argv.slice(2);
const say = (what: string) => process.stdout.write(`${what}\n`);
const bus: DeltaBus = {
  publish: (sessionId, { events }) => {
    for (const { type } of events) say(`${sessionId} ${type}`);
  },
  subscribe: () => () => {},
};
const agent = createAgent({
  model: bookkeeper,
  tools: tools(wait, (tool, key) => {
    appendFileSync(deeds, `${tool} ${key}\n`);
    say(`ran ${tool}`);
  }),
  modelRetry: { initialDelayMs: 4, jitter: 0 },
});
const services = restateServices({ agent, bus, ...(suspends !== '' && { inactivityTimeoutMs: 0 }) });
const server = createServer(createEndpointHandler({ services }));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
say(typeof address === 'object' ? String(address?.port) : '');
