import {
  type Agent,
  AgentError,
  type AnyTool,
  BudgetError,
  createAgent,
  type Diagnostic,
  defineTool,
  type Failure,
  type FailureType,
  type GuardedCall,
  type Guardrail,
  type GuardrailCheck,
  type GuardrailDecision,
  type InferSchema,
  isDiagnostic,
  isTerminal,
  type Json,
  type JsonSchema,
  MaxStepsError,
  type Message,
  type Model,
  type ModelRequest,
  Retry,
  type Session,
  type StepOptions,
  type Tool,
  type ToolContext,
  type ToolRun,
  type Turn,
  TurnCancelledError,
  type TurnEvent,
  type TurnOutcome,
  type TurnResult,
  type toWireEvent,
  type Usage,
} from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

const model = scriptedModel([]);
const city = z.object({ city: z.string(), days: z.number().default(1) });

describe('the input of a tool', () => {
  it('is what its zod schema gives, defaults filled in', () => {
    defineTool({
      name: 'weather',
      input: city,
      execute: (input) => {
        expectTypeOf(input).toEqualTypeOf<{ city: string; days: number }>();
        return 'sunny';
      },
    });
  });

  it('is what a transformation gives, not what the model sends', () => {
    defineTool({
      name: 'book',
      input: z.object({ day: z.string().transform((day) => new Date(day)) }),
      execute: ({ day }) => {
        expectTypeOf(day).toEqualTypeOf<Date>();
      },
    });
  });

  it('is any JSON where the schema exists only as JSON', () => {
    const jsonSchema: JsonSchema = { type: 'object' };
    defineTool({
      name: 'raw',
      input: { jsonSchema },
      execute: (input) => {
        expectTypeOf(input).toEqualTypeOf<Json>();
      },
    });
    expectTypeOf<InferSchema<{ readonly jsonSchema: JsonSchema }>>().toEqualTypeOf<Json>();
  });

  it('is found out of what is asked for, not asserted', () => {
    defineTool({
      name: 'weather',
      input: city,
      // @ts-expect-error the schema gives a text, not a number
      execute: ({ city }: { city: number }) => city,
    });
    defineTool({
      name: 'weather',
      input: city,
      // @ts-expect-error the schema has no such property
      execute: ({ town }) => town,
    });
  });
});

describe('a tool', () => {
  it('has the type of its input, of what it returns and of the context it wants', () => {
    const weather = defineTool({
      name: 'weather',
      input: city,
      execute: async ({ city }, _run: ToolRun<{ user: string }>) => ({ city, sunny: true }),
    });
    expectTypeOf(weather).toEqualTypeOf<
      Tool<{ city: string; days: number }, { city: string; sunny: boolean }, { user: string }>
    >();
    expectTypeOf<ToolContext<typeof weather>>().toEqualTypeOf<{ user: string }>();
    expectTypeOf(weather).toExtend<AnyTool>();
  });

  it('returns the same type, promised or not', () => {
    const sync = defineTool({ name: 'sync', input: city, execute: () => 5 });
    const async = defineTool({ name: 'async', input: city, execute: async () => 5 });
    expectTypeOf(sync).toEqualTypeOf(async);
    expectTypeOf(sync.execute).returns.toEqualTypeOf<number | Promise<number>>();
  });

  it('is told of its run', () => {
    defineTool({
      name: 'run',
      input: city,
      execute: (_, run) => {
        expectTypeOf(run.signal).toEqualTypeOf<AbortSignal>();
        expectTypeOf(run.messages).toEqualTypeOf<readonly Message[]>();
        expectTypeOf(run.step).toEqualTypeOf<number>();
        expectTypeOf(run.idempotencyKey).toEqualTypeOf<string>();
        expectTypeOf(run.progress).parameters.toEqualTypeOf<[text: string]>();
        expectTypeOf(run.context).toEqualTypeOf<unknown>();
      },
    });
  });

  it('is refused where it is wrong', () => {
    // @ts-expect-error without a name
    defineTool({ input: city, execute: () => 'x' });
    // @ts-expect-error without an input
    defineTool({ name: 'x', execute: () => 'x' });
    // @ts-expect-error with an approval that is no answer
    defineTool({ name: 'x', input: city, approval: 'yes' });
    // @ts-expect-error with a schema that is none
    defineTool({ name: 'x', input: { type: 'object' }, execute: () => 'x' });
    // @ts-expect-error with a mistyped option
    defineTool({ name: 'x', input: city, execute: () => 'x', sequental: true });
    // @ts-expect-error with a retry that does not say how often
    defineTool({ name: 'x', input: city, execute: () => 'x', retry: { initialDelayMs: 5 } });
    // @ts-expect-error a hint is a text
    new Retry();
  });
});

