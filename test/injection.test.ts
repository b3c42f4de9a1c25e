import {
  type Clock,
  createAgent,
  defineTool,
  isTerminal,
  Retry,
  type Session,
  systemClock,
  type Turn,
  type TurnEvent,
} from 'turnchart';
import { openai } from 'turnchart/adapters/openai';
import {
  type Fault,
  type FaultAnswer,
  type FaultCall,
  type FaultRequest,
  faultServer,
  heapInUse,
  openaiChat,
  Random,
  transcriptProblems,
  type Wire,
} from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const rounds = 4;
const sessionsAtOnce = 50;
const turnsPerSession = 10;
/** What the heap may grow by between the first quarter of the turns and the last, in bytes. */
const heapBound = 4 * 1024 * 1024;
const apiKey = 'sk-canary-injected-0123456789abcdef';
const broken = 'BROKEN';

/** What becomes of one turn, and what came of it. */
interface Plan {
  readonly random: Random;
  turn: Turn | undefined;
  asked: number;
  /** Cancels when that request has come, from 1. */
  readonly cancelAtRequest: number | undefined;
}

/** The texts that were sent as whole answers to a session: nothing else may come out of it. */
type Answers = Set<string>;

class CountingClock implements Clock {
  readonly pending = new Set<unknown>();

  now(): number {
    return systemClock.now();
  }

  setTimeout(run: () => void, ms: number): unknown {
    const id = systemClock.setTimeout(() => {
      this.pending.delete(id);
      run();
    }, ms);
    this.pending.add(id);
    return id;
  }

  clearTimeout(id: unknown): void {
    this.pending.delete(id);
    systemClock.clearTimeout(id);
  }
}

const input = z.object({ n: z.number() });
const tools = [
  defineTool({ name: 'lookUp', input, execute: ({ n }) => ({ found: n, words: ['Grüße', '世界'] }) }),
  defineTool({
    name: 'throwUp',
    input,
    execute: () => {
      throw new Error('planned');
    },
  }),
  defineTool({ name: 'takeLong', input, sequential: true, execute: ({ n }) => later(n) }),
  defineTool({ name: 'goOnForEver', input, timeoutMs: 10, execute: () => new Promise(() => {}) }),
  defineTool({ name: 'ignoreItsSignal', input, timeoutMs: 3, execute: () => later(8) }),
  defineTool({
    name: 'tryTwice',
    input,
    retry: { maxAttempts: 2, initialDelayMs: 1, jitter: 0 },
    execute: (_, { progress }) => {
      progress('working');
      return Promise.reject(new Error('planned'));
    },
  }),
  defineTool({
    name: 'askAgain',
    input,
    execute: () => {
      throw new Retry('Again, please.');
    },
  }),
];

/** Work that takes its time, in ms. */
function later(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(`after ${ms} ms`), ms));
}

function randomCalls(random: Random): FaultCall[] {
  const names = [...tools.map(({ name }) => name), 'lookUp', 'lookUp', 'nobody'];
  const raw = ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}', '{"n":"x"}', '{"n":', ''];
  return Array.from({ length: random.whole(1, 4) }, () => ({
    name: random.pick(names),
    rawInput: random.pick(raw),
    // ids that come twice are part of life
    ...(random.chance(0.2) && { id: `call_${random.whole(1, 3)}` }),
  }));
}

const noAnswer = openaiChat.deviations.filter(({ isAnswer }) => !isAnswer);
const deviations = openaiChat.deviations.filter(({ isAnswer }) => isAnswer);

