import { agentTool, createAgent, type Session } from 'turnchart';
import { type RecordedSession, readRecording } from 'turnchart/inspection';
import { scriptedModel } from 'turnchart/testing';
import { pathFromRecording, runPath, type TurnPath } from 'turnchart/testing/paths';
import { describe, expect, test, vi } from 'vitest';
import { createFailure } from '../../../src/failure.ts';
import { Host, type HostInput, type Row } from '../../../src/host.ts';
import { openRecorded } from '../../../src/inspection/readRecording.ts';
import type { CallModelOutput } from '../../../src/machines/contracts.ts';
import { type SessionMachineInput, sessionMachine } from '../../../src/machines/sessionMachine.ts';
import { userMessage } from '../../../src/messages.ts';
import { type RecordingEntry, recordingFormat, recordingVersion } from '../../../src/recording.ts';
import { hostState } from '../../../src/testing/paths/hostWords.ts';
import { describeState } from '../../../src/testing/paths/pathState.ts';
import { Random } from '../../../src/testing/random.ts';
import { nextInput, randomInput, randomSession } from '../../../src/testing/randomInputs.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('pathFromRecording()', () => {
  test('gives a path through the same states, which passes, or names the row that it has no words for', async () => {
    const unsaid: string[] = [];
    for (let seed = 1; seed <= 60; seed += 1) {
      const recorded = randomRecording(seed);
      const path = pathOrReason(recorded);
      if (typeof path === 'string') {
        unsaid.push(path);
        continue;
      }
      await runPath(path);
      const recordedStates = withoutRepeats(statesOf(recorded));
      const [first = ''] = recordedStates;
      const states = [first, ...path.steps.map(({ state }) => state)];
      expect(inOrder(recordedStates, states)).toEqual(recordedStates);
    }
    // conversations that stay too long when their turn has failed
    expect(unsaid.length).toBeLessThanOrEqual(2);
    for (const reason of unsaid) expect(reason).toMatch(/^Row \d+ of the recording \([^)]+\) has no words/);
  });

  test('reads what a session has recorded', async () => {
    const agent = createAgent({
      model: scriptedModel([{ text: 'One.' }, { text: ['T', 'wo.'] }]),
      limits: { maxSteps: 3 },
    });
    const path = await pathOf(agent.session({ id: 'mine' }), ['Hello.', 'And now?']);
    expect(path).toMatchObject({
      name: 'goes as mine was recorded',
      machine: 'session',
      bounds: { steps: 3, turns: 2 },
    });
    expect(path.steps.map(({ event }) => event)).toEqual([
      'user sends',
      'turn starts',
      'model streams',
      'model answers',
      'user sends',
      'turn starts',
      'model streams',
      'model answers',
      'session closes',
    ]);
    await runPath(path);
  });

  test('takes the nearest event where paths have no word: a rate limit that is not retried fails the turn', async () => {
    const failure = createFailure({ type: 'rate_limit', message: 'Later.' });
    const value: CallModelOutput = {
      type: 'trouble',
      failure,
      retry: false,
      usage: { inputTokens: 1, outputTokens: 0 },
    };
    const recorded = record({ sessionId: 'session' }, (host, apply) => {
      apply(send(1), 1);
      apply({ type: 'command', command: { type: 'session.start' } }, 2);
      for (const effect of host.effects.keys()) apply({ type: 'settled', effect, result: { value } }, 3);
    });
    const path = pathFromRecording(recorded);
    const { event, state } = path.steps.at(-1) ?? {};
    expect(event).toMatch(/^model fails: /);
    expect(event).not.toBe('model fails: rate_limit');
    expect(state).toBe('session idle, turn failed');
    await runPath(path);
  });

  test('has words for a conversation that gets too long by an answer', async () => {
    const model = scriptedModel([
      { text: 'Hi.' },
      { text: 'So it goes. '.repeat(400), calls: [{ name: 'none' }], usage: { inputTokens: 1_500, outputTokens: 500 } },
      { text: 'Short.' },
      { text: 'Well.' },
    ]);
    const agent = createAgent({ model: { ...model, contextWindow: 1_000 }, compaction: { keepMessages: 1 } });
    const path = await pathOf(agent.session(), ['Hello.', 'And now?']);
    const events = path.steps.map(({ event }) => event);
    expect(events).toContain('model asks for 1 tool, at length');
    expect(path.steps[events.indexOf('tool 1 is refused')]?.state).toBe(
      'session inTurn.running, turn working.compacting',
    );
    await runPath(path);
  });

  test('has words for an agent that uses up the budget of the one that has asked it', async () => {
    const other = createAgent({
      name: 'other',
      model: scriptedModel([{ text: 'Done.', usage: { inputTokens: 60, outputTokens: 0 } }]),
    });
    const agent = createAgent({
      model: scriptedModel([{ calls: [{ name: 'ask', input: { prompt: 'Do it.' } }] }]),
      tools: [agentTool({ name: 'ask', description: 'Does it', agent: other })],
      limits: { maxTokens: 50 },
    });
    const path = await pathOf(agent.session(), ['Hello.']);
    const end = path.steps.find(({ event }) => event === 'tool 1 completes, over budget');
    expect(end?.state).toBe('session idle, turn failed');
    await runPath(path);
  });

  test('names the row for which there is no event at all', () => {
    // of several turns that wait, paths cancel the last one only
    const recorded = record({ sessionId: 'session' }, (_, apply) => {
      for (const number of [1, 2, 3]) apply(send(number), number);
      apply({ type: 'command', command: { type: 'session.cancel', turnId: 'turn-2' } }, 4);
    });
    expect(() => pathFromRecording(recorded)).toThrow(
      'Row 4 of the recording (session.cancel) has no words in paths: no event that may come here takes the transitions that it took.',
    );
  });
});

