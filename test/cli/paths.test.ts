import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pathsCommand } from '../../src/cli/pathsCommand.ts';
import { openRecording } from '../../src/cli/recordFile.ts';
import { createAgent } from '../../src/index.ts';
import { scriptedModel } from '../../src/testing/index.ts';
import { type TurnPath, turnPaths } from '../../src/testing/paths/index.ts';
import { captured } from './captured.ts';
import { turnchart } from './turnchart.ts';

/** The smallest turns that there are. */
const few = ['--steps', '1', '--tools', '1'];
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-paths-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function paths(...words: readonly string[]) {
  return captured((terminal) => pathsCommand(words, terminal));
}

function readPaths(stdout: string): readonly TurnPath[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function recorded(name: string): Promise<string> {
  const file = join(folder, name);
  const recording = openRecording(file);
  const session = createAgent({ model: scriptedModel(['Fine.']) }).session({ id: 's' });
  recording.follow(session);
  await session.send('How are you?').outcome;
  await session.close();
  recording.close();
  return file;
}

describe('turnchart paths', { timeout: 30_000 }, () => {
  test('lists the smoke paths of the turn, event by event', async () => {
    const { code, stdout, stderr } = await paths(...few);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^1\. gets to \w+\n {5}/);
    expect(stdout).toMatch(/^ {5}model fails: rate_limit +→ turn working\.retrying$/m);
    const { smoke } = turnPaths({ steps: 1, tools: 1 });
    const steps = smoke.reduce((sum, path) => sum + path.steps.length, 0);
    expect(stdout).toMatch(new RegExp(`\n\n${smoke.length} paths of ${steps} steps\n$`));
  });

  test('gives each path as a line of JSON, of another machine and another cover', async () => {
    const { code, stdout } = await paths('--machine', 'toolCall', '--cover', 'edges', ...few, '--json');
    expect(code).toBe(0);
    expect(readPaths(stdout)).toEqual(
      JSON.parse(JSON.stringify(turnPaths({ machine: 'toolCall', steps: 1, tools: 1 }).edges)),
    );
  });

  test('gives all ways into a state, but for those through what is avoided', async () => {
    const { stdout } = await paths(...few, '--to', 'failed', '--avoid', 'retrying', '--avoid', 'time is up', '--json');
    const found = readPaths(stdout);
    expect(found.length).toBeGreaterThan(3);
    const all = turnPaths({ steps: 1, tools: 1, avoid: ['retrying', 'time is up'] }).to('failed');
    expect(found.map(({ name }) => name)).toEqual(all.map(({ name }) => name));
  });

  test('keeps every bound that can be given', async () => {
    const given = {
      steps: 1,
      attempts: 3,
      tools: 1,
      toolAttempts: 1,
      toolErrors: 2,
      totalToolErrors: 9,
      parallelTools: 4,
      retries: 0,
      turns: 1,
    };
    const words = Object.entries(given).flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      String(value),
    ]);
    const [path] = readPaths((await paths(...words, '--json')).stdout);
    expect(path?.bounds).toEqual({ ...given, features: [] });
  });

  test('gives the path that a recording went', async () => {
    const { code, stdout } = await paths('--from', await recorded('run.jsonl'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1\. goes as s was recorded\n {5}user sends +→ session inTurn\.starting, turn idle\n/);
  });

  test('writes a test file, and overwrites one only by force', async () => {
    const out = join(folder, 'turn.paths.test.ts');
    const { code, stdout, stderr } = await paths(...few, '--out', out);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^\d+ paths of \d+ steps written\. Run them: npx vitest run .*turn\.paths\.test\.ts\n$/);
    const written = readFileSync(out, 'utf8');
    expect(written).toContain(`turnchart paths --machine turn --cover smoke --steps 1 --tools 1 --out ${out}`);

    writeFileSync(out, 'mine');
    expect(await paths(...few, '--out', out)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${out} is there already. Name another file, or overwrite it with --force.\n`,
    });
    expect(readFileSync(out, 'utf8')).toBe('mine');
    expect((await paths(...few, '--out', out, '--force')).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(written);
  });

  test('tells what it takes', async () => {
    const { code, stdout } = await turnchart(['paths', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: turnchart paths \[options\]\n/);
    expect(stdout).toMatch(/^ {2}--parallel-tools <n> {2}tools that run at the same time \(default: 8\)$/m);
  });

  test.each<[words: readonly string[], problem: RegExp]>([
    [
      ['--machine', 'agent'],
      /^--machine agent: it is turn, toolCall, session, compaction\. See turnchart paths --help\.\n$/,
    ],
    [['--cover', 'all'], /^--cover all: it is smoke, transitions, edges\. See/],
    [['--steps', 'two'], /^--steps two: it is a whole number\. See/],
    [['--steps', '0'], /^`steps` must be a whole number from 1, not 0\.\n$/],
    [[...few, '--to', 'nowhere'], /^No path gets to "nowhere"\. States: cancelled, done, failed, /],
    [[...few, '--avoid', 'nothing'], /^There is no state or event "nothing" to avoid\./],
    [['--to', 'failed', '--cover', 'edges'], /^--to and --cover are two ways to choose paths/],
    [['--force'], /^--force is about the file that --out names/],
    [['--json', '--out', 'x.test.ts'], /^--json prints, and --out writes a test file/],
    [['--from', 'nowhere.jsonl'], /^nowhere\.jsonl: ENOENT/],
    [['--from', 'run.jsonl', '--tool-attempts', '1'], /leave out --tool-attempts\.\n$/],
    [['--colour'], /^Unknown option '--colour'\. See turnchart paths --help\.\n$/],
    [['to', 'success'], /^"turnchart paths" takes options only, not "to"\. .* turnchart run paths/],
  ])('says what is wrong with %j', async (words, problem) => {
    const { code, stdout, stderr } = await paths(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toMatch(problem);
  });
});
