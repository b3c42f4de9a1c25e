import type { UIMessageChunk } from 'ai';
import { createAgent, defineTool, type Model } from 'turnchart';
import { memoryStore } from 'turnchart/durability';
import { httpApp } from 'turnchart/http';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { ChatChunk } from '../../../src/hosts/http/chat/chatChunk.ts';

declare const model: Model;

describe('httpApp', () => {
  test('serves agents whatever form their answers have, and their sessions', () => {
    const plain = createAgent({ model });
    const typed = createAgent({ model, output: z.object({ city: z.string() }), store: memoryStore() });
    httpApp({ agent: plain, sessions: [plain.session()] });
    httpApp({ agent: typed, sessions: [typed.session()] });
  });

  test('serves no agent whose tools want a context, which it does not have', () => {
    const tool = defineTool({
      name: 'whoami',
      input: z.object({}),
      execute: (_, run: { context: { user: string } }) => run.context.user,
    });
    // @ts-expect-error a context is missing
    httpApp({ agent: createAgent({ model, tools: [tool] }) });
  });
});

describe('chunks of a chat', () => {
  test('are chunks of the AI SDK', () => {
    expectTypeOf<ChatChunk>().toExtend<UIMessageChunk>();
  });
});
