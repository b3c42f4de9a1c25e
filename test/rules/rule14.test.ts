import {
  AgentError,
  BudgetError,
  createAgent,
  createFailure,
  defineTool,
  type FailureType,
  GuardrailError,
  InvalidOutputError,
  MaxStepsError,
  ModelCallError,
  Retry,
  ToolError,
  type TurnCancelledError as TurnCancelled,
  TurnCancelledError,
} from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { expectNoUnhandledRejections, linesOf, unauthorized } from './support.ts';

const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'nothing' });
const picky = defineTool({
  name: 'picky',
  input: z.object({}),
  execute: () => {
    throw new Retry('Give a date.');
  },
});
const calls = [{ name: 'look' }];

type Options = Partial<Parameters<typeof createAgent>[0]>;
interface Way {
  readonly script: readonly Script[];
  readonly options?: Options;
  readonly cancel?: string;
}

function start({ script, options }: Way) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const session = createAgent({ model, tools: [look, picky], clock, ...options }).session();
  return { clock, session, turn: session.send('Hi') };
}

/** Runs it until it has ended. */
async function end(way: Way) {
  const { clock, session, turn } = start(way);
  await clock.advance(0);
  if (way.cancel !== undefined) turn.cancel(way.cancel);
  await clock.advance(100_000);
  expect(session.snapshot.status).toBe('idle');
  return turn;
}

async function errorOf(way: Way): Promise<AgentError> {
  const turn = await end(way);
  const error = await turn.result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AgentError)) throw new Error(`Expected an AgentError, got ${String(error)}.`);
  return error;
}

const failing = (type: FailureType, code: string = type): Way => ({
  script: [{ failure: createFailure({ type, code, message: `It is ${code}.`, retryable: false }) }],
});

const ways: { readonly [name: string]: Way } = {
  MaxStepsError: { script: [{ calls }, { calls }], options: { limits: { maxSteps: 2 } } },
  BudgetError: {
    script: [{ calls, usage: { inputTokens: 90, outputTokens: 20 } }],
    options: { limits: { maxTokens: 100 } },
  },
  ModelCallError: failing('auth'),
  ToolError: { script: [{ calls: [{ name: 'picky' }] }, { calls: [{ name: 'picky' }] }, 'No.'] },
  // nothing in this engine says these two yet, but a model can
  GuardrailError: failing('guardrail'),
  InvalidOutputError: failing('invalid_output'),
  TurnCancelledError: { script: [{ text: 'Hel', hangs: true }], cancel: 'enough' },
  AgentError: { script: [{ text: 'Hel', hangs: true }], options: { limits: { maxDurationMs: 500 } } },
};
const names = Object.keys(ways);
const way = (name: string): Way => ways[name] ?? { script: [] };

