import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { turnchart } from '../turnchart.ts';
import { ChatTerminal, type ChatTerminalOptions, keys, pasted } from './chatTerminal.ts';

// Processes start slowly where many tests run beside each other.
const timeout = 30_000;
const idle = 'simulated · /help';
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'turnchart-chat-'));
  writeFileSync(join(cwd, 'notes.txt'), 'one\ntwo\n');
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function openChat(options: Partial<ChatTerminalOptions> = {}, shown = idle): Promise<ChatTerminal> {
  const chat = new ChatTerminal({ cwd, ...options });
  await chat.shows(shown);
  return chat;
}

describe.concurrent('a turn in the chat', { timeout }, () => {
  test('shows a retry that counts down, two tools with what they gave, the answer, and what it took', async () => {
    await using chat = await openChat();
    chat.type(`simulate a rate limit, then what is 17*23, and how many files are here?${keys.enter}`);
    await chat.shows('retrying · rate_limit · again in N s · attempt 2 of 3');
    await chat.shows(/2 steps[\s\S]*simulated · /);
    expect(chat.text).toBe(
      `Turnchart 0.1.0
The simulated model answers: a program on this machine. No key was used, and nothing is sent
anywhere.

› simulate a rate limit, then what is 17*23, and how many files are here?

Attempt 1 of 3 failed (rate_limit_exceeded): Simulated rate limit: try again in 1200 ms. The next
one after N s.

✓ calculate {"expression":"17*23"}
  {"expression":"17*23","result":391}
✓ list_files {"path":"."}
  {"path":".","files":["notes.txt"],"directories":[],"count":1,"directoryCount":0}

17*23 = 391. There is 1 file here.

N input tokens · N output tokens · 2 steps · N s

simulated · /help shows what can be typed
────

────`.replace('0.1.0', version()),
    );
  });

  test('names the tools that run, and is cancelled by Ctrl-C', async () => {
    await using chat = await openChat();
    chat.type(`simulate a hanging tool${keys.enter}`);
    await chat.shows('runningTools · hang N s · N s');
    expect(chat.text).toContain('→ hang {}\n  hangs until it is stopped\n');
    chat.type(keys.ctrlC);
    await chat.shows('✗ hang {}\n  hangs until it is stopped\n  cancelled while it ran\n\ncancelled\n');
    await chat.shows('Ctrl-C again quits');
    await chat.shows(idle);
    chat.type(`what is 2+2?${keys.enter}`);
    await chat.shows('2+2 = 4.');
  });

  test('takes what is sent meanwhile as steering, and /queue as a turn of its own', async () => {
    await using chat = await openChat();
    chat.type(`simulate a rate limit of 2 seconds${keys.enter}`);
    await chat.shows('retrying');
    chat.type(`/queue what is 3*3?${keys.enter}`);
    await chat.shows('  queued: what is 3*3?\n');
    chat.type(`what is 6*7?${keys.enter}`);
    await chat.shows('  queued: what is 3*3?\n  steering, for the next step: what is 6*7?\n');
    await chat.shows('6*7 = 42.');
    await chat.shows('3*3 = 9.');
    await chat.shows(idle);
    expect(chat.text).not.toMatch(/queued:|for the next step/);
    expect(chat.text).toContain('› what is 6*7?\n');
    expect(chat.text).toContain('› what is 3*3?\n');
  });

  test('marks steering that a step took', async () => {
    await using chat = await openChat();
    chat.type(`simulate a rate limit of 1 second, then read notes.txt${keys.enter}`);
    await chat.shows('retrying');
    chat.type(`what is 6*7?${keys.enter}`);
    await chat.shows('› what is 6*7?\n  steering, taken\n');
    await chat.shows('6*7 = 42.');
  });

  test('replaces what was shown of an answer that broke off by one struck line', async () => {
    await using chat = await openChat();
    chat.type(`simulate a cut stream, then what is 2+2${keys.enter}`);
    await chat.shows('2+2 = 4.');
    const lines = chat.lines.filter((line) => line.includes('This answer is about'));
    expect(lines).toEqual([expect.stringMatching(/^broken off, void: This answer/)]);
    expect(chat.look('broken off')).toMatchObject({ isDim: true, isStruck: false });
    expect(chat.look('This answer')).toMatchObject({ isDim: true, isStruck: true });
  });

  test('dims reasoning, and not the answer', async () => {
    await using chat = await openChat();
    chat.type(`simulate reasoning, then what is 2+2${keys.enter}`);
    await chat.shows('2+2 = 4.');
    expect(chat.look('The message asks for')).toMatchObject({ isDim: true });
    expect(chat.look('2+2 = 4.')).toEqual({ isDim: false, isStruck: false, isColoured: false });
  });

  test('says why it failed, and what to do', async () => {
    await using chat = await openChat();
    chat.type(`simulate an overflow${keys.enter}`);
    await chat.shows(/^failed: Simulated overflow.*\(context_overflow,\s+request_too_large\) Ask for less at once\.$/m);
    expect(chat.look('failed: Simulated')).toMatchObject({ isColoured: true });
  });

  test('has no colours and no other style with NO_COLOR', async () => {
    await using chat = await openChat({ env: { NO_COLOR: '1' } });
    chat.type(`simulate reasoning and a cut stream, then what is 2+2${keys.enter}`);
    await chat.shows('2+2 = 4.');
    for (const text of ['Turnchart', '› simulate', 'broken off', '┊', '✓ calculate', '2+2 = 4.', '──']) {
      expect(chat.look(text)).toEqual({ isDim: false, isStruck: false, isColoured: false });
    }
  });

  test('fits into 60 columns, and into 20', async () => {
    await using chat = await openChat({ columns: 60 });
    chat.type(`what is in notes.txt?${keys.enter}`);
    await chat.shows('2 steps · N s');
    await chat.shows(idle);
    expect(chat.text).toContain(
      '✓ read_file {"path":"notes.txt"}\n  {"path":"notes.txt","content":"one\\ntwo\\n","bytes":8,"line\n  s":2}\n',
    );
    chat.resize(20, 30);
    await chat.shows('simulated · /help\nshows what can be\ntyped\n');
    expect(chat.text).toContain('✓ read_file {"path"…\n');
  });

  test('shows every line once, however the terminal is resized meanwhile', async () => {
    await using chat = await openChat({ rows: 20 });
    chat.type(`simulate an endless answer${keys.enter}`);
    await chat.shows('line 4 of');
    chat.resize(50, 20);
    await chat.shows('line 8 of');
    chat.resize(100, 20);
    await chat.shows('line 16 of');
    chat.type(keys.ctrlC);
    await chat.shows(idle);
    const numbers = chat.lines.flatMap((line) => /^This is line (\d+) of/.exec(line)?.[1] ?? []).map(Number);
    expect(numbers.length).toBeGreaterThanOrEqual(16);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const before = chat.lines;
    // a change of the width draws everything anew
    for (const columns of [99, 100]) {
      chat.resize(columns, 20);
      await chat.isDrawnFor(columns);
    }
    expect(chat.lines).toEqual(before);
  });
});

