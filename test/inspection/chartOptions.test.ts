import { type ChartOptions, readChart, toMermaid, toSvg } from 'turnchart/inspection';
import { describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import { all, type Element, readSvg } from './readSvg.ts';

const machine = createMachine({
  id: 'm',
  initial: 'a',
  states: {
    a: { on: { in: 'b.c', skip: 'b' } },
    b: {
      initial: 'c',
      on: { stop: 'z' },
      states: {
        c: { on: { next: 'd', fail: '#m.z' } },
        d: { initial: 'e', states: { e: { on: { fail: '#m.z', back: '#m.b.c' } } } },
      },
    },
    z: { type: 'final' },
  },
});

async function draw(options: ChartOptions): Promise<Element[]> {
  return all(readSvg(await toSvg(machine, options)));
}

function states(drawn: readonly Element[]): (string | undefined)[] {
  return drawn.flatMap(({ attributes }) => attributes['data-state'] ?? []);
}

function labels(drawn: readonly Element[]): string[] {
  return drawn
    .filter(({ attributes }) => attributes.class?.startsWith('label'))
    .map(({ text }) => text.trim().replace('\n', ' | '));
}

function lines(mermaid: string): string[] {
  return mermaid
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
}

describe('a region', () => {
  test('is that state and what is in it, by id or by path', async () => {
    const drawn = await draw({ region: 'm.b' });

    expect(states(drawn)).toEqual(['m.b', 'm.b.d', 'm.b.c', 'm.b.d.e']);
    expect(await toSvg(machine, { region: 'b' })).toBe(await toSvg(machine, { region: 'm.b' }));
    expect(toMermaid(machine, { region: 'b' })).toBe(toMermaid(machine, { region: 'm.b' }));
  });

  test('has exits for what leads out of it, and writes what leaves it as a whole', async () => {
    const drawn = await draw({ region: 'b' });

    const exits = drawn.filter(({ attributes }) => attributes.class === 'state exit');
    expect(exits.map(({ text }) => text.trim())).toEqual(['→ z']);
    const frame = drawn.find(({ attributes }) => attributes['data-state'] === 'm.b');
    expect(frame?.text).toContain('stop → z');
    expect(lines(toMermaid(machine, { region: 'b' }))).toEqual([
      'stateDiagram-v2',
      'accTitle: m.b',
      'direction TB',
      '[*] --> b',
      'state "b" as b {',
      'direction TB',
      '[*] --> c',
      'c',
      'state "d" as d {',
      'direction TB',
      '[*] --> e',
      'e',
      'state "→ z" as exit__d__z',
      'state "→ c" as exit__d__c',
      'e --> exit__d__z : fail',
      'e --> exit__d__c : back',
      '}',
      'state "→ z" as exit__b__z',
      'c --> d : next',
      'c --> exit__b__z : fail',
      'd --> c : (from inside)',
      '}',
      'note right of b',
      'stop → z',
      'end note',
      'classDef exit fill:none,stroke-dasharray:4',
      'class exit__b__z,exit__d__z,exit__d__c exit',
    ]);
  });
});

describe('a collapsed state', () => {
  test('hides what is in it, and says how much that is', async () => {
    const drawn = await draw({ collapsed: ['b'] });

    expect(states(drawn)).toEqual(['m.a', 'm.b', 'm.z']);
    expect(drawn.find(({ attributes }) => attributes['data-state'] === 'm.b')?.text).toContain('3 states inside');
    expect(lines(toMermaid(machine, { collapsed: ['b'] }))).toEqual([
      'stateDiagram-v2',
      'accTitle: m',
      'direction TB',
      '[*] --> a',
      'a',
      'state "b" as b',
      'b : 3 states inside',
      'z',
      'a --> b : in → c<br>skip',
      'b --> z : stop<br>(from inside)',
      'z --> [*]',
    ]);
  });

  test('keeps the arrows that cross its border', async () => {
    expect(labels(await draw({ collapsed: ['b'] }))).toEqual(['in → c | skip', 'stop | (from inside)']);
    expect(labels(await draw({ collapsed: ['b.d'] }))).toContain('(from inside)');
  });

  test('can be given by depth, from the region on', async () => {
    expect(states(await draw({ collapsed: 1 }))).toEqual(['m.a', 'm.b', 'm.z']);
    expect(states(await draw({ collapsed: 2 }))).toEqual(['m.b', 'm.a', 'm.b.c', 'm.b.d', 'm.z']);
    expect(states(await draw({ collapsed: 3 }))).toEqual(states(await draw({})));
    expect(states(await draw({ region: 'b', collapsed: 1 }))).toEqual(['m.b', 'm.b.c', 'm.b.d']);
  });

  test('has nothing to hide if nothing is in it', async () => {
    expect(await toSvg(machine, { collapsed: ['a'] })).toBe(await toSvg(machine));
  });
});

describe('a highlight', () => {
  const { transitions } = readChart(machine);
  const indexOf = (source: string, event: string) =>
    transitions.findIndex((each) => each.source === source && 'event' in each.trigger && each.trigger.event === event);
  const highlight = {
    states: { 'b.c': 'active', 'm.b': { as: 'covered', label: '2×' }, z: 'uncovered' },
    transitions: {
      [indexOf('m.b.c', 'next')]: { as: 'covered', label: '7×' },
      [indexOf('m.a', 'in')]: 'uncovered',
      [indexOf('m.a', 'skip')]: 'active',
    },
  } as const;

  test('paints states and arrows of an SVG, with their counts', async () => {
    const drawn = await draw({ highlight });
    const classOf = (name: string, value: string) =>
      drawn.find(({ attributes }) => attributes[name] === value)?.attributes.class;

    expect(classOf('data-state', 'm.b.c')).toBe('state active');
    expect(classOf('data-state', 'm.b')).toBe('state frame covered');
    expect(classOf('data-state', 'm.z')).toBe('state final uncovered');
    expect(classOf('data-state', 'm.a')).toBe('state');
    expect(classOf('data-transitions', `${indexOf('m.b.c', 'next')}`)).toBe('arrow covered');
    expect(labels(drawn)).toContain('next 7×');
    expect(drawn.find(({ attributes }) => attributes['data-state'] === 'm.b')?.text.trim()).toBe('b 2×');
  });

  test('paints an arrow of several transitions by the strongest of them, and each line by its own', async () => {
    const drawn = await draw({
      highlight: { transitions: { [indexOf('m.b', 'stop')]: 'active' } },
      collapsed: ['b'],
    });
    const both = drawn.filter(({ attributes }) =>
      attributes['data-transitions']?.startsWith(`${indexOf('m.b', 'stop')} `),
    );
    expect(both.map(({ attributes }) => attributes.class)).toEqual(['arrow active', 'label active']);
    const texts = drawn.filter(({ name, text }) => name === 'text' && /^(stop|\(from)/.test(text));
    expect(texts.map(({ text, attributes }) => [text, attributes.class])).toEqual([
      ['stop', 'active'],
      ['(from inside)', undefined],
    ]);
  });

  test('gives classes to states of a Mermaid drawing, and signs to transitions', () => {
    const drawn = lines(toMermaid(machine, { highlight }));

    expect(drawn).toContain('class c active');
    expect(drawn).toContain('class b covered');
    expect(drawn).toContain('class z uncovered');
    expect(drawn).toContain('state "b 2×" as b {');
    expect(drawn).toContain('c --> d : ✓ next 7×');
    expect(drawn).toContain('a --> b : ✗ in → c<br>▶ skip');
  });

  test('of what is not drawn draws nothing', () => {
    expect(toMermaid(machine, { collapsed: 1, highlight: { states: { 'b.c': 'active' } } })).toBe(
      toMermaid(machine, { collapsed: 1 }),
    );
  });
});

describe('other options', () => {
  test('turn a drawing to the side', async () => {
    const sizes = await Promise.all(
      (['top-to-bottom', 'left-to-right'] as const).map(async (direction) => {
        const { attributes } = readSvg(await toSvg(turnMachine, { direction }));
        return [Number(attributes.width), Number(attributes.height)] as const;
      }),
    );
    const [[width = 0, height = 0] = [], [sideWidth = 0, sideHeight = 0] = []] = sizes;
    expect(height).toBeGreaterThan(width);
    expect(sideWidth).toBeGreaterThan(sideHeight);
  });

  test('choose a theme; Mermaid has none by itself, so that it takes that of the page', async () => {
    expect(readSvg(await toSvg(machine)).attributes.class).toBe('chart light');
    expect(readSvg(await toSvg(machine, { theme: 'dark' })).attributes.class).toBe('chart dark');
    expect(lines(toMermaid(machine))[0]).toBe('stateDiagram-v2');
    expect(lines(toMermaid(machine, { theme: 'dark' })).slice(0, 2)).toEqual([
      '%%{init: {"theme": "dark"}}%%',
      'stateDiagram-v2',
    ]);
    expect(lines(toMermaid(machine, { theme: 'light' }))[0]).toBe('%%{init: {"theme": "default"}}%%');
  });

  test('leave actions, descriptions and inner events out or show them', async () => {
    const text = async (options: ChartOptions) => readSvg(await toSvg(turnMachine, options)).text;

    expect(await text({})).not.toContain('/ keepSteering');
    expect(await text({ actions: true })).toContain('on turn.steer / keepSteering');
    expect(await text({ actions: true })).toContain('exit / stopTools');
    expect(await text({ descriptions: true, region: 'working.usingTools' })).toContain('on tool.prepared');
    expect(await text({ internal: false })).not.toContain('on tool.prepared');
  });
});

describe('an option that names what the machine does not have', () => {
  const known = 'The states of "m" are: m, m.a, m.b, m.b.c, m.b.d, m.b.d.e, m.z.';

  test.each<[string, ChartOptions, string]>([
    ['a region', { region: 'x' }, `There is no region "x". ${known}`],
    ['a collapsed state', { collapsed: ['a', 'b.x'] }, `There is no collapsed state "b.x". ${known}`],
    ['a highlighted state', { highlight: { states: { '': 'active' } } }, `There is no highlighted state "". ${known}`],
    [
      'a transition',
      { highlight: { transitions: { 7: 'active' } } },
      'There is no transition 7. Those of "m" are: 0 m.a in, 1 m.a skip, 2 m.b stop, 3 m.b.c next, 4 m.b.c fail, 5 m.b.d.e fail, 6 m.b.d.e back.',
    ],
    ['a depth of none', { collapsed: 0 }, 'collapsed is 0: as a depth it is a whole number from 1.'],
  ])('lists what it has: %s', async (_, options, message) => {
    expect(() => toMermaid(machine, options)).toThrow(message);
    await expect(toSvg(machine, options)).rejects.toThrow(message);
  });
});
