import { defineTool, isTerminal, type Json, type StepOptions } from 'turnchart';
import type { Store } from 'turnchart/durability';
import { scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Process, start } from '../rules/durableSupport.ts';
import { linesOf, ofType } from '../rules/support.ts';
import { forever, resultsIn, tool } from '../rules/toolSupport.ts';

// A turn that waits for people, or for functions of the application, waits in the next process as well.

type Options = NonNullable<Parameters<typeof start>[1]>;

/** A process that ends while its turn waits, and the next one, later. */
async function reopened(
  scripts: readonly [before: Parameters<typeof start>[0], after: Parameters<typeof start>[0]],
  options: Options | ((process: 'first' | 'second') => Options),
  { after = 3_600_000, until = async (first: Process) => first.clock.advance(0) } = {},
) {
  const of = typeof options === 'function' ? options : () => options;
  const first = await start(scripts[0], of('first'));
  first.session.send('Go.');
  await until(first);
  const second = await start(scripts[1], of('second'), await first.crash(), first.clock.now() + after);
  await second.clock.advance(0);
  return { first, ...second };
}

/** What a turn came to that another process began; its transcript is checked. */
async function endOf({ clock, session, events }: Process): Promise<object | undefined> {
  await clock.advance(0);
  expect(session.snapshot.status).toBe('idle');
  expect(transcriptProblems(session.messages)).toEqual([]);
  return events.find(isTerminal);
}

describe('a tool call that waits for approval', () => {
  const ran: Json[] = [];
  const erase = tool('erase', (input) => void ran.push(input), { approval: true });
  const asks = { calls: [{ name: 'erase', input: { file: 'a' } }] };

  it('is still waiting after a restart, and runs when somebody approves', async () => {
    ran.length = 0;
    const process = await reopened([[asks], ['Erased.']], { tools: [erase] });
    expect(process.session.snapshot.turn).toMatchObject({
      state: 'awaitingAnswers',
      tools: [{ toolCallId: 'call_1', toolName: 'erase', state: 'awaitingApproval' }],
    });
    expect(process.session.approve('call_1')).toEqual({ accepted: true });
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', text: 'Erased.' });
    expect(ran).toEqual([{ file: 'a' }]);
  });

  it('can be denied then', async () => {
    ran.length = 0;
    const process = await reopened([[asks], ['Then not.']], { tools: [erase] });
    process.session.deny('call_1', 'Too late.');
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed' });
    expect(ran).toEqual([]);
    expect(resultsIn(process.session.messages)).toMatchObject([{ synthesized: 'denied' }]);
  });

  it('has the time that was left', async () => {
    const options = { tools: [erase], approval: { timeoutMs: 60_000 } };
    const process = await reopened([[asks], ['Nobody came.']], options, {
      until: (first) => first.clock.advance(10_000),
      after: 20_000,
    });
    await process.clock.advance(29_999);
    expect(process.session.snapshot.turn?.state).toBe('awaitingAnswers');
    await process.clock.advance(1);
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed' });
    expect(resultsIn(process.session.messages)).toMatchObject([{ synthesized: 'timed_out' }]);
  });

  it('is over where that has passed meanwhile', async () => {
    const options = { tools: [erase], approval: { timeoutMs: 60_000 } };
    const process = await reopened([[asks], ['Nobody came.']], options, { after: 60_000 });
    expect(process.session.approve('call_1')).toMatchObject({ accepted: false });
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed' });
  });

  it('takes nothing of the time of the turn', async () => {
    const options = { tools: [erase], limits: { maxDurationMs: 1_000 } };
    const process = await reopened([[asks], ['Erased.']], options);
    expect(process.clock.pending).toBe(0);
    process.session.approve('call_1');
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed' });
    expect(process.clock.pending).toBe(0);
  });

  it('is remembered for the session in the next process: in the middle of a turn', async () => {
    const process = await reopened(
      [
        [asks, { calls: [{ name: 'pick' }] }],
        [{ calls: [{ name: 'erase', id: 'call_9' }] }, 'Erased.'],
      ],
      { tools: [erase, defineTool({ name: 'pick', input: { jsonSchema: { type: 'object' } } })] },
      {
        until: async ({ clock, session }) => {
          await clock.advance(0);
          session.approve('call_1', { remember: 'session' });
          await clock.advance(0);
        },
      },
    );
    process.session.resolveTool('call_2', 'picked');
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed' });
    expect(ofType(process.events, 'tool.approvalRequested')).toEqual([]);
    expect(ofType(process.events, 'tool.completed').map(({ toolCallId }) => toolCallId)).toEqual(['call_2', 'call_9']);
  });

  it('is remembered for the session in the next process: between turns', async () => {
    const first = await start([asks, 'Erased.'], { tools: [erase] });
    first.session.send('Go.');
    await first.clock.advance(0);
    first.session.approve('call_1', { remember: 'session' });
    await first.clock.advance(0);
    expect(first.session.snapshot.status).toBe('idle');
    const second = await start([{ calls: [{ name: 'erase' }] }, 'Again.'], { tools: [erase] }, await first.crash());
    second.session.send('And again.');
    await second.clock.advance(0);
    expect(ofType(second.events, 'tool.approvalRequested')).toEqual([]);
    expect(ofType(second.events, 'turn.completed')).toMatchObject([{ text: 'Again.' }]);
  });
});

