import { agentTool, createAgent, defineTool } from 'turnchart';
import { openai } from 'turnchart/adapters/openai';
import { type ContractSubject, openaiChat, openaiResponses } from 'turnchart/testing';
import {
  type AgentSubjectSettings,
  agentSubject,
  boundsOf,
  describePaths,
  type Observation,
  type Oracle,
  oracles,
  type PathEvent,
  type PathSubject,
  runPath,
  type TurnPath,
  turnPaths,
  writtenPath,
} from 'turnchart/testing/paths';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

const weather = defineTool({
  name: 'weather',
  input: z.object({ city: z.string() }),
  retry: { maxAttempts: 3 },
  execute: ({ city }) => `It rains in ${city}.`,
});
const clock = defineTool({ name: 'clock', input: z.object({}), retry: { maxAttempts: 2 }, execute: () => 'noon' });
const pay = defineTool({
  name: 'pay',
  input: z.object({}),
  sequential: true,
  retry: { maxAttempts: 2 },
  execute: () => 'paid',
});
const calls = [{ name: 'weather', input: { city: 'Paris' } }, { name: 'clock' }, { name: 'pay' }];

/** An agent to which nearly everything can happen. */
const options = {
  name: 'everything',
  instructions: 'Be brief.',
  tools: [weather, clock, pay],
  limits: { maxTokens: 500, maxDurationMs: 60_000 },
};
const everything = agentSubject(options, { calls });

/** One that waits for leave to go on. */
const pausing = agentSubject(
  { tools: [clock], limits: { lastStep: 'ask', softCost: 5, maxSteps: 2 }, pricing: () => 1 },
  { calls: [{ name: 'clock' }] },
);

/** One whose tools are several things at once. */
const asking = agentSubject({
  tools: [
    defineTool({ name: 'book', input: z.object({}), approval: true, sequential: true, execute: () => 'booked' }),
    defineTool({ name: 'sign', input: z.object({}), approval: true }),
  ],
});

/** One that asks another, sometimes only with leave. */
function delegating(needsLeave: (input: { prompt: string }) => boolean) {
  const agent = createAgent({ name: 'library', model: everyModel });
  const read = agentTool({ name: 'read', description: 'Reads', agent });
  const order = { ...agentTool({ name: 'order', description: 'Orders', agent }), approval: needsLeave };
  return agentSubject(
    { tools: [read, order, clock] },
    {
      calls: [
        { name: 'read', input: { prompt: 'Look it up.' } },
        { name: 'order', input: { prompt: 'Buy it.' } },
        { name: 'clock' },
      ],
    },
  );
}

/** One whose conversation is shortened where paths make it too long. */
const compacting = agentSubject(
  { tools: [clock], limits: { maxTokens: 500 }, compaction: { keepMessages: 4, prompt: 'Be brief.' } },
  { calls: [{ name: 'clock' }] },
);
const ofCompaction = { features: ['compaction'], tools: 1, attempts: 1, toolAttempts: 1 } as const;

/** One that lets not everything through. */
const guarded = {
  tools: [clock, pay],
  guardrails: {
    input: [(text: string) => without('password', text)],
    output: [(text: string) => without('secret', text)],
    tool: [({ input }: { input: unknown }) => without('all', JSON.stringify(input))],
  },
};
const denied = {
  input: 'My password is 1234.',
  output: 'Here is a secret.',
  tool: { name: 'clock', input: { of: 'all' } },
} as const;

function without(word: string, text: string) {
  return text.includes(word) ? ({ action: 'deny', reason: 'No.' } as const) : ({ action: 'allow' } as const);
}

function ofTurn(...steps: readonly (readonly [PathEvent, string])[]): TurnPath {
  return writtenPath(`goes by ${steps.map(([event]) => event).join(', ')}`, { machine: 'turn' }, steps);
}

