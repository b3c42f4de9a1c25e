// Sessions over HTTP: any server that takes a `fetch` function serves them, here Node's. Only who has the token may ask.
// Run it: npm run example examples/httpServer.ts    (it asks itself with `fetch`, and ends)
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Agent, createAgent } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { type HttpAppOptions, httpApp } from 'turnchart/http';

/** Serves an agent to this machine, on a port that is free. */
export async function listen(
  options: HttpAppOptions & { agent: Agent },
): Promise<{ baseUrl: string } & AsyncDisposable> {
  const server = createAdaptorServer({ fetch: httpApp(options).fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      // streams have no end of their own
      if ('closeAllConnections' in server) server.closeAllConnections();
      await once(server, 'close');
      await options.agent.close();
    },
  };
}

if (import.meta.main) {
  const agent = createAgent({ model: simulated({ delayMs: 0 }) });
  const authorize = ({ headers }: Request) => headers.get('authorization') === 'Bearer secret';
  await using server = await listen({ agent, authorize });

  const headers = { authorization: 'Bearer secret', 'content-type': 'application/json' };
  const post = (path: string, body: object) =>
    fetch(`${server.baseUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });

  const opened = await post('/v1/sessions', { id: 'trip' });
  console.log('POST /v1/sessions', opened.status, await opened.json());
  const sent = await post('/v1/sessions/trip/messages', { content: 'Hello!' });
  console.log('POST /v1/sessions/trip/messages', sent.status);

  const stream = await fetch(`${server.baseUrl}/v1/sessions/trip/events?exclude=message.delta`, { headers });
  console.log('GET /v1/sessions/trip/events', stream.status, stream.headers.get('content-type'));
  let text = '';
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('event: session.idle')) break;
  }
  console.log(text.match(/^event: .+/gm)?.join('\n'));

  const refused = await fetch(`${server.baseUrl}/v1/sessions/trip`);
  console.log(refused.status, await refused.json());
}
