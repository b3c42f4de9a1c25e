import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { visibleWidth } from '@earendil-works/pi-tui';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { simulated } from '../../../src/adapters/simulated/index.ts';
import { commandLineAgent } from '../../../src/cli/commandLineAgent.ts';
import { replay } from '../../../src/cli/replay.ts';
import { sessionsCommand } from '../../../src/cli/sessions/sessionsCommand.ts';
import { sqliteStore } from '../../../src/durability/index.ts';
import { createAgent } from '../../../src/index.ts';
import { scriptedModel } from '../../../src/testing/index.ts';
import { captured } from '../captured.ts';
import { ChatTerminal, keys } from '../chat/chatTerminal.ts';
import { inShell, Turnchart, turnchart } from '../turnchart.ts';

// Processes start slowly where many tests run beside each other.
const timeout = 60_000;
const hanging = 'simulate a hanging tool';
const hangs = 'hangs until it is stopped';
const found =
  /^Found an unfinished turn \(began \d+ (s|min) ago\): hang had started and is reported as interrupted; going on\.$/m;

let home: string;
let file: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'turnchart-sessions-'));
  file = join(home, '.turnchart', 'sessions.db');
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function options(input?: string) {
  return { cwd: home, env: { HOME: home, XDG_DATA_HOME: '' }, ...(input !== undefined && { input }) };
}

function start(args: readonly string[]) {
  return new Turnchart(args, options());
}

/** A process that ended in the middle of a tool of session `trip`, after a turn. */
async function killInTool(): Promise<void> {
  const running = start(['chat', '--session', 'trip']);
  running.process.stdin.write(`what is 2+2?\n${hanging}\n`);
  await running.shows('stderr', hangs);
  running.process.kill('SIGKILL');
  await running.ended;
}

function sessions(...words: readonly string[]) {
  return captured((terminal) => sessionsCommand(words, { XDG_DATA_HOME: home }, terminal));
}

function play(name: string, more: { store?: string; json?: boolean } = {}) {
  const outputClosed = new AbortController().signal;
  return captured((terminal) =>
    replay({ file: name, speed: 'max', json: false, env: { XDG_DATA_HOME: home }, terminal, outputClosed, ...more }),
  );
}

/** Keeps sessions with a turn for each question, where `sessions()` and `play()` find them. */
async function keep(conversations: Readonly<Record<string, readonly string[]>>): Promise<string> {
  mkdirSync(join(home, 'turnchart'), { recursive: true });
  const path = join(home, 'turnchart', 'sessions.db');
  const store = sqliteStore(path);
  const agent = createAgent({ name: 'turnchart', model: scriptedModel(() => 'Fine.'), store });
  for (const [id, questions] of Object.entries(conversations)) {
    const session = agent.session({ id });
    for (const question of questions) await session.send(question).outcome;
    await session.close();
  }
  await store.close();
  return path;
}

