import type { Host, Row } from '../../host.ts';
import { openRecorded, type RecordedSession } from '../../inspection/readRecording.ts';
import type { CallModelOutput, ExecuteToolOutput } from '../../machines/contracts.ts';
import { defaultAttempts, defaultLimits, defaultRetries } from '../../machines/policies.ts';
import { type SessionContext, sessionMachine } from '../../machines/sessionMachine.ts';
import type { PathBounds } from './bounds.ts';
import { hostState } from './hostWords.ts';
import type { PathStep, TurnPath } from './path.ts';
import type { PathEvent } from './pathEvent.ts';
import { describeState } from './pathState.ts';
import { Rig } from './rig.ts';
import { candidatesFor, countCalls } from './rowWords.ts';
import { type TransitionName, transitionsIn } from './taken.ts';

/**
 * A recorded session as a path of the session machine, which takes the same transitions. Where paths have no word for
 * what came of something, such as a rate limit that was not retried, the path has another event that leads the same way.
 * What changed nothing is left out.
 *
 * @throws Error naming the first row that paths have no words for
 * @example
 * ```ts
 * const { sessions } = readRecording(readFileSync('session.jsonl', 'utf8'));
 * for (const session of sessions) await runPath(pathFromRecording(session));
 * ```
 */
export function pathFromRecording(recorded: RecordedSession): TurnPath {
  const bounds = boundsOfRecording(recorded);
  const host = openRecorded(recorded.start);
  const trail = new Trail(bounds);
  let transitions: TransitionName[] = [];
  host.actor.system.inspect((event) => transitions.push(...transitionsIn(event)));
  const read = () => stateOf(describeState(hostState(host, host.events)), host.actor.getSnapshot().context);
  /** The model calls of which the path has shown something. */
  const shown = new Set<string>();
  for (const [index, row] of recorded.rows.entries()) {
    const { input } = row;
    const candidates = candidatesFor(input, host);
    const isModelCall = 'effect' in input && host.effects.get(input.effect)?.kind === 'callModel';
    const before = fingerprint(host);
    transitions = [];
    host.apply(input, row.at);
    if (isModelCall && !shown.has(input.effect)) {
      if (input.type === 'settled' && input.reportedAt !== undefined) trail.go('model streams');
      shown.add(input.effect);
    }
    if (trail.follow(candidates, { state: read(), transitions }) || fingerprint(host) === before) continue;
    throw new Error(
      `Row ${index + 1} of the recording (${describeRow(row)}) has no words in paths: no event that may come here ` +
        'takes the transitions that it took.',
    );
  }
  host.stop();
  const { steps } = trail;
  trail.end();
  return { name: `goes as ${recorded.start.sessionId} was recorded`, machine: 'session', bounds, steps };
}

interface Followed {
  readonly state: SeenState;
  readonly transitions: readonly TransitionName[];
}

/** What a path and a recording must have in common after every step. */
interface SeenState {
  readonly words: string;
  /** Which of the turns that wait will be cancelled at once, and how much is said to the first of them. */
  readonly waiting: string;
}

/** A path that grows. */
class Trail {
  readonly steps: PathStep[] = [];
  readonly #bounds: PathBounds;
  #rig: Rig;
  #transitions: TransitionName[] = [];

  constructor(bounds: PathBounds) {
    this.#bounds = bounds;
    this.#rig = this.#open();
  }

  /** Takes the first of these events that leads there; false where none does. */
  follow(candidates: readonly PathEvent[], { state, transitions }: Followed): boolean {
    for (const event of new Set(candidates)) {
      if (this.#try(event) && this.#isAt(state) && this.#transitions.join() === transitions.join()) {
        this.#keep(event);
        return true;
      }
      // actors cannot be taken back: the way is gone again
      this.#rig.stop();
      this.#rig = this.#open();
      for (const step of this.steps) this.#rig.apply(step.event);
    }
    return false;
  }

  go(event: PathEvent): void {
    if (this.#try(event)) this.#keep(event);
  }

  end(): void {
    this.#rig.stop();
  }

  #open(): Rig {
    const rig = new Rig(sessionMachine, this.#bounds);
    rig.actor.system.inspect((event) => this.#transitions.push(...transitionsIn(event)));
    return rig;
  }

  #try(event: PathEvent): boolean {
    this.#transitions = [];
    try {
      this.#rig.apply(event);
    } catch {
      return false;
    }
    return this.#rig.error === undefined;
  }

  #isAt({ words, waiting }: SeenState): boolean {
    const { session, state } = this.#rig;
    if (session === undefined) return false;
    const seen = stateOf(describeState(state), session);
    return seen.words === words && seen.waiting === waiting;
  }

  #keep(event: PathEvent): void {
    this.steps.push({ event, state: describeState(this.#rig.state), transitions: this.#transitions });
  }
}

function stateOf(words: string, { queue, steering }: SessionContext): SeenState {
  return { words, waiting: JSON.stringify([queue.map(({ cancelled }) => cancelled !== undefined), steering.length]) };
}

/** Everything that may matter later, but for the conversation. */
function fingerprint({ actor, turn, effects, timers }: Host): string {
  const session = actor.getSnapshot();
  const parts = [session.value, session.context, turn?.getSnapshot().value, turn?.getSnapshot().context];
  return JSON.stringify([...parts, [...effects.keys()], [...timers.keys()]], (key, value: unknown) =>
    key === 'history' ? undefined : value,
  );
}

/** How far the path goes: as far as the session could. */
function boundsOfRecording({ start, rows }: RecordedSession): PathBounds {
  const { limits, modelRetry, retries, preparesSteps, output } = start.input.turn ?? {};
  const values = rows.flatMap(({ input }) => (input.type === 'settled' ? [input.result.value] : []));
  const outputs = values as readonly (CallModelOutput | ExecuteToolOutput | undefined)[];
  const calls = outputs.map((output) => (output?.type === 'answer' ? countCalls(output) : 0));
  const attempts = outputs.map((output) => (output?.type === 'failed' ? output.maxAttempts : 1));
  return {
    steps: limits?.maxSteps ?? defaultLimits.maxSteps,
    attempts: modelRetry?.maxAttempts ?? defaultAttempts.maxAttempts,
    tools: Math.max(1, ...calls),
    toolAttempts: Math.max(1, ...attempts),
    toolErrors: limits?.consecutiveToolErrors ?? defaultLimits.consecutiveToolErrors,
    parallelTools: limits?.maxParallelTools ?? defaultLimits.maxParallelTools,
    retries: retries ?? defaultRetries,
    turns: Math.max(1, rows.filter(({ input }) => input.type === 'command' && 'message' in input.command).length),
    features: [
      ...(preparesSteps ? (['preparation'] as const) : []),
      ...(output === undefined ? [] : (['output'] as const)),
      ...(limits?.lastStep === 'ask' || limits?.softCost !== undefined ? (['pauses'] as const) : []),
      ...(rows.some(({ began }) => began.some((id) => id.endsWith('.summary'))) ? (['compaction'] as const) : []),
    ],
  };
}

function describeRow({ input }: Row): string {
  switch (input.type) {
    case 'command':
      return input.command.type;
    case 'fired':
      return `timer ${input.timer}`;
    default:
      return `${input.effect} ${input.type}`;
  }
}
