import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readChart } from 'turnchart/inspection';
import { type PathSubjectName, turnPaths } from 'turnchart/testing/paths';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { machines, run, staleFiles } from '../../tools/charts.ts';
import { all, readSvg } from './readSvg.ts';

// all is drawn once, and that takes seconds
vi.setConfig({ testTimeout: 60_000 });

const root = new URL('../../', import.meta.url);

describe('the charts of this repository', () => {
  test('are what the machines say now; if not, run `npm run charts`', async () => {
    expect([...(await staleFiles(root)).keys()]).toEqual([]);
  });

  test.each(
    machines.map((machine) => [machine.id, machine] as const),
  )('%s describes each of its states', (_, machine) => {
    const undescribed = readChart(machine).states.filter(({ description }) => !description?.trim());
    expect(undescribed.map(({ id }) => id)).toEqual([]);
  });

  // readChart refuses unknown targets; that the states read are the ones meant is checked here once more
  test.each(
    machines.map((machine) => [machine.id, machine] as const),
  )('%s leads only to states it has', (_, machine) => {
    const { states, transitions } = readChart(machine);
    const ids = new Set(states.map(({ id }) => id));
    const targets = transitions.flatMap((transition) => transition.targets);
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.filter((target) => !ids.has(target))).toEqual([]);
  });

  test.each(
    machines.map((machine) => [machine.id, machine] as const),
  )('%s can reach each of its states', (_, machine) => {
    const { states, transitions } = readChart(machine);
    const parents = new Map(states.map(({ id, parent }) => [id, parent]));
    const reached = new Set<string>();
    const reach = (id: string | undefined) => {
      if (id === undefined || reached.has(id)) return;
      reached.add(id);
      reach(parents.get(id));
      for (const state of states) {
        if (state.id === id) reach(state.initial);
        if (state.parent === id && states.find((each) => each.id === id)?.type === 'parallel') reach(state.id);
      }
      for (const { source, targets } of transitions) if (source === id) targets.forEach(reach);
    };
    reach(machine.root.id);
    expect(states.map(({ id }) => id).filter((id) => !reached.has(id))).toEqual([]);
  });
});

