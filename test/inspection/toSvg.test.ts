import { spawnSync } from 'node:child_process';
import { type ChartState, readChart, toSvg } from 'turnchart/inspection';
import { describe, expect, test } from 'vitest';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import { machines } from '../../tools/charts.ts';
import { everyMachine } from './fixtures.ts';
import { all, type Element, readSvg } from './readSvg.ts';

const is = (name: string) => (element: Element) => (element.attributes.class ?? '').split(' ').includes(name);

function transitionsOf({ attributes }: Element): number[] {
  return (attributes['data-transitions'] ?? '').split(' ').filter(Boolean).map(Number);
}

function stateIn(svg: Element, id: string): Element {
  const found = all(svg).find(({ attributes }) => attributes['data-state'] === id);
  if (found === undefined) throw new Error(`no state ${id} is drawn`);
  return found;
}

/** Where a state or a label is. */
function rectangleOf(group: Element): { x: number; y: number; right: number; bottom: number } {
  const [x = 0, y = 0, width = 0, height = 0] = ['x', 'y', 'width', 'height'].map((name) =>
    Number(group.children.find((child) => child.name === 'rect')?.attributes[name]),
  );
  return { x, y, right: x + width, bottom: y + height };
}

/** XML has no place for control characters and halves of letters, and names keep their spaces. */
function asWritten(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are left out
  return text.toWellFormed().replace(/[\u0000-\u0008]/g, '');
}

describe('toSvg', () => {
  describe.each(everyMachine)('of %s', (_, machine) => {
    const { states, transitions } = readChart(machine);

    test('is well-formed, and shows every state by its name, but for a frame that would say nothing', async () => {
      const svg = readSvg(await toSvg(machine));

      const drawn = all(svg).filter(({ attributes }) => 'data-state' in attributes);
      const ids = drawn.map(({ attributes }) => attributes['data-state']);
      const [root] = states;
      const expected = states.map(({ id }) => asWritten(id));
      expect(new Set(ids).size).toBe(ids.length);
      expect([...ids].sort()).toEqual((ids.includes(root?.id) ? expected : expected.slice(1)).sort());
      const name = ({ key, history }: ChartState) =>
        history === undefined ? key : { shallow: 'H', deep: 'H*' }[history.depth];
      for (const state of states) {
        if (!ids.includes(asWritten(state.id))) continue;
        const title = stateIn(svg, asWritten(state.id)).children.find(is('name'));
        expect(title?.text).toBe(asWritten(name(state)));
      }
    });

    test('shows every transition, by its event and its guard, at an arrow or in its state', async () => {
      const svg = readSvg(await toSvg(machine));

      const texts = all(svg).filter((element) => element.name === 'text' && transitionsOf(element).length > 0);
      const shown = texts.flatMap(transitionsOf);
      expect(new Set(shown)).toEqual(new Set(transitions.keys()));
      for (const [index, { guard }] of transitions.entries()) {
        if (guard === undefined) continue;
        const text = texts.find((each) => transitionsOf(each).includes(index))?.text;
        expect(text).toContain(`[${asWritten(guard)}]`);
      }
    });

    test('has a head at an arrow for each target that is neither the state itself, nor around it, nor inside', async () => {
      const svg = readSvg(await toSvg(machine));

      const pathOf = new Map(states.map(({ id, path }) => [id, path]));
      const isAround = (outer: string, inner: string) =>
        pathOf.get(outer)?.every((key, index) => pathOf.get(inner)?.[index] === key) === true;
      const arrows = all(svg).filter(is('arrow'));
      for (const [index, { source, targets }] of transitions.entries()) {
        if (targets.some((target) => isAround(source, target) || isAround(target, source))) continue;
        const arrow = arrows.find((each) => transitionsOf(each).includes(index));
        const heads = arrow?.children.filter(({ name }) => name === 'polygon') ?? [];
        expect([index, heads.length]).toEqual([index, targets.length]);
      }
    });

    test('is the same every time', async () => {
      expect(await toSvg(machine)).toBe(await toSvg(machine));
    });
  });

  test.each(
    machines.map((machine) => [machine.id, machine] as const),
  )('draws no two states or labels of %s over each other, in either direction', async (_, machine) => {
    for (const direction of ['top-to-bottom', 'left-to-right'] as const) {
      const svg = readSvg(await toSvg(machine, { direction }));
      const things = all(svg).filter((each) => (is('state')(each) && !is('frame')(each)) || is('label')(each));
      const places = things.map(rectangleOf);
      for (const [index, a] of places.entries()) {
        for (const b of places.slice(index + 1)) {
          const apart = a.right <= b.x || b.right <= a.x || a.bottom <= b.y || b.bottom <= a.y;
          expect(apart ? [] : [a, b]).toEqual([]);
        }
      }
    }
  });

  test('puts states inside of the state around them, and final ones after all that leads to them', async () => {
    const svg = readSvg(await toSvg(turnMachine));

    const working = rectangleOf(stateIn(svg, 'turn.working'));
    for (const key of ['choosing', 'callingModel', 'retrying', 'usingTools', 'usingTools.runningTools']) {
      const inner = rectangleOf(stateIn(svg, `turn.working.${key}`));
      expect(inner.x > working.x && inner.y > working.y).toBe(true);
      expect(inner.right < working.right && inner.bottom < working.bottom).toBe(true);
    }
    expect(rectangleOf(stateIn(svg, 'turn.idle')).bottom).toBeLessThan(working.y);
    for (const key of ['done', 'failed', 'cancelled']) {
      expect(rectangleOf(stateIn(svg, `turn.${key}`)).y).toBeGreaterThan(working.bottom);
    }
  });

  test('is not so wide that a README would shrink it to less than 60 %', async () => {
    for (const machine of machines) {
      expect(Number(readSvg(await toSvg(machine)).attributes.width)).toBeLessThanOrEqual(830 / 0.6);
    }
  });

  test('tells screen readers and those who rest on a state what it is', async () => {
    const svg = readSvg(await toSvg(turnMachine));

    expect(svg.attributes.role).toBe('img');
    expect(svg.children.slice(0, 2).map(({ name, text }) => [name, text])).toEqual([
      ['title', 'turn'],
      ['desc', 'One user message up to its terminal event.'],
    ]);
    const [hint] = stateIn(svg, 'turn.idle').children;
    expect([hint?.name, hint?.text]).toEqual(['title', 'Waits for its message.']);
  });

  test('names the package to install when state-machine-cat is missing', () => {
    const program = `
      import { registerHooks } from 'node:module';
      import { createMachine } from 'xstate';
      registerHooks({ resolve: (name, context, next) => next(name.replace('state-machine-cat', 'not-there'), context) });
      const { toSvg } = await import('turnchart/inspection');
      await toSvg(createMachine({ id: 'm' })).catch((error) => console.log(error.message));`;

    const { stdout } = spawnSync(
      process.execPath,
      ['--conditions=turnchart-source', '--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    );

    expect(stdout).toBe('toSvg needs the package state-machine-cat: npm install state-machine-cat\n');
  });
});
