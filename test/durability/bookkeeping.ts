import {
  type AnyTool,
  defineTool,
  type Message,
  type Model,
  type ModelPart,
  type ModelRequest,
} from '../../src/index.ts';
import { Random } from '../../src/testing/random.ts';

// What conversations of the kill test are about: tasks, each of which takes 3 to 8 tools in one or two steps. The model
// does what the conversation says, so that whoever asks it, and however often, gets the same answer.

/** What is sent, as JSON. */
export interface Task {
  readonly name: string;
  /** The tools of each step. */
  readonly steps: readonly (readonly string[])[];
  /** Whether the first attempt of each model call fails, so that it is retried after a wait. */
  readonly isFlaky: boolean;
}

/** How long tools take, in ms. Those that `look` are idempotent, those that `pay` are not. */
const durations: Readonly<Record<string, number>> = { look: 0, lookLong: 6, pay: 0, payLong: 6 };

/** The tasks of each session. */
export function tasks(seed: number, sessions = 3, perSession = 16): Readonly<Record<string, readonly Task[]>> {
  const random = new Random(seed);
  const tool = () => random.pick(Object.keys(durations));
  const task = (name: string): Task => {
    const count = random.whole(3, 8);
    const all = Array.from({ length: count }, tool);
    const first = random.whole(1, count);
    return { name, steps: [all.slice(0, first), all.slice(first)].filter(hasAny), isFlaky: random.chance(0.3) };
  };
  return Object.fromEntries(
    Array.from({ length: sessions }, (_, session) => [
      `session-${session}`,
      Array.from({ length: perSession }, (_, index) => task(`task ${session}.${index}`)),
    ]),
  );
}

/** @param act told which tool runs, under which idempotency key */
export function tools(
  wait: (ms: number) => Promise<unknown>,
  act: (tool: string, key: string) => void,
): readonly AnyTool[] {
  return Object.entries(durations).map(([name, ms]) =>
    defineTool({
      name,
      idempotent: name.startsWith('look'),
      input: { jsonSchema: { type: 'object' } },
      execute: async (input, { idempotencyKey }) => {
        act(name, idempotencyKey);
        if (ms > 0) await wait(ms);
        return { did: input };
      },
    }),
  );
}

export const bookkeeper: Model = {
  provider: 'test',
  modelId: 'bookkeeper',
  async *stream(request) {
    yield* answerTo(request);
  },
};

function* answerTo({ messages, attempt }: ModelRequest): Generator<ModelPart> {
  const start = messages.findLastIndex(isInput);
  const task = taskIn(messages[start]);
  const step = messages.slice(start).filter(({ role }) => role === 'tool').length;
  const calls = task.steps[step] ?? [];
  yield { type: 'text-delta', text: `${task.name}, step ${step}: ` };
  const usage = { inputTokens: 10, outputTokens: 5 };
  if (task.isFlaky && attempt === 1) {
    const failure = { type: 'provider_unavailable', code: 'overloaded', message: 'Busy.', retryable: true } as const;
    yield { type: 'error', failure };
    return;
  }
  yield { type: 'text-delta', text: calls.length > 0 ? 'let me see.' : 'all done.' };
  for (const [index, toolName] of calls.entries()) {
    const rawInput = JSON.stringify({ what: `${task.name}.${step}.${index}` });
    yield { type: 'tool-call', toolCallId: `call-${step}-${index}`, toolName, rawInput };
  }
  yield { type: 'finish', finishReason: { unified: calls.length > 0 ? 'tool-calls' : 'stop' }, usage };
}

/** Whether it is the message of a turn. */
export function isInput(message: Message): boolean {
  return message.role === 'user' && message.cause === undefined;
}

function taskIn(message: Message | undefined): Task {
  if (message?.role !== 'user') throw new Error('There is no task.');
  const [part] = message.content;
  if (part?.type !== 'text') throw new Error('The task is no text.');
  return JSON.parse(part.text) as Task;
}

function hasAny(step: readonly string[]): boolean {
  return step.length > 0;
}
