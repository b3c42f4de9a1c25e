import type { LLMock } from '@copilotkit/aimock';
import { type AgentOptions, createAgent, defineTool, type TurnEvent } from 'turnchart';
import { z } from 'zod';

type Answer = Parameters<LLMock['on']>[1];

const weather = defineTool({
  name: 'weather',
  description: 'Current weather of a city',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, sky: 'sunny' }),
});

/** A whole turn with a tool for the weather, whose model asks a mock that gives these answers in turn. */
export async function weatherTurn(
  mock: LLMock,
  answers: readonly Answer[],
  options: Pick<AgentOptions, 'model' | 'settings'>,
) {
  for (const [index, answer] of answers.entries()) mock.on({ sequenceIndex: index }, answer);
  const agent = createAgent({
    ...options,
    instructions: 'Be brief.',
    tools: [weather],
    modelRetry: { initialDelayMs: 1, jitter: 0 },
  });
  const events: TurnEvent[] = [];
  const result = await agent.run('What is the weather?', { onEvent: (event) => events.push(event) });
  return {
    result,
    /** What was wrong with the attempts that were repeated. */
    retried: events.flatMap((event) => (event.type === 'model.retrying' ? [event.failure] : [])),
    /** What was sent, request by request. */
    bodies: mock.getRequests().map(({ body }) => body as unknown as Readonly<Record<string, unknown>>),
  };
}
