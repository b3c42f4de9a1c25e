import { createAgent } from 'turnchart';
import { toText } from 'turnchart/inspection';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { createActor, createMachine, fromPromise, setup } from 'xstate';

describe('the chart of the moment as text', () => {
  it('marks the states that an actor is in, and says how it leaves them', () => {
    const light = createMachine({
      id: 'light',
      initial: 'red',
      states: {
        red: {
          on: { push: { guard: () => true, target: 'green' }, ring: {} },
          after: { 500: 'green', long: 'off' },
        },
        green: { initial: 'walk', states: { walk: { always: [] }, stop: {} } },
        off: { type: 'final' },
      },
    }).provide({ delays: { long: 900 } });
    expect(toText(createActor(light))).toBe(
      [
        'light',
        '● red',
        '    ├ push [(inline)] → green',
        '    ├ ring',
        '    ├ after 500 ms → green',
        '    ├ after long → off',
        '  green',
        '    walk',
        '    stop',
        '  off',
        '',
      ].join('\n'),
    );
  });

  it('marks one state in every region of a parallel one', () => {
    const both = createMachine({
      id: 'both',
      type: 'parallel',
      states: {
        left: { initial: 'a', states: { a: {}, b: {} } },
        right: { initial: 'b', states: { a: {}, b: {} } },
      },
    });
    expect(toText(createActor(both))).toBe('both\n● left\n  ● a\n    b\n● right\n    a\n  ● b\n');
  });

  it('draws each machine once, with the names of the actors where there are several', () => {
    const child = createMachine({ id: 'child', initial: 'busy', states: { busy: { on: { rest: 'idle' } }, idle: {} } });
    const parent = setup({ actors: { child, work: fromPromise(async () => 1) } }).createMachine({
      id: 'parent',
      initial: 'on',
      states: {
        on: {
          invoke: [
            { id: 'one', src: 'child' },
            { id: 'two', src: 'child' },
            { id: 'work', src: 'work', onDone: 'off' },
          ],
        },
        off: {},
      },
    });
    const actor = createActor(parent).start();
    actor.system.get('none');
    actor.getSnapshot().children.two?.send({ type: 'rest' });
    expect(toText(actor)).toBe(
      'parent\n● on\n    ├ done of work → off\n  off\n\nchild\n● busy  (one)\n    ├ rest → idle\n● idle  (two)\n',
    );
    actor.stop();
  });

  it('shows a session, its turn and its tool calls', async () => {
    const agent = createAgent({ model: scriptedModel([{ text: 'One', hangs: true }]) });
    const session = agent.session();
    expect(toText(session.actor)).toMatch(/^session\n● idle\n/);
    const turn = session.send('Count');
    for await (const { type } of turn) if (type === 'message.delta') break;
    expect(toText(session.actor)).toMatch(
      /● inTurn[\s\S]*● running[\s\S]*\nturn\n[\s\S]*● working\n[\s\S]*● callingModel/,
    );
    await session.close();
    expect(toText(session.actor)).toMatch(/\n● closed\n/);
  });

  it('says of another actor that it has no chart', () => {
    expect(toText(createActor(fromPromise(async () => 1)))).toBe('This actor has no chart: it is not a machine.\n');
  });
});
