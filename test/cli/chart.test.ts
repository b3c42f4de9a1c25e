import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toMermaid, toStatelyJson, toSvg } from 'turnchart/inspection';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type PrintChartOptions, printChart } from '../../src/cli/chart.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import { captured } from './captured.ts';
import { turnchart } from './turnchart.ts';

function print(options: Omit<PrintChartOptions, 'terminal'>) {
  return captured((terminal) => printChart({ ...options, terminal }));
}

describe('turnchart chart', () => {
  // inside of the repository, where xstate is found
  let folder: string;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  beforeEach(() => {
    folder = mkdtempSync(fileURLToPath(new URL('../../node_modules/.chart-', import.meta.url)));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test.each([
    ['turn', turnMachine],
    ['toolCall', toolCallMachine],
    ['session', sessionMachine],
  ] as const)('prints %s as Mermaid, SVG and JSON', async (machine, expected) => {
    const good = (stdout: string) => ({ code: 0, stdout, stderr: '' });
    expect(await print({ machine, format: 'mermaid' })).toEqual(good(toMermaid(expected)));
    expect(await print({ machine, format: 'svg' })).toEqual(good(await toSvg(expected)));
    const json = await print({ machine, format: 'json' });
    expect(json.stderr).toBe('');
    expect(JSON.parse(json.stdout)).toEqual(JSON.parse(JSON.stringify(toStatelyJson(expected))));
  });

  test('hands the options on, and highlights states by name and transitions by number', async () => {
    const { stdout } = await print({
      machine: 'turn',
      format: 'mermaid',
      region: 'working',
      direction: 'left-to-right',
      theme: 'dark',
      highlight: ['working.choosing', '5'],
    });

    expect(stdout).toBe(
      toMermaid(turnMachine, {
        region: 'working',
        direction: 'left-to-right',
        theme: 'dark',
        highlight: { states: { 'working.choosing': 'active' }, transitions: { 5: 'active' } },
      }),
    );
  });

  test('writes to a file on request', async () => {
    const out = join(folder, 'turn.mmd');
    expect(await print({ machine: 'turn', format: 'mermaid', out })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(out, 'utf8')).toBe(toMermaid(turnMachine));
  });

  describe('of a file', () => {
    const door = `createMachine({ id: 'door', initial: 'shut', states: { shut: {} } })`;
    const source = (...exported: string[]) => `import { createMachine } from 'xstate';\n${exported.join('\n')}\n`;

    test('draws the machine that it exports', async () => {
      const { code, stdout } = await print({
        machine: file('one.ts', source(`export const limit: number = 3;`, `export const door = ${door};`)),
        format: 'mermaid',
      });
      expect([code, stdout]).toEqual([0, expect.stringContaining('accTitle: door')]);
    });

    test('draws the one that is named', async () => {
      const two = file(
        'two.ts',
        source(`export const a = ${door};`, `export default ${door.replace('door', 'gate')};`),
      );

      expect((await print({ machine: `${two}#default`, format: 'mermaid' })).stdout).toContain('accTitle: gate');
      const same = file('same.ts', source(`export const a = ${door};`, 'export default a;'));
      expect((await print({ machine: same, format: 'mermaid' })).stdout).toContain('accTitle: door');
      expect(await print({ machine: two, format: 'mermaid' })).toEqual({
        code: 2,
        stdout: '',
        stderr: `${two} exports several machines; say which: ${two}#a, ${two}#default.\n`,
      });
    });

    test('lists what it exports if that is no machine', async () => {
      const none = file('none.ts', 'export const limit = 3;\nexport function open() {}\n');

      for (const [machine, message] of [
        [none, `${none} exports no XState machine. It exports: limit, open.`],
        [`${none}#limit`, `"limit" of ${none} is no XState machine. It exports: limit, open.`],
        [`${none}#gone`, `${none} has no "gone". It exports: limit, open.`],
        [file('empty.ts', ''), `${join(folder, 'empty.ts')} exports no XState machine. It exports nothing.`],
      ] as const) {
        expect(await print({ machine, format: 'svg' })).toEqual({ code: 2, stdout: '', stderr: `${message}\n` });
      }
    });

    test('says why it cannot be loaded', async () => {
      const broken = file('broken.ts', 'throw new Error("not today");');

      expect(await print({ machine: broken, format: 'svg' })).toEqual({
        code: 2,
        stdout: '',
        stderr: `${broken} cannot be loaded: not today\n`,
      });
      const missing = await print({ machine: join(folder, 'missing.ts'), format: 'svg' });
      expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('missing.ts cannot be loaded: ')]);
    });
  });

  test.each<[string, Omit<PrintChartOptions, 'terminal'>, string]>([
    [
      'a machine that is not there',
      { machine: 'trun', format: 'svg' },
      'There is no machine "trun": it is turn, toolCall, session, compaction, or a file such as machine.ts#name.',
    ],
    [
      'a state that is not there',
      { machine: 'turn', format: 'svg', region: 'x' },
      'There is no region "x". The states of',
    ],
    [
      'a transition that is not there',
      { machine: 'turn', format: 'svg', highlight: ['99'] },
      'There is no transition 99. Those of "turn" are: 0 turn.idle turn.start [wasCancelledBefore], ',
    ],
    [
      'an option of drawings for JSON',
      { machine: 'turn', format: 'json', region: 'working', highlight: ['idle'] },
      'json is the whole machine: region, highlight cannot be given with it.',
    ],
  ])('refuses %s', async (_, options, message) => {
    const { code, stdout, stderr } = await print(options);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});

// processes start slowly where many tests run beside each other
describe('turnchart chart', { timeout: 30_000 }, () => {
  test('prints a chart', async () => {
    const { code, stdout } = await turnchart(['chart', 'turn', '--collapsed', '1', '--direction', 'left-to-right']);
    expect(code).toBe(0);
    expect(stdout).toContain('direction LR');
    expect(stdout).toMatch(/^ *working : \d+ states inside$/m);
  });

  test('tells what it takes', async () => {
    expect((await turnchart(['chart', '--help'])).stdout).toContain('Usage: turnchart chart [options] <machine>');
  });

  test.each([
    [['chart'], '"turnchart chart" takes one machine. See turnchart chart --help.'],
    [['chart', 'turn', 'session'], '"turnchart chart" takes one machine. See turnchart chart --help.'],
    [['chart', 'turn', '--format', 'png'], '--format png: it is mermaid, svg, json. See turnchart chart --help.'],
    [['chart', 'turn', '--theme', 'pink'], '--theme pink: it is light, dark. See turnchart chart --help.'],
    [['chart', 'turn', '--json'], "Unknown option '--json'. See turnchart chart --help."],
    [['chart', 'turn', '--region', 'nope'], 'There is no region "nope".'],
  ])('says what is wrong with %j', async (words, problem) => {
    const { code, stderr } = await turnchart(words);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });
});