/** Plays a path, and gives what can be seen at its end. */
async function play(path: TurnPath, subject: PathSubject): Promise<Observation> {
  let last: Observation | undefined;
  const look: Oracle = {
    name: 'somebody looks',
    check({ after }) {
      last = after;
      return undefined;
    },
  };
  await runPath(path, { subject, oracles: [...oracles, look] });
  if (last === undefined) throw new Error('The path has no steps.');
  return last;
}

const starts = ['turn starts', 'turn working.callingModel'] as const;
const asks = ['model asks for 1 tool', 'turn working.usingTools.runningTools, tools preparing'] as const;
const runs = ['tool 1 is ready', 'turn working.usingTools.runningTools, tools executing'] as const;
const completes = ['tool 1 completes', 'turn working.callingModel'] as const;

describe('an agent as the subject of paths', () => {
  for (const machine of ['turn', 'toolCall', 'session'] as const) {
    describePaths({ describe, test }, { machine, subject: everything });
  }
  describePaths({ describe, test }, { machine: 'toolCall', cover: 'edges', subject: everything });
  describePaths({ describe, test }, { subject: pausing, to: 'awaitingExtension' });
  describePaths({ describe, test }, { subject: pausing, to: 'awaitingResume' });
  describePaths({ describe, test }, { subject: asking, bounds: { tools: 1 } });
  const agents = delegating(({ prompt }) => prompt.includes('Buy'));
  describePaths({ describe, test }, { subject: agents, bounds: { toolAttempts: 1 } });
  describePaths({ describe, test }, { machine: 'toolCall', cover: 'edges', subject: agents, bounds: { steps: 1 } });
  describePaths({ describe, test }, { subject: agentSubject(guarded, { denied }) });
  describePaths({ describe, test }, { machine: 'toolCall', subject: agentSubject(guarded, { denied }) });
  describePaths({ describe, test }, { subject: compacting, bounds: ofCompaction });
  describePaths(
    { describe, test },
    { machine: 'compaction', cover: 'edges', subject: compacting, bounds: ofCompaction },
  );
  describePaths({ describe, test }, { subject: agentSubject({}) });
});

