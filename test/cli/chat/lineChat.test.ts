import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Turnchart, turnchart } from '../turnchart.ts';
import { ChatTerminal } from './chatTerminal.ts';

const timeout = 30_000;
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'turnchart-lines-'));
  writeFileSync(join(cwd, 'notes.txt'), 'one\ntwo\n');
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function chat(input: string, args: readonly string[] = ['chat']) {
  return turnchart(args, { cwd, input });
}

describe.concurrent('turnchart chat without a terminal', { timeout }, () => {
  test('takes each line for a message, one turn after the other, and prints the answers alone', async () => {
    const { code, stdout, stderr } = await chat('what is 2+2?\n\n//etc and 3+3?\nhow many lines has notes.txt?');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2+2 = 4.\n3+3 = 6.\nnotes.txt has 2 lines.\n' });
    expect(stderr).toMatch(/^The simulated model answers.*\n\[callingModel \(step 1\)\]\n/);
    expect(stderr.match(/^usage: /gm)).toHaveLength(3);
  });

  test('prints what commands answer, in their place', async () => {
    const { code, stdout, stderr } = await chat('/queue what is 2+2?\n/state\n/nothing\n/quit\nwhat is 3+3?\n');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2\+2 = 4\.\nsession\n● idle\n[\s\S]* closed\n$/);
    expect(stderr).toMatch(/^There is no command \/nothing;/m);
  });

  test('ends with the exit code of its last turn', async () => {
    const [failed, recovered, empty] = await Promise.all([
      chat('what is 2+2?\nsimulate an overflow\n'),
      chat('simulate an overflow\nwhat is 2+2?\n'),
      chat(''),
    ]);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/failed: .* Ask for less at once\.\n$/) });
    expect(recovered).toMatchObject({ code: 0, stdout: '2+2 = 4.\n' });
    expect(empty).toMatchObject({ code: 0, stdout: '' });
  });

  test('is recorded as one conversation', async () => {
    const file = join(cwd, 'lines.jsonl');
    expect(await chat('what is 2+2?\nwhat is 3+3?\n', ['chat', '--record', file])).toMatchObject({ code: 0 });
    const { stdout } = await turnchart(['replay', file, '--speed', 'max'], { cwd });
    expect(stdout).toBe('2+2 = 4.\n3+3 = 6.\n');
    expect(await chat('', ['chat', '--record', file])).toMatchObject({
      code: 2,
      stderr: `--record: ${file} is there already; nothing is overwritten. Name another file.\n`,
    });
  });

  test('is recorded across a change of the model', async () => {
    const file = join(cwd, 'models.jsonl');
    await chat('what is 2+2?\n/model simulated\nwhat is 3+3?\n', ['chat', '--record', file]);
    const { code, stdout, stderr } = await turnchart(['replay', file, '--speed', 'max'], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2+2 = 4.\n3+3 = 6.\n' });
    expect(stderr).toMatch(/^session_.*, after 4 messages$/m);
  });

  test('denies what needs approval, for its lines are messages; --yes approves it', async () => {
    const [denied, approved] = [mkdtempSync(join(cwd, 'denied-')), mkdtempSync(join(cwd, 'approved-'))];
    for (const folder of [denied, approved]) writeFileSync(join(folder, 'a.txt'), 'a');
    const first = await turnchart(['chat'], { cwd: denied, input: 'delete a.txt\ny\n' });
    expect(first.stdout).toMatch(/^I could not delete a\.txt: .*Reason: nobody can be asked\.\n/);
    expect(first.stderr).toContain(
      'delete_file needs approval, and nobody can be asked: denied. With --yes it would run.\n',
    );
    expect(readdirSync(denied)).toEqual(['a.txt']);
    const second = await turnchart(['chat', '--yes'], { cwd: approved, input: 'delete a.txt\n' });
    expect(second).toMatchObject({ code: 0, stdout: 'a.txt is deleted.\n' });
    expect(readdirSync(approved)).toEqual([]);
  });

  test('is ended by an interrupt, which cancels the turn that runs', async () => {
    const running = new Turnchart(['chat'], { cwd });
    running.process.stdin.write('simulate a hanging tool\nwhat is 2+2?\n');
    await running.shows('stderr', 'hangs until it is stopped');
    running.process.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toMatch(/cancelled while it ran\nusage: .*\ncancelled\n$/);
  });

  test('ends quietly where nobody reads its answers any more', async () => {
    const running = new Turnchart(['chat'], { cwd });
    running.process.stdin.write('simulate an endless answer\n');
    await running.shows('stdout', '\n');
    running.process.stdout.destroy();
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|Error/);
  });
});

describe.concurrent('turnchart', { timeout }, () => {
  test('says which models can be used', async () => {
    const { code, stdout, stderr } = await turnchart(['models'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^simulated +ready .*\nopenai\/<model> +missing .*\n[\s\S]*^google\/<model> +missing .*\n/m);
  });

  test('leaves no recording behind where there is no question', async () => {
    const file = join(cwd, 'none.jsonl');
    expect(await turnchart(['run', '--record', file], { cwd })).toMatchObject({ code: 2 });
    expect(await turnchart(['replay', file], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no such file'),
    });
  });

  test('loads what draws the chat only for the chat', async () => {
    const hook = `import{registerHooks}from'node:module';registerHooks({load(url,context,next){if(url.includes('pi-tui'))process.stderr.write('loaded\\n');return next(url,context)}})`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
    for (const args of [['--version'], ['models'], ['what is 2+2?'], ['chat']]) {
      expect((await turnchart(args, { cwd, env })).stderr).not.toContain('loaded');
    }
    await using drawn = new ChatTerminal({ cwd, env });
    await drawn.shows('loaded');
  });
});
