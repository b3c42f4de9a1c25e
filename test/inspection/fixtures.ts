import { type AnyStateMachine, and, assign, createMachine, fromPromise, not } from 'xstate';
import { machines } from '../../tools/charts.ts';

/** Machines as others write them, with everything that a chart can have and names that try to break drawings. */
export const fixtures: readonly AnyStateMachine[] = [
  createMachine({ id: 'alone' }),
  createMachine({ id: 'busyRoot', initial: 'a', on: { log: { actions: 'write' }, go: '.a' }, states: { a: {} } }),
  createMachine({
    id: 'player',
    description: 'Plays & pauses; "well".',
    initial: 'off',
    states: {
      off: {
        on: { power: { target: ['#player.on.sound.loud', '#player.on.picture.sharp'] } },
        tags: ['quiet', 'dark'],
      },
      on: {
        type: 'parallel',
        entry: 'hum',
        exit: ['click', { type: 'dim' }],
        on: { power: 'off', tick: { actions: 'count' } },
        onDone: '#player.worn',
        states: {
          sound: {
            initial: 'low',
            states: {
              low: { on: { up: 'loud', cross: '#player.on.picture.blurred' } },
              loud: { on: { down: 'low', break: '#player.worn' } },
              before: { type: 'history', target: 'loud' },
              gone: { type: 'final' },
            },
          },
          picture: {
            initial: 'sharp',
            states: {
              sharp: { after: { 1000: 'blurred', patience: 'blurred' } },
              blurred: {},
              gone: { type: 'final' },
            },
          },
          single: {},
        },
      },
      paused: { on: { resume: 'on.sound.before', deep: 'all' } },
      all: { type: 'history', history: 'deep' },
      worn: { type: 'final', description: 'Not to be mended.' },
    },
  }),
  createMachine({
    id: 'worker',
    initial: 'work',
    states: {
      work: {
        invoke: [
          { id: 'job', src: 'doWork', onDone: [{ target: 'group', guard: 'isLargeEnough' }, 'rest'], onError: 'rest' },
          { src: 'count', onDone: 'rest', onSnapshot: { actions: 'look' } },
          { src: fromPromise(async () => {}) },
        ],
        on: { stay: {}, again: { target: 'work', reenter: true }, '*': { actions: ['a', 'b'] }, 'part.*': 'rest' },
      },
      group: {
        id: 'custom.id',
        initial: 'x',
        onDone: { target: 'rest', description: 'All done.' },
        on: { restart: { target: '#custom\\.id', reenter: true }, inside: '.y' },
        states: {
          x: { on: { next: 'y', up: { target: '#custom\\.id', reenter: true }, out: '#worker.work' } },
          y: { type: 'final' },
          kept: { type: 'history', history: 'deep', target: 'x' },
        },
      },
      rest: {
        entry: [assign({}), () => {}],
        always: [
          { target: 'work', guard: and(['isReady', not('isLate')]) },
          { target: 'group', guard: () => true, actions: 'hurry' },
        ],
      },
    },
  }),
  createMachine({
    id: 'deep',
    initial: 'a',
    states: {
      a: {
        initial: 'b',
        states: {
          b: {
            initial: 'c',
            states: { c: { initial: 'd', states: { d: { on: { out: '#deep.z', up: '#deep.a.e' } } } } },
          },
          e: {},
        },
      },
      z: { on: { 'into the deep': 'a.b.c.d' } },
    },
  }),
  createMachine({
    id: 'names',
    initial: '<script>alert(1)</script>',
    description: '<b>]]></b> --> \u0007 "quoted"',
    states: {
      '<script>alert(1)</script>': {
        description: "'; DROP \\N & </title>",
        on: {
          '"quoted" & <b>': "it's",
          'a\nb\\l{|}': '日本語',
          '-->': 'with\\.dot',
          '#1': '#names.with\\.dot.in\\.side',
        },
      },
      "it's": { entry: '<i>', on: { 'x]]>y': { guard: '"<&>"', actions: '<i>' } } },
      日本語: { on: { '🙂': 'node [shape=box]', '\ud800': '"; a -> b' } },
      'with.dot': {
        initial: 'in.side',
        states: { 'in.side': {}, '#hash': {}, memory: { type: 'history', target: 'in\\.side' } },
      },
      'node [shape=box]': {},
      '"; a -> b': {},
      constructor: { on: { toString: 'b__2' } },
      b__2: { type: 'final' },
    },
  }),
];

/** These, and ours. */
export const everyMachine: readonly (readonly [id: string, machine: AnyStateMachine])[] = [
  ...machines,
  ...fixtures,
].map((machine) => [machine.id, machine]);