describe('an agent with an adapter', () => {
  for (const [api, dialect] of [
    ['chat', openaiChat],
    ['responses', openaiResponses],
  ] as const) {
    const adapter = {
      dialect,
      createModel: (baseURL: string, apiKey: string) => openai('gpt-5-mini', { api, baseURL, apiKey }),
    };
    describePaths({ describe, test }, { subject: agentSubject(options, { calls, adapter }) });
    describePaths({ describe, test }, { machine: 'session', subject: agentSubject(options, { calls, adapter }) });
    describePaths({ describe, test }, { to: 'failed', subject: agentSubject(options, { calls, adapter }) });
    describePaths(
      { describe, test },
      { machine: 'compaction', subject: agentSubject(options, { calls, adapter }), bounds: ofCompaction },
    );
  }

  test('is asked what its agent asks, and reads what the path says, piece by piece', async () => {
    const asked: unknown[] = [];
    const adapter = {
      dialect: openaiChat,
      createModel(baseURL: string, apiKey: string) {
        const model = openai('gpt-5-mini', { api: 'chat', baseURL, apiKey });
        return {
          ...model,
          stream(...[request, scope]: Parameters<typeof model.stream>) {
            asked.push(
              request.instructions,
              request.tools.map(({ name }) => name),
            );
            return model.stream(request, scope);
          },
        };
      },
    };
    const path = ofTurn(starts, ['model streams', 'turn working.callingModel'], ['model answers', 'turn done']);
    const { events } = await play(path, agentSubject(options, { calls, adapter }));
    expect(asked).toEqual(['Be brief.', ['weather', 'clock', 'pay']]);
    expect(events.flatMap((event) => (event.type === 'message.delta' ? [event.text] : []))).toEqual([
      'Well, ',
      'so it is.',
    ]);
  });

  test('is stopped where guardrails deny its answer, begun or not', async () => {
    const adapter = {
      dialect: openaiChat,
      createModel: (baseURL: string, apiKey: string) => openai('gpt-5-mini', { api: 'chat', baseURL, apiKey }),
    };
    const { output } = guarded.guardrails;
    const subject = agentSubject({ guardrails: { output } }, { adapter, denied: { output: denied.output } });
    const isDenied = ['answer is denied', 'turn failed'] as const;
    const begun = await play(ofTurn(starts, ['model streams', 'turn working.callingModel'], isDenied), subject);
    expect(begun.events.flatMap((event) => (event.type === 'message.delta' ? [event.text] : []))).toEqual(['Well, ']);
    const { events } = await play(ofTurn(starts, isDenied), subject);
    expect(events.at(-1)).toMatchObject({ type: 'turn.failed', failure: { type: 'guardrail' } });
  });

  test('is asked for a summary as its agent says, and found out where it cannot give one', async () => {
    const asked: unknown[] = [];
    const createModel = (baseURL: string, apiKey: string) => openai('gpt-5-mini', { api: 'chat', baseURL, apiKey });
    const curious: ContractSubject['createModel'] = (...server) => {
      const { stream, ...model } = createModel(...server);
      return {
        ...model,
        stream(request, scope) {
          if (request.purpose === 'summary') asked.push(request.instructions);
          return stream(request, scope);
        },
      };
    };
    const broken: ContractSubject['createModel'] = (...server) => {
      const { stream, ...model } = createModel(...server);
      return {
        ...model,
        stream(request, scope) {
          if (request.tools.length === 0) throw new Error('What are the tools?');
          return stream(request, scope);
        },
      };
    };
    const path = writtenPath('is too long', { machine: 'turn', bounds: ofCompaction }, [
      starts,
      ['model fails: context_overflow', 'turn working.compacting'],
      ['summary comes', 'turn working.callingModel'],
      ['model answers', 'turn done'],
    ]);
    const agent = { tools: [clock], compaction: { prompt: 'Be brief.' } };
    const subject = (create: typeof curious) =>
      agentSubject(agent, { adapter: { dialect: openaiChat, createModel: create } });
    await play(path, subject(curious));
    expect(asked).toEqual(['Be brief.']);
    await expect(play(path, subject(broken))).rejects.toThrow(
      "After step 3 it does not hold that a summary that comes is taken, unless nothing would be saved by it.\n  The model's adapter threw: What are the tools?",
    );
  });

  test.each([
    ['model pauses', 'the dialect has no word for a pause'],
    ['model fails, over budget', 'an error over HTTP does not say what was used'],
  ] as const)('refuses a path in which the %s', (event, reason) => {
    const adapter = { dialect: openaiChat, createModel: () => everyModel };
    const subject = agentSubject(options, { calls, adapter });
    expect(subject.refuses(ofTurn(starts, [event, 'turn failed']))).toBe(`"${event}" cannot happen: ${reason}`);
    expect(subject.reach.avoid).toContain(event);
  });
});

const everyModel = { provider: 'none', modelId: 'none', stream: () => expect.unreachable() };

