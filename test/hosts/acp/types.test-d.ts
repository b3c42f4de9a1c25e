import { createAgent, defineTool, type Model } from 'turnchart';
import { serveAcp } from 'turnchart/acp';
import { describe, test } from 'vitest';
import { z } from 'zod';

declare const model: Model;

describe('serveAcp', () => {
  test('serves agents whatever form their answers have, and those that are made for a session', () => {
    serveAcp({ agent: createAgent({ model }) });
    serveAcp({ agent: createAgent({ model, output: z.object({ city: z.string() }) }) });
    serveAcp({ agent: async ({ mcpTools }) => createAgent({ model, tools: mcpTools }) });
  });

  test('serves no agent whose tools want a context, which it does not have', () => {
    const tool = defineTool({
      name: 'whoami',
      input: z.object({}),
      execute: (_, run: { context: { user: string } }) => run.context.user,
    });
    // @ts-expect-error a context is missing
    serveAcp({ agent: createAgent({ model, tools: [tool] }) });
  });
});