describe.concurrent('the prompt of the chat', { timeout }, () => {
  test('takes pasted lines for one message', async () => {
    await using chat = await openChat();
    chat.type(pasted('what is 2+2?\nwhat is 3+3?\nwhat is 4+4?'));
    await chat.shows('what is 4+4?');
    expect(chat.text).not.toContain('›');
    chat.type(keys.enter);
    await chat.shows('› what is 2+2?\n  what is 3+3?\n  what is 4+4?\n');
    await chat.shows('2+2 = 4. 3+3 = 6. 4+4 = 8.');
  });

  test('takes several typed lines, and brings back with Up what was sent', async () => {
    await using chat = await openChat();
    chat.type(`what is 2+2?${keys.altEnter}and 3+3?${keys.enter}`);
    await chat.shows('› what is 2+2?\n  and 3+3?\n');
    await chat.shows('2 steps');
    chat.type(`/nothing like that${keys.enter}`);
    await chat.shows('There is no command /nothing');
    chat.type(keys.up);
    await chat.shows('────\n/nothing like that\n────');
    chat.type(keys.up);
    await chat.shows('────\nwhat is 2+2?\nand 3+3?\n────');
  });

  test('lists the commands that begin as what is typed', async () => {
    await using chat = await openChat();
    chat.type('/sa');
    await chat.shows(/→ save +FILE — writes the conversation/);
  });

  test('is cleared by Ctrl-C, and a second one quits', async () => {
    await using chat = await openChat();
    chat.type('half a question');
    await chat.shows('half a question');
    chat.type(keys.ctrlC);
    await chat.shows('Ctrl-C again quits');
    expect(chat.text).not.toContain('half a question');
    chat.type(keys.ctrlC);
    expect(await chat.ended()).toBe(0);
  });

  test('quits on Ctrl-D where it is empty, and leaves the conversation on the screen', async () => {
    await using chat = await openChat();
    chat.type(`what is 2+2?${keys.enter}`);
    await chat.shows('2 steps');
    chat.type(`x${keys.ctrlD}`);
    await chat.shows('────\nx\n────');
    chat.type(`\u0008${keys.ctrlD}`);
    expect(await chat.ended()).toBe(0);
    expect(chat.text).toMatch(/2\+2 = 4\.\n\nN input tokens · N output tokens · 2 steps · N s$/);
  });
});

