import { createAgent, defineTool, type TurnEvent } from 'turnchart';
import { findDivergence, readRecording } from 'turnchart/inspection';
import { services, turnMachine } from 'turnchart/machines';
import { type ScriptedModel, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { enqueueActions } from 'xstate';
import { z } from 'zod';
import { emptyHistory } from '../src/machines/history.ts';
import { sessionMachine } from '../src/machines/sessionMachine.ts';
import { Session } from '../src/session.ts';
import type { SessionSetup } from '../src/sessionSetup.ts';
import { backend } from './telemetry/support.ts';

const slow = defineTool({
  name: 'slow',
  input: z.object({}),
  execute: (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
});

/** What an agent would give a session with these machines. */
function setupOf(machine: SessionSetup['machine'], clock: SimulatedClock): SessionSetup {
  return {
    agent: 'fragile',
    machine,
    input: {},
    model: { provider: 'p', modelId: 'm' },
    clock,
    maxOutputChars: 1_000,
    hasPricing: false,
    outputs: new Map(),
    onBusy: () => {},
  };
}

/** A session whose turn breaks when it is steered: the bug of somebody who changed a machine. */
function fragileSession(model: ScriptedModel, clock: SimulatedClock) {
  const turn = turnMachine.provide({
    ...services({ model, tools: [slow] }),
    actions: {
      keepSteering: enqueueActions(() => {
        throw new Error('planted');
      }),
    },
  });
  const machine = sessionMachine.provide({ actors: { turn } });
  const session = new Session(setupOf(machine, clock), 's', undefined, emptyHistory);
  const events: TurnEvent[] = [];
  session.on('*', (event) => events.push(event));
  return { session, events };
}

describe('a machine that breaks', () => {
  it('is a turn that failed to whoever traces the session, and so is what it was at', async () => {
    const clock = new SimulatedClock();
    const { session } = fragileSession(scriptedModel([{ calls: [{ name: 'slow' }] }, 'Fine.']), clock);
    const traces = backend();
    traces.observe(session);
    session.send('Hi');
    await clock.advance(0);
    session.steer('This breaks it.');
    await clock.advance(0);
    expect(traces.tree().toSorted()).toEqual([
      '  chat script',
      '  chat script',
      '  execute_tool slow: cancelled',
      'invoke_agent fragile',
      'invoke_agent fragile: failed!',
    ]);
  });

  it('fails its turn with one terminal event, aborts what runs, and leaves a session that goes on', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([{ calls: [{ name: 'slow' }] }, 'Fine.']);
    const { session, events } = fragileSession(model, clock);
    const turn = session.send('Hi');
    await clock.advance(0);
    expect(session.snapshot.turn?.state).toBe('runningTools');
    expect(session.steer('This breaks it.')).toEqual({ accepted: true });

    const outcome = await turn.outcome;
    expect(outcome).toMatchObject({ status: 'failed', failure: { type: 'internal', name: 'Error' } });
    await expect(turn.result).rejects.toThrow(/planted/);
    const own = events.filter(({ turnId }) => turnId === turn.id).map(({ type }) => type);
    expect(own.slice(-3)).toEqual(['tool.cancelled', 'messages.updated', 'turn.failed']);

    await clock.advance(0);
    // what was said to the broken turn is not lost: it became the next one
    expect(session.messages.at(-1)).toMatchObject({ role: 'assistant', content: [{ text: 'Fine.' }] });
    expect(transcriptProblems(session.messages)).toEqual([]);
    expect(events.filter(({ n }) => n === undefined).map(({ seq }) => seq)).toEqual(
      events.filter(({ n }) => n === undefined).map((_, index) => index + 1),
    );
    await session.close();
    expect(clock.pending).toBe(0);
  });

  it('begins its recording anew, where the new machines begin', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([{ text: 'So', hangs: true }, 'One.', 'Two.']);
    const { session, events } = fragileSession(model, clock);
    let text = '';
    session.record((entry) => {
      text += `${JSON.stringify(entry)}\n`;
    });
    session.send('Hi');
    await clock.advance(0);
    session.steer('This breaks it.');
    await clock.advance(0);
    await session.close();
    const { sessions } = readRecording(text);
    expect(sessions.map(findDivergence)).toEqual([undefined, undefined]);
    expect(sessions.flatMap((each) => each.events)).toEqual(events);
  });

  it('keeps the turns that wait', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([{ text: 'So', hangs: true }, 'One.', 'Two.']);
    const { session } = fragileSession(model, clock);
    session.send('Hi');
    const next = session.send('Next');
    await clock.advance(0);
    session.steer('This breaks it.');
    await clock.advance(0);
    expect((await next.result).text).toBe('Two.');
    expect(model.signals[0]?.aborted).toBe(true);
    await session.close();
  });

  it('withdraws a message that guardrails have not seen yet', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel(['Fine.']);
    let isSlow = true;
    const check = () => (isSlow ? new Promise<never>(() => {}) : { action: 'allow' as const });
    const turn = turnMachine.provide({
      ...services({ model, guardrails: { input: [check] } }),
      actions: {
        keepSteering: enqueueActions(() => {
          throw new Error('planted');
        }),
      },
    });
    const setup = setupOf(sessionMachine.provide({ actors: { turn } }), clock);
    const input = { turn: { preparesSteps: true, guardsInput: true } };
    const session = new Session({ ...setup, input }, 's', undefined, emptyHistory);
    const broken = session.send('My secret is swordfish.');
    await clock.advance(0);
    isSlow = false;
    session.steer('This breaks it.');
    expect(await broken.outcome).toMatchObject({ status: 'failed', failure: { type: 'internal' } });
    await clock.advance(0);
    expect(session.snapshot.status).toBe('idle');
    expect(model.requests).toHaveLength(1);
    expect(JSON.stringify([model.requests, session.messages])).not.toContain('swordfish');
    await session.close();
  });

  it('ends the turn whose message it could not even take in', async () => {
    const machine = sessionMachine.provide({
      actions: {
        enqueueTurn: enqueueActions(() => {
          throw new Error('planted');
        }),
      },
    });
    const clock = new SimulatedClock();
    const session = new Session(setupOf(machine, clock), 's', undefined, emptyHistory);
    const events: TurnEvent[] = [];
    session.on('*', (event) => events.push(event));
    const turn = session.send('Hi');
    const outcome = await Promise.race([turn.outcome, clock.advance(0).then(() => 'it never ends')]);
    expect(outcome).toMatchObject({ status: 'failed', failure: { type: 'internal' }, messages: [] });
    expect(events.map(({ type }) => type)).toEqual(['turn.started', 'turn.failed', 'session.idle']);
    expect(events.map(({ at }) => at)).toEqual(events.map(() => clock.now()));
    await session.close();
  });

  it('is not met by agents of our own', async () => {
    const { text } = await createAgent({ model: scriptedModel(['Fine.']) }).run('Hi');
    expect(text).toBe('Fine.');
  });
});
