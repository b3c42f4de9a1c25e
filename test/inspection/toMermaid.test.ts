import { type ChartOptions, toMermaid } from 'turnchart/inspection';
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, createMachine } from 'xstate';

/** What is drawn, without the lines that every drawing begins with. */
function draw(machine: AnyStateMachine, options?: ChartOptions): string {
  const [type, title, ...lines] = toMermaid(machine, options).trimEnd().split('\n');
  expect([type, title]).toEqual(['stateDiagram-v2', `  accTitle: ${machine.id}`]);
  return lines.map((line) => line.slice(2)).join('\n');
}

function text(...lines: string[]): string {
  return lines.join('\n');
}

describe('toMermaid', () => {
  test('draws states, the initial one, final ones, and events with guards', () => {
    const machine = createMachine({
      id: 'light',
      description: 'A light; it breaks: sometimes.',
      initial: 'off',
      states: {
        off: { on: { toggle: [{ target: 'broken', guard: 'isOld' }, 'on'] } },
        on: { on: { toggle: 'off' } },
        broken: { type: 'final' },
      },
    });

    expect(toMermaid(machine)).toBe(
      `${text(
        'stateDiagram-v2',
        '  accTitle: light',
        '  accDescr: A light#59; it breaks#58; sometimes.',
        '  direction TB',
        '  [*] --> off',
        '  off',
        '  on',
        '  broken',
        '  off --> broken : toggle [isOld]',
        '  off --> on : toggle [else]',
        '  on --> off : toggle',
        '  broken --> [*]',
      )}\n`,
    );
  });

  test('draws timers, `always`, and the ends of actors and of states', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'work',
      states: {
        work: {
          invoke: { id: 'job', src: 'doWork', onDone: { target: 'group', guard: 'isLargeEnough' }, onError: 'wait' },
          after: { 500: 'wait', patience: 'wait' },
        },
        wait: { always: [{ target: 'work', guard: 'isReady' }, 'group'] },
        group: { initial: 'x', onDone: 'pass', states: { x: { type: 'final' } } },
        pass: { always: 'work' },
        unnamed: { invoke: { src: 'count', onDone: 'work', onSnapshot: { actions: 'look' } } },
      },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> work',
        'state "work" as work',
        'work : runs doWork as job',
        'wait',
        'state "group" as group {',
        '  direction TB',
        '  [*] --> x',
        '  x',
        '  x --> [*]',
        '}',
        'pass',
        'state "unnamed" as unnamed',
        'unnamed : runs count',
        'unnamed : snapshot#58; count',
        'work --> group : done#58; job<br>[isLargeEnough]',
        'work --> wait : error#58; job<br>after 500 ms<br>after patience',
        'wait --> work : [isReady]',
        'wait --> group : [else]',
        'group --> pass : done',
        'pass --> work : always',
        'unnamed --> work : done#58; count',
      ),
    );
  });

  test('puts transitions of the same way on one arrow, a line each, naming their event once', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          on: { go: [{ target: 'b', guard: 'p' }, { target: 'b', guard: 'q' }, 'b'], run: 'b' },
        },
        b: {},
      },
    });

    expect(draw(machine)).toContain('a --> b : go<br>[p]<br>[q]<br>[else]<br>run');
  });

  test('writes what stays in a state into the state', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          on: {
            tick: { actions: 'count' },
            tock: [{ guard: 'isLoud', actions: 'count' }, { actions: 'ignore' }],
            same: { target: 'a', actions: 'count' },
            again: { target: 'a', reenter: true },
            stop: {},
          },
        },
      },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> a',
        'state "a" as a',
        'a : on tick',
        'a : on tock [isLoud]',
        'a : on tock [else]',
        'a : on same',
        'a : again → a',
        'a : ignores stop',
      ),
    );
    expect(draw(machine, { internal: false })).toBe(
      text('direction TB', '[*] --> a', 'state "a" as a', 'a : again → a'),
    );
  });

  test('ends arrows at the border of a state, and goes on outside', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { on: { in: 'b.c', skip: '#m.b.d.e' } },
        b: {
          initial: 'c',
          on: { stop: 'z' },
          states: {
            c: { on: { next: 'd', fail: '#m.z' } },
            d: { initial: 'e', states: { e: { on: { fail: '#m.z', back: '#m.b.c' } } } },
          },
        },
        z: {},
      },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> a',
        'a',
        'state "b" as b {',
        '  direction TB',
        '  [*] --> c',
        '  c',
        '  state "d" as d {',
        '    direction TB',
        '    [*] --> e',
        '    e',
        '    state "→ z" as exit__d__z',
        '    state "→ c" as exit__d__c',
        '    e --> exit__d__z : fail',
        '    e --> exit__d__c : back',
        '  }',
        '  state "→ z" as exit__b__z',
        '  c --> d : next',
        '  c --> exit__b__z : fail',
        '  d --> c : (from inside)',
        '}',
        'z',
        'a --> b : in → c<br>skip → e',
        'b --> z : stop<br>(from inside)',
        'classDef exit fill:none,stroke-dasharray:4',
        'class exit__b__z,exit__d__z,exit__d__c exit',
      ),
    );
  });

  test('writes into a note what a state with states inside does, and what leads between it and them', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'b',
          invoke: { id: 'job', src: 'job', onDone: { target: 'a', reenter: true } },
          on: { tick: { actions: 'count' }, reset: '.b' },
          states: { b: { on: { up: { target: '#m.a', reenter: true } } } },
        },
      },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> a',
        'state "a" as a {',
        '  direction TB',
        '  [*] --> b',
        '  state "b" as b',
        '  b : up → a',
        '}',
        'note right of a',
        '  runs job',
        '  on tick',
        '  reset → b',
        '  done#58; job (reenter) → a',
        'end note',
      ),
    );
  });

  test('draws parallel regions, what the whole of them does, and arrows to several targets', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'off',
      states: {
        off: { on: { start: { target: ['#m.both.left.b', '#m.both.right.d'] } } },
        both: {
          type: 'parallel',
          on: { tick: { actions: 'count' } },
          onDone: 'off',
          states: {
            left: { initial: 'a', states: { a: { on: { cross: '#m.both.right.d', quit: '#m.off' } }, b: {} } },
            right: { initial: 'd', on: { drop: '#m.off' }, states: { d: {} } },
          },
        },
      },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> off',
        'off',
        'state "both" as both {',
        '  direction TB',
        '  state "on tick" as text__both',
        '  --',
        '  state "left" as left {',
        '    direction TB',
        '    [*] --> a',
        '    state "a" as a',
        '    a : cross → d',
        '    b',
        '    state "→ off" as exit__left__off',
        '    a --> exit__left__off : quit',
        '  }',
        '  --',
        '  state "right" as right {',
        '    direction TB',
        '    [*] --> d',
        '    d',
        '  }',
        '  note right of right',
        '    drop → off',
        '  end note',
        '}',
        'off --> both : start<br>→ b<br>→ d',
        'both --> off : done<br>(from inside)',
        'classDef exit fill:none,stroke-dasharray:4',
        'class exit__left__off exit',
        'classDef text fill:none,stroke:none',
        'class text__both text',
      ),
    );
  });

  test('draws history states, and where they go the first time', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'b',
          states: { b: {}, c: {}, last: { type: 'history', target: 'c' }, deep: { type: 'history', history: 'deep' } },
        },
        z: { on: { back: 'a.last', deep: '#m.a.deep' } },
      },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> a',
        'state "a" as a {',
        '  direction TB',
        '  [*] --> b',
        '  b',
        '  c',
        '  state "H" as last',
        '  state "H#42;" as deep',
        '  last --> c',
        '}',
        'z',
        'z --> a : back → H<br>deep → H#42;',
      ),
    );
  });

  test('frames the whole machine if its root does something itself, or has nothing inside', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      on: { log: { actions: 'write' } },
      states: { a: {} },
    });

    expect(draw(machine)).toBe(
      text(
        'direction TB',
        '[*] --> m',
        'state "m" as m {',
        '  direction TB',
        '  [*] --> a',
        '  a',
        '}',
        'note right of m',
        '  on log',
        'end note',
      ),
    );
    expect(draw(createMachine({ id: 'one' }))).toBe(text('direction TB', '[*] --> one', 'one'));
  });

  test('shows descriptions and actions on request', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          description: 'Waits for a long time, so long that it needs more than one line.',
          entry: ['open', 'greet'],
          exit: 'close',
          on: { go: { target: 'b', actions: ['pack', 'leave'] }, tick: { actions: 'count' } },
        },
        b: { description: 'Here.' },
      },
    });

    expect(draw(machine, { descriptions: true, actions: true, direction: 'left-to-right' })).toBe(
      text(
        'direction LR',
        '[*] --> a',
        'state "a" as a',
        'a : Waits for a long time, so long that it needs',
        'a : more than one line.',
        'a : entry / open, greet',
        'a : on tick / count',
        'a : exit / close',
        'state "b" as b',
        'b : Here.',
        'a --> b : go / pack, leave',
      ),
    );
  });

  test('tells states of the same name apart, and takes no word of Mermaid for a name', () => {
    const inner = { initial: 'wait', states: { wait: {} } };
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: inner,
        b: inner,
        note: {},
        end: {},
        root: {},
        'on hold': {},
        日本: {},
        constructor: {},
        a_start: {},
      },
    });

    const ids = [...draw(machine).matchAll(/^ *state "(.*?)" as (\w+)/gm)].map(([, name, id]) => `${name} ${id}`);

    expect(ids).toEqual([
      'a a',
      'wait m__a__wait',
      'b b',
      'wait m__b__wait',
      'note m__note',
      'end s6_m__end_',
      'root m__root',
      'on hold m__on_hold',
      '日本 m____',
      'constructor m__constructor',
      'a#95;start s11_m__a_start_',
    ]);
  });

  test('escapes what Mermaid, Markdown or HTML would read', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { on: { 'a:b;c#d"e<f>&%%{}': 'b', '*bold* _it_ `c` $$x$$ ~s~ \\n': 'b', '1. x': 'b', '- y\nz': 'b' } },
        b: { on: { 'direction TB': 'a', '[[fork]]': 'a' } },
      },
    });

    expect(draw(machine).split('\n').slice(-2)).toEqual([
      `a --> b : ${[
        'a#58;b#59;c#35;d#34;e#60;f#62;#38;#37;#37;#123;#125;',
        '#42;bold#42; #95;it#95; #96;c#96; #36;#36;x#36;#36; #126;s#126; #92;n',
        '#49;. x',
        '#45; y z',
      ].join('<br>')}`,
      'b --> a : direction#32;TB<br>#91;[fork]]',
    ]);
  });
});