describe.concurrent('a question in the chat', { timeout }, () => {
  function folder(...names: readonly string[]): string {
    const made = mkdtempSync(join(cwd, 'questions-'));
    for (const name of names) writeFileSync(join(made, name), name);
    return made;
  }

  test('is asked for each tool in its order, and answered with yes, or no and the reason', async () => {
    const files = folder('a.txt', 'b.txt');
    await using chat = await openChat({ cwd: files });
    chat.type(`delete a.txt and delete b.txt, what is 17*23?${keys.enter}`);
    await chat.shows(
      'awaitingAnswers · waiting for you · N s\nMay delete_file run? (1 more to answer)\n  path: a.txt\n',
    );
    expect(chat.text).toContain('? delete_file {"path":"a.txt"}\n  waits for approval\n');
    expect(chat.text).toContain('✓ calculate {"expression":"17*23"}\n');
    chat.type(`n it is the only copy${keys.enter}`);
    await chat.shows('May delete_file run?\n  path: b.txt\n');
    expect(chat.text).toContain('✗ delete_file {"path":"a.txt"}\n  denied: it is the only copy\n');
    chat.type(`y${keys.enter}`);
    await chat.shows('b.txt is deleted. 17*23 = 391.');
    await chat.shows(idle);
    expect(chat.text).toContain('✓ delete_file {"path":"b.txt"}\n  approved\n');
    expect(chat.text).not.toContain('May delete_file run?');
    expect(readdirSync(files)).toEqual(['a.txt']);
  });

  test('is asked no more after always', async () => {
    const files = folder('a.txt', 'b.txt', 'c.txt');
    await using chat = await openChat({ cwd: files });
    chat.type(`delete a.txt and delete b.txt${keys.enter}`);
    await chat.shows('May delete_file run? (1 more to answer)');
    chat.type(`always${keys.enter}`);
    await chat.shows('a.txt is deleted. b.txt is deleted.');
    await chat.shows(idle);
    chat.type(`delete c.txt${keys.enter}`);
    await chat.shows('c.txt is deleted.');
    expect(readdirSync(files)).toEqual([]);
  });

  test('leaves room for steering and commands, and ends with the turn', async () => {
    await using chat = await openChat({ cwd: folder('a.txt') });
    chat.type(`delete a.txt${keys.enter}`);
    await chat.shows('May delete_file run?');
    chat.type(`and what is 6*7?${keys.enter}`);
    await chat.shows('steering, for the next step: and what is 6*7?\nMay delete_file run?');
    chat.type(`/tools${keys.enter}`);
    await chat.shows('delete_file  Deletes a file for good.');
    chat.type(keys.ctrlC);
    await chat.shows('cancelled before it began');
    await chat.hides('May delete_file run?');
    await chat.shows('6*7 = 42.');
  });

  test('of a sub-agent says who asks, and what it does stands below its call', async () => {
    const files = folder('a.txt');
    await using chat = await openChat({ cwd: files });
    chat.type(`ask an agent to delete a.txt${keys.enter}`);
    await chat.shows('waiting for you · N s\nhelper: May delete_file run?\n  path: a.txt\n');
    expect(chat.text).toContain('\n  │ ? delete_file {"path":"a.txt"}\n  │   waits for approval\n');
    chat.type(`y${keys.enter}`);
    await chat.shows('\nThe agent says: a.txt is deleted.\n');
    expect(chat.text.match(/^a\.txt is deleted\.$/gm)).toBeNull();
    expect(readdirSync(files)).toEqual([]);
  });

  test('is not asked with --yes', async () => {
    await using chat = await openChat({ cwd: folder('a.txt'), args: ['chat', '--yes'] });
    chat.type(`delete a.txt${keys.enter}`);
    await chat.shows('a.txt is deleted.');
  });

  test('is asked whether a turn goes on that has taken all its steps', async () => {
    const policies = new URL('../../../src/machines/policies.ts', import.meta.url);
    const one = `data:text/javascript,import{defaultLimits}from'${policies}';defaultLimits.maxSteps=1`;
    await using chat = await openChat({ env: { NODE_OPTIONS: `--import=${one}` } });
    chat.type(`what is 2+2?${keys.enter}`);
    await chat.shows(
      'awaitingExtension · waiting for you · N s\n1 step is taken. Go on for 1 more?\n  y · n (stops the turn)\n',
    );
    chat.type(`y${keys.enter}`);
    await chat.shows('\nPaused: 1 step is taken.\n\nGoes on, until step 2.\n\n2+2 = 4.\n');
    await chat.shows(idle);
    chat.type(`what is 3+3?${keys.enter}`);
    await chat.shows('Go on for 1 more?');
    chat.type(`n${keys.enter}`);
    await chat.shows('\ncancelled\n');
    await chat.shows(idle);
  });

  test('is open again where its process was killed', async () => {
    const files = folder('a.txt');
    const args = ['chat', '--session', 'trip'];
    {
      await using killed = await openChat({ cwd: files, args, columns: 120 }, 'trip · /help');
      killed.type(`delete a.txt${keys.enter}`);
      await killed.shows('May delete_file run?');
    }
    await using chat = new ChatTerminal({ cwd: files, args });
    await chat.shows('May delete_file run?\n  path: a.txt\n');
    chat.type(`y${keys.enter}`);
    await chat.shows('a.txt is deleted.');
    expect(readdirSync(files)).not.toContain('a.txt');
  });
});

