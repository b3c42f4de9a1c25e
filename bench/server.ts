// A server on loopback that writes like several providers, in a process of its own: node bench/server.ts; prints its address.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Asked {
  readonly messages: readonly { readonly role: string }[];
}

/** What is answered under each path, given how many messages there are. */
const answers: Record<string, (asked: Asked, response: ServerResponse) => Promise<void> | void> = {
  text20: (_asked, response) => finish(response, words(20)),
  tenCalls: ({ messages }, response) => {
    const step = countOf(messages, 'tool');
    return finish(response, step < 10 ? calls(1, step) : words(1));
  },
  parallelCalls: ({ messages }, response) => finish(response, countOf(messages, 'tool') === 0 ? calls(16) : words(1)),
  text50000: async (_asked, response) => {
    await flood(response, words(64).slice(0, 64).join(''));
    finish(response, [chunk({}, 'stop')]);
  },
  anthropic50000: async (_asked, response) => {
    response.write(anthropic.start);
    await flood(response, anthropic.deltas(64));
    response.end(anthropic.end);
  },
  google50000: async (_asked, response) => {
    await flood(response, googleChunk('word ').repeat(64));
    response.end(googleChunk('', 'STOP'));
  },
  paced: (_asked, response) => pace(response),
};

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const answer = answers[(request.url ?? '').split('/')[1] ?? ''];
  if (answer === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  await answer(JSON.parse(body) as Asked, response);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.on('SIGTERM', () => process.exit(0));
// ends with whoever started it
process.stdin.resume().on('end', () => process.exit(0));

function chunk(delta: object, finishReason: string | null = null): string {
  const choice = { index: 0, delta, finish_reason: finishReason };
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [choice] })}\n\n`;
}

function words(count: number): readonly string[] {
  return [...Array.from({ length: count }, (_, index) => chunk({ content: `word${index} ` })), chunk({}, 'stop')];
}

function calls(count: number, first = 0): readonly string[] {
  const called = Array.from({ length: count }, (_, index) =>
    chunk({
      tool_calls: [
        {
          index,
          id: `call_${index}`,
          type: 'function',
          function: { name: 'add', arguments: `{"a":${first + index},"b":1}` },
        },
      ],
    }),
  );
  return [...called, chunk({}, 'tool_calls')];
}

function countOf(messages: Asked['messages'], role: string): number {
  return messages.filter((message) => message.role === role).length;
}

const anthropic = {
  start: [
    anthropicEvent('message_start', {
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'bench',
        content: [],
        usage: { input_tokens: 100 },
      },
    }),
    anthropicEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ].join(''),
  deltas: (count: number) =>
    Array.from({ length: count }, (_, index) =>
      anthropicEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text: `word${index} ` } }),
    ).join(''),
  end: [
    anthropicEvent('content_block_stop', { index: 0 }),
    anthropicEvent('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 20 } }),
    anthropicEvent('message_stop', {}),
  ].join(''),
};

function anthropicEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

function googleChunk(text: string, finishReason?: string): string {
  const candidate = { content: { role: 'model', parts: [{ text }] }, index: 0, finishReason };
  const usageMetadata = { promptTokenCount: 100, candidatesTokenCount: 20, totalTokenCount: 120 };
  return `data: ${JSON.stringify({ candidates: [candidate], modelVersion: 'bench', responseId: 'r', usageMetadata })}\n\n`;
}

const usage = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [], usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 } })}\n\n`;
const done = 'data: [DONE]\n\n';

function finish(response: ServerResponse, chunks: readonly string[]): void {
  response.end(chunks.join('') + usage + done);
}

/** 50,000 deltas, 64 at a time, as fast as the reader takes them. */
async function flood(response: ServerResponse, deltas: string): Promise<void> {
  for (let sent = 0; sent < 50_000; sent += 64) {
    if (!response.write(deltas)) await once(response, 'drain');
  }
}

/** 20 deltas with 5 ms between them. */
async function pace(response: ServerResponse): Promise<void> {
  for (const part of words(20)) {
    response.write(part);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  finish(response, []);
}