describe('npm run charts', () => {
  let folder: string;
  const said: string[] = [];
  const at = (file: string) => join(folder, file);
  const charts = (...args: string[]) => {
    said.length = 0;
    return run(args, pathToFileURL(`${folder}/`), (line) => said.push(line));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'charts-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('writes drawings of each machine and of the actors, and a gallery of them', async () => {
    expect(await charts()).toBe(0);
    const files = ['turn', 'toolCall', 'session', 'compaction'].flatMap((name) => [
      `${name}.light.svg`,
      `${name}.dark.svg`,
      `${name}.mmd`,
      `${name}.json`,
      `${name}.coverage.light.svg`,
      `${name}.coverage.dark.svg`,
    ]);
    const paths = said.flatMap((line) => /^wrote visualizations\/(paths\/.+)$/.exec(line)?.[1] ?? []);
    const whole = ['actors.light.svg', 'actors.dark.svg', 'actors.mmd', ...files, ...paths, 'README.md'];
    expect(said.toSorted()).toEqual(whole.map((file) => `wrote visualizations/${file}`).sort());
    expect(readFileSync(at('visualizations/turn.mmd'), 'utf8')).toContain('accTitle: turn');
    expect(JSON.parse(readFileSync(at('visualizations/turn.json'), 'utf8')).id).toBe('turn');
    const gallery = readFileSync(at('visualizations/README.md'), 'utf8');
    expect(gallery).toContain('| `failed`, final |');
    for (const file of whole.slice(0, -1)) expect(gallery).toMatch(new RegExp(`[("]${file}[)"]`));
  });

  test.each(['light', 'dark'] as const)('writes SVGs for %s pages, which name every state', async (theme) => {
    await charts();
    for (const machine of machines) {
      const svg = readSvg(readFileSync(at(`visualizations/${machine.id}.${theme}.svg`), 'utf8'));
      expect(svg.attributes.class).toBe(`chart ${theme}`);
      for (const { key } of readChart(machine).states.slice(1)) expect(svg.text).toContain(key);
    }
  });

  test('writes only what has changed', async () => {
    await charts();
    writeFileSync(at('visualizations/session.mmd'), 'old');
    await charts();
    expect(said).toEqual(['wrote visualizations/session.mmd']);
  });

  test('draws every smoke path, with the numbers of its steps on the transitions that it takes', async () => {
    await charts();
    for (const { id } of machines) {
      const { smoke } = turnPaths({ machine: id as PathSubjectName });
      for (const [index, { steps }] of smoke.entries()) {
        const svg = readSvg(readFileSync(at(`visualizations/paths/${id}.${index + 1}.light.svg`), 'utf8'));
        const taken = steps.flatMap(({ transitions = [] }, step) =>
          transitions.some((name) => name.startsWith(`${id}#`)) ? [step + 1] : [],
        );
        const texts = all(svg).filter(({ name }) => name === 'text');
        const numbers = texts.flatMap(({ text }) => [...text.matchAll(/#(\d+)/g)].map(([, number]) => Number(number)));
        expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual(taken);
      }
      expect(existsSync(at(`visualizations/paths/${id}.${smoke.length + 1}.light.svg`))).toBe(false);
    }
  });

  test('removes drawings of machines and paths that are gone, and nothing else', async () => {
    await charts();
    const left = ['visualizations/paths/turn.99.light.svg', 'visualizations/gone.mmd', 'visualizations/page.html'];
    for (const file of left) writeFileSync(at(file), 'old');
    expect(await charts('--check')).toBe(1);
    expect(said.toSorted()).toEqual(
      left
        .slice(0, 2)
        .map((file) => `${file} is stale: run \`npm run charts\`.`)
        .sort(),
    );
    await charts();
    expect(said.toSorted()).toEqual(
      left
        .slice(0, 2)
        .map((file) => `removed ${file}`)
        .sort(),
    );
    expect(left.map((file) => existsSync(at(file)))).toEqual([false, false, true]);
  });

  test('with --check lists what is stale, says what to do, and writes nothing', async () => {
    await charts();
    expect(await charts('--check')).toBe(0);
    expect(said).toEqual([]);

    writeFileSync(at('visualizations/turn.dark.svg'), 'old');
    rmSync(at('visualizations/README.md'));
    expect(await charts('--check')).toBe(1);
    expect(said).toEqual([
      'visualizations/turn.dark.svg is stale: run `npm run charts`.',
      'visualizations/README.md is stale: run `npm run charts`.',
    ]);
    expect(readFileSync(at('visualizations/turn.dark.svg'), 'utf8')).toBe('old');
    expect(existsSync(at('visualizations/README.md'))).toBe(false);
  });

  test('takes line ends that git has changed for the same', async () => {
    await charts();
    const text = readFileSync(at('visualizations/turn.mmd'), 'utf8');
    writeFileSync(at('visualizations/turn.mmd'), text.replaceAll('\n', '\r\n'));
    expect(await charts('--check')).toBe(0);
  });

  test('puts the chart of the turn between its marks in the README, and leaves the rest', async () => {
    writeFileSync(at('README.md'), 'Before\n<!-- chart:turn -->\nold\n<!-- /chart:turn -->\nAfter\n');
    await charts();
    const readme = readFileSync(at('README.md'), 'utf8');
    expect(readme).toMatch(
      /^Before\n<!-- chart:turn -->\n<picture>\n(?:.*\n)+<\/picture>\n<!-- \/chart:turn -->\nAfter\n$/,
    );
    const shown = [...readme.matchAll(/(?:src|srcset)="([^"]*)"/g)].map(([, file]) => file);
    expect(shown).toEqual(['visualizations/turn.dark.svg', 'visualizations/turn.light.svg']);
    expect(shown.every((file = '') => existsSync(at(file)))).toBe(true);
    expect(await charts('--check')).toBe(0);
  });

  test('leaves a README without marks as it is, and refuses one with half of them', async () => {
    writeFileSync(at('README.md'), 'No chart.\n');
    await charts();
    expect(readFileSync(at('README.md'), 'utf8')).toBe('No chart.\n');

    writeFileSync(at('README.md'), '<!-- chart:turn -->\n');
    await expect(charts()).rejects.toThrow('README.md needs <!-- chart:turn -->, and <!-- /chart:turn --> after it.');
  });
});