describe('14. At the call site: `await turn.result` rejects with an `AgentError` subclass carrying `failure`: `MaxStepsError {step, limit}`, `BudgetError {spent, limit}`, `ModelCallError`, `ToolError`, `GuardrailError`, `InvalidOutputError`, `TurnCancelledError {reason}` (it alone has no `failure`), `AgentError` itself for the rest. One `catch (AgentError)` catches all. `await turn.outcome` never rejects: `{ status, stopReason, messages, usage, … }` with `result`, `failure` or `reason`. Not awaiting either never causes an unhandled rejection.', () => {
  expectNoUnhandledRejections();

  describe('result', () => {
    it('resolves where the turn completes', async () => {
      const turn = await end({ script: [{ calls }, 'Hello.'] });
      expect(await turn.result).toEqual({
        turnId: turn.id,
        text: 'Hello.',
        output: undefined,
        stopReason: 'end_turn',
        steps: 2,
        usage: { inputTokens: 20, outputTokens: 10 },
        messages: expect.any(Array),
        toolCalls: [{ type: 'tool-call', toolCallId: 'call_1', toolName: 'look', input: {} }],
      });
      expect(linesOf((await turn.result).messages)).toEqual([
        'user: Hi',
        'assistant: (look)',
        'tool: "nothing"',
        'assistant: Hello.',
      ]);
    });

    it('rejects with a MaxStepsError that has step and limit', async () => {
      const error = await errorOf(way('MaxStepsError'));
      expect(error).toBeInstanceOf(MaxStepsError);
      expect(error).toMatchObject({ name: 'MaxStepsError', step: 2, limit: 2, failure: { type: 'max_steps' } });
    });

    it('rejects with a BudgetError that has spent and limit, in tokens', async () => {
      const error = await errorOf(way('BudgetError'));
      expect(error).toBeInstanceOf(BudgetError);
      expect(error).toMatchObject({
        name: 'BudgetError',
        spent: 110,
        limit: 100,
        failure: { type: 'budget', code: 'limit_reached', retryable: false },
      });
    });

    it('rejects with a BudgetError that has spent and limit, in money', async () => {
      const options = { limits: { maxCost: 0.5 }, pricing: () => 0.75 };
      const error = await errorOf({ script: [{ calls }], options });
      expect(error).toBeInstanceOf(BudgetError);
      expect(error).toMatchObject({ spent: 0.75, limit: 0.5, failure: { code: 'limit_reached' } });
    });

    it("rejects with a BudgetError where the provider's own budget is spent", async () => {
      const error = await errorOf(failing('budget', 'insufficient_quota'));
      expect(error).toBeInstanceOf(BudgetError);
      expect(error.failure).toMatchObject({ type: 'budget', code: 'insufficient_quota' });
    });

    it.each([
      'rate_limit',
      'provider_unavailable',
      'context_overflow',
      'auth',
      'unknown',
    ] as const)('rejects with a ModelCallError for %s', async (type) => {
      const error = await errorOf(failing(type, 'some_code'));
      expect(error).toBeInstanceOf(ModelCallError);
      expect(error).toMatchObject({
        name: 'ModelCallError',
        message: 'It is some_code.',
        failure: { type, code: 'some_code', provider: 'scripted', model: 'script', attempt: 1 },
      });
    });

    it('rejects with a ToolError where tools ask to be called again too often', async () => {
      const error = await errorOf(way('ToolError'));
      expect(error).toBeInstanceOf(ToolError);
      expect(error).toMatchObject({
        name: 'ToolError',
        failure: { type: 'tool_errors', code: 'tool_call_failed' },
      });
    });

    it.each([
      ['guardrail', GuardrailError],
      ['invalid_output', InvalidOutputError],
    ] as const)('rejects for %s with an error of its own', async (type, kind) => {
      const error = await errorOf(failing(type));
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ name: kind.name, failure: { type } });
    });

    it('rejects with a TurnCancelledError that has a reason, and alone has no failure', async () => {
      const error = await errorOf(way('TurnCancelledError'));
      expect(error).toBeInstanceOf(TurnCancelledError);
      expect((error as TurnCancelled).reason).toBe('enough');
      expect(error.failure).toBeUndefined();
      expect(error.message).toContain('enough');
      for (const name of names.filter((other) => other !== 'TurnCancelledError')) {
        expect((await errorOf(way(name))).failure, name).toMatchObject({
          type: expect.any(String),
          code: expect.any(String),
          message: expect.any(String),
          retryable: expect.any(Boolean),
        });
      }
    });

    it.each([
      'timeout',
      'no_progress',
      'repeated_calls',
      'internal',
    ] as const)('rejects with an AgentError of no special kind for %s', async (type) => {
      const error = await errorOf(type === 'timeout' ? way('AgentError') : failing(type));
      expect(error.constructor).toBe(AgentError);
      expect(error).toMatchObject({ name: 'AgentError', failure: { type } });
    });

    it('rejects with errors that one catch of AgentError catches, and which are Errors with names of their own', async () => {
      for (const name of names) {
        const error = await errorOf(way(name));
        expect(error).toBeInstanceOf(AgentError);
        expect(error).toBeInstanceOf(Error);
        expect(error.name).toBe(name);
        expect(error.constructor.name).toBe(name);
        expect(error.message).not.toBe('');
      }
    });

    it('carries the failure of the event as it is, in plain JSON', async () => {
      for (const name of names.filter((other) => other !== 'TurnCancelledError')) {
        const turn = await end(way(name));
        const events = [];
        for await (const event of turn) events.push(event);
        const error: AgentError = await turn.result.then(
          () => expect.unreachable(),
          (reason) => reason,
        );
        const last = events.at(-1);
        expect(last?.type).toBe('turn.failed');
        expect(error.failure).toEqual(last?.type === 'turn.failed' && last.failure);
        expect(JSON.parse(JSON.stringify(error.failure))).toEqual(error.failure);
      }
    });

    it('is one promise, however often it is asked for', async () => {
      const turn = await end(way('ModelCallError'));
      expect(turn.result).toBe(turn.result);
      await expect(turn.result).rejects.toThrow(ModelCallError);
    });

    it('is what a single run rejects with', async () => {
      const agent = createAgent({ model: scriptedModel([{ failure: unauthorized() }]), clock: new SimulatedClock() });
      await expect(agent.run('Hi')).rejects.toThrow(ModelCallError);
    });
  });

  describe('outcome', () => {
    it('says that the turn completed, with its result', async () => {
      const turn = await end({ script: ['Hello.'] });
      const outcome = await turn.outcome;
      expect(outcome).toMatchObject({
        status: 'completed',
        stopReason: 'end_turn',
        steps: 1,
        usage: { inputTokens: 10, outputTokens: 5 },
      });
      expect(outcome.status === 'completed' && outcome.result).toEqual(await turn.result);
      expect(outcome).not.toHaveProperty('failure');
    });

    it('says that the turn failed, with the failure, and what was done until then', async () => {
      const outcome = await (await end({ script: [{ calls }, { failure: unauthorized() }] })).outcome;
      expect(outcome).toMatchObject({
        status: 'failed',
        stopReason: 'failed',
        failure: { type: 'auth', code: 'auth', message: 'The key is not known.', retryable: false },
        steps: 2,
        usage: { inputTokens: 20, outputTokens: 10 },
      });
      expect(linesOf(outcome.messages)).toEqual(['user: Hi', 'assistant: (look)', 'tool: "nothing"']);
      expect(outcome).not.toHaveProperty('result');
    });

    it('says that the turn was cancelled, with the reason', async () => {
      const outcome = await (await end(way('TurnCancelledError'))).outcome;
      expect(outcome).toMatchObject({ status: 'cancelled', stopReason: 'cancelled', reason: 'enough', steps: 1 });
      expect(linesOf(outcome.messages)).toEqual(['user: Hi', 'assistant: Hel']);
      expect(outcome).not.toHaveProperty('failure');
      expect(outcome).not.toHaveProperty('result');
    });

    it('says max_steps where the steps were spent', async () => {
      expect((await (await end(way('MaxStepsError'))).outcome).stopReason).toBe('max_steps');
    });

    it.each(names)('resolves where result rejects with %s', async (name) => {
      const { status } = await (await end(way(name))).outcome;
      expect(status).toBe(name === 'TurnCancelledError' ? 'cancelled' : 'failed');
    });

    it('holds the messages of its own turn only, the user’s first', async () => {
      const session = createAgent({ model: scriptedModel(['One.', 'Two.']), clock: new SimulatedClock() }).session();
      await session.send('a').outcome;
      expect(linesOf((await session.send('b').outcome).messages)).toEqual(['user: b', 'assistant: Two.']);
    });

    it('resolves for turns that a closed session ended', async () => {
      const { clock, session, turn } = start({ script: [{ hangs: true }] });
      const waiting = session.send('Next');
      await clock.advance(0);
      await session.close();
      expect([(await turn.outcome).status, (await waiting.outcome).status]).toEqual(['cancelled', 'cancelled']);
    });
  });

  describe('neither', () => {
    it.each(names)('leaves no unhandled rejection where nobody waits for %s', async (name) => {
      const { clock, session, turn } = start(way(name));
      await clock.advance(0);
      if (name === 'TurnCancelledError') turn.cancel();
      await clock.advance(100_000);
      expect(session.snapshot.status).toBe('idle');
    });

    it.each(names)('leaves no unhandled rejection where result is looked at but not awaited: %s', async (name) => {
      const { clock, session, turn } = start(way(name));
      const { result } = turn;
      await clock.advance(0);
      if (name === 'TurnCancelledError') turn.cancel();
      await clock.advance(100_000);
      expect(session.snapshot.status).toBe('idle');
      expect(result).toBeInstanceOf(Promise);
    });

    it('leaves no unhandled rejection where only the events are read', async () => {
      const turn = await end(way('ModelCallError'));
      for await (const _ of turn);
      await new SimulatedClock().advance(0);
    });
  });
});
