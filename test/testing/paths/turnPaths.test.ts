import { describe, expect, it, vi } from 'vitest';
import { turnMachine } from '../../../src/machines/turnMachine.ts';
import {
  machineSubject,
  PathError,
  type PathEvent,
  runPath,
  type TurnPath,
  turnPaths,
} from '../../../src/testing/paths/index.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('turnPaths()', () => {
  it.each([
    'turn',
    'toolCall',
    'session',
    'compaction',
  ] as const)('finds the same paths of %s every time', (machine) => {
    const [first, second] = [turnPaths({ machine }), turnPaths({ machine })];
    expect(second.smoke).toEqual(first.smoke);
    expect(second.edges).toEqual(first.edges);
    expect(second.simple(4)).toEqual(first.simple(4));
  });

  it('gives paths that are plain JSON', () => {
    const { smoke } = turnPaths();
    expect(JSON.parse(JSON.stringify(smoke))).toEqual(smoke);
  });

  it('names a path by where it ends and what happens', () => {
    const [path] = turnPaths().to('done');
    expect(path?.name).toBe('gets to done: turn starts, model answers');
  });

  it.each<[options: object, message: string]>([
    [{ steps: 0 }, 'turnPaths(): `steps` must be a whole number from 1, not 0.'],
    [{ tools: 1.5 }, 'turnPaths(): `tools` must be a whole number from 1, not 1.5.'],
    [{ retries: -1 }, 'turnPaths(): `retries` must be a whole number from 0, not -1.'],
    [
      { toolLimit: 1 },
      'turnPaths(): there is no bound `toolLimit`. Known: steps, attempts, tools, toolAttempts, toolErrors, totalToolErrors, parallelTools, retries, turns, features.',
    ],
    [
      { features: ['approval'] },
      'turnPaths(): there is no feature `approval`. Known: approvals, clients, agents, guardrails, preparation, output, pauses, extensions, spending, compaction, repetition.',
    ],
    [
      { avoid: ['runing'] },
      'turnPaths(): there is no state or event "runing" to avoid. States: cancelled, done, failed, idle, working.awaitingExtension, working.awaitingResume, working.callingModel, working.checkingOutput, working.compacting, working.preparing, working.retrying, working.usingTools.awaitingAnswers, working.usingTools.runningTools.',
    ],
  ])('refuses %j', (options, message) => {
    expect(() => turnPaths(options)).toThrow(new TypeError(message));
  });

  it('refuses a state that no path gets to, and says which there are', () => {
    expect(() => turnPaths({ machine: 'session' }).to('sleeping')).toThrow(
      new TypeError(
        'turnPaths(): no path gets to "sleeping". States: closed, compacting, idle, inTurn.following, inTurn.running, inTurn.starting.',
      ),
    );
  });

  it('walks a machine of yours, where it goes another way', () => {
    const patient = turnMachine.provide({ guards: { areRetriesSpent: () => false } });
    const reasons = (paths: readonly TurnPath[]) => paths.map(({ steps }) => steps.at(-1)?.event);
    const bounds = { tools: 1, retries: 0 };
    expect(reasons(turnPaths(bounds).to('failed'))).toContain('tool 1 asks to be called again');
    const [asked] = turnPaths({ ...bounds, with: patient })
      .to('failed')
      .filter(endsWithHint);
    // it fails as well, but only once steps are spent
    expect(asked?.steps.map(({ event }) => event)).toEqual([
      'turn starts',
      'model is cut off in a tool call',
      'model asks for 1 tool',
      'tool 1 is ready',
      'tool 1 asks to be called again',
    ]);
  });

  it('says which events break a machine of yours', () => {
    const broken = turnMachine.provide({
      guards: {
        hasPaused: () => {
          throw new Error('Not today.');
        },
      },
    });
    expect(() => turnPaths({ with: broken })).toThrow('The machines broke after: turn starts → model');
  });
});

describe('runPath()', () => {
  const answered = find('model answers');

  it('says what is wrong with a machine that was provided with another guard', async () => {
    const path = find('model asks for 1 tool', 'tool 1 completes');
    const hasty = turnMachine.provide({ guards: { areAllToolsSettled: () => true } });
    const error = await failure(runPath(path, { subject: machineSubject(hasty) }));
    expect(error).toBeInstanceOf(PathError);
    expect(error.message).toMatchInlineSnapshot(`
      "Step 2 went another way.
        expected: turn working.usingTools.runningTools, tools preparing
        reached:  turn working.callingModel
        ✓  1 turn starts            → turn working.callingModel
        ✗  2 model asks for 1 tool  → turn working.usingTools.runningTools, tools preparing
           3 tool 1 is ready        → turn working.usingTools.runningTools, tools executing
           4 tool 1 completes       → turn working.callingModel
      To run it alone: npx vitest run -t "gets to working\\\\.callingModel: turn starts, model asks for 1 tool, tool 1 is ready, tool 1 completes""
    `);
    expect((error as PathError).step).toBe(1);
    expect((error as PathError).path).toBe(path);
  });

  it('says which oracle is not content, and with what', async () => {
    const path = find('model answers');
    const silent = turnMachine.provide({ actions: { tellStepFinished: () => {} } });
    const error = await failure(runPath(path, { subject: machineSubject(silent) }));
    expect(error.message).toMatchInlineSnapshot(`
      "After step 2 it does not hold that steps are numbered from 1, and one is finished before the next begins or the turn completes.
        turn.completed comes before step 1 is finished.
        ✓  1 turn starts    → turn working.callingModel
        ✗  2 model answers  → turn done
      To run it alone: npx vitest run -t "gets to done: turn starts, model answers""
    `);
  });

  it('says which event broke the machines', async () => {
    const path = find('model asks for 1 tool', 'user cancels');
    const broken = turnMachine.provide({
      actions: {
        spawnTools: () => {
          throw new Error('There is no room.');
        },
      },
    });
    const error = await failure(runPath(path, { subject: machineSubject(broken) }));
    expect(error.message.split('\n')[0]).toBe('The machines broke on "model asks for 1 tool".');
    expect(String((error.cause as Error).cause)).toContain('There is no room.');
  });

  it('says where a path goes on that has come to its end', async () => {
    const last = answered.steps.at(-1);
    const path = {
      ...answered,
      steps: [...answered.steps, { event: 'model answers', state: last?.state ?? '' }],
    } as const;
    const error = await failure(runPath(path));
    expect(error.message.split('\n')[0]).toBe('"model answers" cannot happen: nothing waits for it in turn done.');
  });

  it('plays only what the subject can', async () => {
    const subject = { ...machineSubject(), refuses: () => 'it has no model' };
    const error = await failure(runPath(answered, { subject }));
    expect(error.message.split('\n')[0]).toBe('This path cannot be played on this subject: it has no model.');
  });
});

function endsWithHint({ steps }: TurnPath): boolean {
  return steps.at(-1)?.event === 'tool 1 asks to be called again';
}

/** The shortest simple path with these events in it, the last of them at its end. */
function find(...events: readonly PathEvent[]): TurnPath {
  const paths = turnPaths({ tools: 1 }).simple(4);
  const isIt = ({ steps }: TurnPath) =>
    steps.at(-1)?.event === events.at(-1) && events.every((event) => steps.some((step) => step.event === event));
  const [path] = paths.filter(isIt).sort((a, b) => a.steps.length - b.steps.length);
  if (path === undefined) throw new Error(`No path has ${events.join(', ')}.`);
  return path;
}

async function failure(promise: Promise<void>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('It went well.');
  return error;
}
