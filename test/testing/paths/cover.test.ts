import { describe, expect, it, vi } from 'vitest';
import { compactionMachine } from '../../../src/machines/compactionMachine.ts';
import { sessionMachine } from '../../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../../src/machines/turnMachine.ts';
import { oracles, runPath, type TurnPath, type TurnPathsOptions, turnPaths } from '../../../src/testing/paths/index.ts';
import { allTransitions } from '../../../src/testing/paths/taken.ts';
import { specification } from '../../spec/specification.ts';

vi.setConfig({ testTimeout: 300_000 });

const ofTurn = turnPaths();

/** Every path holds itself against everything that is known of turns. */
async function runAll(paths: readonly TurnPath[]): Promise<void> {
  const checks = [...oracles, ...specification().oracles];
  for (const path of paths) await runPath(path, { oracles: checks });
}

describe('the edge cover', () => {
  it.each<TurnPathsOptions>([
    { machine: 'turn' },
    { machine: 'toolCall' },
    { machine: 'session' },
    { machine: 'compaction' },
    { machine: 'turn', steps: 1 },
    { machine: 'turn', steps: 3, tools: 1, attempts: 1, toolAttempts: 1 },
    { machine: 'turn', tools: 3, steps: 1 },
    { machine: 'turn', parallelTools: 1 },
    { machine: 'turn', retries: 0 },
    { machine: 'turn', attempts: 1 },
    { machine: 'toolCall', tools: 3, parallelTools: 2 },
    { machine: 'toolCall', toolAttempts: 3 },
    { machine: 'session', turns: 3, steps: 1 },
    { machine: 'turn', tools: 1, features: ['approvals', 'clients', 'preparation'] },
    { machine: 'turn', tools: 1, steps: 1, features: ['agents', 'guardrails', 'output'] },
    { machine: 'turn', tools: 1, toolAttempts: 1, attempts: 1, retries: 0, features: ['compaction'] },
  ])('runs green within %j', async (options) => {
    const { edges } = turnPaths(options);
    expect(edges.length).toBeGreaterThan(20);
    await runAll(edges);
  });
});

describe('the smoke cover', () => {
  it.each([
    { machine: 'turn', chart: turnMachine, most: 40 },
    { machine: 'toolCall', chart: toolCallMachine, most: 20 },
    { machine: 'session', chart: sessionMachine, most: 12 },
    { machine: 'compaction', chart: compactionMachine, most: 8 },
  ] as const)('takes every transition of the chart of $machine with few paths', async ({ machine, chart, most }) => {
    const { smoke } = turnPaths({ machine });
    const taken = new Set(smoke.flatMap(({ steps }) => steps.flatMap(({ transitions = [] }) => transitions)));
    expect(allTransitions(chart).filter((transition) => !taken.has(transition))).toEqual([]);
    expect(smoke.length).toBeLessThanOrEqual(most);
    await runAll(smoke);
  });
});

describe('the ways into a state', () => {
  it('lead into it from everywhere else, by every event that does, and run green', async () => {
    const paths = ofTurn.to('failed');
    expect(new Set(paths.map(({ steps }) => steps.at(-1)?.event))).toEqual(
      new Set([
        'model asks for 1 tool, over budget',
        'model is cut off in a tool call',
        'model pauses',
        'model fails: budget',
        'model fails: rate_limit',
        'model fails: provider_unavailable',
        'model fails: context_overflow',
        'model fails: auth',
        'model fails: unknown',
        'model fails, over budget',
        'model call breaks',
        'model actor is in error',
        'model repeats a call too often',
        'answer is denied',
        'input is denied',
        'preparation fails',
        'preparation breaks',
        'output is rejected',
        'output check breaks',
        'summary comes, over budget',
        'compaction actor is in error',
        'user steers',
        'tool 1 is refused',
        'tool 1 is refused, noted by a guardrail',
        'tool 2 is denied',
        'tool 2 is not approved in time',
        'tool 2 is answered by its client',
        'tool 2 cannot be run by its client',
        'tool 1 is denied by a guardrail',
        'tool 1 is denied',
        'tool 1 is not approved in time',
        'tool 1 is answered by its client',
        'tool 1 cannot be run by its client',
        'tool 1 completes at length',
        'tool 1 completes',
        'tool 1 asks to be called again',
        'tool 1 fails for now',
        'time is up',
      ]),
    );
    for (const { steps } of paths) expect(steps.at(-1)?.state).toBe('turn failed');
    await runAll(paths);
  });

  it('are the shortest', () => {
    const [path, ...others] = ofTurn.to('retrying');
    expect(path?.steps.map(({ event }) => event)).toEqual(['turn starts', 'model fails: rate_limit']);
    expect(others.map(({ steps }) => steps.at(-1)?.event)).toEqual([
      'model fails: provider_unavailable',
      'model fails: unknown',
    ]);
  });

  it('are found under the whole name of the state as well', () => {
    expect(ofTurn.to('working.retrying')).toEqual(ofTurn.to('retrying'));
  });

  it.each([
    ['toolCall', 'retrying'],
    ['session', 'closed'],
    ['session', 'compacting'],
  ] as const)('are found in the chart of %s', async (machine, state) => {
    const paths = turnPaths({ machine }).to(state);
    expect(paths.every(({ steps }) => steps.at(-1)?.state.includes(state))).toBe(true);
    await runAll(paths);
  });
});

describe('what is to be avoided', () => {
  it('is in no path, state or event', async () => {
    const { edges } = turnPaths({ avoid: ['retrying', 'user cancels'] });
    const steps = edges.flatMap((path) => path.steps);
    expect(
      steps.filter(({ event, state }) => event === 'user cancels' || state.startsWith('turn working.retrying')),
    ).toEqual([]);
    expect(steps.some(({ event }) => event === 'time is up')).toBe(true);
    await runAll(edges);
  });
});

describe('simple paths', () => {
  it('are all that there are, up to a length, and run green', async () => {
    const paths = turnPaths({ tools: 1 }).simple(4);
    expect(Math.max(...paths.map(({ steps }) => steps.length))).toBe(4);
    expect(new Set(paths.map(({ name }) => name)).size).toBe(paths.length);
    await runAll(paths);
  });

  it('begin with each other as they get longer', () => {
    const { simple } = turnPaths({ machine: 'session' });
    const events = (length: number) =>
      simple(length).map(({ steps }) => `${steps.map(({ event }) => event).join(' → ')} → `);
    const longer = events(4);
    expect(events(3).filter((beginning) => !longer.some((path) => path.startsWith(beginning)))).toEqual([]);
  });

  it('of no event are none', () => {
    expect(ofTurn.simple(0)).toEqual([]);
  });
});