/** The path of a session that is recorded while it is told these messages. */
async function pathOf(session: Session, messages: readonly string[]): Promise<TurnPath> {
  const entries: RecordingEntry[] = [];
  session.record((entry) => entries.push(entry));
  for (const message of messages) await session.send(message).outcome;
  await session.close();
  const [recorded] = readRecording(entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')).sessions;
  if (recorded === undefined) throw new Error('Nothing was recorded.');
  return pathFromRecording(recorded);
}

function pathOrReason(recorded: RecordedSession): TurnPath | string {
  try {
    return pathFromRecording(recorded);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function statesOf({ start, rows }: RecordedSession): readonly string[] {
  const host = openRecorded(start);
  const state = () => describeState(hostState(host, host.events));
  return [
    state(),
    ...rows.map(({ input, at }) => {
      host.apply(input, at);
      return state();
    }),
  ];
}

/** Those that are come by in their order; what a sub-agent does at once is one thing after the other on a path. */
function inOrder(states: readonly string[], comeBy: readonly string[]): readonly string[] {
  let next = 0;
  for (const state of comeBy) if (state === states[next]) next += 1;
  return states.slice(0, next);
}

function withoutRepeats(states: readonly string[]): readonly string[] {
  return states.filter((state, index) => state !== states[index - 1]);
}

function randomRecording(seed: number): RecordedSession {
  const random = new Random(seed);
  return record(randomSession(random), (host, apply) => {
    let at = 1_000;
    const goOn = ({ input, delayMs }: { readonly input: HostInput; readonly delayMs: number }) => {
      at = input.type === 'fired' ? Math.max(at, delayMs) : at + delayMs;
      apply(input, at);
    };
    for (let count = 1; count <= 30; count += 1) goOn(randomInput(host, random, count));
    for (let next = nextInput(host, random); next !== undefined; next = nextInput(host, random)) goOn(next);
  });
}

/** What is recorded of a session that things happen to. */
function record(
  input: SessionMachineInput,
  happen: (host: Host, apply: (input: HostInput, at: number) => void) => void,
): RecordedSession {
  const host = new Host({ machine: sessionMachine, agent: 'agent', input });
  const rows: Row[] = [];
  happen(host, (each, at) => rows.push({ input: each, at, began: host.apply(each, at) }));
  const { sessionId, ...others } = input;
  const start = {
    type: 'session',
    format: recordingFormat,
    version: recordingVersion,
    at: 0,
    agent: 'agent',
    sessionId,
    model: { provider: 'none', modelId: 'none' },
    seq: 0,
    input: { ...others, history: [] },
  } as const;
  return { start, rows, events: host.events };
}

function send(number: number): HostInput {
  const message = userMessage('Hello.', `message-${number}`);
  return { type: 'command', command: { type: 'session.send', turnId: `turn-${number}`, message } };
}