describe.concurrent('commands of the chat', { timeout }, () => {
  test('show the state charts, unfold tools, and save the conversation', async () => {
    await using chat = await openChat({ rows: 60 });
    chat.type(`simulate a hanging tool${keys.enter}`);
    await chat.shows('runningTools');
    chat.type(`/state${keys.enter}`);
    await chat.shows(/› \/state\n\nsession\n[\s\S]*● running\n[\s\S]*● runningTools\n/);
    chat.type(`/cancel${keys.enter}`);
    await chat.shows('cancelled while it ran');
    chat.type(`what is in notes.txt?${keys.enter}`);
    await chat.shows('2 steps');
    expect(chat.text).not.toContain('"lines": 2');
    chat.type(keys.ctrlO);
    await chat.shows(
      '  {\n    "path": "notes.txt",\n    "content": "one\\ntwo\\n",\n    "bytes": 8,\n    "lines": 2\n  }\n',
    );
    chat.type(keys.ctrlO);
    await chat.hides('"lines": 2');
    chat.type(`/save saved.md${keys.enter}`);
    await chat.shows(/Saved \d+ messages in saved\.md\./);
    expect(readFileSync(join(cwd, 'saved.md'), 'utf8')).toContain('## User\n\nwhat is in notes.txt?\n');
    chat.type(`/quit${keys.enter}`);
    expect(await chat.ended()).toBe(0);
  });

  test('change the model in the middle of a conversation', async () => {
    await using chat = await openChat({
      args: ['chat', '--model', 'simulated'],
      env: { OPENAI_API_KEY: 'sk-canary-0123456789' },
    });
    await chat.shows('OPENAI_API_KEY is set: /model openai/… would use it.');
    chat.type(`what is 2+2?${keys.enter}`);
    await chat.shows('2 steps');
    chat.type(`/model openai/gpt-5${keys.enter}`);
    await chat.shows('gpt-5 answers, at api.openai.com.');
    await chat.shows('openai/gpt-5 · /help');
    chat.type(`/model gpt${keys.enter}`);
    await chat.shows('/model gpt: there is auto, simulated, openai/<model>, ');
    chat.type(`/model simulated${keys.enter}`);
    await chat.shows(idle);
    chat.type(`/save both.json${keys.enter}`);
    await chat.shows('Saved 4 messages');
    expect(chat.written).not.toContain('canary');
  });
});

