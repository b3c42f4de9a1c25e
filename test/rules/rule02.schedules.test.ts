import fc from 'fast-check';
import {
  type Admission,
  type AgentError,
  agentTool,
  createAgent,
  defineTool,
  type GuardedCall,
  type GuardrailDecision,
  isTerminal,
  type Json,
  type Model,
  type ModelPart,
  Retry,
  type ToolCallSnapshot,
  type Turn,
  type TurnEvent,
  type TurnSnapshot,
} from 'turnchart';
import { SimulatedClock, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Payload } from '../../src/events.ts';

/** Something under way that the schedule decides about. */
interface Open {
  readonly signal: AbortSignal;
  isOver: boolean;
}
interface OpenCall extends Open {
  readonly push: (part: ModelPart | undefined) => void;
  readonly break: (error: Error) => void;
}
interface OpenTool extends Open {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly progress: (text: string) => void;
}

const usage = { inputTokens: 7, outputTokens: 3 };

interface Rules {
  readonly maxAttempts: number;
  readonly retries: number;
  readonly maxSteps: number;
  readonly maxParallelTools: number;
  readonly lastStep: 'fail' | 'answer' | 'ask';
  readonly maxTokens?: number;
  readonly maxDurationMs?: number;
  readonly softCost?: number;
  readonly repeatedCalls?: number;
  readonly consecutiveToolErrors?: number;
  /** How long people may take to approve. */
  readonly timeoutMs?: number;
  /** What functions of the application look at. */
  readonly isGuarded: boolean;
  readonly isPrepared: boolean;
  readonly isChecked: boolean;
  /** Tokens that fit into a request; conversations are shortened where it is said. */
  readonly contextWindow?: number;
}

/** What guardrails do not let through. */
const forbidden = 'forbidden';
const guard = (text: string) =>
  text.includes(forbidden)
    ? ({ action: 'deny', reason: 'It is not allowed.' } as const)
    : text.includes('rough')
      ? ({ action: 'rewrite', value: text.replaceAll('rough', 'smooth') } as const)
      : ({ action: 'allow' } as const);

function guardCall({ input }: GuardedCall): GuardrailDecision<Json> {
  const { n, ...others } = input as { readonly n: number };
  if (n > 70) return { action: 'deny', reason: 'It is not allowed.' };
  return n > 40 ? { action: 'rewrite', value: { ...others, n: 40 } } : { action: 'allow' };
}

/** An agent whose model and tools do nothing until the schedule says so. */
class World {
  readonly clock = new SimulatedClock();
  readonly problems: string[] = [];
  readonly calls: OpenCall[] = [];
  readonly tools: OpenTool[] = [];
  readonly events: TurnEvent[] = [];
  readonly turns: Turn[] = [];
  readonly signals: AbortController[] = [];
  readonly agent;
  readonly session;

  readonly isGuarded: boolean;

