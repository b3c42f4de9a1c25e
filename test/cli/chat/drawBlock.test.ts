import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { visibleWidth } from '@earendil-works/pi-tui';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { drawBlock } from '../../../src/cli/chat/drawBlock.ts';
import { createTheme } from '../../../src/cli/chat/theme.ts';
import type { Block, ToolBlock } from '../../../src/cli/chat/transcript.ts';

vi.stubEnv('FORCE_COLOR', undefined);
afterAll(() => vi.unstubAllEnvs());
// a stream that is no terminal has no colours
const theme = createTheme(Object.assign(new PassThrough(), { isTTY: false }));

function draw(block: Block, width = 60, isUnfolded = false): readonly string[] {
  return drawBlock(block, { width, isUnfolded, theme });
}

const wild = 'a\u001b[2J\u009bb\u0007\tc 漢字漢字 👩‍👩‍👧 supercalifragilistic https://example.com/a/very/long/address';
const tool: ToolBlock = {
  type: 'tool',
  toolCallId: 'c',
  toolName: 'look',
  input: { at: 1 },
  progress: ['looks', 'looks again'],
  outcome: { type: 'completed', output: { type: 'json', value: { lines: [1, 2, 3, 4, 5] } }, asksAgain: false },
};

const everyBlock: readonly Block[] = [
  { type: 'user', messageId: 'u', text: wild, isSteering: true },
  { type: 'reasoning', messageId: 'm', text: wild },
  {
    type: 'answer',
    messageId: 'm',
    text: `# ${wild}\n\n- ${wild}\n\n| a | b |\n|---|---|\n| ${wild} | c |\n\n\`\`\`\n${wild}\n\`\`\``,
  },
  { type: 'superseded', text: wild },
  { ...tool, toolName: wild, input: { wild }, progress: [wild] },
  { ...tool, outcome: { type: 'completed', output: { type: 'text', value: wild.repeat(9) }, asksAgain: true } },
  { ...tool, outcome: { type: 'failed', message: wild } },
  { ...tool, outcome: { type: 'denied', reason: wild } },
  { ...tool, outcome: { type: 'cancelled', when: wild } },
  { type: 'tool', toolCallId: 'c', toolName: 'look', input: {}, progress: [], waits: wild },
  { ...tool, agent: [{ ...tool, outcome: { type: 'denied', reason: wild }, agent: [tool] }] },
  { type: 'note', text: `name  ${wild}`, tone: 'plain' },
  { type: 'ending', facts: [wild.replace(/\p{Cc}/gu, ''), '2 steps'] },
];

describe('a block', () => {
  test.each([1, 2, 3, 7, 20, 60, 100])('fits into %i columns, whatever is in it', (width) => {
    for (const block of everyBlock) {
      for (const isUnfolded of [false, true]) {
        for (const line of draw(block, width, isUnfolded)) expect(visibleWidth(line)).toBeLessThanOrEqual(width);
      }
    }
  });

  test('lets nobody drive the terminal', () => {
    for (const block of everyBlock) {
      // the library ends styles where it cuts a line
      const text = stripVTControlCharacters(draw(block, 60, true).join('\n'));
      expect(text).not.toMatch(/[^\P{Cc}\n]/u);
      if (block.type !== 'ending') expect(text).toContain('\ufffd');
    }
  });

  test('of a tool is folded where it gave much, and unfolds', () => {
    expect(draw(tool, 16)).toEqual(['✓ look {"at":1}', '  looks again', '  {"lines":[1,2,', '  3,4,5]}']);
    const long: ToolBlock = {
      ...tool,
      outcome: { type: 'completed', output: { type: 'text', value: '1\n2\n3\n4\n5' }, asksAgain: false },
    };
    expect(draw(long).slice(2)).toEqual(['  1', '  2', '  3', '  … 2 more lines · Ctrl-O unfolds']);
    expect(draw(long, 60, true)).toEqual([
      '✓ look',
      '  {',
      '    "at": 1',
      '  }',
      '  looks',
      '  looks again',
      '  1',
      '  2',
      '  3',
      '  4',
      '  5',
    ]);
  });

  test('of a tool says what it waits for', () => {
    const { outcome: _, ...open } = tool;
    expect(draw({ ...open, waits: 'waits for approval' })).toEqual([
      '? look {"at":1}',
      '  looks again',
      '  waits for approval',
    ]);
  });

  test('of a tool has the tools of the sub-agent that works on it, and unfolded also what it says', () => {
    const denied: ToolBlock = { ...tool, progress: [], outcome: { type: 'denied', reason: 'Not today.' } };
    const agent: readonly Block[] = [
      { type: 'user', messageId: 'u', text: 'Look.', isSteering: false },
      denied,
      { type: 'note', text: 'Goes on.', tone: 'quiet' },
      { type: 'answer', messageId: 'm', text: 'I may not.' },
      { type: 'ending', facts: ['2 steps'] },
    ];
    const { outcome: _, ...open } = tool;
    expect(draw({ ...open, progress: [], agent })).toEqual([
      '→ look {"at":1}',
      '  │ ✗ look {"at":1}',
      '  │   denied: Not today.',
      '  │ Goes on.',
    ]);
    const unfolded = draw({ ...open, progress: [], agent }, 60, true);
    expect(unfolded.slice(-3)).toEqual(['  │   denied: Not today.', '  │ Goes on.', '  │ I may not.']);
  });

  test('of an answer has light Markdown, and arithmetic in it is no emphasis', () => {
    const answer = (text: string) => draw({ type: 'answer', messageId: 'm', text }).join('\n');
    expect(answer('It is **bold**, `code`.\nNext line.')).toBe('It is bold, code.\nNext line.');
    expect(answer('2*3*4 = 24, 2**3**2 = 512, (1)*(2)*3, 2 * 3 * 4')).toBe(
      '2*3*4 = 24, 2**3**2 = 512, (1)*(2)*3, 2 * 3 * 4',
    );
    expect(answer('`2*3*4` and *this* is *4*')).toBe('2*3*4 and this is 4');
    expect(answer('```\n2*3*4\n```')).toBe('```\n  2*3*4\n```');
  });

  test('of a note keeps the columns of a table', () => {
    const text = '/save FILE  writes the conversation\n/quit       ends the chat';
    expect(draw({ type: 'note', text, tone: 'plain' }, 30)).toEqual([
      '/save FILE  writes the',
      '            conversation',
      '/quit       ends the chat',
    ]);
  });
});
