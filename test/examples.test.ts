import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

const examples = fileURLToPath(new URL('examples/', root));
const files = readdirSync(examples, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => relative(examples, join(parentPath, name)).replaceAll('\\', '/'))
  .filter((file) => file !== 'README.md');
const alone = files.filter((file) => !file.includes('/'));
/** All but the one in the README, which says it. */
const explained = alone.filter((file) => file !== 'quickstart.ts');
const folders = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/', 1)[0]));

async function run(file: string): Promise<string> {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env;
  const running = promisify(execFile)(process.execPath, ['--conditions=turnchart-source', `examples/${file}`], {
    cwd: root,
    env,
    timeout: 30_000,
  });
  running.child.stdin?.end();
  const { stdout, stderr } = await running;
  expect(stderr).toBe('');
  return stdout;
}

/** What each example says, so that one that runs but does something else is noticed. */
const says: Record<string, RegExp> = {
  'quickstart.ts': /17\*23 = 391/,
  'embedTurn.ts': /state: {"working":"callingModel"}\nanswer: final_answer\nstate: "done"\nended: completed \S/,
  'embedInYourMachine.ts': /Hello! -> answered \S[\s\S]*Please simulate an outage\. -> waitingForPerson/,
  'oneShot.ts': lines(
    /17\*23 = 391\./,
    /2 steps, 1 tool call, \d+ tokens in, \d+ out/,
    /The model failed \(provider_unavailable\): Simulated outage: .+/,
    /No answer within 1 step: The model still asks for tools .+/,
    /Cancelled: The operation was aborted due to timeout/,
  ),
  'chatLoop.ts': lines(
    /> what is 17\*23\?/,
    /17\*23 = 391\./,
    /> simulate a cut stream, then what is 6\*7\?/,
    /This answer is about to break off in the middle of a… \(once more\)/,
    /6\*7 = 42\./,
    /> simulate an outage/,
    /\(failed: Simulated outage: the model is not available\.\)/,
    /10 messages, \d+ tokens said/,
  ),
  'steering.ts': lines(
    /step 1/,
    / {2}calls calculate {"expression":"17\*23"}/,
    /step 2/,
    / {2}reads what was said meanwhile/,
    / {2}calls calculate {"expression":"6\*7"}/,
    /step 3/,
    /answer: 17\*23 = 391\. 6\*7 = 42\./,
  ),
  'cancel.ts': lines(
    /by a signal: The operation was aborted due to timeout/,
    /by turn\.cancel: That will do\./,
    / {2}user: Simulate an endless answer\./,
    / {2}assistant: This .*/,
    /tool stopped: hang { started: true }/,
    /by session\.cancel: cancelled cancelled/,
    /and the session goes on: I am a simulated model: /,
  ),
  'retryAndFallback.ts': lines(
    /attempt 1 of 4 failed \(stream_truncated\), the next in 0 ms/,
    /attempt 2 of 4 failed \(rate_limit_exceeded\), the next in 20 ms/,
    /attempt 3 of 4 failed \(provider_unavailable\), the next in 40 ms/,
    /completed all the same/,
    /I am a simulated model: … \(calls of always-down so far: 1, breaker closed\)/,
    /I am a simulated model: … \(calls of always-down so far: 2, breaker open\)/,
    /I am a simulated model: … \(calls of always-down so far: 2, breaker open\)/,
    /I am a simulated model: … \(calls of always-down so far: 2, breaker open\)/,
  ),
  'structuredData.ts': lines(
    /List the files in src and its subdirectories\. -> src\/\*\*/,
    /Which files are in docs\? -> docs\/\*/,
    /Hello! -> Error: There is no data in the answer: I am .+/,
  ),
  'honoServer.ts':
    /^event: turn\.started\n(event: .+\n)+event: turn\.completed\n400 {\n[\s\S]+}\nthe client left, .+ got turn\.completed\n$/,
};

describe('the examples', { timeout: 60_000 }, () => {
  it.each(alone)('%s does what it says', async (file) => {
    expect(await run(file)).toMatch(says[file] ?? /a test of what this example says/);
  });

  it.each([...folders])('%s/ has a test of its own', (folder) => {
    expect(existsSync(new URL(`test/examples/${folder}.test.tsx`, root))).toBe(true);
  });

  it('their table lists every file, and no other', () => {
    const listed = [...read('examples/README.md').matchAll(/^\| \[(.+?)\]\((.+?)\) \|/gm)];
    expect(listed.map(([, name]) => name).toSorted()).toEqual(files.toSorted());
    expect(listed.filter(([, name, target]) => name !== target)).toEqual([]);
  });

  it.each(explained)('%s says first what it shows, and how to run it', (file) => {
    const [what, how, code] = read(`examples/${file}`).split('\n');
    expect(what).toMatch(/^\/\/ \S/);
    expect(how?.startsWith(`// Run it: npm run example examples/${file}`)).toBe(true);
    expect(code).toMatch(/^import /);
  });

  it('the one in the README is examples/quickstart.ts, word for word', () => {
    const [, block] = /```ts\n([\s\S]*?)```/.exec(read('README.md')) ?? [];
    expect(block).toBe(read('examples/quickstart.ts'));
  });
});

/** A text of exactly these lines. */
function lines(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(`^${patterns.map(({ source }) => `${source}\\n`).join('')}$`);
}
