import { isInSession } from './alphabet.ts';
import { machineSubject } from './machineSubject.ts';
import type { Observation, PathSubject } from './observation.ts';
import { type Oracle, oracles as ownOracles } from './oracles.ts';
import type { TurnPath } from './path.ts';
import { describeState } from './pathState.ts';

export interface RunPathOptions {
  /** What the path is played on. @default the machines by themselves */
  readonly subject?: PathSubject;
  /** What must hold after every step, beside the states of the path. @default `oracles` */
  readonly oracles?: readonly Oracle[];
}

/** A path did not go where it should, or something was wrong on the way. */
export class PathError extends Error {
  override readonly name = 'PathError';
  readonly path: TurnPath;
  /** The step at which it was noticed, from 0. */
  readonly step: number;
  constructor(path: TurnPath, step: number, problem: string, options?: ErrorOptions) {
    super(
      `${problem}\n${picture(path, step)}\nTo run it alone: npx vitest run -t ${JSON.stringify(escaped(path.name))}`,
      options,
    );
    this.path = path;
    this.step = step;
  }
}

/**
 * Plays a path on live actors, and checks after every step that they are where the path says and that every oracle is
 * content.
 *
 * @throws PathError with the steps as a list, what was expected, and how to run this path alone
 * @example
 * ```ts
 * for (const path of turnPaths().smoke) test(path.name, () => runPath(path));
 * ```
 */
export async function runPath(path: TurnPath, options: RunPathOptions = {}): Promise<void> {
  const { subject = machineSubject(), oracles = ownOracles } = options;
  const refusal = subject.refuses?.(path);
  if (refusal !== undefined) throw new PathError(path, 0, `This path cannot be played on this subject: ${refusal}.`);
  const run = await subject.begin(path);
  try {
    let before = run.observe();
    for (const [index, { event, state }] of path.steps.entries()) {
      try {
        await run.apply(event);
      } catch (error) {
        throw new PathError(path, index, error instanceof Error ? error.message : String(error), { cause: error });
      }
      const after = run.observe();
      const reached = reachedBy(path, after);
      if (reached !== state) {
        throw new PathError(
          path,
          index,
          `Step ${index + 1} went another way.\n  expected: ${state}\n  reached:  ${reached}${reasonIn(before, after)}`,
        );
      }
      for (const { name, check } of oracles) {
        const problem = check({ path, index, event, before, after });
        if (problem !== undefined)
          throw new PathError(path, index, `After step ${index + 1} it does not hold that ${name}.\n  ${problem}`);
      }
      before = after;
    }
  } finally {
    await run.end();
  }
}

/** A path of a turn says nothing of the session around it. */
function reachedBy({ machine }: TurnPath, { state }: Observation): string {
  const { turn, tools } = state;
  return describeState(isInSession(machine) ? state : { turn, tools });
}

/** What was said to have failed meanwhile. */
function reasonIn(before: Observation, after: Observation): string {
  const failed = after.events.slice(before.events.length).findLast((event) => 'failure' in event);
  return failed === undefined ? '' : `\n  because:  ${failed.failure.message}`;
}

function picture({ steps }: TurnPath, failed: number): string {
  const width = Math.max(...steps.map(({ event }) => event.length));
  return steps
    .map(({ event, state }, index) => {
      const mark = index < failed ? '✓' : index === failed ? '✗' : ' ';
      return `  ${mark} ${`${index + 1}`.padStart(2)} ${event.padEnd(width)}  → ${state}`;
    })
    .join('\n');
}

/** vitest reads it as a pattern. */
function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
