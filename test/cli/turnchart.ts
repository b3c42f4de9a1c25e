import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What of the environment would change what is tested. */
const settings = /^(?:(?:FORCE|NO)_COLOR|(?:OPENAI|ANTHROPIC|GEMINI|GOOGLE)_.*)$/;

/** The command line as a process of its own, its streams all pipes. */
export class Turnchart {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;

  constructor(
    args: readonly string[],
    { cwd, env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
  ) {
    const inherited = Object.entries(process.env).filter(([name]) => !settings.test(name));
    this.process = spawn(process.execPath, ['--conditions=turnchart-source', main, ...args], {
      stdio: 'pipe',
      env: { ...Object.fromEntries(inherited), ...env },
      ...(cwd !== undefined && { cwd }),
    });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.process, 'close').then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }));
  }

  /** Resolves when that text has come; rejects where the process ends without it. */
  async shows(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    const source = this.process[stream];
    const gone = this.ended.then(() => {
      if (!this[stream].includes(text)) throw new Error(`it ended without "${text}" on ${stream}: ${this.stderr}`);
    });
    while (!this[stream].includes(text)) await Promise.race([once(source, 'data'), gone]);
  }
}

/** Runs the command line to its end; standard input is empty unless given. */
export function turnchart(
  args: readonly string[],
  { input = '', ...options }: { input?: string; cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const running = new Turnchart(args, options);
  // a process that reads no input closes it before it is written
  running.process.stdin.on('error', () => undefined);
  running.process.stdin.end(input);
  return running.ended;
}

/** Runs a line of shell, in which `turnchart` is the command line. */
export async function inShell(
  line: string,
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const command = `"${process.execPath}" --conditions=turnchart-source "${main}"`;
  const shell = spawn('sh', ['-c', line.replace('turnchart', command)], { stdio: 'pipe', ...options });
  const ended = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    shell[stream].setEncoding('utf8').on('data', (text: string) => {
      ended[stream] += text;
    });
  }
  const [code] = await once(shell, 'close');
  return { code, ...ended };
}
