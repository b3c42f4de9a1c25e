import { execFile } from 'node:child_process';
import { turnPaths, writeTests, writtenPath } from 'turnchart/testing/paths';
import { describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 });

const path = writtenPath(`says it's "late", once`, { machine: 'turn', bounds: { steps: 1 } }, [
  ['turn starts', 'turn working.callingModel'],
  ['model fails: auth', 'turn failed'],
]);

describe('writeTests()', () => {
  it('writes a file of paths that can be read and edited', () => {
    expect(writeTests([path], { title: 'the key', comment: 'Written by\na tool' })).toMatchInlineSnapshot(`
      "// Written by a tool

      import { runPath, writtenPath } from 'turnchart/testing/paths';
      import { describe, test } from 'vitest';

      const about = {
        machine: 'turn',
        bounds: {
          steps: 1,
          attempts: 2,
          tools: 2,
          toolAttempts: 2,
          toolErrors: 3,
          totalToolErrors: 100,
          parallelTools: 8,
          retries: 1,
          turns: 2,
          features: [],
        },
      } as const;

      const paths = [
        writtenPath("says it's \\"late\\", once", about, [
          ['turn starts', 'turn working.callingModel'],
          ['model fails: auth', 'turn failed'],
        ]),
      ];

      describe('the key', () => {
        for (const path of paths) test(path.name, () => runPath(path));
      });
      "
    `);
  });

  it('says once what several paths are about', () => {
    const session = writtenPath('closes', { machine: 'session' }, [['session closes', 'session closed, turn none']]);
    const text = writeTests([path, session, { ...path, name: 'again' }]);
    expect(text.match(/^const about\d/gm)).toEqual(['const about1', 'const about2']);
    expect(text.match(/about\d, \[/g)).toEqual(['about1, [', 'about2, [', 'about1, [']);
  });

  it('has nothing to write without paths', () => {
    expect(() => writeTests([])).toThrow(new TypeError('writeTests(): there are no paths to write.'));
  });

  it('writes tests that run, and notice where a machine goes another way', async () => {
    const text = writeTests(turnPaths().to('failed'));
    await expect(run(text)).resolves.toMatch(/\bfail 0\b/);
    await expect(run(text.replace("'turn failed'", "'turn done'"))).rejects.toThrow(/expected: turn done/);
  });
});

describe('writtenPath()', () => {
  it.each([
    'model replies',
    'tool 0 completes',
    'tool 1 explodes',
    'model asks for 1 tools',
    'model fails: hunger',
  ])('refuses an event that there is not: %s', (event) => {
    expect(() => writtenPath('is wrong', { machine: 'turn' }, [[event as 'turn starts', 'turn idle']])).toThrow(
      new TypeError(`writtenPath(): step 1 of "is wrong" is no event of a path: "${event}".`),
    );
  });
});

/** Runs a test file; the runner of Node has the same words as vitest. */
function run(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ['--conditions=turnchart-source', '--test-reporter=spec', '--input-type=module-typescript', '-'];
    // inside a test, Node would take itself for a part of another run
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = execFile(process.execPath, args, { env }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stdout, { cause: error }));
    });
    child.stdin?.end(text.replace("from 'vitest'", "from 'node:test'"));
  });
}
