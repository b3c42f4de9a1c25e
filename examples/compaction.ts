// A conversation that gets too long for its model: it is shortened for the model, and no message is lost.
// Run it: npm run example examples/compaction.ts
import { createAgent, type Model, type Session, textOf } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';

const large = simulated({ delayMs: 0 });
/** What the model was shown last, as the first line of each message. */
let shown: readonly string[] = [];
/** With a very small window. Adapters know those of their models, or are told: openai(…, { contextWindow }). */
const small: Model = {
  ...large,
  contextWindow: 800,
  stream(request, options) {
    if (request.purpose === 'turn') shown = request.messages.map((message) => textOf(message).split('\n', 1)[0] ?? '');
    return large.stream(request, options);
  },
};

console.log('more than the window holds');
const session = listen(createAgent({ model: small, compaction: { keepMessages: 2 } }).session());
await talk(session, 6);
console.log(`  the model is shown ${shown.length} of ${session.messages.length} messages:`);
for (const line of shown) console.log(`    ${line.slice(0, 64)}`);

console.log('more than the provider takes, whatever it says of its window');
const surprised = listen(createAgent({ model: large, compaction: { keepMessages: 2 } }).session());
await talk(surprised, 3);
const { text } = await surprised.send('Simulate an overflow.').result;
console.log(`  ${text.slice(0, 22)}`);

console.log('by hand');
const tidy = listen(createAgent({ model: large, compaction: { keepMessages: 2 } }).session());
await talk(tidy, 3);
const idle = new Promise((resolve) => tidy.on('session.idle', resolve));
console.log(`  accepted: ${tidy.compact().accepted}`);
await idle;
console.log(`  accepted: ${tidy.compact().accepted}, nothing is left to shorten`);

async function talk(session: Session, turns: number): Promise<void> {
  for (let day = 1; day <= turns; day += 1) await session.send(`Day ${day}. Hello!`).result;
}

function listen(session: Session): Session {
  session.on('compaction.completed', ({ reason, removed, tokensBefore, tokensAfter }) => {
    const isShorter = tokensAfter < tokensBefore;
    console.log(`  ${reason}: ${removed} messages are left out, ${isShorter ? 'shorter' : 'no shorter'} than before`);
  });
  return session;
}
