import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WireEvent } from '../../src/events.ts';
import { type Ended, inShell, Turnchart, turnchart } from './turnchart.ts';

// Processes start slowly where many tests run beside each other.
const timeout = 30_000;
const colour = '\u001b[';
const demoAnswer = '17*23 = 391. There are 2 files here.\n';

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'turnchart-cli-'));
  writeFileSync(join(cwd, 'notes.txt'), 'one\ntwo\n');
  writeFileSync(join(cwd, 'more.txt'), '');
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function readEvents(stdout: string): readonly WireEvent[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A line of shell where no file can grow, in a folder of its own. */
async function onFullDisk(line: string): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'turnchart-full-'));
  try {
    return await inShell(`ulimit -f 0; ${line}`, { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Durable events have a number each, without gaps; ephemeral ones carry that of the durable one before. */
function expectNoGaps(events: readonly WireEvent[]): void {
  const durable = events.filter(({ id }) => !id.includes('.'));
  expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index + 1));
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}

describe.concurrent('turnchart with a question', { timeout }, () => {
  test('prints the answer alone on standard output, and what happened on standard error', async () => {
    const { code, stdout, stderr } = await turnchart(['what is 17*23, and how many files are here?'], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: demoAnswer });
    const lines = stderr.trimEnd().split('\n');
    expect(lines[0]).toMatch(/simulated model.*No key/);
    expect(lines).toContain('[callingModel (step 1)]');
    expect(lines).toContain('[runningTools (step 1)]');
    expect(lines).toContain('→ calculate {"expression":"17*23"}');
    expect(lines).toContain('✓ calculate: {"expression":"17*23","result":391}');
    expect(lines.some((line) => line.startsWith('✓ list_files: '))).toBe(true);
    expect(lines.at(-1)).toMatch(/^usage: \d+ input tokens, \d+ output tokens, 2 steps, /);
    expect(stdout + stderr).not.toContain(colour);
  });

  test('takes the question in several words, also after run', async () => {
    const [words, run] = await Promise.all([
      turnchart(['what', 'is', '2+2'], { cwd }),
      turnchart(['run', '2+2'], { cwd }),
    ]);
    expect(words).toMatchObject({ code: 0, stdout: '2+2 = 4.\n' });
    expect(run).toMatchObject({ code: 0, stdout: '2+2 = 4.\n' });
  });

  test('shows that a tool failed', async () => {
    const { code, stdout, stderr } = await turnchart(['read ../secret.txt'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('leads out of the directory');
    expect(stderr).toMatch(/^✗ read_file failed: /m);
  });

  test('shows reasoning on standard error', async () => {
    const { stdout, stderr } = await turnchart(['simulate reasoning, then 2+2'], { cwd });
    expect(stdout).toBe('2+2 = 4.\n');
    expect(stderr).toMatch(/^ {2}reasoning: \S/m);
  });

  test('keeps the text of an answer that broke off out of a pipe', async () => {
    const { stdout, stderr } = await turnchart(['simulate a cut stream, then 2+2'], { cwd });
    expect(stdout).toBe('2+2 = 4.\n');
    expect(stderr).toMatch(/^\[retrying in \d\.\d s \(stream_truncated\)\]/m);
  });

  test('exits with 1 where the turn fails, saying why and what to do in one line', async () => {
    const { code, stdout, stderr } = await turnchart(['simulate an overflow'], { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
      /^failed: .*\(context_overflow, request_too_large\) Ask for less/,
    );
  });

  test('prints each event as one line of JSON, and nothing else', async () => {
    const { code, stdout, stderr } = await turnchart(['--json', 'what is 17*23, and how many files are here?'], {
      cwd,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = readEvents(stdout);
    expectNoGaps(events);
    for (const event of events) {
      expect(Object.keys(event).filter((key) => key !== 'turn_id')).toEqual([
        'id',
        'type',
        'session_id',
        'seq',
        'ts',
        'data',
      ]);
    }
    const types = events.map(({ type }) => type);
    expect(types[0]).toBe('turn.started');
    expect(types.filter((type) => type === 'tool.completed')).toHaveLength(2);
    expect(types.slice(-2)).toEqual(['turn.completed', 'session.idle']);
    expect(events.at(-2)?.data).toMatchObject({ agent: 'turnchart', text: demoAnswer.trim(), toolCalls: 2 });
  });

  test('denies what needs approval where nobody can be asked, and approves it with --yes', async () => {
    const files = mkdtempSync(join(cwd, 'files-'));
    writeFileSync(join(files, 'a.txt'), 'a');
    const denied = await turnchart(['delete a.txt'], { cwd: files });
    expect(denied).toMatchObject({ code: 0, stdout: expect.stringContaining('Reason: nobody can be asked.') });
    expect(denied.stderr).toContain('\n? delete_file waits for approval: path: a.txt\n');
    expect(denied.stderr).toContain(
      '\ndelete_file needs approval, and nobody can be asked: denied. With --yes it would',
    );
    expect(denied.stderr).toContain('\n✗ delete_file denied: nobody can be asked\n');
    expect(readdirSync(files)).toEqual(['a.txt']);
    const approved = await turnchart(['--yes', '--json', 'delete a.txt'], { cwd: files });
    expect(approved).toMatchObject({ code: 0, stderr: '' });
    expect(readEvents(approved.stdout).map(({ type }) => type)).toContain('tool.approvalResolved');
    expect(readdirSync(files)).toEqual([]);
  });

  test('prints the events of a failed turn, the failure in a line on standard error', async () => {
    const { code, stdout, stderr } = await turnchart(['simulate an overflow', '--json'], { cwd });
    expect(code).toBe(1);
    const events = readEvents(stdout);
    expectNoGaps(events);
    expect(events.map(({ type }) => type)).toContain('turn.failed');
    expect(stderr).toMatch(/^failed: .*\n$/);
  });

  test('colours only where it is asked to, and never the answer', async () => {
    const forced = await turnchart(['2+2'], { cwd, env: { FORCE_COLOR: '1' } });
    expect(forced.stderr).toContain(colour);
    expect(forced.stdout).toBe('2+2 = 4.\n');
    const plain = await turnchart(['2+2'], { cwd, env: { NO_COLOR: '1' } });
    expect(plain.stderr).not.toContain(colour);
  });
});

describe.concurrent('turnchart without a question', { timeout }, () => {
  test('takes it from standard input', async () => {
    expect(await turnchart([], { cwd, input: 'what is 5*5?\n' })).toMatchObject({ code: 0, stdout: '5*5 = 25.\n' });
    expect(await turnchart(['-'], { cwd, input: 'what is 5*6?' })).toMatchObject({ code: 0, stdout: '5*6 = 30.\n' });
    expect(await turnchart(['run'], { cwd, input: '5*7' })).toMatchObject({ code: 0, stdout: '5*7 = 35.\n' });
  });

  test('waits for the end of standard input once something came', async () => {
    const running = new Turnchart(['-'], { cwd });
    running.process.stdin.write('what is ');
    running.process.stdin.end('6*6?');
    expect(await running.ended).toMatchObject({ code: 0, stdout: '6*6 = 36.\n' });
  });

  test('runs a demo through tools and a retry where standard input is empty', async () => {
    const { code, stdout, stderr } = await turnchart([], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: demoAnswer });
    expect(stderr).toMatch(/^No question, so a demo runs/);
    expect(stderr).toMatch(/^\[retrying in 1\.\d s \(rate_limit_exceeded\)\] attempt 1 of 3/m);
    expect(stderr).toMatch(/^✓ list_files/m);
  });

  test('runs the demo where nobody ever writes to standard input or closes it', async () => {
    const running = new Turnchart(['--json'], { cwd });
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Nothing came on standard input within 300 ms/);
    const events = readEvents(stdout);
    expectNoGaps(events);
    expect(events.map(({ type }) => type)).toContain('model.retrying');
  });

  test.each([
    ['is closed', '<&-'],
    ['is /dev/null', '</dev/null'],
  ])('runs the demo where standard input %s', async (_case, redirection) => {
    expect(await inShell(`turnchart ${redirection}`, { cwd })).toMatchObject({ code: 0, stdout: demoAnswer });
  });
});

describe.concurrent('turnchart on a disk that takes nothing more', { timeout }, () => {
  test('says in one line that the answer cannot be written', async () => {
    const { code, stderr } = await onFullDisk(`turnchart "what is 2+2?" >answer.txt`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nStandard output cannot be written: E[A-Z]+: .*\.\n$/);
  });

  test('answers, and says that the recording is not whole', async () => {
    const { code, stdout, stderr } = await onFullDisk(`turnchart --record run.jsonl "what is 2+2?"`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '2+2 = 4.\n' });
    expect(stderr).toMatch(/\n--record: run\.jsonl is not whole: E[A-Z]+: .*\.\n$/);
  });

  test('answers where what is told beside it goes nowhere', async () => {
    const { code, stdout } = await onFullDisk(`turnchart "what is 2+2?" 2>notes.log`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2+2 = 4.\n' });
  });
});

describe.concurrent('turnchart, stopped', { timeout }, () => {
  test('cancels an endless answer with the first interrupt and exits with 130', async () => {
    const running = new Turnchart(['simulate an endless answer'], { cwd });
    await running.shows('stdout', 'line 1 of');
    running.process.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/\n$/);
    expect(stderr.trimEnd().split('\n').slice(-2)).toEqual([expect.stringMatching(/^usage: /), 'cancelled']);
  });

  test('takes two interrupts in one moment for one, as npm sends them', async () => {
    const running = new Turnchart(['simulate an endless answer'], { cwd });
    await running.shows('stdout', 'line 1 of');
    running.process.kill('SIGINT');
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stderr: expect.stringMatching(/cancelled\n$/) });
  });

  test('stays alive while a tool hangs, and cancels it', async () => {
    const running = new Turnchart(['simulate a hanging tool'], { cwd });
    await running.shows('stderr', 'hangs until it is stopped');
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^✗ hang cancelled while it ran$/m);
  });

  test('cancels while it waits for a retry', async () => {
    const running = new Turnchart(['--json', 'simulate a rate limit of 50 seconds'], { cwd });
    await running.shows('stdout', 'model.retrying');
    running.process.kill('SIGINT');
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    const events = readEvents(stdout);
    expectNoGaps(events);
    expect(events.filter(({ type }) => type === 'turn.cancelled')).toHaveLength(1);
  });

  test.each([
    ['its answer', []],
    ['its events', ['--json']],
  ])('ends quietly where nobody reads %s any more', async (_case, flags) => {
    const running = new Turnchart([...flags, 'simulate an endless answer'], { cwd });
    await running.shows('stdout', '\n');
    running.process.stdout.destroy();
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/EPIPE|Error|cancelled/);
  });

  test('goes on where nobody reads standard error any more', async () => {
    const running = new Turnchart(['what is 17*23, and how many files are here?'], { cwd });
    running.process.stderr.destroy();
    expect(await running.ended).toMatchObject({ code: 0, stdout: demoAnswer });
  });
});

