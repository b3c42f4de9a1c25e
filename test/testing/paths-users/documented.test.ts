import { defineTool } from 'turnchart';
import { agentSubject, describePaths } from 'turnchart/testing/paths';
import { describe, test } from 'vitest';
import { z } from 'zod';

const weather = defineTool({
  name: 'weather',
  input: z.object({ city: z.string() }),
  retry: { maxAttempts: 2 },
  execute: ({ city }) => `It rains in ${city}.`,
});

const subject = agentSubject(
  { tools: [weather], limits: { maxSteps: 5, maxTokens: 10_000 } },
  { calls: [{ name: 'weather', input: { city: 'Paris' } }] },
);

describePaths({ describe, test }, { subject });
