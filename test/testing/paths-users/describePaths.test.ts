import { machineSubject, type Oracle, type PathSubject } from 'turnchart/testing/paths';
import { describe, expect, it, vi } from 'vitest';
import { turnMachine } from '../../../src/machines/turnMachine.ts';
import { type DescribePathsOptions, describePaths } from '../../../src/testing/paths/index.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('describePaths()', () => {
  it('makes a suite with a test for each path', async () => {
    const { title, tests } = collect({ machine: 'toolCall' });
    expect(title).toBe('smoke paths of the toolCall: 16');
    expect(tests).toHaveLength(16);
    expect(tests[0]?.sentence).toMatch(/^gets to \w+: turn starts, model asks for 2 tools, /);
    for (const { run } of tests) await run();
  });

  it('takes the ways into a state instead of a cover, around what is to be avoided, within bounds', () => {
    const { title, tests } = collect({ to: 'failed', avoid: ['retrying', 'time is up'], bounds: { attempts: 1 } });
    expect(title).toBe(`paths to failed of the turn: ${tests.length}`);
    const sentences = tests.map(({ sentence }) => sentence);
    expect(sentences).toContain('gets to failed: turn starts, model fails: rate_limit');
    expect(sentences.filter((sentence) => sentence.includes('time is up'))).toEqual([]);
  });

  it('takes everything everywhere where that is wanted', () => {
    const smoke = collect({ machine: 'session' });
    const edges = collect({ machine: 'session', cover: 'edges' });
    expect(edges.title).toBe(`edges paths of the session: ${edges.tests.length}`);
    expect(edges.tests.length).toBeGreaterThan(2 * smoke.tests.length);
  });

  it('finds paths around what its subject cannot come by, and says in the title what that is', () => {
    const subject: PathSubject = {
      ...machineSubject(),
      reach: {
        ...{
          steps: 1,
          attempts: 1,
          tools: 1,
          toolAttempts: 1,
          toolErrors: 1,
          totalToolErrors: 100,
          parallelTools: 1,
          retries: 0,
          turns: 1,
        },
        features: [],
        avoid: ['model pauses', 'model streams'],
      },
    };
    const { title, tests } = collect({ subject });
    expect(title).toBe(`smoke paths of the turn: ${tests.length} (never "model pauses"; never "model streams")`);
    expect(tests.filter(({ sentence }) => /model (pauses,|streams)/.test(sentence))).toEqual([]);
  });

  it('leaves out what its subject refuses, and says in the title how many, and why', () => {
    const refuses: PathSubject['refuses'] = ({ steps }) =>
      steps.some(({ event }) => event === 'user cancels') ? 'nobody is there' : undefined;
    const all = collect();
    const { title, tests } = collect({ subject: { ...machineSubject(), refuses } });
    const left = all.tests.length - tests.length;
    expect(left).toBeGreaterThan(0);
    expect(title).toBe(`smoke paths of the turn: ${tests.length} (${left} left out: nobody is there)`);
  });

  it('refuses to be a suite without tests, which would pass', () => {
    expect(() => collect({ subject: { ...machineSubject(), refuses: () => 'it is asleep' } })).toThrow(
      /^describePaths\(\): there is nothing to play: smoke paths of the turn: 0 \(\d+ left out: it is asleep\)\.$/,
    );
  });

  it('plays its paths on the subject, and asks the oracles that it is given', async () => {
    const asked: string[] = [];
    const oracle: Oracle = {
      name: 'somebody listens',
      check({ event }) {
        asked.push(event);
        return undefined;
      },
    };
    const subject = machineSubject(turnMachine.provide({ guards: { isOutOfSteps: () => true } }));
    const [test] = collect({ to: 'retrying', subject, oracles: [oracle] }).tests;
    await expect(test?.run()).rejects.toThrow('Step 1 went another way.');
    const [other] = collect({ to: 'retrying', oracles: [oracle] }).tests;
    await other?.run();
    expect(asked).toEqual(['turn starts', 'model fails: rate_limit']);
  });
});

interface Suite {
  title: string;
  readonly tests: { readonly sentence: string; readonly run: () => Promise<void> }[];
}

/** The suite that a runner would get. */
function collect(options?: DescribePathsOptions): Suite {
  const suite: Suite = { title: '', tests: [] };
  describePaths(
    {
      describe(name, define) {
        suite.title = name;
        define();
      },
      test: (sentence, run) => suite.tests.push({ sentence, run }),
    },
    options,
  );
  return suite;
}
