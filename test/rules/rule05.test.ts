import { createAgent, defineTool, isTerminal, type TurnEvent } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  afterEnding,
  endings,
  expectNoUnhandledRejections,
  ofType,
  payloadOf,
  readAll,
  record,
  typesOf,
} from './support.ts';

const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'nothing' });

function open() {
  const clock = new SimulatedClock();
  const model = scriptedModel([{ text: ['A', 'B'], calls: [{ name: 'look' }] }, { text: ['C', 'D'] }, 'Again.']);
  const session = createAgent({ model, tools: [look], clock }).session();
  return { clock, model, session, events: record(session) };
}

/** What a turn says where nobody throws. */
async function reference(): Promise<object[]> {
  const { clock, session, events } = open();
  session.send('Go.');
  await clock.advance(0);
  return withoutIds(events);
}

/** Events that two runs have in common: without the ids that each of them has made up. */
function withoutIds(events: readonly TurnEvent[]): object[] {
  const text = JSON.stringify(events.filter(({ type }) => type !== 'diagnostic').map(payloadOf));
  return JSON.parse(text.replaceAll(/turn_[0-9a-f-]{36}/g, 'turn'));
}

describe('5. A listener that throws never changes the turn: it becomes a `diagnostic` event (after the terminal event: one without `turnId`). A consumer that stops reading changes nothing.', () => {
  expectNoUnhandledRejections();

  it('goes on when a listener throws at every event', async () => {
    const { clock, session, events } = open();
    session.on('*', () => {
      throw new Error('boom');
    });
    const turn = session.send('Go.');
    await clock.advance(0);
    expect(withoutIds(events)).toEqual(await reference());
    expect((await turn.result).text).toBe('CD');
  });

  it('goes on when a listener rejects at every event', async () => {
    const { clock, session, events } = open();
    session.on('*', () => Promise.reject(new Error('boom')));
    const turn = session.send('Go.');
    await clock.advance(0);
    expect(withoutIds(events)).toEqual(await reference());
    expect((await turn.result).text).toBe('CD');
  });

  it('goes on when what a listener returns is a thenable that rejects', async () => {
    const { clock, session, events } = open();
    session.on('step.started', () => ({
      // biome-ignore lint/suspicious/noThenProperty: a promise of another library
      then: (_: unknown, reject: (error: unknown) => void) => reject(new Error('boom')),
    }));
    session.send('Go.');
    await clock.advance(0);
    expect(withoutIds(events)).toEqual(await reference());
    expect(ofType(events, 'diagnostic')).toHaveLength(2);
  });

  it('tells of a listener that throws, in a diagnostic of that turn', async () => {
    const { clock, session, events } = open();
    session.on('step.started', () => {
      throw new RangeError('out of bounds');
    });
    const turn = session.send('Go.');
    await clock.advance(0);
    const diagnostics = ofType(events, 'diagnostic');
    expect(diagnostics).toHaveLength(2);
    for (const { source, message, turnId } of diagnostics) {
      expect(source).toContain('step.started');
      expect(message).toContain('out of bounds');
      expect(turnId).toBe(turn.id);
    }
    expect(ofType(await readAll(turn), 'diagnostic')).toHaveLength(2);
  });

  it('tells of a listener that rejects, in a diagnostic of that turn', async () => {
    const { clock, session, events } = open();
    session.on('step.started', async ({ step }) => {
      if (step === 1) throw new RangeError('out of bounds');
    });
    const turn = session.send('Go.');
    await clock.advance(0);
    const [diagnostic, ...others] = ofType(events, 'diagnostic');
    expect(others).toEqual([]);
    expect(diagnostic).toMatchObject({ turnId: turn.id, message: expect.stringContaining('out of bounds') });
    expect(events.indexOf(diagnostic as TurnEvent)).toBeLessThan(events.findIndex(isTerminal));
  });

  it.each([
    'turn.completed',
    'session.idle',
  ] as const)('tells of a listener that throws at %s in a diagnostic without turnId, after the terminal event', async (type) => {
    const { clock, session, events } = open();
    session.on(type, () => {
      throw new Error('boom');
    });
    const turn = session.send('Go.');
    await clock.advance(0);
    expect(typesOf(afterEnding(events)).sort()).toEqual(['diagnostic', 'session.idle']);
    expect(ofType(events, 'diagnostic')[0]).not.toHaveProperty('turnId');
    expect((await readAll(turn)).at(-1)?.type).toBe('turn.completed');
  });

  it('tells of a rejection that comes long after the turn in a diagnostic without turnId', async () => {
    const { clock, session, events } = open();
    session.on(
      'turn.started',
      () => new Promise((_, reject) => clock.setTimeout(() => reject(new Error('late')), 500)),
    );
    session.send('Go.');
    await clock.advance(1_000);
    expect(events.at(-1)).toMatchObject({ type: 'diagnostic', message: expect.stringContaining('late') });
    expect(events.at(-1)).not.toHaveProperty('turnId');
  });

  it.each([
    ['undefined', undefined],
    ['a text', 'boom'],
    ['a symbol', Symbol('boom')],
    ['an object that is no text', Object.create(null)],
    ['an error whose message is none', Object.assign(new Error(), { message: { code: 7 } })],
  ])('tells of a listener that throws %s', async (_, thrown) => {
    const { clock, session, events } = open();
    session.on('step.started', () => {
      throw thrown;
    });
    session.send('Go.');
    await clock.advance(0);
    expect(withoutIds(events)).toEqual(await reference());
    expect(ofType(events, 'diagnostic')).toHaveLength(2);
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
    for (const { message } of ofType(events, 'diagnostic')) expect(message).toBeTypeOf('string');
  });

  it('does not tell a listener of diagnostics about itself for ever', async () => {
    const { clock, session, events } = open();
    session.on('diagnostic', () => {
      throw new Error('not even this');
    });
    session.on('step.started', () => {
      throw new Error('boom');
    });
    session.send('Go.');
    await clock.advance(0);
    expect(ofType(events, 'diagnostic').map(({ message }) => message)).toEqual(['Error: boom', 'Error: boom']);
    expect(endings(events)).toEqual(['turn.completed']);
  });

  it('still tells the other listeners, and the one that threw about what follows', async () => {
    const { clock, session } = open();
    const told: string[] = [];
    session.on('step.started', ({ step }) => {
      told.push(`a${step}`);
      throw new Error('boom');
    });
    session.on('step.started', ({ step }) => told.push(`b${step}`));
    session.send('Go.');
    await clock.advance(0);
    expect(told).toEqual(['a1', 'b1', 'a2', 'b2']);
  });

  it('keeps seq without gaps when listeners throw', async () => {
    const { clock, session, events } = open();
    session.on('*', () => {
      throw new Error('boom');
    });
    session.send('Go.');
    await clock.advance(0);
    const durable = events.filter(({ n }) => n === undefined);
    expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index + 1));
  });

  it('goes on when onEvent of a single run throws', async () => {
    const agent = createAgent({ model: scriptedModel(['Hello.']), clock: new SimulatedClock() });
    const onEvent = () => {
      throw new Error('boom');
    };
    expect((await agent.run('Hi', { onEvent })).text).toBe('Hello.');
  });

  it('goes on when a consumer stops reading', async () => {
    const { clock, session, events } = open();
    const turn = session.send('Go.');
    for await (const { type } of turn) if (type === 'step.started') break;
    await clock.advance(0);
    expect(withoutIds(events)).toEqual(await reference());
    expect(await turn.result).toMatchObject({ text: 'CD', steps: 2 });
  });

  it('goes on when a consumer throws while it reads', async () => {
    const { session, events } = open();
    const turn = session.send('Go.');
    const reading = (async () => {
      for await (const { type } of turn) if (type === 'message.delta') throw new Error('boom');
    })();
    await expect(reading).rejects.toThrow('boom');
    expect((await turn.result).text).toBe('CD');
    expect(withoutIds(events)).toEqual(await reference());
  });

  it('goes on when nobody reads at all', async () => {
    const { session } = open();
    expect((await session.send('Go.').result).text).toBe('CD');
    expect((await session.send('Go on.').result).text).toBe('Again.');
  });
});
