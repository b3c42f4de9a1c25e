import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// The chat in a real terminal program, as somebody would use it: a question, another width, a tool that needs approval,
// Ctrl-C twice. Where tmux cannot be had this is not checked, and the emulator of test/cli/chat has the say.

const patienceMs = 30_000;
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const socket = `turnchart-${process.pid}`;

if (!hasTmux() && !installTmux()) {
  console.log('There is no tmux, and it cannot be installed: the chat is not checked in a terminal program here.');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'turnchart-terminal-'));
// what tmux leaves of its socket goes with the folder
const env = { ...process.env, TMUX_TMPDIR: folder };
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    tidyUp();
    process.exit(1);
  });
}
try {
  await checkChat();
  console.log('The chat answers, asks before it deletes, follows the width of the terminal, and gives it back.');
} finally {
  tidyUp();
}

function tidyUp(): void {
  spawnSync('tmux', ['-L', socket, 'kill-server'], { env });
  rmSync(folder, { recursive: true, force: true });
}

async function checkChat(): Promise<void> {
  const cwd = join(folder, 'cwd');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'notes.txt'), 'one\ntwo\n');
  const shell = `env -u ENV -u NO_COLOR -u OPENAI_API_KEY LC_ALL=C.UTF-8 PS1='shell> ' sh`;
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', '60', '-y', '20', '-c', cwd, shell);
  await shows('shell>');
  type(`'${process.execPath}' --conditions=turnchart-source '${main}' chat`);
  await shows('simulated · /help');
  type('what is 17*23, and how many files are here?');
  await shows('2 steps');
  await shows('simulated · /help');
  assert.deepEqual(conversation(), [
    `Turnchart ${version}`,
    'The simulated model answers: a program on this machine. No',
    'key was used, and nothing is sent anywhere.',
    '',
    '› what is 17*23, and how many files are here?',
    '',
    '✓ calculate {"expression":"17*23"}',
    '  {"expression":"17*23","result":391}',
    '✓ list_files {"path":"."}',
    '  {"path":".","files":["notes.txt"],"directories":[],"count"',
    '  :1,"directoryCount":0}',
    '',
    '17*23 = 391. There is 1 file here.',
  ]);
  tmux('resize-window', '-x', '40', '-y', '20');
  await shows(`\n${'─'.repeat(40)}\n`);
  assert.deepEqual(conversation(), [
    `Turnchart ${version}`,
    'The simulated model answers: a program',
    'on this machine. No key was used, and',
    'nothing is sent anywhere.',
    '',
    '› what is 17*23, and how many files are',
    '  here?',
    '',
    '✓ calculate {"expression":"17*23"}',
    '  {"expression":"17*23","result":391}',
    '✓ list_files {"path":"."}',
    '  {"path":".","files":["notes.txt"],"dir',
    '  ectories":[],"count":1,"directoryCount',
    '  ":0}',
    '',
    '17*23 = 391. There is 1 file here.',
  ]);
  type('delete notes.txt');
  await shows('May delete_file run?\n  path: notes.txt\n');
  await shows('waiting for you');
  assert.equal(existsSync(join(cwd, 'notes.txt')), true);
  type('y');
  await shows('notes.txt is deleted.');
  await shows('simulated · /help');
  assert.equal(existsSync(join(cwd, 'notes.txt')), false);
  tmux('send-keys', 'C-c');
  await shows('Ctrl-C again quits');
  tmux('send-keys', 'C-c');
  await shows(/\nshell>\s*$/);
  type('echo "code $?"; stty -a');
  await shows('code 0');
  await shows(/[; ]icanon\b[\s\S]*[; ]echo\b/);
}

function hasTmux(): boolean {
  return spawnSync('tmux', ['-V']).status === 0;
}

function installTmux(): boolean {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false;
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
  spawnSync('apt-get', ['update'], options);
  spawnSync('apt-get', ['install', '-y', 'tmux'], options);
  return hasTmux();
}

function tmux(...words: readonly string[]): string {
  return execFileSync('tmux', ['-u', '-L', socket, ...words], { encoding: 'utf8', env });
}

/** Types a line, as it is. */
function type(line: string): void {
  tmux('send-keys', '-l', line);
  tmux('send-keys', 'Enter');
}

function screen(): string {
  return tmux('capture-pane', '-p', '-S', '-');
}

/** The lines from the title of the chat to the end of its answer. */
function conversation(): readonly string[] {
  const lines = screen().split('\n');
  const end = lines.findLastIndex((line) => line.startsWith('17*23 = '));
  return lines.slice(lines.lastIndexOf(`Turnchart ${version}`), end + 1);
}

async function shows(expected: string | RegExp): Promise<void> {
  const until = Date.now() + patienceMs;
  while (!(typeof expected === 'string' ? screen().includes(expected) : expected.test(screen()))) {
    if (Date.now() > until) throw new Error(`The terminal never showed ${expected}:\n${screen()}`);
    await sleep(100);
  }
}