describe('turnchart --session', { timeout }, () => {
  test('keeps a conversation for its user alone, and goes on with it', async () => {
    const first = await turnchart(['run', '--session', 'trip', 'what is 2+2?'], options());
    expect(first).toMatchObject({ code: 0, stdout: '2+2 = 4.\n' });
    expect(first.stderr).toContain('\nSession "trip" is new, and kept in ~/.turnchart/sessions.db.\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, '.turnchart')).mode & 0o777).toBe(0o700);

    const second = await turnchart(['chat', '--session', 'trip'], options('what is 3+3?\n'));
    expect(second).toMatchObject({ code: 0, stdout: '3+3 = 6.\n' });
    expect(second.stderr).toContain(
      '\nSession "trip" of ~/.turnchart/sessions.db goes on: 1 turn so far.\n> what is 2+2?\n  2+2 = 4.\n',
    );
    const third = await turnchart(['--session', 'trip', '--json', 'what is 4+4?'], options());
    expect(third).toMatchObject({ code: 0, stderr: '' });
    // numbers go on where they were
    const [started] = third.stdout.split('\n');
    expect(JSON.parse(started ?? '')).toMatchObject({ type: 'turn.started', session_id: 'trip' });
    expect(JSON.parse(started ?? '').seq).toBeGreaterThan(20);
  });

  test('keeps it in the file that is named, whose folder is made', async () => {
    const store = join(home, 'new', 'folder', 'my.db');
    const { code, stderr } = await turnchart(['--session', 'trip', '--store', store, 'what is 2+2?'], options());
    expect(code).toBe(0);
    expect(stderr).toContain('Session "trip" is new, and kept in ~/new/folder/my.db.');
    expect(statSync(join(home, 'new')).mode & 0o777).toBe(0o700);
    writeFileSync(join(home, 'diary.txt'), 'Dear diary, this is no database at all.');
    const wrong = await turnchart(['--session', 'trip', '--store', 'diary.txt', 'what is 2+2?'], options());
    expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^[^\n]*diary\.txt[^\n]*\n$/) });
    expect(readFileSync(join(home, 'diary.txt'), 'utf8')).toMatch(/^Dear diary/);
  });

  test('wants a question, rather than keep a demo', async () => {
    expect(await turnchart(['--session', 'trip'], options(''))).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'There is no question. See turnchart --help.\n',
    });
    expect(() => statSync(file)).toThrow('ENOENT');
  });

  test('names in one line the process that has the session', async () => {
    const running = start(['chat', '--session', 'trip']);
    running.process.stdin.write(`${hanging}\n`);
    await running.shows('stderr', hangs);
    const second = await turnchart(['run', '--session', 'trip', 'what is 2+2?'], options());
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr.split('\n').at(-2)).toMatch(
      new RegExp(`^Session "trip" is in use by process ${running.process.pid} on `),
    );
    expect(await turnchart(['sessions', 'delete', 'trip'], options())).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`^Session "trip" is in use by process ${running.process.pid} [^\n]*\n$`),
      ),
    });
    running.process.kill('SIGKILL');
    await running.ended;
  });

  test('goes on in the middle of a tool where the process was killed, and says so', async () => {
    await killInTool();
    const { code, stdout, stderr } = await turnchart(['chat', '--session', 'trip'], options('what is 3+3?\n'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^I could not show a hanging tool: Interrupted: .*\n3\+3 = 6\.\n$/);
    expect(stderr).toMatch(found);
    expect(stderr).toContain(`goes on: 1 turn so far.\n> what is 2+2?\n  2+2 = 4.\n> ${hanging}\nFound an unfinished`);
    const again = await turnchart(['chat', '--session', 'trip'], options(''));
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).not.toContain('Found');
  });

  test('finishes what was unfinished before the question, whose answer alone is printed', async () => {
    await killInTool();
    const { code, stdout, stderr } = await turnchart(['run', '--session', 'trip', 'what is 3+3?'], options());
    expect({ code, stdout }).toEqual({ code: 0, stdout: '3+3 = 6.\n' });
    expect(stderr).toMatch(found);
    expect(stderr).toMatch(/^ {2}I could not show a hanging tool: Interrupted/m);
  });

  test('leaves nothing unfinished where somebody stopped it', async () => {
    const running = start(['run', '--session', 'trip', hanging]);
    await running.shows('stderr', hangs);
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130 });
    const { code, stdout, stderr } = await turnchart(['run', '--session', 'trip', 'what is 2+2?'], options());
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2+2 = 4.\n' });
    expect(stderr).not.toContain('Found');
  });

  test('stops the unfinished turn with an interrupt, and does not ask the question', async () => {
    const running = start(['run', '--session', 'trip', 'simulate an endless answer']);
    await running.shows('stdout', 'line 1 of');
    running.process.kill('SIGKILL');
    await running.ended;
    const again = start(['run', '--session', 'trip', 'what is 2+2?']);
    await again.shows('stderr', 'the model had been asked and is asked anew; going on.');
    again.process.kill('SIGINT');
    expect(await again.ended).toMatchObject({ code: 130, stdout: '' });
    expect(await turnchart(['sessions', '--json'], options())).toMatchObject({
      stdout: expect.stringContaining('"turns":1,"status":"idle"'),
    });
  });

  test('ends where it can be kept no more, and goes on from what is kept', async () => {
    writeFileSync(join(home, 'questions.txt'), 'what is 2+2?\n'.repeat(100));
    const store = join(home, 'small.db');
    const chat = `turnchart chat --session trip --store small.db`;
    // of 512 bytes each
    const full = await inShell(`ulimit -f 300; ${chat} <questions.txt`, { cwd: home });
    expect(full).toMatchObject({ code: 1, stdout: expect.stringMatching(/^(2\+2 = 4\.\n)+$/) });
    expect(full.stderr.split('\n').at(-2)).toMatch(/^failed: Session "trip" could not be kept: .*store_failed/);
    const again = await turnchart(['--session', 'trip', '--store', store, 'what is 3+3?'], options());
    expect(again).toMatchObject({ code: 0, stdout: '3+3 = 6.\n' });
    expect(again.stderr).toMatch(/^Session "trip" .*goes on/m);
  });

  test('says so, and ends, where an unfinished turn can be kept no more', async () => {
    await killInTool();
    // enough to lock the session, and for little more; of 512 bytes each
    const blocks = Math.ceil(statSync(`${file}-wal`).size / 512) + 24;
    const { code, stdout, stderr } = await inShell(`ulimit -f ${blocks}; turnchart run --session trip "what is 3+3?"`, {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/ could not be read or written \(disk I\/O error\)/);
    expect(await turnchart(['run', '--session', 'trip', 'what is 3+3?'], options())).toMatchObject({
      code: 0,
      stdout: '3+3 = 6.\n',
    });
  });

  test('leaves no recording behind where nothing could be recorded', async () => {
    const running = start(['chat', '--session', 'trip']);
    running.process.stdin.write(`${hanging}\n`);
    await running.shows('stderr', hangs);
    const recording = join(home, 'run.jsonl');
    expect(
      await turnchart(['run', '--session', 'trip', '--record', recording, 'what is 2+2?'], options()),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('in use by process') });
    expect(() => statSync(recording)).toThrow('ENOENT');
    running.process.kill('SIGKILL');
    await running.ended;
  });

  test('is recorded from where it rests', async () => {
    await killInTool();
    const recording = join(home, 'run.jsonl');
    await turnchart(['run', '--session', 'trip', '--record', recording, 'what is 3+3?'], options());
    const { code, stdout, stderr } = await turnchart(['replay', recording, '--speed', 'max'], options());
    expect({ code, stdout }).toEqual({ code: 0, stdout: '3+3 = 6.\n' });
    expect(stderr).toMatch(/^trip of turnchart with simulated\/simulated, .*, after 8 messages$/m);
  });
});