describe('the context of an agent', () => {
  const forUser = defineTool({
    name: 'for_user',
    input: city,
    execute: (_, { context }: ToolRun<{ user: string }>) => context.user,
  });
  const withDb = defineTool({
    name: 'with_db',
    input: city,
    execute: (_, { context }: ToolRun<{ db: Map<string, number> }>) => context.db.size,
  });
  const plain = defineTool({ name: 'plain', input: city, execute: () => 'x' });

  it('is required where a tool wants one', () => {
    const agent = createAgent({ model, tools: [forUser] });
    expectTypeOf(agent).toEqualTypeOf<Agent<{ user: string }, undefined>>();
    agent.run('hi', { context: { user: 'ada' } });
    agent.session({ context: { user: 'ada' }, id: 's' });
    // @ts-expect-error run() without options
    agent.run('hi');
    // @ts-expect-error run() without a context
    agent.run('hi', {});
    // @ts-expect-error session() without options
    agent.session();
    // @ts-expect-error session() without a context
    agent.session({ id: 's' });
    // @ts-expect-error of another type
    agent.run('hi', { context: { user: 5 } });
  });

  it('is that of all tools together', () => {
    const agent = createAgent({ model, tools: [forUser, plain, withDb] });
    agent.run('hi', { context: { user: 'ada', db: new Map() } });
    // @ts-expect-error a part of it is missing
    agent.run('hi', { context: { user: 'ada' } });
    // @ts-expect-error the other part is missing
    agent.session({ context: { db: new Map<string, number>() } });
  });

  it('is optional where no tool wants one', () => {
    for (const agent of [
      createAgent({ model }),
      createAgent({ model, tools: [] }),
      createAgent({ model, tools: [plain] }),
    ]) {
      expectTypeOf(agent).toEqualTypeOf<Agent<unknown, undefined>>();
      agent.run('hi');
      agent.run('hi', {});
      agent.run('hi', { context: 5 });
      agent.session();
      agent.session({ context: { any: 'thing' } });
    }
  });

  it('is optional for tools whose types are not known, as MCP servers bring them', () => {
    const tools: readonly AnyTool[] = [forUser, plain];
    createAgent({ model, tools }).run('hi');
    const unknown: AnyTool = plain;
    createAgent({ model, tools: [unknown, plain] }).run('hi');
    const mixed = createAgent({ model, tools: [unknown, forUser] });
    mixed.run('hi', { context: { user: 'ada' } });
    // @ts-expect-error one of them is known to want a user
    mixed.run('hi');
  });

  it('follows tools that are kept in an array', () => {
    const tools = [forUser, withDb];
    const agent = createAgent({ model, tools });
    agent.run('hi', { context: { user: 'ada', db: new Map() } });
    // @ts-expect-error both tools may be called
    agent.run('hi', { context: { user: 'ada' } });
  });
});

describe('the output of a turn', () => {
  const agent = createAgent({ model, output: z.object({ rating: z.number(), tags: z.array(z.string()).default([]) }) });
  interface Rated {
    rating: number;
    tags: string[];
  }

  it('is what the schema gives', async () => {
    expectTypeOf((await agent.run('hi')).output).toEqualTypeOf<Rated>();
    expectTypeOf((await agent.session().send('hi').result).output).toEqualTypeOf<Rated>();
    const outcome = await agent.session().send('hi').outcome;
    if (outcome.status === 'completed') expectTypeOf(outcome.result.output).toEqualTypeOf<Rated>();
  });

  it('is undefined without a schema', async () => {
    expectTypeOf((await createAgent({ model }).run('hi')).output).toEqualTypeOf<undefined>();
    expectTypeOf<TurnResult['output']>().toEqualTypeOf<undefined>();
  });

  it('is JSON for a schema that is JSON', async () => {
    const raw = createAgent({ model, output: { jsonSchema: { type: 'object' } } });
    expectTypeOf((await raw.run('hi')).output).toEqualTypeOf<Json>();
  });

  it('goes with a context', async () => {
    const tools = [
      defineTool({ name: 'x', input: city, execute: (_, { context }: ToolRun<{ user: string }>) => context.user }),
    ];
    const both = createAgent({ model, tools, output: z.number() });
    expectTypeOf((await both.run('hi', { context: { user: 'ada' } })).output).toEqualTypeOf<number>();
  });

  it('is that of the turn where it has a form of its own', async () => {
    const session = agent.session();
    expectTypeOf((await session.send('hi', { output: z.array(z.string()) }).result).output).toEqualTypeOf<string[]>();
    expectTypeOf((await session.send('hi', { limits: { maxSteps: 1 } }).result).output).toEqualTypeOf<Rated>();
    expectTypeOf((await agent.run('hi', { output: z.boolean() })).output).toEqualTypeOf<boolean>();
    const plain = createAgent({ model });
    expectTypeOf((await plain.run('hi', { output: city })).output).toEqualTypeOf<z.output<typeof city>>();
    expectTypeOf((await plain.run('hi', { limits: { maxTokens: 5 } })).output).toEqualTypeOf<undefined>();
  });

  it('is what validateOutput sees', () => {
    createAgent({
      model,
      output: city,
      validateOutput: (output, run) => {
        expectTypeOf(output).toEqualTypeOf<z.output<typeof city>>();
        expectTypeOf(run.step).toEqualTypeOf<number>();
      },
    });
    createAgent({ model, validateOutput: (text) => expectTypeOf(text).toEqualTypeOf<string>() });
  });
});

