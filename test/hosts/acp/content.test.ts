import type { ContentBlock } from '@agentclientprotocol/sdk';
import { describe, expect, test } from 'vitest';
import { toBlock, toParts, toToolContent } from '../../../src/hosts/acp/content.ts';

describe('a block of a prompt', () => {
  test.each<[ContentBlock, object]>([
    [
      { type: 'text', text: 'Hi.' },
      { type: 'text', text: 'Hi.' },
    ],
    [
      { type: 'image', mimeType: 'image/png', data: 'aGk=' },
      { type: 'file', mediaType: 'image/png', data: 'aGk=' },
    ],
    [
      { type: 'audio', mimeType: 'audio/wav', data: 'aGk=' },
      { type: 'file', mediaType: 'audio/wav', data: 'aGk=' },
    ],
    [
      { type: 'resource_link', name: 'a.ts', uri: 'file:///a.ts' },
      { type: 'text', text: '[a.ts](file:///a.ts)' },
    ],
    [
      { type: 'resource', resource: { uri: 'file:///a.ts', text: 'const a = 1;' } },
      { type: 'text', text: '<resource uri="file:///a.ts">\nconst a = 1;\n</resource>' },
    ],
    [
      { type: 'resource', resource: { uri: 'file:///a.pdf', blob: 'aGk=', mimeType: 'application/pdf' } },
      { type: 'file', mediaType: 'application/pdf', data: 'aGk=', name: 'file:///a.pdf' },
    ],
    [
      { type: 'resource', resource: { uri: 'file:///a', blob: 'aGk=' } },
      { type: 'file', mediaType: 'application/octet-stream', data: 'aGk=', name: 'file:///a' },
    ],
  ])('becomes a part of the message: %j', (block, part) => {
    expect(toParts([block])).toEqual([part]);
  });
});

describe('a part of a message', () => {
  test.each([
    [
      { type: 'text', text: 'Hi.' },
      { type: 'text', text: 'Hi.' },
    ],
    [
      { type: 'file', mediaType: 'image/png', data: 'aGk=' },
      { type: 'image', mimeType: 'image/png', data: 'aGk=' },
    ],
    [
      { type: 'file', mediaType: 'audio/wav', data: 'aGk=' },
      { type: 'audio', mimeType: 'audio/wav', data: 'aGk=' },
    ],
    [
      { type: 'file', mediaType: 'image/png', data: { url: 'https://example.com/a.png' }, name: 'a' },
      { type: 'resource_link', uri: 'https://example.com/a.png', name: 'a', mimeType: 'image/png' },
    ],
    [
      { type: 'file', mediaType: 'application/pdf', data: 'aGk=', name: 'a.pdf' },
      { type: 'resource', resource: { uri: 'a.pdf', mimeType: 'application/pdf', blob: 'aGk=' } },
    ],
  ] as const)('becomes a block: %j', (part, block) => {
    expect(toBlock(part)).toEqual(block);
  });
});

describe('the output of a tool', () => {
  test.each([
    [{ type: 'text', value: 'Hi.' }, ['Hi.']],
    [{ type: 'text', value: '' }, []],
    [{ type: 'error', value: 'It broke.' }, ['It broke.']],
    [{ type: 'json', value: { a: 1 } }, ['{\n  "a": 1\n}']],
    [{ type: 'content', value: [{ type: 'text', text: 'Hi.' }] }, ['Hi.']],
  ] as const)('is shown as text where it is some: %j', (output, texts) => {
    expect(toToolContent(output)).toEqual(texts.map((text) => ({ type: 'content', content: { type: 'text', text } })));
  });
});