describe.concurrent('the end of the chat', { timeout }, () => {
  /** What a terminal is asked for at the start, undone: bracketed paste, the hidden cursor, the keyboard protocol. */
  function expectRestored({ written }: ChatTerminal): void {
    const last = (sequence: string) => written.lastIndexOf(sequence);
    expect(last('\u001b[?2004l')).toBeGreaterThan(last('\u001b[?2004h'));
    expect(last('\u001b[?25h')).toBeGreaterThan(last('\u001b[?25l'));
    expect(last('\u001b[<u')).toBeGreaterThan(last('\u001b[>7u'));
  }

  test('is a second Ctrl-C in the empty prompt, and restores the terminal', async () => {
    await using chat = await openChat();
    chat.type(keys.ctrlC);
    await chat.shows('Ctrl-C again quits');
    chat.type(keys.ctrlC);
    expect(await chat.ended()).toBe(0);
    expectRestored(chat);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ])('restores the terminal on %s, and cancels what runs', async (signal, code) => {
    await using chat = await openChat();
    chat.type(`simulate a hanging tool${keys.enter}`);
    await chat.shows('runningTools');
    process.kill(chat.pid, signal);
    expect(await chat.ended()).toBe(code);
    expect(chat.text).toContain('cancelled while it ran');
    expectRestored(chat);
  });

  test('restores the terminal where something breaks, and says what', async () => {
    const saboteur = `data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('broken on purpose')})`;
    await using chat = await openChat({ env: { NODE_OPTIONS: `--import=${saboteur.replaceAll(' ', '%20')}` } });
    process.kill(chat.pid, 'SIGUSR2');
    expect(await chat.ended()).toBe(1);
    expect(chat.text).toContain('Error: broken on purpose');
    expectRestored(chat);
  });
});

describe.concurrent('turnchart in a terminal', { timeout }, () => {
  test('opens the chat where nothing is asked, and records it', async () => {
    const file = join(cwd, 'chat.jsonl');
    await using chat = await openChat({ args: ['--record', file] });
    chat.type(`what is 2+2?${keys.enter}`);
    await chat.shows('2 steps');
    chat.type(keys.ctrlD);
    expect(await chat.ended()).toBe(0);
    const replayed = await turnchart(['replay', file, '--speed', 'max'], { cwd });
    expect(replayed).toMatchObject({ code: 0, stdout: '2+2 = 4.\n' });
  });

  test('reads lines where the terminal can draw nothing', async () => {
    await using chat = new ChatTerminal({ cwd, env: { TERM: 'dumb' } });
    await chat.shows(/^>$/m);
    chat.type(`what is 2+2?\r`);
    await chat.shows('2+2 = 4.');
    await chat.shows(/2 steps.*\n>$/);
    chat.type(keys.ctrlD);
    expect(await chat.ended()).toBe(0);
    expect(chat.written).not.toContain('\u001b');
  });

  test('asks on standard error whether a tool may run, and ends with Ctrl-C meanwhile', async () => {
    const files = mkdtempSync(join(cwd, 'run-'));
    for (const name of ['a.txt', 'b.txt']) writeFileSync(join(files, name), name);
    {
      await using running = new ChatTerminal({ cwd: files, args: ['delete a.txt and delete b.txt'] });
      await running.shows('May delete_file run? path: a.txt\n  y · n · n and the reason · always (in this session)');
      running.type('perhaps\ry\r');
      await running.shows('May delete_file run? path: b.txt\n');
      running.type('n\r');
      expect(await running.ended()).toBe(0);
      expect(readdirSync(files)).toEqual(['b.txt']);
    }
    await using cancelled = new ChatTerminal({ cwd: files, args: ['delete b.txt'] });
    await cancelled.shows('May delete_file run? path: b.txt\n');
    cancelled.type(keys.ctrlC);
    expect(await cancelled.ended()).toBe(130);
  });

  test('asks by lines, which are messages again afterwards', async () => {
    const files = mkdtempSync(join(cwd, 'lines-'));
    writeFileSync(join(files, 'a.txt'), 'a');
    await using chat = new ChatTerminal({ cwd: files, env: { TERM: 'dumb' } });
    await chat.shows(/^>$/m);
    chat.type('delete a.txt\r');
    await chat.shows('May delete_file run? path: a.txt');
    chat.type('y\r');
    await chat.shows('a.txt is deleted.');
    chat.type('what is 2+2?\r');
    await chat.shows('2+2 = 4.');
  });

  test('denies what it asks where the input ends in between', async () => {
    const files = mkdtempSync(join(cwd, 'ends-'));
    writeFileSync(join(files, 'a.txt'), 'a');
    await using chat = new ChatTerminal({ cwd: files, env: { TERM: 'dumb' } });
    await chat.shows(/^>$/m);
    chat.type('delete a.txt\r');
    await chat.shows('May delete_file run? path: a.txt');
    chat.type(keys.ctrlD);
    expect(await chat.ended()).toBe(0);
    expect(chat.text).toContain('nobody can be asked: denied');
    expect(readdirSync(files)).toEqual(['a.txt']);
  });
});

function version(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version;
}
