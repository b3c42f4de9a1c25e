// What happens when a provider fails: the turn retries, another model takes over, and one that is down is left alone.
// Run it: npm run example examples/retryAndFallback.ts
import { createAgent, createFailure, type Model } from 'turnchart';
import { withBreaker, withFallback } from 'turnchart/adapters';
import { simulated } from 'turnchart/adapters/simulated';

const patient = createAgent({
  model: simulated({ delayMs: 0, retryAfterMs: 20 }),
  modelRetry: {
    maxAttempts: 4,
    initialDelayMs: 10,
    jitter: 0,
    // a delay of one's own, `false` for no retry, `undefined` for the default
    decide: ({ code }) => (code === 'stream_truncated' ? 0 : undefined),
  },
});
const turn = patient.session().send('Simulate a cut stream, a rate limit and an outage once.');
for await (const event of turn) {
  if (event.type !== 'model.retrying') continue;
  const { attempt, maxAttempts, delayMs, failure } = event;
  console.log(`attempt ${attempt} of ${maxAttempts} failed (${failure.code}), the next in ${delayMs} ms`);
}
console.log(`${(await turn.outcome).status} all the same`);

let calls = 0;
const down: Model = {
  provider: 'example',
  modelId: 'always-down',
  async *stream() {
    calls += 1;
    yield { type: 'error', failure: createFailure({ type: 'provider_unavailable', message: 'Down for today.' }) };
  },
};
const guarded = withBreaker(down, { failures: 2 });
const agent = createAgent({ model: withFallback(guarded, simulated({ delayMs: 0 })) });
for (let question = 1; question <= 4; question += 1) {
  const { text } = await agent.run('Hello!');
  console.log(`${text.slice(0, 24)}… (calls of ${down.modelId} so far: ${calls}, breaker ${guarded.breaker})`);
}