describe('a call that a client runs', () => {
  const pick = defineTool({ name: 'pick', input: { jsonSchema: { type: 'object' } } });

  it('is still waited for after a restart', async () => {
    const process = await reopened([[{ calls: [{ name: 'pick' }] }], ['Picked.']], { tools: [pick] });
    expect(process.session.snapshot.turn).toMatchObject({
      state: 'awaitingAnswers',
      tools: [{ toolCallId: 'call_1', state: 'awaitingResult' }],
    });
    expect(process.session.resolveTool('call_1', { picked: 2 })).toEqual({ accepted: true });
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', text: 'Picked.' });
    expect(resultsIn(process.session.messages)).toMatchObject([{ output: { type: 'json', value: { picked: 2 } } }]);
  });

  it('is given up then by steering', async () => {
    const process = await reopened([[{ calls: [{ name: 'pick' }] }], ['As you like.']], { tools: [pick] });
    process.session.steer('Never mind.');
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed' });
    expect(resultsIn(process.session.messages)).toMatchObject([{ synthesized: 'cancelled' }]);
  });
});

describe('a turn that pauses', () => {
  const asks = { calls: [{ name: 'look' }] };

  it('for more steps still does after a restart', async () => {
    const options = { tools: [tool('look')], limits: { maxSteps: 1, lastStep: 'ask', maxDurationMs: 1_000 } } as const;
    const process = await reopened([[asks], ['Done.']], options);
    expect(process.session.snapshot.turn).toMatchObject({ state: 'awaitingExtension', step: 1 });
    expect(process.session.resume()).toMatchObject({ accepted: false });
    expect(process.session.extend(1)).toEqual({ accepted: true });
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', steps: 2, text: 'Done.' });
  });

  it('for leave to spend more still does after a restart', async () => {
    const options = { tools: [tool('look')], limits: { softCost: 1 }, pricing: () => 2 };
    const process = await reopened([[asks], ['Done.']], options);
    expect(process.session.snapshot.turn).toMatchObject({ state: 'awaitingResume', step: 1 });
    expect(process.session.resume()).toEqual({ accepted: true });
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', cost: 4 });
  });

  it('says after a restart that it waits', async () => {
    const options = { tools: [tool('look')], limits: { maxSteps: 1, lastStep: 'ask' } } as const;
    const process = await reopened([[asks], []], options);
    expect(ofType(process.events, 'diagnostic')).toMatchObject([
      { source: 'recovery', message: expect.stringMatching(/in the middle of a turn: it waits for somebody\.$/) },
    ]);
  });

  it('is cancelled after a restart like any other', async () => {
    const options = { tools: [tool('look')], limits: { maxSteps: 1, lastStep: 'ask' } } as const;
    const process = await reopened([[asks], []], options);
    process.session.cancel('Enough.');
    expect(await endOf(process)).toMatchObject({ type: 'turn.cancelled', reason: 'Enough.' });
  });

  it('was allowed more steps: it has them after a restart', async () => {
    const options = { tools: [tool('look')], limits: { maxSteps: 1, lastStep: 'ask' } } as const;
    const process = await reopened(
      [
        [asks, { hangs: true }],
        [{ calls: [{ name: 'look', id: 'c' }] }, 'Done.'],
      ],
      options,
      {
        until: async ({ clock, session }) => {
          await clock.advance(0);
          session.extend(2);
          await clock.advance(0);
        },
      },
    );
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', steps: 3 });
  });
});

