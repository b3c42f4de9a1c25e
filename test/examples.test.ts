import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

async function run(file: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--conditions=turnchart-source', `examples/${file}`],
    { cwd: root, timeout: 30_000 },
  );
  expect(stderr).toBe('');
  return stdout;
}

/** What each example says, so that one that runs but does something else is noticed. */
const says: Record<string, RegExp> = {
  'quickstart.ts': /17\*23 = 391/,
  'embedTurn.ts': /state: {"working":"callingModel"}\nanswer: final_answer\nstate: "done"\nended: completed \S/,
  'embedInYourMachine.ts': /Hello! -> answered \S[\s\S]*Please simulate an outage\. -> waitingForPerson/,
};

describe('the examples', () => {
  it.each(readdirSync(new URL('examples/', root)))('%s does what it says', async (file) => {
    expect(await run(file)).toMatch(says[file] ?? /a test of what this example says/);
  });

  it('the one in the README is examples/quickstart.ts, word for word', () => {
    const [, block] = /```ts\n([\s\S]*?)```/.exec(read('README.md')) ?? [];
    expect(block).toBe(read('examples/quickstart.ts'));
  });
});