  constructor(rules: Rules) {
    const { maxAttempts, retries, timeoutMs, isGuarded, isPrepared, isChecked, contextWindow, ...limits } = rules;
    this.isGuarded = isGuarded;
    const world = this;
    const model: Model = {
      provider: 'scheduled',
      modelId: 'schedule',
      ...(contextWindow !== undefined && { contextWindow }),
      async *stream(request, { signal }) {
        // what goes is no conversation by itself
        if (request.purpose === 'turn') world.problems.push(...transcriptProblems(request.messages));
        if (isGuarded && JSON.stringify(request.messages).includes(forbidden)) world.problems.push('It was forbidden.');
        const queue: (ModelPart | undefined | Error)[] = [];
        let wake = () => {};
        const add = (item: ModelPart | undefined | Error) => {
          queue.push(item);
          wake();
        };
        world.calls.push({ signal, isOver: false, push: add, break: add });
        for (;;) {
          if (queue.length === 0) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          const item = queue.shift();
          if (item === undefined) return;
          if (item instanceof Error) throw item;
          yield item;
        }
      },
    };
    const input = z.object({ n: z.number() });
    const execute = (_: unknown, run: { signal: AbortSignal; progress(text: string): void }) =>
      new Promise<unknown>((resolve, reject) => {
        world.tools.push({
          signal: run.signal,
          isOver: false,
          resolve,
          reject,
          progress: (text) => run.progress(text),
        });
      });
    const common = {
      model,
      limits,
      retries,
      pricing: () => 1,
      approval: { ...(timeoutMs !== undefined && { timeoutMs }) },
      compaction: contextWindow !== undefined && { keepMessages: 1 + (contextWindow % 3) },
      ...(isGuarded && {
        guardrails: {
          input: [guard],
          output: [async (text: string) => guard(text)],
          tool: [guardCall],
        },
      }),
      ...(isChecked && {
        validateOutput: async (text: string) => {
          if (text.includes('rough') || text.includes('smooth')) throw new Retry('Say it better.');
          return { said: text.length };
        },
      }),
      modelRetry: { maxAttempts, initialDelayMs: 100, jitter: 0 },
    };
    const tools = [
      defineTool({ name: 'parallel', input, execute }),
      defineTool({ name: 'sequential', input, sequential: true, execute }),
      defineTool({ name: 'again', input, retry: { maxAttempts: 2, initialDelayMs: 50 }, timeoutMs: 400, execute }),
      defineTool({ name: 'asked', input, approval: true, execute }),
      defineTool({ name: 'askedAlone', input, approval: async ({ n }) => n !== 2, sequential: true, execute }),
      defineTool({ name: 'client', input }),
      defineTool({ name: 'clientAsked', input, approval: true }),
    ];
    // an agent that calls an agent, which calls another one
    const deepest = createAgent({ ...common, name: 'deepest', tools });
    const inner = [...tools, agentTool({ name: 'agent', description: 'The deepest', agent: deepest })];
    const helper = createAgent({ ...common, name: 'helper', tools: inner });
    this.agent = createAgent({
      ...common,
      clock: this.clock,
      ...(isPrepared && {
        prepareStep: async ({ step }) =>
          step % 2 === 0 ? { tools: ['parallel', 'asked', 'client', 'agent'] } : undefined,
      }),
      tools: [
        ...tools,
        agentTool({ name: 'agent', description: 'Helps', agent: helper }),
        agentTool({ name: 'agentAsked', description: 'Helps if it may', agent: helper, approval: true }),
      ],
    });
    this.session = this.agent.session();
    this.session.on('*', (event) => this.events.push(event));
  }

  openCalls(): OpenCall[] {
    return this.calls.filter((call) => !call.isOver && !call.signal.aborted);
  }

  openTools(): OpenTool[] {
    return this.tools.filter((tool) => !tool.isOver && !tool.signal.aborted);
  }

  /** Calls that wait for somebody, in that state. */
  waiting(state: 'awaitingApproval' | 'awaitingResult'): readonly string[] {
    const { turn } = this.session.snapshot;
    return (turn === undefined ? [] : callsIn(turn))
      .filter((call) => call.state === state)
      .map(({ toolCallId }) => toolCallId);
  }

  finish(call: OpenCall, last: ModelPart | undefined | Error): void {
    call.isOver = true;
    if (last instanceof Error) call.break(last);
    else call.push(last);
  }
}

/** The calls of a turn, and of the turns of sub-agents inside of it. */
function callsIn({ tools }: TurnSnapshot): readonly ToolCallSnapshot[] {
  return tools.flatMap((call) => [call, ...(call.agent === undefined ? [] : callsIn(call.agent))]);
}

/** What is said: mostly harmless. */
function words(kind: string, n: number): string {
  if (n % 17 === 3) return `${forbidden} ${kind} ${n} `;
  return n % 13 === 5 ? `rough ${kind} ${n} ` : `${kind} ${n} `;
}

const finish = (unified: 'stop' | 'length' | 'pause' | 'content-filter' | 'tool-calls' = 'stop'): ModelPart => ({
  type: 'finish',
  finishReason: { unified },
  usage,
});
const failure = (retryable: boolean, retryAfterMs?: number): ModelPart => ({
  type: 'error',
  failure: {
    type: retryable ? 'rate_limit' : 'auth',
    code: 'planned',
    message: 'As planned.',
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  },
});

const overflow: ModelPart = {
  type: 'error',
  failure: { type: 'context_overflow', code: 'planned', message: 'As planned.', retryable: false },
};