describe('an answer that is being checked', () => {
  const rated = z.object({ rating: z.number().default(5) });

  it('is checked again after a restart, without another model call', async () => {
    const process = await reopened([['{}'], []], (process) => ({
      output: rated,
      validateOutput: (output) => (process === 'first' ? forever : { ...(output as object), checked: true }),
    }));
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', output: { rating: 5, checked: true } });
    expect(process.model.requests).toEqual([]);
    expect(ofType(process.events, 'diagnostic')).toMatchObject([{ message: expect.stringContaining('checked again') }]);
  });

  it('has the form that was asked for with its turn, as far as JSON Schema says it', async () => {
    const first = await start(['{"rating":4}'], { validateOutput: () => forever });
    first.session.send('Go.', { output: rated });
    await first.clock.advance(0);
    expect(first.session.snapshot.turn?.state).toBe('checkingOutput');
    const second = await start([], {}, await first.crash());
    expect(await endOf(second)).toMatchObject({ type: 'turn.completed', output: { rating: 4 } });
  });

  it('is asked for again after a restart where it has not that form', async () => {
    const first = await start(['No idea.'], { output: z.number(), validateOutput: () => forever });
    const list = z.array(z.number());
    first.session.send('Go.', { output: list });
    const found = await start(['[1]'], { output: z.number() }, await crashIn(first, 'callingModel'));
    expect(await endOf(found)).toMatchObject({ type: 'turn.completed', output: [1] });
    expect(found.model.requests).toMatchObject([{ outputSchema: { type: 'array' } }]);
  });

  it('was asked for with a hint: the next process counts on from there', async () => {
    const process = await reopened([['no', { hangs: true }], ['no']], { output: z.number() });
    expect(await endOf(process)).toMatchObject({ type: 'turn.failed', failure: { type: 'invalid_output' } });
    expect(linesOf(process.model.requests[0]?.messages ?? []).at(-1)).toMatch(/^user: The answer must be JSON/);
  });
});

describe('a step that is being made ready', () => {
  it('is made ready again after a restart', async () => {
    const process = await reopened([[], ['Fine.']], (process) => ({
      prepareStep: () => (process === 'first' ? forever : { instructions: 'Be brief.' }),
    }));
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', text: 'Fine.' });
    expect(process.model.requests).toMatchObject([{ instructions: 'Be brief.' }]);
  });

  it('has its message looked at by guardrails that the process before did not wait for', async () => {
    const process = await reopened([[], ['never asked']], (process) => ({
      guardrails: { input: [() => (process === 'first' ? forever : { action: 'deny', reason: 'No.' })] },
    }));
    expect(await endOf(process)).toMatchObject({ type: 'turn.failed', failure: { type: 'guardrail' } });
    expect(process.model.requests).toEqual([]);
  });

  it('is asked of the model that it was planned with, after a restart too', async () => {
    const before = scriptedModel([{ hangs: true }]);
    const after = scriptedModel(['Small.']);
    const process = await reopened([[], []], (process): Options => {
      const options: StepOptions = { model: process === 'first' ? before : after, instructions: 'Be brief.' };
      return { prepareStep: () => options };
    });
    expect(before.requests).toHaveLength(1);
    expect(await endOf(process)).toMatchObject({ type: 'turn.completed', text: 'Small.' });
    expect(after.requests).toMatchObject([{ instructions: 'Be brief.', attempt: 2 }]);
    expect(process.model.requests).toEqual([]);
  });
});

