import type { Observation, Oracle, PathEvent, PathMoment } from '../../src/testing/paths/index.ts';
import { readReady, toolHappenings } from '../../src/testing/paths/pathEvent.ts';
import { type Circumstances, type Condition, circumstances, conditions } from './conditions.ts';

/**
 * In this state this event leads to that state, where all conditions hold. In events `{n}` stands for a number, and the
 * other words in braces for what `words` says.
 */
export type Line = readonly [state: string, event: string, next: string, ...conditions: readonly Condition[]];

export interface Table {
  /** Where to add a line. */
  readonly file: string;
  readonly lines: readonly Line[];
}

const readyTools = toolHappenings.filter((happening) => readReady(happening) !== undefined);

const words: Readonly<Record<string, string>> = {
  n: '\\d+',
  'for now': 'rate_limit|provider_unavailable|unknown',
  'for good': 'budget|context_overflow|auth',
  ends: [
    'is refused',
    'is refused, noted by a guardrail',
    'is denied by a guardrail',
    'is denied',
    'is not approved in time',
    'is answered by its client',
    'cannot be run by its client',
    'completes',
    'completes at length',
    'asks to be called again',
    'fails',
    'fails for now',
    'breaks',
  ].join('|'),
  'is ready': readyTools.join('|'),
  'to be forwarded': 'is approved|is denied|is answered by its client',
};

/** What a table says of an event in a state. */
export interface Verdict {
  readonly line: Line;
  /** `stays`, a state, or a failure as `failed: type`. */
  readonly next: string;
}

/** Looks things up in a table, and remembers which of its lines were of use. */
export class TableReader {
  readonly used = new Set<Line>();
  readonly #table: Table;
  readonly #lines: readonly { readonly line: Line; readonly pattern: RegExp }[];

  constructor(table: Table) {
    this.#table = table;
    this.#lines = table.lines.map((line) => ({ line, pattern: toPattern(line[1]) }));
  }

  get unused(): readonly Line[] {
    return this.#table.lines.filter((line) => !this.used.has(line));
  }

  knows(state: string, event: PathEvent): boolean {
    return this.#lines.some(({ line, pattern }) => line[0] === state && pattern.test(event));
  }

  /** @throws Error where no line says anything of it */
  read(state: string, about: Circumstances): Verdict {
    const { event } = about;
    for (const { line, pattern } of this.#lines) {
      const [from, , next, ...needed] = line;
      const match = from === state ? pattern.exec(isPassed(line) ? always : event) : null;
      if (match === null || !needed.every((name) => conditions[name](about))) continue;
      this.used.add(line);
      return { line, next: next.replace(/\{.+\}/, match[1] ?? '') };
    }
    throw new Error(`Nothing is said of "${event}" in ${state}: add a line to ${this.#table.file}.`);
  }

  /** Reads on where a line leads to a state that does not last. */
  follow(state: string, about: Circumstances): Verdict {
    const verdict = this.read(state, about);
    const { next } = verdict;
    const goesOn = this.#table.lines.some((line) => line[0] === next && isPassed(line));
    return goesOn ? this.follow(next, about) : verdict;
  }
}

/** The event of lines whose state does not last: whatever led there, it is left at once. */
export const always = 'always';

function isPassed([, event]: Line): boolean {
  return event === always;
}

function toPattern(event: string): RegExp {
  const pattern = event.replace('{n} tools', '{n} tools?').replace(/\{(.+?)\}/g, (_, word: string) => {
    const meaning = words[word];
    if (meaning === undefined) throw new Error(`"${event}": no word is {${word}}.`);
    return word === 'n' ? meaning : `(${meaning})`;
  });
  return new RegExp(`^${pattern}$`);
}

/** Holds a path against a table. */
export interface TableOracle extends Oracle {
  readonly reader: TableReader;
}

/**
 * Every step leads where the table says. The states before and after are what is seen; everything else is counted from
 * the events of the path.
 *
 * @param compare says what is wrong, given what the table says
 */
export function tableOracle(
  table: Table,
  compare: (reader: TableReader, moment: PathMoment, about: Circumstances) => string | undefined,
): TableOracle {
  const reader = new TableReader(table);
  return {
    reader,
    name: `the machines do as ${table.file} says`,
    check(moment) {
      try {
        return compare(reader, moment, circumstances(moment));
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
}

/** The line that a machine does not keep to, and what it did instead. */
export function notAsSaid({ line: [state, event, next, ...needed] }: Verdict, did: string): string {
  return `It says [${[state, event, next, ...needed].join(' | ')}], but ${did}.`;
}

/** How often an effect of a kind was started in a step. */
export function startsOf(kind: string, before: Observation, after: Observation): number {
  return after.started.slice(before.started.length).filter((effect) => effect.kind === kind).length;
}