const faults: Readonly<Record<string, (random: Random) => Fault>> = {
  'server error': () => ({ type: 'error', kind: 'server' }),
  overloaded: () => ({ type: 'error', kind: 'overloaded', headers: { 'retry-after-ms': '2' } }),
  'rate limit': () => ({ type: 'error', kind: 'rate_limit', headers: { 'retry-after': '0.003' } }),
  'long rate limit': () => ({ type: 'error', kind: 'rate_limit', headers: { 'retry-after': '3600' } }),
  quota: () => ({ type: 'error', kind: 'quota' }),
  auth: () => ({ type: 'error', kind: 'auth', message: `Incorrect API key provided: ${apiKey}` }),
  overflow: () => ({ type: 'error', kind: 'overflow' }),
  'bad gateway': () => ({ type: 'status', status: 502, body: `<h1>Bad gateway</h1> ${apiKey}` }),
  'no headers': (random) => ({ type: 'noHeaders', end: random.pick(['silence', 'fin', 'rst']) }),
  'no stream': (random) => ({
    type: 'notSse',
    contentType: random.pick(['text/html', 'application/json', 'text/event-stream']),
    body: random.pick(['', '<h1>Welcome</h1>', '{"ok":true}']),
  }),
  silence: (random) => ({ type: 'silence', ...(random.chance(0.5) && { afterParts: random.whole(0, 3) }) }),
  cut: (random) => ({ type: 'cut', afterParts: someParts(random), how: random.pick(['fin', 'rst']) }),
  'no mark': (random) => ({ type: 'noMark', afterParts: someParts(random) }),
  'error in the stream': (random) => ({
    type: 'streamError',
    afterParts: someParts(random),
    kind: random.pick(['server', 'overloaded', 'rate_limit', 'quota']),
  }),
  'bad line': (random) => ({ type: 'badLine', afterParts: random.whole(0, 2) }),
  'half a call': (random) => ({ type: 'halfCall', end: random.pick(['fin', 'rst', 'noMark', 'length']) }),
  'no answer': (random) => ({ type: 'deviation', name: random.pick(noAnswer).name }),
};

function someParts(random: Random): number {
  return random.pick([0, 1, 2, 3, Number.POSITIVE_INFINITY]);
}

function randomWire(random: Random): Wire {
  return {
    eventsPerWrite: random.pick([1, 1, 2, 100]),
    lineEnd: random.pick(['\n', '\n', '\r\n']),
    comments: random.chance(0.1),
    ...(random.chance(0.1) && { chunkBytes: random.whole(20, 200) }),
  };
}

const settlings: readonly string[] = ['tool.completed', 'tool.failed', 'tool.denied', 'tool.cancelled'];

/** Agents, a server that lets them down, and what is found out about them. */
/** What whoever summarizes is told. */
const summaryPrompt = 'Sum up what was said.';

class Experiment {
  readonly clock = new CountingClock();
  readonly problems: string[] = [];
  readonly reached = new Set<string>();
  readonly plans = new Map<string, Plan>();
  readonly answers = new Map<string, Answers>();
  turns = 0;
  requests = 0;

  createAgent(baseURL: string) {
    return createAgent({
      model: openai('some-model', { baseURL, apiKey, api: 'chat' }),
      clock: this.clock,
      tools,
      instructions: 'Be brief.',
      retries: 0,
      modelRetry: { maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 1, jitter: 0 },
      limits: { maxSteps: 3, stallTimeoutMs: 400, maxParallelTools: 3 },
      compaction: { prompt: summaryPrompt },
    });
  }

  /** What the server answers: by the plan of the turn that asks, whenever that is. */
  answer({ body }: FaultRequest): FaultAnswer {
    this.requests += 1;
    const { messages } = openaiChat.read(body);
    this.problems.push(...transcriptProblems(messages));
    if (JSON.stringify(messages).includes(broken)) {
      // what was shown of an answer before the turn was cancelled is kept, as what it is
      this.reached.add('partial text in the history');
    }
    if (JSON.stringify(body).includes(summaryPrompt)) return this.#summary();
    const key = messages
      .flatMap(({ role, content }) => (role === 'user' ? (/turn (\S+):/.exec(JSON.stringify(content))?.[1] ?? []) : []))
      .at(-1);
    if (key === undefined) this.problems.push('a request of no turn');
    const plan = this.plans.get(key ?? '');
    // the turn has ended on its way here: it must be taken back, or it stays open
    if (key === undefined || plan === undefined) return { fault: { type: 'silence' } };
    plan.asked += 1;
    if (plan.asked === plan.cancelAtRequest) plan.turn?.cancel('at a request');
    const { random } = plan;
    if (random.chance(0.45)) return this.#fault(key, plan);
    const answers = this.answers.get(sessionOf(key));
    const text = random.chance(0.05) ? '' : `answer ${key}#${plan.asked} äöü 世界`;
    answers?.add(text);
    return {
      ...(random.chance(0.3) && { reasoning: ['hm', 'mm'] }),
      text: text.match(/.{1,6}/gu) ?? [],
      ...(random.chance(0.45) && { calls: randomCalls(random) }),
      ...(random.chance(0.05) && { finish: random.pick(['length', 'content-filter'] as const) }),
      ...(random.chance(0.3) && { fault: { type: 'deviation', name: random.pick(deviations).name } }),
      wire: randomWire(random),
    };
  }