describe('a process that ends at any moment of a turn with people in it', () => {
  /** Everything that a turn can wait for, in one. */
  const options = (): Options => ({
    tools: [
      tool('erase', () => 'erased', { approval: true, idempotent: true }),
      defineTool({ name: 'pick', input: { jsonSchema: { type: 'object' } } }),
    ],
    limits: { maxSteps: 1, lastStep: 'ask', softCost: 1 },
    pricing: () => 1,
    guardrails: {
      input: [(text) => ({ action: 'rewrite', value: `${text}!` })],
      output: [() => ({ action: 'allow' })],
      tool: [() => ({ action: 'rewrite', value: { safe: true } })],
    },
    prepareStep: () => ({ instructions: 'Be brief.' }),
    output: z.object({ done: z.boolean() }),
    validateOutput: (output) => ({ ...(output as object), checked: true }),
  });
  const script: Parameters<typeof start>[0] = ({ messages }) => {
    const results = messages.filter(({ role }) => role === 'tool').length;
    if (results === 0)
      return {
        calls: [
          { name: 'erase', id: 'a' },
          { name: 'pick', id: 'b' },
        ],
      };
    const hints = messages.filter((message) => message.role === 'user' && message.cause === 'output_hint').length;
    return hints === 0 ? 'Done, I think.' : '{"done":true}';
  };

  /** Answers whatever is asked, until the turn has ended. */
  async function attend({ clock, session }: Process): Promise<void> {
    for (let round = 0; round < 30; round += 1) {
      await clock.advance(0);
      const { turn } = session.snapshot;
      if (turn === undefined) return;
      if (turn.state === 'awaitingResume') session.resume();
      if (turn.state === 'awaitingExtension') session.extend(1);
      for (const { toolCallId, state } of turn.tools) {
        if (state === 'awaitingApproval') session.approve(toolCallId);
        if (state === 'awaitingResult') session.resolveTool(toolCallId, 'picked');
      }
      await clock.advance(1_000);
    }
    expect.fail(`The turn has not ended: ${JSON.stringify(session.snapshot)}`);
  }

  it('leaves one that goes on, and comes to the same end', async () => {
    const first = await start(script, options());
    first.session.send('Go');
    await attend(first);
    const undisturbed = first.events.find(isTerminal);
    expect(undisturbed).toMatchObject({ type: 'turn.completed', output: { done: true, checked: true } });
    const asked = ['tool.approvalRequested', 'tool.resultRequested', 'turn.paused', 'output.rejected'] as const;
    for (const type of asked) expect(ofType(first.events, type).length, type).toBeGreaterThan(0);

    const states = new Set<string>();
    for (let count = 1; count < first.changes(); count += 1) {
      const found: Store = await first.crashAfter(count);
      if (((await found.read('talk'))?.rows.length ?? 0) === 0) continue;
      const next = await start(script, options(), found, first.clock.now());
      states.add(next.session.snapshot.turn?.state ?? 'none');
      const wasOver = next.session.snapshot.turn === undefined;
      await attend(next);
      if (!wasOver) {
        expect(next.events.filter(isTerminal), `after ${count} changes`).toMatchObject([
          { type: 'turn.completed', text: '{"done":true}', output: { done: true, checked: true } },
        ]);
      }
      expect(transcriptProblems(next.session.messages)).toEqual([]);
      expect(linesOf(next.session.messages)).toEqual(linesOf(first.session.messages));
    }
    expect([...states]).toEqual(
      expect.arrayContaining(['preparing', 'awaitingAnswers', 'awaitingExtension', 'awaitingResume', 'checkingOutput']),
    );
  });
});

/** What a process leaves that ends as its turn comes into that state. */
async function crashIn(process: Process, state: string): Promise<Store> {
  for (let count = 1; count <= 100; count += 1) {
    await process.clock.advance(0);
    const found = await process.crashAfter(count);
    if (((await found.read('talk'))?.rows.length ?? 0) === 0) continue;
    const next = await start([], {}, found);
    const isThere = next.session.snapshot.turn?.state === state;
    await next.session.close();
    if (isThere) return process.crashAfter(count);
  }
  return expect.fail(`The turn never was in the state "${state}".`);
}