describe('the real work of an agent on a path', () => {
  test('is its pricing: what costs too much is over budget', async () => {
    const asked: string[] = [];
    const subject = agentSubject({
      model: { provider: 'openai', modelId: 'gpt-5-mini' },
      limits: { maxCost: 7 },
      pricing({ modelId }, { inputTokens }) {
        asked.push(modelId);
        return inputTokens / 1_000_000;
      },
    });
    const path = ofTurn(starts, ['model asks for 1 tool, over budget', 'turn failed']);
    const { events } = await play(path, subject);
    expect(events.at(-1)).toMatchObject({ type: 'turn.failed', cost: 10, failure: { type: 'budget' } });
    expect(new Set(asked)).toEqual(new Set(['gpt-5-mini']));
  });

  test('is its schemas: the input that a tool gets has passed its own', async () => {
    const got: unknown[] = [];
    const book = defineTool({
      name: 'book',
      input: z.object({ day: z.string().transform((day) => new Date(day)), people: z.number().default(2) }),
      execute: (input) => got.push(input),
    });
    const settings: AgentSubjectSettings = {
      calls: [{ name: 'book', input: { day: '2030-01-01' } }],
      execute: 'real',
    };
    await play(ofTurn(starts, asks, runs, completes), agentSubject({ tools: [book] }, settings));
    expect(got).toEqual([{ day: new Date('2030-01-01'), people: 2 }]);
  });

  test('is played where it is not asked for: tools do not run, and return what they are said to', async () => {
    const never = defineTool({ name: 'never', input: z.object({}), execute: () => expect.unreachable() });
    const played = agentSubject({ tools: [never] }, { outputs: { never: { left: 3 } } });
    const { events } = await play(ofTurn(starts, asks, runs, completes), played);
    const [completed] = events.filter(({ type }) => type === 'tool.completed');
    expect(completed).toMatchObject({ toolName: 'never', output: { type: 'json', value: { left: 3 } } });
  });

  test('is a real tool with its context, after what the path says that it reports', async () => {
    const greet = defineTool({
      name: 'greet',
      input: z.object({}),
      execute: (_, run: { context: { name: string } }) => `Hello, ${run.context.name}.`,
    });
    const subject = agentSubject({ tools: [greet] }, { execute: 'real', context: { name: 'Ada' } });
    const reports = ['tool 1 reports', 'turn working.usingTools.runningTools, tools executing'] as const;
    const { events } = await play(ofTurn(starts, asks, runs, reports, completes), subject);
    expect(events.filter(({ type }) => type === 'tool.progress')).toHaveLength(1);
    const [completed] = events.filter(({ type }) => type === 'tool.completed');
    expect(completed).toMatchObject({ output: { value: 'Hello, Ada.' } });
  });

  test('is aborted where somebody cancels', async () => {
    const slow = defineTool({ name: 'slow', input: z.object({}), execute: () => 'late' });
    const path = ofTurn(
      starts,
      asks,
      runs,
      ['tool 1 reports', 'turn working.usingTools.runningTools, tools executing'],
      ['user cancels', 'turn cancelled'],
    );
    const { aborted, events } = await play(path, agentSubject({ tools: [slow] }));
    expect(aborted.map(({ kind }) => kind)).toEqual(['executeTool']);
    expect(events.at(-1)).toMatchObject({ type: 'turn.cancelled', reason: 'Enough.' });
  });

  test.each([
    ['input', 'input is denied'],
    ['output', 'answer is denied'],
    ['tool', 'tool 1 is denied by a guardrail'],
  ] as const)('is its guardrails of %s: one that lets everything through is found', async (stage, event) => {
    const strict = agentSubject(guarded, { denied });
    const careless = { ...guarded, guardrails: { ...guarded.guardrails, [stage]: [() => ({ action: 'allow' })] } };
    const subject = agentSubject(careless, { denied });
    const path = turnPaths(strict.reach).smoke.find(({ steps }) => steps.some((step) => step.event === event));
    if (path === undefined) throw new Error(`In no path the ${event}.`);
    await runPath(path, { subject: strict });
    const place = path.steps.findIndex((step) => step.event === event) + 1;
    await expect(runPath(path, { subject })).rejects.toThrow(`Step ${place} went another way.`);
  });

  test('is told of a tool that reports beside another agent', async () => {
    const both = 'turn working.usingTools.runningTools, tools delegating + executing';
    const path = ofTurn(
      starts,
      ['model asks for 2 tools', 'turn working.usingTools.runningTools, tools preparing + preparing'],
      ['tool 1 is for an agent', 'turn working.usingTools.runningTools, tools delegating + preparing'],
      ['tool 2 is ready', both],
      ['tool 2 reports', both],
      ['tool 1 reports', both],
    );
    const { events } = await play(
      path,
      delegating(() => true),
    );
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['tool.progress', 'agent.event']);
  });

  test('is what it asks people before another agent is asked: a question that is forgotten is found', async () => {
    const path = ofTurn(
      starts,
      asks,
      ['tool 1 needs approval for an agent', 'turn working.usingTools.awaitingAnswers, tools awaitingApproval'],
      ['tool 1 is approved', 'turn working.usingTools.runningTools, tools delegating'],
      ['tool 1 waits for people', 'turn working.usingTools.awaitingAnswers, tools delegating'],
      ['tool 1 is denied', 'turn working.usingTools.awaitingAnswers, tools delegating'],
      ['tool 1 goes on', 'turn working.usingTools.runningTools, tools delegating'],
      completes,
      ['model answers', 'turn done'],
    );
    const { events } = await play(
      path,
      delegating(() => true),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: 'tool.completed', toolName: 'order' }));
    const forgetful = delegating(({ prompt }) => prompt.includes('Sell'));
    await expect(runPath(path, { subject: forgetful })).rejects.toThrow('Step 3 went another way.');
  });

  test('is that of the tool which the path needs: a sequential one where it is to run alone', async () => {
    const path = ofTurn(
      starts,
      ['model asks for 2 tools', 'turn working.usingTools.runningTools, tools preparing + preparing'],
      ['tool 1 is ready, to run alone', 'turn working.usingTools.runningTools, tools executing + preparing'],
      ['tool 2 is refused', 'turn working.usingTools.runningTools, tools executing + failed'],
      completes,
    );
    const { events } = await play(path, everything);
    const called = events.flatMap((event) => (event.type === 'tool.called' ? [event.toolName] : []));
    expect(called).toEqual(['pay', 'no_such_tool']);
  });
});

