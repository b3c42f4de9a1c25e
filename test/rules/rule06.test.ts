import { createAgent, defineTool, type TurnEvent } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deferred, endings, ofType, readAll, record, typesOf } from './support.ts';

const pieces = Array.from({ length: 5_000 }, (_, index) => `${index} `);

function open() {
  const clock = new SimulatedClock();
  const model = scriptedModel([{ text: pieces }, 'Again.']);
  const session = createAgent({ model, clock }).session();
  return { clock, session, events: record(session) };
}

const textOfDeltas = (events: readonly TurnEvent[]) =>
  ofType(events, 'message.delta')
    .map(({ text }) => text)
    .join('');

describe('6. A slow consumer never blocks the loop.', () => {
  it('ends a turn of thousands of deltas while its consumer rests at the first event', async () => {
    const { clock, session, events } = open();
    const turn = session.send('Count.');
    const rest = deferred();
    const read: TurnEvent[] = [];
    const reading = (async () => {
      for await (const event of turn) {
        read.push(event);
        await rest.promise;
      }
    })();
    await clock.advance(0);
    expect(read).toHaveLength(1);
    expect(ofType(events, 'message.delta')).toHaveLength(pieces.length);
    expect(endings(events)).toEqual(['turn.completed']);
    expect((await session.send('Again?').result).text).toBe('Again.');

    rest.resolve();
    await reading;
    expect(textOfDeltas(read)).toBe(pieces.join(''));
    expect(read.at(-1)?.type).toBe('turn.completed');
  });

  it('merges the deltas that nobody has read, so that reading late gives one with the whole text', async () => {
    const { session } = open();
    const turn = session.send('Count.');
    await turn.outcome;
    const read = await readAll(turn);
    expect(typesOf(read)).toEqual([
      'turn.started',
      'message.added',
      'step.started',
      'message.started',
      'message.delta',
      'message.completed',
      'step.finished',
      'turn.completed',
    ]);
    expect(textOfDeltas(read)).toBe(pieces.join(''));
  });

  it('gives a consumer that reads now and then all of the text, in order', async () => {
    const gates = pieces.map(() => deferred());
    const model = scriptedModel([{ text: pieces }]);
    const slow: typeof model = {
      ...model,
      async *stream(request, options) {
        let index = 0;
        for await (const part of model.stream(request, options)) {
          yield part;
          if (index % 100 === 0) await gates[index]?.promise;
          index += 1;
        }
      },
    };
    const clock = new SimulatedClock();
    const turn = createAgent({ model: slow, clock }).session().send('Count.');
    const read: TurnEvent[] = [];
    for await (const event of turn) {
      read.push(event);
      for (let index = 0; index < read.length * 100; index += 100) gates[index]?.resolve();
      await clock.advance(0);
    }
    expect(textOfDeltas(read)).toBe(pieces.join(''));
    expect(ofType(read, 'message.delta').length).toBeGreaterThan(1);
    expect(ofType(read, 'message.delta').length).toBeLessThan(pieces.length);
    expect(ofType(read, 'turn.completed')).toHaveLength(1);
  });

  it('does not merge what belongs to different messages, or to text and reasoning', async () => {
    const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'nothing' });
    const model = scriptedModel([
      { reasoning: 'Hm. ', text: ['A', 'B'], calls: [{ name: 'look' }] },
      { text: ['C', 'D'] },
    ]);
    const turn = createAgent({ model, tools: [look], clock: new SimulatedClock() })
      .session()
      .send('Go.');
    await turn.outcome;
    const read = await readAll(turn);
    expect(ofType(read, 'reasoning.delta').map(({ text }) => text)).toEqual(['Hm. ']);
    expect(ofType(read, 'message.delta').map(({ text }) => text)).toEqual(['AB', 'CD']);
  });

  it('keeps of unread progress the latest of each tool, however many tools report in turn', async () => {
    const clock = new SimulatedClock();
    const work = defineTool({
      name: 'work',
      input: z.object({}),
      repeatable: true,
      execute: async (_, { progress }) => {
        for (let index = 1; index <= 1_000; index += 1) {
          progress(`${index} of 1000`);
          await undefined;
        }
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 1));
        return 'done';
      },
    });
    const model = scriptedModel([{ calls: [{ name: 'work' }, { name: 'work' }, { name: 'work' }] }, 'Done.']);
    const session = createAgent({ model, tools: [work], clock }).session();
    const events = record(session);
    const turn = session.send('Go.');
    await clock.advance(1);
    expect(ofType(events, 'tool.progress')).toHaveLength(3_000);
    const read = ofType(await readAll(turn), 'tool.progress');
    // one of each tool for every durable event that lies between
    expect(read.length).toBeLessThanOrEqual(9);
    for (const id of ['call_1', 'call_2', 'call_3']) {
      expect(read.filter(({ toolCallId }) => toolCallId === id).at(-1)?.text).toBe('1000 of 1000');
    }
    const places = read.map(({ seq, n = 0 }) => seq * 10_000 + n);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('does not wait for listeners that return a promise', async () => {
    const { session } = open();
    session.on('*', () => new Promise<void>(() => {}));
    expect((await session.send('Count.').result).text).toBe(pieces.join(''));
  });
});