/** What a schedule is made of. Each takes a number, so that a schedule is plain data that can be made smaller. */
const moves: Record<string, (world: World, n: number) => void | Promise<void>> = {
  send: (world, n) => void world.turns.push(world.session.send(words('message', n))),
  sendWithSignal: (world, n) => {
    const controller = new AbortController();
    world.signals.push(controller);
    world.turns.push(world.session.send(words('message', n), { signal: controller.signal }));
  },
  sendOtherwise: (world, n) =>
    void world.turns.push(
      world.session.send(words('message', n), { limits: { maxSteps: 1 + (n % 3), lastStep: 'ask' } }),
    ),
  abortSignal: (world, n) => world.signals[n % Math.max(1, world.signals.length)]?.abort(),
  steer: (world, n) => void world.session.steer(words('steering', n)),
  cancel: (world) => void world.session.cancel('planned'),
  cancelTurn: (world, n) => void world.turns[n % Math.max(1, world.turns.length)]?.cancel(),
  text: (world, n) => pick(world.openCalls(), n)?.push({ type: 'text-delta', text: words('text', n) }),
  nothing: (world, n) => pick(world.openCalls(), n)?.push({ type: 'text-delta', text: '' }),
  reasoning: (world, n) => pick(world.openCalls(), n)?.push({ type: 'reasoning-delta', text: `thought ${n} ` }),
  usage: (world, n) => pick(world.openCalls(), n)?.push({ type: 'usage', usage }),
  call: (world, n) =>
    pick(world.openCalls(), n)?.push({
      type: 'tool-call',
      // ids that come twice, names that do not exist and inputs that cannot be read are part of life
      toolCallId: `call-${n % 5}`,
      toolName: toolNames[n % toolNames.length] ?? 'parallel',
      rawInput:
        ['{"n":1,"prompt":"Help."}', '{"n":2,"prompt":"Help."}', '{"n":"x"}', '{"n":', `{"n":${n},"prompt":"${n}"}`][
          (n >> 3) % 5
        ] ?? '{}',
    }),
  ask: (world, n) => askFor(world, n, toolNames[n % toolNames.length] ?? 'parallel'),
  delegate: (world, n) => askFor(world, n, n % 4 === 0 ? 'agentAsked' : 'agent'),
  repeat: (world, n) => askFor(world, n, 'parallel', 4),
  // asked for or not
  approve: (world, n) => answer(world, n, 'awaitingApproval', (id) => world.session.approve(id)),
  approveForGood: (world, n) =>
    answer(world, n, 'awaitingApproval', (id) => world.session.approve(id, { remember: 'session' })),
  deny: (world, n) => answer(world, n, 'awaitingApproval', (id) => world.session.deny(id)),
  resolveTool: (world, n) =>
    answer(world, n, 'awaitingResult', (id) => world.session.resolveTool(id, n, { isError: n % 4 === 0 })),
  extend: (world, n) => void world.session.extend(1 + (n % 2)),
  resume: (world) => void world.session.resume(),
  compact: (world) => void world.session.compact(),
  answer: (world, n) => end(world, n, finish()),
  answerOtherwise: (world, n) =>
    end(world, n, finish((['length', 'pause', 'content-filter', 'tool-calls'] as const)[n % 4])),
  fail: (world, n) => end(world, n, failure(true, n % 3 === 0 ? 250 : undefined)),
  failForGood: (world, n) => end(world, n, failure(false)),
  overflow: (world, n) => end(world, n, overflow),
  breakOff: (world, n) => end(world, n, undefined),
  throwUp: (world, n) => end(world, n, new Error('planned')),
  resolve: (world, n) => settle(world, n, (tool) => tool.resolve(`result ${n}`)),
  resolveOddly: (world, n) =>
    settle(world, n, (tool) => tool.resolve([undefined, { a: [1] }, () => 1, Number.NaN][n % 4])),
  reject: (world, n) => settle(world, n, (tool) => tool.reject(new Error('planned'))),
  hint: (world, n) => settle(world, n, (tool) => tool.reject(new Retry('again, please'))),
  progress: (world, n) => pick(world.openTools(), n)?.progress(`progress ${n}`),
  wait: (world, n) => world.clock.advance(n % 700),
  tick: () => settled(),
};

const toolNames = [
  'parallel',
  'sequential',
  'again',
  'asked',
  'client',
  'askedAlone',
  'clientAsked',
  'parallel',
  'nobody',
  'agent',
  'agentAsked',
];

/** The model says nothing but that it wants this tool, so often. */
async function askFor(world: World, n: number, toolName: string, times = 1): Promise<void> {
  const call = pick(world.openCalls(), n);
  const rawInput = JSON.stringify({ n: n % 3 === 0 ? n : 1, prompt: n % 2 === 0 ? 'A rough prompt.' : 'Help.' });
  for (let count = 0; count < times; count += 1) {
    call?.push({ type: 'tool-call', toolCallId: `call-${(n + count) % 5}`, toolName, rawInput });
  }
  end(world, n, finish('tool-calls'));
  await settled();
}