describe('what cannot happen to an agent', () => {
  const bare = agentSubject({});
  const fails = ['model fails: rate_limit', 'turn working.retrying'] as const;

  test.each<[PathSubject & { refuses(path: TurnPath): string | undefined }, PathEvent, string]>([
    [bare, 'time is up', 'the agent has no `limits.maxDurationMs`'],
    [bare, 'tool 1 is ready', 'the agent has no tools'],
    [bare, 'model actor is in error', 'only other logic than ours can bring the model actor into error'],
    [bare, 'tool 2 breaks', 'what calls models and runs tools catches whatever is thrown'],
    [
      bare,
      'model fails, over budget',
      'the agent has neither `limits.maxTokens` nor a `limits.maxCost` that its pricing reaches',
    ],
    [
      agentSubject(guarded, { denied: { output: 'secret' } }),
      'tool 1 is denied by a guardrail',
      'nothing says what its guardrails of tool deny: `denied.tool`',
    ],
    [agentSubject(guarded), 'input is denied', 'nothing says what its guardrails of input deny: `denied.input`'],
    [
      agentSubject(guarded, { denied }),
      'tool 1 is ready, noted by a guardrail',
      'what guardrails only note, or put in place of something, is not arranged',
    ],
    [agentSubject({ tools: [clock] }), 'tool 1 is ready, to run alone', 'no tool is `sequential`'],
    [agentSubject({ tools: [pay] }), 'tool 2 is ready', 'all tools are `sequential`'],
  ])('is avoided, and refused with a reason: %#', (subject, event, reason) => {
    expect(subject.refuses(ofTurn(starts, asks, [event, 'turn failed']))).toBe(`"${event}" cannot happen: ${reason}`);
    expect(subject.reach?.avoid).toContain(event);
  });

  test('is a path with wider limits than its own', () => {
    const subject = agentSubject({ limits: { maxSteps: 1 } });
    const path = writtenPath('is long', { machine: 'turn', bounds: { steps: 3 } }, [starts]);
    expect(subject.refuses(path)).toBe("its bound `steps` is 3, and the agent's `limits.maxSteps` 1");
    expect(turnPaths(subject.reach).smoke.filter((each) => subject.refuses(each) !== undefined)).toEqual([]);
  });

  test('is a tool that runs again, where none does', () => {
    const once = defineTool({ name: 'once', input: z.object({}), execute: () => 'x' });
    const subject = agentSubject({ tools: [once] });
    const again = ['tool 1 fails for now', 'turn working.usingTools.runningTools, tools retrying'] as const;
    expect(subject.refuses(ofTurn(starts, asks, runs, again))).toBe(
      '"tool 1 fails for now" cannot happen: none of these tools has a `retry.maxAttempts` of 2',
    );
    expect(subject.reach.toolAttempts).toBe(1);
  });

  test('is a retry of what was shown, where its options say so', () => {
    const subject = agentSubject({ modelRetry: { retryAfterOutput: false } });
    const streams = ['model streams', 'turn working.callingModel'] as const;
    expect(subject.refuses(ofTurn(starts, streams, fails))).toBe(
      '"model fails: rate_limit" cannot happen: the agent\'s `modelRetry.retryAfterOutput` is false',
    );
    expect(subject.refuses(ofTurn(starts, fails))).toBeUndefined();
  });

  test('is said by runPath(), too', async () => {
    await expect(runPath(ofTurn(starts, asks, runs), { subject: bare })).rejects.toThrow(
      'This path cannot be played on this subject: "tool 1 is ready" cannot happen: the agent has no tools.',
    );
  });
});

