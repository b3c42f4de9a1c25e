interface Event {
  readonly type: string;
  readonly delta?: { readonly text?: string };
}

/** What one writes against Anthropic's Messages API without an SDK, where there are no tools: fetch, split the lines, read the JSON. */
export async function anthropicFetch(url: string, text: string, onText: (text: string) => void): Promise<string> {
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'none', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({
      model: 'bench',
      max_tokens: 1_000,
      messages: [{ role: 'user', content: text }],
      stream: true,
    }),
  });
  if (!response.ok || response.body === null) throw new Error(`Status ${response.status}`);
  let answer = '';
  let rest = '';
  for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + bytes).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue;
      const { type, delta } = JSON.parse(line.slice(6)) as Event;
      if (type !== 'content_block_delta' || delta?.text === undefined) continue;
      answer += delta.text;
      onText(delta.text);
    }
  }
  return answer;
}
