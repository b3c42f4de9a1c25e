// Over HTTP: send a message again when its turn failed and another may succeed, twice at most.
// Run it: npm run example examples/httpSendAgain.ts
import { createAgent, type Failure, type Model } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { httpClient } from 'turnchart/http/client';
import { listen } from './httpServer.ts';

const [works, isDown] = [simulated({ delayMs: 0 }), outage()];
let requests = 0;
/** A provider that is down for its first requests. */
const model: Model = {
  ...works,
  stream: (request, options) => {
    requests += 1;
    return (requests <= 2 ? isDown : works).stream(request, options);
  },
};

// the turn repeats model calls by itself; here it does not, so that there is something to see
const agent = createAgent({ model, modelRetry: { maxAttempts: 1 } });
await using server = await listen({ agent });
const client = httpClient({ baseUrl: server.baseUrl });
const { id } = await client.sessions.create();

for (const question of ['Hello!', 'Simulate an outage.']) {
  console.log(question);
  console.log(`  ${(await ask(question)).slice(0, 24)}`);
}

async function ask(question: string, sendsLeft = 3): Promise<string> {
  await client.messages.create(id, question);
  for await (const { type, data } of client.events.stream(id)) {
    if (type === 'turn.completed') return String(data.text);
    if (type !== 'turn.failed') continue;
    const { code, retryable } = data.failure as Failure;
    console.log(`  failed: ${code}`);
    if (!retryable || sendsLeft === 1) return '(given up)';
    break;
  }
  return ask(question, sendsLeft - 1);
}

function outage(): Pick<Model, 'stream'> {
  const failure: Failure = {
    type: 'provider_unavailable',
    code: 'overloaded',
    message: 'Come back later.',
    retryable: true,
  };
  return {
    stream: async function* () {
      yield { type: 'error', failure };
    },
  };
}