describe('guardrails', () => {
  const reads = (toolName: string): GuardrailDecision<Json> =>
    toolName === 'read' ? { action: 'allow' } : { action: 'deny', reason: 'It only reads.' };

  it('are told what their stage is about, and may be written down by themselves', () => {
    const polite: Guardrail<string> = (text) =>
      text === '' ? { action: 'deny', reason: 'Nothing is said.' } : { action: 'rewrite', value: text.trim() };
    const named: Guardrail<GuardedCall, Json> = { name: 'calls', check: ({ toolName }) => reads(toolName) };
    createAgent({
      model,
      guardrails: {
        input: [
          polite,
          (text) => {
            expectTypeOf(text).toEqualTypeOf<string>();
            return { action: 'allow' };
          },
        ],
        output: [polite, async (text) => ({ action: 'rewrite', value: `${text}.` })],
        tool: [
          named,
          ({ toolName, input }) => {
            expectTypeOf(toolName).toEqualTypeOf<string>();
            expectTypeOf(input).toEqualTypeOf<Json>();
            return { action: 'allow' };
          },
        ],
      },
    });
  });

  it('may want a context', () => {
    const forAda: GuardrailCheck<string, string, { user: string }> = (_, { context }) =>
      context.user === 'ada' ? { action: 'allow' } : { action: 'deny', reason: 'Ada only.' };
    createAgent({ model, guardrails: { input: [forAda, { name: 'ada', check: forAda }] } });
  });

  it('are rejected where they are wrong', () => {
    // @ts-expect-error a text is put in place of a text
    createAgent({ model, guardrails: { input: [() => ({ action: 'rewrite', value: 5 })] } });
    // @ts-expect-error a denial has a reason
    createAgent({ model, guardrails: { output: [() => ({ action: 'deny' })] } });
    // @ts-expect-error there is no such stage
    createAgent({ model, guardrails: { steering: [] } });
  });
});

describe('prepareStep', () => {
  it('is told of the run, and gives what is otherwise', () => {
    createAgent({
      model,
      instructions: (run) => `Step ${run.step}.`,
      prepareStep: ({ step, messages }): StepOptions => {
        expectTypeOf(step).toEqualTypeOf<number>();
        expectTypeOf(messages).toEqualTypeOf<readonly Message[]>();
        return { model, tools: ['look'], toolChoice: { tool: 'look' }, instructions: 'Be brief.' };
      },
    });
    createAgent({ model, prepareStep: async () => undefined });
    // @ts-expect-error a mistyped option
    createAgent({ model, prepareStep: () => ({ tool: 'look' }) satisfies StepOptions });
  });
});

describe('how a turn ended', () => {
  it('is narrowed by its status', () => {
    const read = (outcome: TurnOutcome) => {
      expectTypeOf(outcome.usage).toEqualTypeOf<Usage>();
      // @ts-expect-error a turn that did not fail has no failure
      outcome.failure;
      switch (outcome.status) {
        case 'completed':
          return outcome.result.text;
        case 'failed':
          return outcome.failure.message;
        case 'cancelled':
          return outcome.reason ?? '';
        default:
          return outcome satisfies never;
      }
    };
    expectTypeOf(read).returns.toEqualTypeOf<string>();
  });

  it('comes in errors that carry what they are about', () => {
    const error: unknown = undefined;
    if (error instanceof MaxStepsError) expectTypeOf(error.limit).toEqualTypeOf<number>();
    if (error instanceof BudgetError) expectTypeOf(error.spent).toEqualTypeOf<number>();
    if (error instanceof TurnCancelledError) expectTypeOf(error.reason).toEqualTypeOf<string | undefined>();
    if (error instanceof AgentError) expectTypeOf(error.failure).toEqualTypeOf<Failure | undefined>();
  });
});

