// Turns over HTTP: `POST /chat` streams the events of one as server-sent events; a client that goes away cancels it.
// Run it: npm run example examples/honoServer.ts    (it asks itself; to serve others, hand `app.fetch` to a server)
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { type Agent, createAgent, type Session, toWireEvent } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const chatBody = z.object({ message: z.string().trim().min(1), sessionId: z.string().optional() });

/** A chat server. Its sessions live as long as it does. */
export function createApp(agent: Agent): Hono {
  const app = new Hono();
  const sessions = new Map<string, Session>();

  app.post('/chat', async (c) => {
    const body = chatBody.safeParse(await c.req.json().catch(() => undefined));
    if (!body.success) {
      const error = 'Send JSON like { "message": "Hello!" }, with a "sessionId" to go on with that session.';
      return c.json({ error, details: z.prettifyError(body.error) }, 400);
    }
    const { message, sessionId } = body.data;
    const session = sessionId === undefined ? agent.session() : sessions.get(sessionId);
    if (session === undefined) {
      return c.json({ error: `There is no session "${sessionId}". Leave "sessionId" out to open one.` }, 404);
    }
    sessions.set(session.id, session);
    // of a client that goes away some servers tell by the signal of the request, others by the stream
    const turn = session.send(message, { signal: c.req.raw.signal });
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => {
        turn.cancel('The client has gone away.');
      });
      for await (const event of turn) {
        const wire = toWireEvent(event);
        await stream.writeSSE({ id: wire.id, event: wire.type, data: JSON.stringify(wire) });
      }
    });
  });
  return app;
}

if (import.meta.main) {
  const app = createApp(createAgent({ model: simulated({ delayMs: 0 }) }));
  const post = (body: object) => app.request('/chat', { method: 'POST', body: JSON.stringify(body) });

  const answer = await (await post({ message: 'Hello!' })).text();
  console.log(answer.match(/^event: (?!message.delta).+/gm)?.join('\n'));

  const refused = await post({ question: 'Hello?' });
  console.log(refused.status, await refused.json());

  const reader = (await post({ message: 'Simulate an endless answer.' })).body?.getReader();
  const first = new TextDecoder().decode((await reader?.read())?.value);
  await reader?.cancel();
  // the turns of a session take place one after the other: this one only if that one has ended
  const sessionId = /"session_id":"(.+?)"/.exec(first)?.[1];
  const next = await (await post({ message: 'Are you free again?', sessionId })).text();
  console.log('the client left, and the next message of the session got', next.match(/turn\.(completed|failed)/)?.[0]);
}