/** Answers for one of the calls that wait, or for one that does not. */
function answer(
  world: World,
  n: number,
  state: 'awaitingApproval' | 'awaitingResult',
  how: (toolCallId: string) => Admission,
): void {
  const waiting = world.waiting(state);
  const { accepted } = how(pick(waiting, n) ?? `call-${n % 5}`);
  expect(accepted).toBe(waiting.length > 0);
}

function pick<T>(items: readonly T[], n: number): T | undefined {
  return items[n % Math.max(1, items.length)];
}

function end(world: World, n: number, last: ModelPart | undefined | Error): void {
  const call = pick(world.openCalls(), n);
  if (call !== undefined) world.finish(call, last);
}

function settle(world: World, n: number, how: (tool: OpenTool) => void): void {
  const tool = pick(world.openTools(), n);
  if (tool === undefined) return;
  tool.isOver = true;
  how(tool);
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets everything that is open come to its end, as a friendly world would. */
async function rest(world: World): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    await settled();
    if (world.session.snapshot.status === 'idle') return;
    for (const call of world.openCalls()) world.finish(call, finish());
    for (const tool of world.openTools()) {
      tool.isOver = true;
      tool.resolve('done');
    }
    for (const id of world.waiting('awaitingApproval')) world.session.approve(id);
    for (const id of world.waiting('awaitingResult')) world.session.resolveTool(id, 'done');
    world.session.resume();
    world.session.extend(1);
    await settled();
    if (world.openCalls().length === 0 && world.openTools().length === 0) await world.clock.advance(100);
  }
  throw new Error(`The session never came to rest: ${JSON.stringify(world.session.snapshot)}`);
}

const settlings: readonly string[] = ['tool.completed', 'tool.failed', 'tool.denied', 'tool.cancelled'];

async function check(world: World): Promise<void> {
  const { events } = world;
  expect(world.problems).toEqual([]);
  expect(transcriptProblems(world.session.messages)).toEqual([]);

  const said = JSON.stringify([
    world.session.messages,
    events.filter(({ type }) => type !== 'message.added' && type !== 'tool.called' && type !== 'message.completed'),
  ]);
  if (world.isGuarded) expect(said).not.toContain(forbidden);

  const durable = events.filter(({ n }) => n === undefined);
  expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index + 1));
  let last: TurnEvent | undefined;
  for (const event of events) {
    if (event.n !== undefined) {
      expect(event.seq).toBe(last?.seq);
      expect(event.n).toBe((last?.n ?? 0) + 1);
    }
    last = event;
  }

  const ofTurns = Map.groupBy(
    events.filter(({ turnId }) => turnId !== undefined),
    ({ turnId }) => turnId,
  );
  for (const turn of world.turns) expect(ofTurns.has(turn.id)).toBe(true);
  for (const own of ofTurns.values()) {
    expect(own[0]?.type).toBe('turn.started');
    expect(own.filter(isTerminal)).toHaveLength(1);
    expect(own.at(-1)).toSatisfy(isTerminal);
    expect(own.filter(({ type }) => type === 'turn.started')).toHaveLength(1);
    const called = own.filter((event) => event.type === 'tool.called').length;
    expect(own.filter(({ type }) => settlings.includes(type))).toHaveLength(called);
  }

  for (const own of turnsOfAgents(events).values()) {
    expect(own[0]?.type).toBe('turn.started');
    const ends = own.filter(isEnd).length;
    // of one that is stopped with the turn around it, nothing more is heard
    expect(ends).toBeLessThanOrEqual(1);
    if (ends === 1) expect(own.at(-1)).toSatisfy(isEnd);
  }

  for (const work of [...world.calls, ...world.tools]) expect(work.isOver || work.signal.aborted).toBe(true);
  expect(world.clock.pending).toBe(0);

  for (const turn of world.turns) {
    const own = ofTurns.get(turn.id) ?? [];
    const read: TurnEvent[] = [];
    for await (const event of turn) read.push(event);
    expect(read.filter(({ n }) => n === undefined)).toEqual(own.filter(({ n }) => n === undefined));
    const outcome = await turn.outcome;
    expect(own.at(-1)?.type).toBe(`turn.${outcome.status}`);
    await turn.result.catch((error: AgentError) => expect(error.name).toMatch(/Error$/));
  }
}

function isEnd({ type }: Payload): boolean {
  return type === 'turn.completed' || type === 'turn.failed' || type === 'turn.cancelled';
}

