import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const file = fileURLToPath(new URL('../../examples/chatLoop.ts', import.meta.url));

/** The example as a process of its own, which one can talk to. */
function chat() {
  const child = spawn(process.execPath, ['--conditions=turnchart-source', file], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const ended = once(child, 'close');
  const shows = async (text: string) => {
    const gone = ended.then(() => {
      if (!shown.includes(text)) throw new Error(`It ended without "${text}": ${shown}`);
    });
    while (!shown.includes(text)) await Promise.race([once(child.stdout, 'data'), gone]);
  };
  return { child, shown: () => shown, say: (line: string) => child.stdin.write(`${line}\n`), shows, ended };
}

describe('the chat loop', { timeout: 30_000 }, () => {
  it('answers line by line, in one conversation', async () => {
    const { child, shown, say, ended } = chat();
    say('what is 17*23?');
    say('');
    say('what is 6*7?');
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
    expect(shown()).toMatch(/^17\*23 = 391\.\n6\*7 = 42\.\n8 messages, \d+ tokens said\n$/);
  });

  it('stops the answer on Ctrl-C and takes the next line; between answers it ends', async () => {
    const { child, shown, say, shows, ended } = chat();
    say('simulate an endless answer');
    await shows('This is line 2');
    child.kill('SIGINT');
    await shows('… (stopped)\n');
    say('what is 6*7?');
    await shows('6*7 = 42.\n');
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(shown()).toMatch(/… \(stopped\)\n6\*7 = 42\.\n$/);
  });
});