describe('turnchart chat --session in a terminal', { timeout }, () => {
  const args = ['chat', '--session', 'trip'];
  const idle = 'simulated · trip · /help';

  test('shows what was said, goes on after a kill, and tells what waits', async () => {
    {
      await using chat = new ChatTerminal({ cwd: home, args });
      await chat.shows('Session "trip" is new, and kept in ~/.turnchart/sessions.db.');
      chat.type(`what is 2+2?${keys.enter}`);
      await chat.shows('2+2 = 4.');
      await chat.shows(idle);
      chat.type(`what is 17*23, and ${hanging}${keys.enter}`);
      await chat.shows(hangs);
      chat.type(`/queue what is 5*5?${keys.enter}`);
      await chat.shows('queued: what is 5*5?');
      // it is drawn a moment before it is kept, and nothing else is done before that
      chat.type(`/tools${keys.enter}`);
      await chat.shows('› /tools');
      process.kill(chat.pid, 'SIGKILL');
      await chat.ended();
    }
    await using chat = new ChatTerminal({ cwd: home, args });
    await chat.shows('5*5 = 25.');
    await chat.shows(idle);
    expect(chat.text).toMatch(
      new RegExp(
        [
          'Session "trip" of ~/\\.turnchart/sessions\\.db goes on: 1 turn so far\\.',
          '',
          '› what is 2\\+2\\?',
          '',
          '✓ calculate {"expression":"2\\+2"}',
          '  {"expression":"2\\+2","result":4}',
          '',
          '2\\+2 = 4\\.',
          '',
          '› what is 17\\*23, and simulate a hanging tool',
        ].join('\n'),
      ),
    );
    expect(chat.text.replaceAll(/\s+/g, ' ')).toMatch(
      /Found an unfinished turn \(began N s ago\): calculate had run, hang had started and is reported as interrupted; going on\. A message waits behind it\./,
    );
  });

  test('leaves the turn to be gone on with where the terminal is closed, and cancels it where its user quits', async () => {
    {
      await using chat = new ChatTerminal({ cwd: home, args });
      await chat.shows(idle);
      chat.type(`${hanging}${keys.enter}`);
      await chat.shows(hangs);
      process.kill(chat.pid, 'SIGHUP');
      expect(await chat.ended()).toBe(129);
    }
    {
      await using chat = new ChatTerminal({ cwd: home, args });
      await chat.shows('I could not show a hanging tool');
      await chat.shows(idle);
      chat.type(`${hanging}${keys.enter}`);
      await chat.shows(`› ${hanging}\n\n→ hang {}\n  ${hangs}`);
      chat.type(keys.ctrlD);
      expect(await chat.ended()).toBe(0);
    }
    await using chat = new ChatTerminal({ cwd: home, args });
    await chat.shows(idle);
    expect(chat.text).toContain('goes on: 2 turns so far.');
    expect(chat.text).not.toContain('Found an unfinished');
    expect(chat.text).toContain('cancelled\n');
  });

  test('goes on with another model, and is kept all the same', async () => {
    await using chat = new ChatTerminal({ cwd: home, args });
    await chat.shows(idle);
    chat.type(`what is 2+2?${keys.enter}`);
    await chat.shows('2+2 = 4.');
    await chat.shows(idle);
    chat.type(`/model simulated${keys.enter}`);
    await chat.shows('› /model simulated\n\nThe simulated model answers');
    chat.type(`what is 3+3?${keys.enter}`);
    await chat.shows('3+3 = 6.');
    await chat.shows(idle);
    chat.type(keys.ctrlD);
    expect(await chat.ended()).toBe(0);
    expect(await turnchart(['sessions', '--json'], options())).toMatchObject({
      stdout: expect.stringContaining('"turns":2,"status":"idle"'),
    });
  });
});