describe.concurrent('turnchart, told something wrong', { timeout }, () => {
  test.each<[args: string[], line: RegExp]>([
    [['--wrong', 'hello'], /^Unknown option '--wrong'\. See turnchart --help\.$/],
    [['-x'], /^Unknown option '-x'/],
    [['--json=yes', 'hello'], /^Option '--json' does not take an argument/],
    [['--model'], /^Option '--model <value>' argument missing/],
    [
      ['--model', 'gpt', 'hello'],
      /^--model gpt: there is auto, simulated, openai\/<model>, .*, as in openai\/gpt-5\.$/,
    ],
    [['--model', 'openai/gpt-5', 'hello'], /^--model openai\/gpt-5: .*OPENAI_API_KEY/],
    [[''], /^The question is empty/],
    [['run', '  '], /^The question is empty/],
    [['run'], /^There is no question/],
    [['-'], /^There is no question/],
  ])('%j: says so in one line and exits with 2', async (args, line) => {
    const { code, stdout, stderr } = await turnchart(args, { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr.trimEnd()).toMatch(line);
  });

  test('refuses a question on standard input that is too long', async () => {
    const { code, stderr } = await turnchart([], { cwd, input: 'x'.repeat(1_100_000) });
    expect(code).toBe(2);
    expect(stderr).toMatch(/longer than 1048576 bytes/);
  });
});

describe.concurrent('turnchart --help and --version', { timeout }, () => {
  test('print to standard output', async () => {
    const help = await turnchart(['--help'], { cwd });
    expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^Usage: turnchart /) });
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await turnchart(['-v'], { cwd })).toEqual({ code: 0, stderr: '', stdout: `${manifest.version}\n` });
  });
});
