import type { Message, ToolOutput } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { tokensOf } from '../../src/machines/tokens.ts';

type Part = Exclude<Message['content'], string>[number];

function user(...content: Part[]): Message {
  return { role: 'user', id: 'u', content } as Message;
}

function result(output: ToolOutput): Message {
  return {
    role: 'tool',
    id: 'r',
    content: [{ type: 'tool-result', toolCallId: 'c', toolName: 'read', output }],
  };
}

const text = (value: string): Part => ({ type: 'text', text: value });

describe('the tokens of a message, about', () => {
  it.each<[string, Message, number]>([
    ['a text of 400 letters', user(text('x'.repeat(400))), 104],
    ['a system message', { role: 'system', id: 's', content: 'x'.repeat(400) }, 104],
    ['400 letters with accents, two bytes each', user(text('é'.repeat(400))), 204],
    ['400 Chinese characters, three bytes each', user(text('字'.repeat(400))), 304],
    ['nothing at all', user(), 0],
    ['reasoning', user({ type: 'reasoning', text: 'x'.repeat(40) }), 14],
    ['a call', user({ type: 'tool-call', toolCallId: 'c', toolName: 'read', input: { page: 1234567 } }), 9],
    ['what only its provider understands', user({ type: 'opaque', provider: 'p', data: 'x'.repeat(38) }), 14],
    ['a text as result', result({ type: 'text', value: 'x'.repeat(40) }), 14],
    ['JSON as result', result({ type: 'json', value: ['x'.repeat(36)] }), 14],
    ['an error as result', result({ type: 'error', value: 'x'.repeat(40) }), 14],
  ])('are those of %s', (_, message, tokens) => {
    expect(tokensOf([message])).toBe(tokens);
    expect(tokensOf([message, message])).toBe(2 * tokens);
  });

  it.each([
    'x'.repeat(4_000_000),
    { url: 'https://example.com/cat.png' },
  ])('do not follow the bytes of an image', (data) => {
    const image = { type: 'file' as const, mediaType: 'image/png', data };
    expect(tokensOf([user(image)])).toBeLessThan(2_000);
    expect(tokensOf([result({ type: 'content', value: [image] })])).toBeLessThan(2_000);
  });

  it('follow the text of a file that is one', () => {
    const data = Buffer.from('x'.repeat(40_000)).toString('base64');
    expect(tokensOf([user({ type: 'file', mediaType: 'text/plain', data })])).toBeCloseTo(10_004, -1);
  });

  it('are none of what a provider only wants back', () => {
    const signed = { type: 'text' as const, text: 'x'.repeat(40), providerMetadata: { signature: 'x'.repeat(4_000) } };
    expect(tokensOf([user(signed)])).toBe(14);
  });
});
