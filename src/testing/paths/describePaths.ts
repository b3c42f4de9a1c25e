import type { PathSubjectName } from './alphabet.ts';
import type { PathBounds } from './bounds.ts';
import type { PathSubject } from './observation.ts';
import type { Oracle } from './oracles.ts';
import type { TurnPath } from './path.ts';
import { isOfCompaction, type PathEvent } from './pathEvent.ts';
import { runPath } from './runPath.ts';
import { turnPaths } from './turnPaths.ts';

/** What of a test runner a suite of paths needs; those of vitest, Jest, Bun and `node:test` have it. */
export interface PathRunner {
  describe(name: string, define: () => void): unknown;
  test(sentence: string, run: () => Promise<void>): unknown;
}

export interface DescribePathsOptions {
  /** Whose transitions to take. @default 'turn' */
  readonly machine?: PathSubjectName;
  /** A handful of paths that take every transition, or those in which everything happens wherever it can. @default 'smoke' */
  readonly cover?: 'smoke' | 'edges';
  /** Only the ways into this state, such as `failed`, instead of a cover. */
  readonly to?: string;
  /** States and events that no path has in it. @default none */
  readonly avoid?: readonly string[];
  /** How far paths go. @default as far as the subject goes */
  readonly bounds?: Partial<PathBounds>;
  /** What the paths are played on. @default the machines by themselves */
  readonly subject?: PathSubject;
  /** What must hold after every step, beside the states of the path. @default `oracles` */
  readonly oracles?: readonly Oracle[];
}

/**
 * A suite of paths, a test each. The title of the suite says what cannot happen to the subject, and how many paths are
 * left out for another reason.
 *
 * @throws TypeError for a bound, a state or an event that there is not, and where no path is left
 * @example
 * ```ts
 * import { describe, test } from 'vitest';
 *
 * describePaths({ describe, test }, { machine: 'session', cover: 'edges' });
 * ```
 */
export function describePaths({ describe, test }: PathRunner, options: DescribePathsOptions = {}): void {
  const { machine = 'turn', cover = 'smoke', to, avoid = [], bounds, subject, oracles } = options;
  const { avoid: unreached = [], ...reach } = subject?.reach ?? {};
  const paths = turnPaths({ machine, ...reach, ...bounds, avoid: [...avoid, ...unreached] });
  const { fitting, leftOut } = sort(to === undefined ? paths[cover] : paths.to(to), subject);
  const what = to === undefined ? `${cover} paths` : `paths to ${to}`;
  const { features } = { ...subject?.reach, ...bounds };
  const isInUse = (event: PathEvent) => features?.includes('compaction') !== false || !isOfCompaction(event);
  const missed = unreached.filter(isInUse);
  const notes = [...missed.map((event) => `never "${event}"`), ...leftOut];
  const title = `${what} of the ${machine}: ${fitting.length}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
  // a suite without a test would pass
  if (fitting.length === 0) throw new TypeError(`describePaths(): there is nothing to play: ${title}.`);
  describe(title, () => {
    for (const path of fitting) {
      test(path.name, () => runPath(path, { ...(subject && { subject }), ...(oracles && { oracles }) }));
    }
  });
}

function sort(all: readonly TurnPath[], subject: PathSubject | undefined) {
  const fitting: TurnPath[] = [];
  const leftOut = new Map<string, number>();
  for (const path of all) {
    const reason = subject?.refuses?.(path);
    if (reason === undefined) fitting.push(path);
    else leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  }
  return { fitting, leftOut: [...leftOut].map(([reason, count]) => `${count} left out: ${reason}`) };
}
