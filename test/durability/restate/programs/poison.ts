import { once } from 'node:events';
import { createServer } from 'node:http2';
import { createEndpointHandler } from '@restatedev/restate-sdk';
import { restateServices } from '../../../../src/durability/restate/index.ts';
import { createAgent, defineTool, type Model, textOf } from '../../../../src/index.ts';

// Serves an agent with a tool that ends the process. Its only line is its port.
const usage = { inputTokens: 1, outputTokens: 1 };
const model: Model = {
  provider: 'test',
  modelId: 'poison',
  async *stream({ messages }) {
    const last = messages.at(-1);
    if (last !== undefined && textOf(last) === 'End.') {
      yield { type: 'tool-call', toolCallId: 'call', toolName: 'end', rawInput: '{}' };
      yield { type: 'finish', finishReason: { unified: 'tool-calls' }, usage };
    } else {
      yield { type: 'text-delta', text: 'Still here.' };
      yield { type: 'finish', finishReason: { unified: 'stop' }, usage };
    }
  },
};
const end = defineTool({
  name: 'end',
  idempotent: true,
  input: { jsonSchema: { type: 'object' } },
  execute: () => process.kill(process.pid, 'SIGKILL'),
});
const services = restateServices({ agent: createAgent({ name: 'poison', model, tools: [end] }) });
const server = createServer(createEndpointHandler({ services }));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