describe('events', () => {
  const session: Session = createAgent({ model }).session();

  it('are narrowed by the type that is listened to', () => {
    session.on('turn.failed', (event) => {
      expectTypeOf(event.failure).toEqualTypeOf<Failure>();
      expectTypeOf(event.seq).toEqualTypeOf<number>();
      // @ts-expect-error a failed turn has no text
      event.text;
    });
    session.on('message.delta', ({ text }) => expectTypeOf(text).toEqualTypeOf<string>());
    session.on('*', (event) => expectTypeOf(event).toEqualTypeOf<TurnEvent>());
    // @ts-expect-error there is no such event
    session.on('turn.finished', () => {});
  });

  it('unsubscribe by calling, or by using', () => {
    const unsubscribe = session.on('*', () => {});
    expectTypeOf(unsubscribe).toExtend<() => void>();
    expectTypeOf(unsubscribe).toExtend<Disposable>();
  });

  it('come out of iterating a turn', async () => {
    const turn: Turn = session.send('hi');
    for await (const event of turn) expectTypeOf(event).toEqualTypeOf<TurnEvent>();
  });

  it('are sorted by isTerminal and isDiagnostic', () => {
    const sort = (event: TurnEvent) => {
      if (isTerminal(event)) {
        expectTypeOf(event.type).toEqualTypeOf<'turn.completed' | 'turn.failed' | 'turn.cancelled'>();
        expectTypeOf(event.steps).toEqualTypeOf<number>();
      } else if (isDiagnostic(event)) {
        expectTypeOf(event.type).toEqualTypeOf<
          'transcript.repaired' | 'guardrail.triggered' | 'output.rejected' | 'breaker.tripped' | Diagnostic['type']
        >();
      } else {
        // @ts-expect-error the terminal ones are gone
        event.type === 'turn.failed';
      }
    };
    expectTypeOf(sort).parameter(0).toEqualTypeOf<Parameters<typeof toWireEvent>[0]>();
  });

  it('can be switched over completely', () => {
    const label = (event: TurnEvent): string => {
      switch (event.type) {
        case 'turn.started':
          return event.messageId;
        case 'message.added':
          return event.cause;
        case 'step.started':
          return `${event.step}`;
        case 'step.finished':
          return event.finishReason.unified;
        case 'message.started':
        case 'message.superseded':
          return `${event.attempt}`;
        case 'message.delta':
        case 'reasoning.delta':
          return event.text;
        case 'message.completed':
          return event.phase;
        case 'model.retrying':
          return event.failure.code;
        case 'tool.called':
          return `${event.index}`;
        case 'tool.started':
          return event.toolName;
        case 'tool.progress':
          return event.text;
        case 'tool.completed':
          return event.output.type;
        case 'tool.failed':
          return event.failure.message;
        case 'tool.approvalRequested':
          return `${event.expiresAt}`;
        case 'tool.approvalResolved':
          return `${event.decision} by ${event.by}`;
        case 'tool.denied':
          return event.reason;
        case 'tool.resultRequested':
          return JSON.stringify(event.input);
        case 'breaker.tripped':
          return `${event.count} of ${event.limit}`;
        case 'tool.cancelled':
          return `${event.started}`;
        case 'tool.retrying':
          return `${event.step} ${event.retryAt}`;
        case 'steering.applied':
          return event.messageIds.join();
        case 'messages.updated':
          return `${event.length}`;
        case 'budget.warning':
          return `${event.spent} of ${event.limit}`;
        case 'agent.event':
          return event.toolCallId;
        case 'compaction.started':
        case 'compaction.cancelled':
          return event.reason;
        case 'compaction.completed':
          return `${event.tokensBefore} to ${event.tokensAfter}, ${event.removed}`;
        case 'compaction.failed':
          return event.failure.message;
        case 'turn.paused':
          return `${event.reason}: ${event.spent} of ${event.limit}`;
        case 'turn.resumed':
          return `${event.reason}: ${event.spent}`;
        case 'message.replaced':
          return event.replacement;
        case 'guardrail.triggered':
          return `${event.stage} ${event.name} ${event.action}`;
        case 'output.rejected':
          return `${event.reason} ${event.retriesLeft}`;
        case 'transcript.repaired':
          return event.how;
        case 'diagnostic':
          return event.source;
        case 'turn.completed':
          return event.stopReason;
        case 'turn.failed':
          return event.failure.type;
        case 'turn.cancelled':
          return event.reason ?? '';
        case 'session.idle':
          return `${event.usage.inputTokens}`;
        default:
          return event satisfies never;
      }
    };
    expectTypeOf(label).toBeFunction();
  });
});