/** What turns of sub-agents have said, by the turn. */
function turnsOfAgents(events: readonly Payload[]): ReadonlyMap<string, readonly Payload[]> {
  const turns = new Map<string, Payload[]>();
  const listen = (event: Payload) => {
    if (event.type !== 'agent.event') return;
    const { turnId } = event.event;
    turns.set(turnId, [...(turns.get(turnId) ?? []), event.event]);
    listen(event.event);
  };
  for (const event of events) listen(event);
  return turns;
}

/** What an event is called, one of sub-agents by where it came from. */
function nameOf(event: Payload): string {
  if (event.type === 'agent.event') return `agent: ${nameOf(event.event)}`;
  return event.type === 'turn.failed' ? `failed: ${event.failure.type}` : event.type;
}

describe('2. Under any interleaving of provider results, tool results, timers, cancel, steer and approvals, exactly one terminal event is emitted', () => {
  it('holds for 10,000 random schedules, with gap-free numbers, valid transcripts, aborted signals and no open handles', async () => {
    const names = Object.keys(moves);
    const move = fc.tuple(
      fc.constantFrom(
        'send',
        'tick',
        'call',
        'call',
        'callAgent',
        'callAgent',
        'answer',
        'answer',
        'resolve',
        ...names,
      ),
      fc.nat(99),
    );
    const limits = fc.record(
      {
        maxAttempts: fc.integer({ min: 1, max: 3 }),
        retries: fc.integer({ min: 0, max: 2 }),
        maxSteps: fc.integer({ min: 1, max: 4 }),
        maxParallelTools: fc.integer({ min: 1, max: 3 }),
        lastStep: fc.constantFrom('fail', 'answer', 'ask'),
        maxTokens: fc.integer({ min: 1, max: 60 }),
        maxDurationMs: fc.integer({ min: 1, max: 2_000 }),
        softCost: fc.integer({ min: 0, max: 2 }),
        repeatedCalls: fc.integer({ min: 2, max: 4 }),
        consecutiveToolErrors: fc.integer({ min: 1, max: 3 }),
        timeoutMs: fc.integer({ min: 1, max: 1_000 }),
        isGuarded: fc.boolean(),
        isPrepared: fc.boolean(),
        isChecked: fc.boolean(),
        contextWindow: fc.integer({ min: 20, max: 120 }),
      },
      {
        requiredKeys: [
          'maxAttempts',
          'retries',
          'maxSteps',
          'maxParallelTools',
          'lastStep',
          'isGuarded',
          'isPrepared',
          'isChecked',
        ],
      },
    );
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(limits, fc.array(move, { minLength: 5, maxLength: 40 }), async (limit, schedule) => {
        const world = new World(limit);
        for (const [name, n] of schedule) {
          await moves[name]?.(world, n);
          if (n % 3 === 0) await settled();
        }
        await rest(world);
        await check(world);
        for (const event of world.events) reached.add(nameOf(event));
        // whatever happened before, the session is as good as new
        const next = world.session.send('And now?');
        await rest(world);
        expect((await next.outcome).stopReason).not.toBe('cancelled');
        await world.session.close();
        expect(world.clock.pending).toBe(0);
      }),
      { numRuns: 10_000, seed: 20_260 },
    );
    // a property over schedules that never get anywhere would hold as well
    const expected = ['failed: auth', 'failed: rate_limit', 'failed: max_steps', 'failed: budget', 'failed: timeout'];
    expected.push('failed: tool_errors', 'failed: unknown', 'turn.completed', 'turn.cancelled', 'tool.retrying');
    expected.push('model.retrying', 'message.superseded', 'steering.applied', 'tool.progress', 'tool.cancelled');
    expected.push('failed: guardrail', 'failed: invalid_output', 'failed: repeated_calls', 'guardrail.triggered');
    expected.push('tool.approvalRequested', 'tool.approvalResolved', 'tool.denied', 'tool.resultRequested');
    expected.push('turn.paused', 'turn.resumed', 'output.rejected', 'message.replaced', 'breaker.tripped');
    expected.push('compaction.started', 'compaction.completed', 'compaction.failed', 'failed: context_overflow');
    for (const type of [
      'turn.completed',
      'failed: max_steps',
      'tool.completed',
      'guardrail.triggered',
      'turn.paused',
    ]) {
      expected.push(`agent: ${type}`);
    }
    for (const type of ['approvalRequested', 'approvalResolved', 'resultRequested']) {
      expected.push(`agent: tool.${type}`);
    }
    expected.push('agent: agent: turn.started');
    expect([...reached]).toEqual(expect.arrayContaining(expected));
  }, 600_000);
});