describe('turnchart sessions', { timeout }, () => {
  test('lists what is kept, the last used first', async () => {
    await keep({ trip: ['Where to go in May?', 'And in June?'], books: ['What shall I read?'] });
    const { code, stdout, stderr } = await sessions();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.replaceAll(/\d+ s ago/g, 'N s ago')).toBe(
      [
        'NAME   TURNS  STATUS  LAST CHANGE  TITLE',
        'books  1      idle    N s ago      What shall I read?',
        'trip   2      idle    N s ago      Where to go in May?',
        '',
      ].join('\n'),
    );
  });

  test('keeps the columns in line where characters are two columns wide', async () => {
    await keep({ 旅行: ['漢字'], trip: ['Where to?'] });
    const { stdout } = await sessions();
    const [head = '', ...rows] = stdout.trimEnd().split('\n');
    const columnOf = (row: string) => visibleWidth(row.slice(0, row.search(/\d+ +idle/)));
    expect(rows.map(columnOf)).toEqual([head.indexOf('TURNS'), head.indexOf('TURNS')]);
  });

  test('cuts titles where the line of a terminal ends', async () => {
    await keep({ trip: [`Where to go ${'on and '.repeat(10)}on?`] });
    await using terminal = new ChatTerminal({
      cwd: home,
      columns: 60,
      args: ['sessions', '--store', join(home, 'turnchart', 'sessions.db')],
    });
    await terminal.ended();
    expect(terminal.lines.map(({ length }) => length)).toEqual([39, 60]);
    expect(terminal.text).toMatch(/…$/);
  });

  test('finds words, keeps a limit, and gives lines of JSON', async () => {
    await keep({ trip: ['Where to go in May?', 'And in June?'], books: ['What shall I read?'], more: ['What else?'] });
    const names = async (...words: readonly string[]) =>
      (await sessions('--json', ...words)).stdout.match(/(?<="id":")\w+/g);
    expect(await names()).toEqual(['more', 'books', 'trip']);
    expect(await names('--limit', '1')).toEqual(['more']);
    expect(await names('--search', 'june')).toEqual(['trip']);
    const [line = ''] = (await sessions('--json', '--search', 'READ shall')).stdout.split('\n');
    expect(JSON.parse(line)).toMatchObject({ id: 'books', title: 'What shall I read?', turns: 1, status: 'idle' });
    expect(await sessions('--search', 'lisbon')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^No session has "lisbon" in /),
    });
  });

  test('says where there are none, and makes no file', async () => {
    const { code, stdout, stderr } = await sessions();
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^There are no sessions in .*sessions\.db\. To begin one: turnchart chat --session NAME\n$/);
    expect((await sessions('--json')).stdout).toBe('');
    expect(() => statSync(join(home, 'turnchart'))).toThrow('ENOENT');
  });

  test('deletes a session, and none that is not there', async () => {
    await keep({ trip: ['Where to go?'], books: ['What shall I read?'] });
    expect(await sessions('delete', 'trip')).toEqual({ code: 0, stdout: '', stderr: 'Session "trip" is deleted.\n' });
    expect((await sessions('--json')).stdout).toMatch(/^{"id":"books"[^\n]*\n$/);
    expect(await sessions('delete', 'trip')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^There is no session "trip" in [^\n]*\n$/),
    });
  });

  test('trims the journal of turns that ended long ago, and no other', async () => {
    await keep({ trip: ['Where to go?', 'And then?'] });
    expect((await sessions('trim', '--older-than', '1h')).stderr).toMatch(/^0 rows /);
    expect((await sessions('trim', '--older-than', '0d')).stderr).toMatch(
      /^[1-9]\d* rows of turns that ended more than 0d ago are gone\. What was said is still there\.\n$/,
    );
    expect((await sessions('--json')).stdout).toMatch(/"turns":2/);
  });

  test('tells what it takes', async () => {
    expect((await sessions('--help')).stdout).toMatch(/^Usage: turnchart sessions \[options\] /);
  });

  test.each<[words: readonly string[], problem: RegExp]>([
    [['delete'], /^"turnchart sessions delete" takes one name\. See turnchart sessions --help\.\n$/],
    [['delete', 'a', 'b'], /^"turnchart sessions delete" takes one name\./],
    [['delete', 'a', '--json'], /^"turnchart sessions delete" has no option --json\./],
    [['trim'], /^"turnchart sessions trim" wants --older-than, such as 30d\./],
    [['trim', '--older-than', 'May'], /^--older-than May: it is days or hours, such as 30d or 12h\./],
    [['trim', 'trip', '--older-than', '1d'], /^"turnchart sessions trim" takes no name/],
    [['--older-than', '1d'], /^"turnchart sessions" has no option --older-than\./],
    [['--limit', '0'], /^--limit 0: it is a whole number from 1\./],
    [['are', 'what?'], /^"turnchart sessions are" is not there: .* turnchart run sessions/],
    [['--colour'], /^Unknown option '--colour'\. See turnchart sessions --help\.\n$/],
  ])('says what is wrong with %j', async (words, problem) => {
    const { code, stdout, stderr } = await sessions(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(problem);
  });
});