  /** Summaries fail as well. They belong to the turn that overflows, whose plan is for its own requests. */
  #summary(): FaultAnswer {
    this.reached.add('a summary');
    if (this.requests % 3 === 0) return { fault: { type: 'silence' } };
    return { text: ['They ', 'talked.'] };
  }

  #fault(key: string, { random, turn }: Plan): FaultAnswer {
    const name = random.pick(Object.keys(faults));
    const fault = faults[name]?.(random);
    this.reached.add(`fault: ${name}`);
    const isSilent = fault?.type === 'silence' || (fault?.type === 'noHeaders' && fault.end === 'silence');
    if (isSilent && random.chance(0.5)) setImmediate(() => turn?.cancel('of silence'));
    const text = `${broken} ${key}`;
    // cut off by its length, it is an answer
    if (fault?.type === 'halfCall' && fault.end === 'length') this.answers.get(sessionOf(key))?.add(text);
    return {
      text: [text.slice(0, 4), text.slice(4)],
      calls: randomCalls(random).map((call) => ({ ...call, rawInput: '{"n": 12345678}' })),
      ...(fault !== undefined && { fault }),
      wire: randomWire(random),
    };
  }

  async runSession(session: Session, name: string, seed: number): Promise<void> {
    const answers: Answers = new Set();
    this.answers.set(name, answers);
    const random = new Random(seed);
    const events: TurnEvent[] = [];
    let onEvent: (event: TurnEvent) => void = () => {};
    session.on('*', (event) => {
      events.push(event);
      onEvent(event);
    });
    for (let index = 0; index < turnsPerSession; index += 1) {
      const key = `${name}.${index}`;
      const cancelAtEvent = random.chance(0.15) ? random.whole(1, 15) : undefined;
      const steerAtEvent = random.chance(0.1) ? random.whole(1, 15) : undefined;
      const controller = new AbortController();
      const plan: Plan = {
        random: new Random(seed * 1_000 + index),
        turn: undefined,
        asked: 0,
        cancelAtRequest: random.chance(0.1) ? random.whole(1, 3) : undefined,
      };
      this.plans.set(key, plan);
      let seen = 0;
      const idle = new Promise<void>((resolve) => {
        onEvent = (event) => {
          seen += 1;
          if (seen === cancelAtEvent) controller.abort(new Error('at an event'));
          if (seen === steerAtEvent) session.steer(`turn ${key}: and quickly`);
          if (event.type === 'session.idle' && session.snapshot.status === 'idle') resolve();
        };
      });
      const turn = session.send(`turn ${key}: Hello`, { signal: controller.signal });
      plan.turn = turn;
      if (random.chance(0.03)) session.cancel('at once');
      const [outcome] = await Promise.all([turn.outcome, idle]);
      this.turns += 1;
      this.reached.add(outcome.status);
      const own = events.filter(({ turnId }) => turnId === turn.id);
      if (own.at(-1)?.type !== `turn.${outcome.status}`) this.problems.push(`${key} ended otherwise than it says`);
      if (outcome.status === 'failed') {
        const { type, code } = outcome.failure;
        this.reached.add(`failed: ${type}`);
        if (type === 'internal' || code === 'adapter_error') this.problems.push(JSON.stringify(outcome.failure));
      }
    }
    this.#check(name, events, answers, session);
    await session.close();
    for (const key of [...this.plans.keys()]) if (sessionOf(key) === name) this.plans.delete(key);
    this.answers.delete(name);
  }

  #check(name: string, events: readonly TurnEvent[], answers: Answers, session: Session): void {
    const complain = (what: string) => void this.problems.push(`${name}: ${what}`);
    for (const { type } of events) this.reached.add(type);
    const durable = events.filter(({ n }) => n === undefined);
    if (durable.some(({ seq }, index) => seq !== index + 1)) complain('its events have gaps');
    if (JSON.stringify(events).includes(apiKey)) complain('its events tell the key');
    const turns = Map.groupBy(
      events.filter(({ turnId }) => turnId !== undefined),
      ({ turnId }) => turnId,
    );
    for (const [turnId, own] of turns) {
      const [first] = own;
      const last = own.at(-1);
      if (first?.type !== 'turn.started') complain(`${turnId} begins with ${first?.type}`);
      if (last === undefined || !isTerminal(last)) complain(`${turnId} ends with ${last?.type}`);
      if (own.filter(isTerminal).length !== 1) complain(`${turnId} ends ${own.filter(isTerminal).length} times`);
      const called = own.filter(({ type }) => type === 'tool.called').length;
      const settled = own.filter(({ type }) => settlings.includes(type)).length;
      if (called !== settled) complain(`${turnId} has ${called} tool calls, of which ${settled} were settled`);
      if (last?.type === 'turn.completed' && !answers.has(last.text)) complain(`"${last.text}" was never an answer`);
    }
    this.problems.push(...transcriptProblems(session.messages));
    for (const message of session.messages) {
      if (message.role !== 'assistant' || message.partial) continue;
      const said = message.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
      if (said.includes(broken) && !answers.has(said)) complain(`keeps "${said}", which was no answer`);
    }
  }
}

