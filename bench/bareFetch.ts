import type { BareTool } from './bareLoop.ts';

interface Chunk {
  readonly choices: readonly {
    readonly delta: {
      readonly content?: string;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function: { readonly name?: string; readonly arguments?: string };
      }[];
    };
  }[];
}

/**
 * What one writes against an OpenAI-compatible server without a framework and without an SDK: fetch, split the lines,
 * read the JSON, run the tools, ask again.
 */
export async function bareFetch(
  url: string,
  tools: ReadonlyMap<string, BareTool>,
  text: string,
  onText: (text: string) => void,
): Promise<string> {
  const messages: object[] = [{ role: 'user', content: text }];
  const specs = [...tools.values()].map(({ name }) => ({ type: 'function', function: { name, parameters: {} } }));
  for (;;) {
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer none' },
      body: JSON.stringify({ model: 'bench', messages, tools: specs, stream: true }),
    });
    if (!response.ok || response.body === null) throw new Error(`Status ${response.status}`);
    let answer = '';
    const calls: { id: string; name: string; input: string }[] = [];
    let rest = '';
    for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
        const delta = (JSON.parse(line.slice(6)) as Chunk).choices[0]?.delta;
        if (delta?.content !== undefined) {
          answer += delta.content;
          onText(delta.content);
        }
        for (const { index, id = '', function: called } of delta?.tool_calls ?? []) {
          const call = calls[index] ?? { id, name: called.name ?? '', input: '' };
          calls[index] = call;
          call.input += called.arguments ?? '';
        }
      }
    }
    if (calls.length === 0) return answer;
    messages.push({
      role: 'assistant',
      content: answer || null,
      tool_calls: calls.map(({ id, name, input }) => ({ id, type: 'function', function: { name, arguments: input } })),
    });
    const results = await Promise.all(calls.map(({ name, input }) => tools.get(name)?.execute(JSON.parse(input))));
    for (const [index, call] of calls.entries()) {
      messages.push({ role: 'tool', tool_call_id: call.id, content: JSON.stringify(results[index]) });
    }
  }
}
