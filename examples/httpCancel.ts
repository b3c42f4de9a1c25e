// Over HTTP: cancel a turn that takes more than two seconds. The notes on it come, and the session goes on.
// Run it: npm run example examples/httpCancel.ts
import { createAgent, type Message, textOf } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { httpClient } from 'turnchart/http/client';
import { listen } from './httpServer.ts';

await using server = await listen({ agent: createAgent({ model: simulated({ delayMs: 1 }) }) });
const client = httpClient({ baseUrl: server.baseUrl });
const { id } = await client.sessions.create();

for (const question of ['Simulate an endless answer.', 'Hello!']) {
  console.log(question);
  await client.messages.create(id, question);
  const timer = setTimeout(() => client.sessions.cancel(id, { reason: 'That takes too long.' }), 2_000);
  for await (const { type, data } of client.events.stream(id)) {
    if (type === 'turn.completed') console.log(`  completed: ${String(data.text).slice(0, 24)}`);
    if (type === 'turn.cancelled') console.log(`  cancelled: ${data.reason}`);
    if (type === 'message.added' && data.cause === 'cancel_note') {
      const note = data.message as Message;
      console.log(`  ${note.role}: ${textOf(note)}`);
    }
    if (type === 'session.idle') break;
  }
  clearTimeout(timer);
}
console.log('nothing to cancel:', await client.sessions.cancel(id));