function sessionOf(key: string): string {
  return key.split('.').slice(0, 2).join('.');
}

/** How much of that kind keeps this process alive. */
function countOf(kind: 'TCP' | 'Timeout'): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.startsWith(kind)).length;
}

/** Resolves when it holds; each round of the event loop brings what is under way a little further. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('an agent whose provider fails in every way', () => {
  it('ends each of 2,000 random turns once, with valid transcripts, and leaves nothing behind', async () => {
    const rejections: unknown[] = [];
    const warnings: unknown[] = [];
    const onRejection = (reason: unknown) => rejections.push(reason);
    const onWarning = (warning: unknown) => warnings.push(warning);
    process.on('unhandledRejection', onRejection);
    process.on('warning', onWarning);
    const before = { sockets: countOf('TCP'), timers: countOf('Timeout') };
    const experiment = new Experiment();
    const server = await faultServer(openaiChat, {
      keepsRequests: false,
      answer: (request) => experiment.answer(request),
    });
    const agent = experiment.createAgent(server.url);
    const heaps: number[] = [];
    try {
      for (let round = 0; round < rounds; round += 1) {
        const sessions = Array.from({ length: sessionsAtOnce }, (_, index) =>
          experiment.runSession(agent.session(), `${round}.${index}`, round * sessionsAtOnce + index + 1),
        );
        await Promise.all(sessions);
        heaps.push(await heapInUse());
      }
      // every request is answered, or taken back by a turn that has ended
      await until(() => server.openRequests === 0);
    } finally {
      await agent.close();
      await server.close();
    }
    await until(() => countOf('TCP') <= before.sockets && countOf('Timeout') <= before.timers);
    process.off('unhandledRejection', onRejection);
    process.off('warning', onWarning);

    expect(experiment.problems).toEqual([]);
    expect(experiment.turns).toBe(rounds * sessionsAtOnce * turnsPerSession);
    expect(experiment.clock.pending.size).toBe(0);
    expect(server.openSockets).toBe(0);
    expect(rejections).toEqual([]);
    expect(warnings).toEqual([]);
    const [first = 0] = heaps;
    expect((heaps.at(-1) ?? 0) - first).toBeLessThan(heapBound);

    // an experiment in which little happens would end well, too
    const expected = [...Object.keys(faults).map((name) => `fault: ${name}`), 'completed', 'failed', 'cancelled'];
    expected.push('failed: auth', 'failed: budget', 'failed: rate_limit', 'failed: provider_unavailable');
    expected.push('failed: context_overflow', 'failed: max_steps', 'failed: tool_errors', 'steering.applied');
    expected.push('model.retrying', 'message.superseded', 'tool.completed', 'tool.failed', 'tool.cancelled');
    expected.push('tool.retrying', 'tool.progress', 'partial text in the history');
    for (const what of expected) expect(experiment.reached).toContain(what);
  }, 110_000);
});