describe('boundsOf', () => {
  test('goes as far as the agent does, and no further than two of each', () => {
    expect(boundsOf({})).toMatchObject({ steps: 2, attempts: 2, toolAttempts: 1, parallelTools: 8, retries: 1 });
    expect(
      boundsOf({
        tools: [weather],
        limits: { maxSteps: 1, maxParallelTools: 3 },
        modelRetry: { maxAttempts: 1 },
        retries: 0,
      }),
    ).toMatchObject({ steps: 1, attempts: 1, toolAttempts: 2, parallelTools: 3, retries: 0 });
  });
});

describe('mistakes in the settings of an agent as subject', () => {
  test('are those of createAgent(), at once', () => {
    const wrong = { limits: { maxSteps: 0 } };
    const problem = 'createAgent(): `limits.maxSteps` must be a whole number from 1, not 0.';
    expect(() => createAgent({ model: everyModel, ...wrong })).toThrow(problem);
    expect(() => agentSubject(wrong)).toThrow(problem);
  });

  test('are calls of tools that there are not', () => {
    expect(() => agentSubject({ tools: [clock, pay] }, { calls: [{ name: 'weather' }] })).toThrow(
      'agentSubject(): `calls` names "weather", which is no tool of the agent. Its tools: clock, pay.',
    );
  });

  test('are denied things that no guardrail looks at', () => {
    expect(() => agentSubject({ tools: [clock] }, { denied: { output: 'secret' } })).toThrow(
      'agentSubject(): `denied.output` is given, and the agent has no guardrails of output.',
    );
    expect(() => agentSubject(guarded, { denied: { tool: { name: 'weather' } } })).toThrow(
      'agentSubject(): `denied.tool` names "weather", which is no tool of the agent. Its tools: clock, pay.',
    );
  });

  test('are inputs that their tools would refuse, said where a path needs them', async () => {
    const subject = agentSubject({ tools: [weather] });
    await expect(runPath(ofTurn(starts, asks, runs), { subject })).rejects.toThrow(
      'agentSubject(): the input {} does not fit the schema of tool "weather": city: Invalid input: expected string, received undefined. ' +
        "Say what the model is to ask for: calls: [{ name: 'weather', input: { … } }].",
    );
  });

  test('are events that cannot happen where they stand', async () => {
    await expect(runPath(ofTurn(starts, ['retry is due', 'turn done']), { subject: everything })).rejects.toThrow(
      '"retry is due" cannot happen: nothing waits for it in turn working.callingModel.',
    );
  });
});
