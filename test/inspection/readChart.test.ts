import { readChart } from 'turnchart/inspection';
import { describe, expect, test } from 'vitest';
import { and, assign, createMachine, fromPromise, not, raise, stateIn } from 'xstate';

describe('readChart', () => {
  test('reads states as plain JSON, parents before their children', () => {
    const machine = createMachine({
      id: 'door',
      description: 'A door.',
      initial: 'shut',
      states: {
        shut: { description: 'Nobody passes.', tags: ['safe'], entry: ['lock', { type: 'ring' }], exit: 'unlock' },
        open: {
          initial: 'wide',
          invoke: { id: 'watch', src: 'watchDoor' },
          states: { wide: {}, last: { type: 'history', history: 'deep', target: 'wide' } },
        },
        gone: { type: 'final' },
      },
    });

    const { id, states } = readChart(machine);

    const empty = { tags: [], entry: [], exit: [], invokes: [] };
    expect(id).toBe('door');
    expect(states).toEqual([
      { ...empty, id: 'door', key: 'door', path: [], type: 'compound', initial: 'door.shut', description: 'A door.' },
      {
        id: 'door.shut',
        key: 'shut',
        path: ['shut'],
        type: 'atomic',
        parent: 'door',
        description: 'Nobody passes.',
        tags: ['safe'],
        entry: ['lock', 'ring'],
        exit: ['unlock'],
        invokes: [],
      },
      {
        ...empty,
        id: 'door.open',
        key: 'open',
        path: ['open'],
        type: 'compound',
        parent: 'door',
        initial: 'door.open.wide',
        invokes: [{ id: 'watch', src: 'watchDoor' }],
      },
      { ...empty, id: 'door.open.wide', key: 'wide', path: ['open', 'wide'], type: 'atomic', parent: 'door.open' },
      {
        ...empty,
        id: 'door.open.last',
        key: 'last',
        path: ['open', 'last'],
        type: 'history',
        parent: 'door.open',
        history: { depth: 'deep', targets: ['door.open.wide'] },
      },
      { ...empty, id: 'door.gone', key: 'gone', path: ['gone'], type: 'final', parent: 'door' },
    ]);
    expect(JSON.parse(JSON.stringify(states))).toEqual(states);
  });

  test('reads every kind of transition, `always` too', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'b',
          states: { b: {} },
          on: {
            go: { target: 'z', guard: 'may', actions: ['note', { type: 'count' }], description: 'Away.' },
            stay: { actions: 'note' },
            again: { target: 'a', reenter: true },
            never: {},
          },
          onDone: 'z',
          invoke: { id: 'job', src: 'work', onDone: 'z', onError: 'z', onSnapshot: { actions: 'note' } },
          after: { 50: 'z', pause: { target: 'z', guard: 'may' } },
          always: { target: 'z', guard: 'hasLeft' },
        },
        z: {},
      },
    });

    const none = { targets: [], actions: [], reenter: false };
    const toZ = { source: 'm.a', ...none, targets: ['m.z'] };
    expect(readChart(machine).transitions).toEqual([
      {
        ...toZ,
        trigger: { kind: 'event', event: 'go' },
        guard: 'may',
        actions: ['note', 'count'],
        description: 'Away.',
      },
      { ...none, source: 'm.a', trigger: { kind: 'event', event: 'stay' }, actions: ['note'] },
      { ...none, source: 'm.a', trigger: { kind: 'event', event: 'again' }, targets: ['m.a'], reenter: true },
      { ...none, source: 'm.a', trigger: { kind: 'event', event: 'never' } },
      { ...toZ, trigger: { kind: 'done', event: 'xstate.done.state.m.a', of: 'm.a' } },
      { ...toZ, trigger: { kind: 'done', event: 'xstate.done.actor.job', of: 'job' } },
      { ...toZ, trigger: { kind: 'error', event: 'xstate.error.actor.job', of: 'job' } },
      {
        ...none,
        source: 'm.a',
        trigger: { kind: 'snapshot', event: 'xstate.snapshot.job', of: 'job' },
        actions: ['note'],
      },
      { ...toZ, trigger: { kind: 'after', event: 'xstate.after.50.m.a', delay: 50 } },
      { ...toZ, trigger: { kind: 'after', event: 'xstate.after.pause.m.a', delay: 'pause' }, guard: 'may' },
      { ...toZ, trigger: { kind: 'always' }, guard: 'hasLeft' },
    ]);
  });

  test('names guards and actions that were written in place', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          entry: [assign({}), raise({ type: 'x' }), () => {}, function greet() {}],
          invoke: { src: fromPromise(async () => {}) },
          on: {
            arrow: { guard: () => true, actions: () => {} },
            named: {
              guard: function isLate() {
                return true;
              },
            },
            combined: { guard: and(['p', not({ type: 'q' }), stateIn('#m.a')]) },
          },
        },
      },
    });

    const { states, transitions } = readChart(machine);

    expect(states[1]?.entry).toEqual(['assign', 'raise', '(inline)', 'greet']);
    expect(states[1]?.invokes).toEqual([{ id: '0.m.a', src: '(inline)' }]);
    expect(transitions[0]).toMatchObject({ guard: '(inline)', actions: ['(inline)'] });
    expect(transitions.map(({ guard }) => guard)).toEqual(['(inline)', 'isLate', 'and(p, not(q), stateIn)']);
  });

  test('finds the target of a history state by name, by id, and below an id', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'b',
          states: {
            b: { id: 'here', initial: 'c', states: { c: {} } },
            byName: { type: 'history', target: 'b' },
            byId: { type: 'history', target: '#here' },
            below: { type: 'history', target: '#here.c' },
            without: { type: 'history' },
          },
        },
      },
    });

    const targets = readChart(machine).states.flatMap(({ history }) =>
      history === undefined ? [] : [history.targets],
    );

    expect(targets).toEqual([['here'], ['here'], ['m.a.b.c'], []]);
  });

  test('finds the target of a history state whose name has a dot, as XState does', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a.b',
      states: {
        'a.b': { initial: 'c.d', states: { 'c.d': {} } },
        byName: { type: 'history', target: 'a\\.b.c\\.d' },
        byId: { type: 'history', target: '#m.a\\.b' },
      },
    });

    const targets = readChart(machine).states.flatMap(({ history }) => history?.targets ?? []);

    expect(targets).toEqual(['m.a.b.c.d', 'm.a.b']);
  });

  describe('refuses a machine that leads to a state that does not exist', () => {
    test('by a transition, where XState lets it pass', () => {
      const machine = createMachine({ id: 'm', initial: 'a', states: { a: { on: { x: 'toString' } } } });
      expect(() => readChart(machine)).toThrow(
        '"m.a" leaves on "x", for a state that "m" does not have. Its states are: #m, #m.a.',
      );
    });

    test('by its initial state', () => {
      const machine = createMachine({ id: 'm', initial: 'b', states: { a: {} } });
      expect(() => readChart(machine)).toThrow('"m" begins in "b", for a state that "m" does not have.');
    });

    test.each(['b', '#b', '#m.b', 'toString'])('by a history state to %s', (target) => {
      const machine = createMachine({ id: 'm', initial: 'a', states: { a: {}, h: { type: 'history', target } } });
      expect(() => readChart(machine)).toThrow(`"m.h" remembers "${target}", `);
    });

    test('by a transition, as XState does itself', () => {
      expect(() => createMachine({ id: 'm', initial: 'a', states: { a: { always: 'b' } } })).toThrow(
        "'b' does not exist",
      );
    });
  });
});