describe('failures', () => {
  it('have types that can be switched over completely', () => {
    const label = (type: FailureType): string => {
      switch (type) {
        case 'budget':
        case 'rate_limit':
        case 'provider_unavailable':
        case 'context_overflow':
        case 'auth':
        case 'unknown':
          return 'model';
        case 'tool':
          return 'tool';
        case 'max_steps':
        case 'tool_errors':
        case 'guardrail':
        case 'invalid_output':
        case 'repeated_calls':
        case 'timeout':
        case 'no_progress':
        case 'internal':
          return 'turn';
        default:
          return type satisfies never;
      }
    };
    expectTypeOf(label).parameter(0).toEqualTypeOf<Failure['type']>();
  });

  it('are JSON', () => {
    expectTypeOf<Failure['cause']>().toEqualTypeOf<Json | undefined>();
  });
});

describe('a model', () => {
  it('can be written by hand', () => {
    const parrot: Model = {
      provider: 'local',
      modelId: 'parrot',
      async *stream(request, { signal }) {
        expectTypeOf(request).toEqualTypeOf<ModelRequest>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        yield { type: 'text-delta', text: 'Hello.' };
        yield [
          { type: 'text-delta', text: ' Hello.' },
          { type: 'tool-call', toolCallId: '1', toolName: 'x', rawInput: '{}' },
        ];
        yield { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } };
      },
    };
    createAgent({ model: parrot });
  });

  it('can be a class', () => {
    class Parrot implements Model {
      readonly provider = 'local';
      readonly modelId = 'parrot';
      readonly contextWindow = 100;
      async *stream() {
        yield { type: 'aborted' as const };
      }
    }
    createAgent({ model: new Parrot() });
  });

  it('is refused where it breaks the contract', () => {
    const model: Model = {
      provider: 'local',
      modelId: 'wrong',
      // @ts-expect-error a finish has a usage
      async *stream() {
        yield { type: 'finish', finishReason: { unified: 'stop' } };
      },
    };
    // @ts-expect-error a model has a stream
    createAgent({ model: { provider: 'local', modelId: 'none' } });
    // @ts-expect-error an agent has a model
    createAgent({ instructions: 'Be brief.' });
    expectTypeOf(model).toEqualTypeOf<Model>();
  });
});

describe('wrong uses', () => {
  const agent = createAgent({ model });
  const session = agent.session();

  it('of createAgent are rejected', () => {
    // @ts-expect-error a mistyped option
    createAgent({ model, instruction: 'Be brief.' });
    // @ts-expect-error a mistyped limit
    createAgent({ model, limits: { maxStep: 5 } });
    // @ts-expect-error a limit is a number
    createAgent({ model, limits: { maxSteps: '5' } });
    // @ts-expect-error there is no such choice
    createAgent({ model, toolChoice: 'always' });
    // @ts-expect-error a tool is no function
    createAgent({ model, tools: [() => 'x'] });
  });

  it('of sessions are rejected', () => {
    // @ts-expect-error a message is a text or parts
    session.send(5);
    // @ts-expect-error a user says text and files
    session.send([{ type: 'reasoning', text: 'Hm' }]);
    // @ts-expect-error a file has a media type
    session.send([{ type: 'file', data: '' }]);
    // @ts-expect-error the conversation is changed by turns only
    session.messages.push();
    // @ts-expect-error the actor is only looked at
    session.actor.send({ type: 'session.start', at: 0 });
  });

  it('of events are rejected: what they carry is not changed', () => {
    session.on('turn.completed', (event) => {
      // @ts-expect-error events are read-only
      event.text = '';
    });
  });

  it('of outcomes are rejected: there is no text before it is known how the turn ended', async () => {
    const outcome = await session.send('hi').outcome;
    // @ts-expect-error only a completed turn has a result
    outcome.result;
  });
});