describe('turnchart replay of a session', { timeout }, () => {
  test('goes the same way after an approval, with a sub-agent, and where it was shortened', async () => {
    mkdirSync(join(home, 'turnchart'));
    for (const name of ['a.txt', 'b.txt']) writeFileSync(join(home, name), name);
    const store = sqliteStore(join(home, 'turnchart', 'sessions.db'));
    const model = simulated({ delayMs: 0 });
    const agent = createAgent({ ...commandLineAgent({ model, isSimulated: true }, home), store });
    const first = agent.session({ id: 'trip' });
    first.on('tool.approvalRequested', ({ toolCallId }) => first.approve(toolCallId, { remember: 'session' }));
    const long = `what is 3+3? ${'I have always wanted to know. '.repeat(20)}`;
    for (const question of ['delete a.txt', 'ask an agent what is 6*7?', long, 'what is 4+4?', 'what is 5+5?']) {
      await first.send(question).result;
    }
    const rested = new Promise((resolve) => first.on('session.idle', resolve));
    expect(first.compact()).toEqual({ accepted: true });
    await rested;
    await first.close();
    const second = agent.session({ id: 'trip' });
    expect((await second.send('delete b.txt').result).text).toBe('b.txt is deleted.');
    await second.close();
    await store.close();
    const { code, stdout, stderr } = await play('trip');
    expect(stderr).toMatch(/\nThe machines go the same way today: every effect is as it was\.\n$/);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'a.txt is deleted.',
      'The agent says: 6*7 = 42.',
      '3+3 = 6.',
      '4+4 = 8.',
      '5+5 = 10.',
      'b.txt is deleted.',
    ]);
    expect(stderr).toMatch(/^Compacted: /m);
  });

  test('plays what is kept of it as it went, and compares it with the machines of today', async () => {
    const store = await keep({ trip: ['Where to go?', 'And then?'] });
    const { code, stdout, stderr } = await play('trip');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Fine.\nFine.\n' });
    expect(stderr).toMatch(/^The session "trip" of .*sessions\.db:\ntrip of turnchart, \d{4}-.*\n> Where to go\?\n/);
    expect(stderr.match(/^\[callingModel \(step 1\)\]$/gm)).toHaveLength(2);
    expect(stderr).toMatch(/^> And then\?$/m);
    expect(stderr).toMatch(/\nThe machines go the same way today: every effect is as it was\.\n$/);
    expect((await play('trip', { store })).stdout).toBe(stdout);
    const types = (await play('trip', { json: true })).stdout.match(/(?<="type":")turn\.\w+/g);
    expect(types).toEqual(['turn.started', 'turn.completed', 'turn.started', 'turn.completed']);
  });

  test('prefers a recording of that name, and says which it has taken', async () => {
    const store = await keep({ 'trip.jsonl': ['Where to go?'] });
    const recording = join(home, 'trip.jsonl');
    await turnchart(['--record', recording, 'what is 2+2?'], { cwd: home });
    const cwd = process.cwd();
    try {
      process.chdir(home);
      const file = await play('trip.jsonl');
      expect(file.stdout).toBe('2+2 = 4.\n');
      expect(file.stderr).toMatch(/^The recording trip\.jsonl:\n/);
      expect((await play('trip.jsonl', { store })).stdout).toBe('Fine.\n');
    } finally {
      process.chdir(cwd);
    }
  });

  test('says that its last turn has not ended', async () => {
    await killInTool();
    const { code, stdout, stderr } = await turnchart(['replay', 'trip', '--speed', 'max'], options());
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2+2 = 4.\n' });
    expect(stderr).toMatch(/\n→ hang \{\}\nIts last turn has not ended\.\nThe machines go the same way today/);
    // looking at it changes nothing
    expect((await turnchart(['chat', '--session', 'trip'], options(''))).stderr).toMatch(found);
  });

  test('says that its journal was trimmed, and plays the rest', async () => {
    const store = await keep({ trip: ['Where to go?', 'And then?'] });
    await sessions('trim', '--older-than', '0d');
    const { code, stdout, stderr } = await play('trip');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/:\nThe journal of its first 2 turns was trimmed\.\n[^\n]*\nThere is nothing to play\.\n$/);
    const agent = createAgent({ name: 'turnchart', model: scriptedModel(['Later.']), store: sqliteStore(store) });
    await agent.session({ id: 'trip' }).send('And now?').outcome;
    await agent.close();
    const later = await play('trip');
    expect(later).toMatchObject({ code: 0, stdout: 'Later.\n' });
    expect(later.stderr).toMatch(
      /:\nThe journal of its first 2 turns was trimmed\.\n[^\n]*after 4 messages\n> And now/,
    );
  });

  test('tells where it has looked for what is not there', async () => {
    const nowhere = { code: 2, stdout: '' };
    expect(await play('trip')).toMatchObject({
      ...nowhere,
      stderr: expect.stringMatching(/^trip: there is no such file, and no session of that name in .*sessions\.db\.\n$/),
    });
    const store = await keep({ books: ['What shall I read?'] });
    expect(await play('trip', { store })).toMatchObject({
      ...nowhere,
      stderr: expect.stringMatching(/^trip: there is no session of that name in .*sessions\.db\.\n$/),
    });
  });
});
