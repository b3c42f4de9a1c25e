import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { saveConversation, toMarkdown } from '../../../src/cli/chat/save.ts';
import type { Message } from '../../../src/messages.ts';

const messages: readonly Message[] = [
  { role: 'user', id: '1', content: [{ type: 'text', text: 'Look.' }] },
  {
    role: 'assistant',
    id: '2',
    content: [
      { type: 'reasoning', text: 'Hm.\nWell.' },
      { type: 'tool-call', toolCallId: 'c', toolName: 'look', input: { at: 1 } },
    ],
  },
  {
    role: 'tool',
    id: '3',
    content: [
      { type: 'tool-result', toolCallId: 'c', toolName: 'look', output: { type: 'text', value: 'a\n```js\n```' } },
      { type: 'tool-result', toolCallId: 'd', toolName: 'listen', output: { type: 'error', value: 'Too loud.' } },
    ],
  },
  { role: 'user', id: '4', content: [{ type: 'text', text: 'Well?' }], cause: 'steering' },
  { role: 'assistant', id: '5', content: [{ type: 'text', text: 'Seen.' }] },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-save-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a conversation that is saved', () => {
  test('is Markdown for people, and no fence in it ends another', () => {
    expect(toMarkdown(messages)).toBe(`## User

Look.

## Assistant

> Hm.
> Well.

Calls \`look\`:

\`\`\`json
{
  "at": 1
}
\`\`\`

## Tools

\`look\` gave:

\`\`\`\`
a
\`\`\`js
\`\`\`
\`\`\`\`

\`listen\` failed:

\`\`\`
Too loud.
\`\`\`

## User (steering)

Well?

## Assistant

Seen.
`);
  });

  test('is its messages as JSON where the name of the file says so', () => {
    const file = join(folder, 'a.json');
    saveConversation(file, messages);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(messages);
  });

  test('lands in the home directory where the name begins there', () => {
    vi.stubEnv('HOME', folder);
    saveConversation('~/b.md', messages);
    expect(readFileSync(join(folder, 'b.md'), 'utf8')).toBe(toMarkdown(messages));
    vi.unstubAllEnvs();
  });

  test('overwrites nothing, and says in a line why it cannot be written', () => {
    const file = join(folder, 'diary.md');
    writeFileSync(file, 'dear diary');
    expect(() => saveConversation(file, messages)).toThrow(`${file} is there already; nothing is overwritten.`);
    expect(readFileSync(file, 'utf8')).toBe('dear diary');
    expect(() => saveConversation(join(folder, 'no', 'where.md'), messages)).toThrow(
      /^The conversation cannot be written: ENOENT/,
    );
  });
});
