import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Host, Row } from '../../host.ts';
import { openRecorded, type RecordedSession } from '../../inspection/readRecording.ts';
import type { CallModelOutput, ExecuteToolOutput } from '../../machines/contracts.ts';
import { defaultAttempts, defaultLimits, defaultRetries } from '../../machines/policies.ts';
import { type SessionContext, sessionMachine } from '../../machines/sessionMachine.ts';
import { defaultBounds, type PathBounds } from './bounds.ts';
import { hostState } from './hostWords.ts';
import type { PathStep, TurnPath } from './path.ts';
import type { PathEvent } from './pathEvent.ts';
import { describeState } from './pathState.ts';
import { Rig } from './rig.ts';
import { byCost, countCalls, isInAgent, waysFor } from './rowWords.ts';
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
  const long = lengthyRows(recorded);
  let transitions: TransitionName[] = [];
  host.actor.system.inspect((event) => transitions.push(...outerTransitions(event)));
  const read = () => stateOf(describeState(hostState(host, host.events)), host.actor.getSnapshot().context);
  /** The model calls of which the path has shown something. */
  const shown = new Set<string>();
  for (const [index, row] of recorded.rows.entries()) {
    const { input } = row;
    const candidates = waysFor(input, host, long.has(index));
    const isModelCall = 'effect' in input && host.effects.get(input.effect)?.kind === 'callModel';
    const before = fingerprint(host);
    transitions = [];
    host.apply(input, row.at);
    if (isModelCall && !isInAgent(input) && !shown.has(input.effect)) {
      if (input.type === 'settled' && input.reportedAt !== undefined) trail.go('model streams');
      shown.add(input.effect);
    }
    const after = { state: read(), transitions };
    if (transitions.length === 0 && isInAgent(input)) continue;
    const ways = byCost(candidates, host.turn?.getSnapshot().context);
    if (trail.follow(ways, after) || fingerprint(host) === before) continue;
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

/**
 * The rows that add what makes the conversation too long for the model, as far as paths can say so: at the start of a
 * turn what was said to begin it, later what a tool has said where leaving that out makes room, else the last answer.
 */
function lengthyRows({ start, rows }: RecordedSession): ReadonlySet<number> {
  const host = openRecorded(start);
  const long = new Set<number>();
  /** Where something was said, by the turn that it may become. */
  const said = new Map<string, number>();
  /** Where the model answered last, and where since then a tool completed. */
  let answered: number | undefined;
  let completed: number | undefined;
  for (const [index, { input, at, began }] of rows.entries()) {
    if (input.type === 'command' && saying.has(input.command.type) && 'turnId' in input.command) {
      said.set(input.command.turnId ?? '', index);
    }
    const settled = input.type === 'settled' && !isInAgent(input) ? input.result.value : undefined;
    if (isAnswer(settled)) {
      answered = index;
      completed = undefined;
    } else if (isCompleted(settled)) completed = index;
    const before = host.events.length;
    host.apply(input, at);
    const isTooLong = host.events.slice(before).some((event) => {
      return event.type === 'compaction.started' && event.reason === 'threshold';
    });
    const isStart = input.type === 'command' && input.command.type === 'session.start';
    const isSummarized = began.some((id) => id.endsWith('.summary'));
    const later = isSummarized ? answered : (completed ?? answered);
    const origin = isStart ? said.get(host.turn?.getSnapshot().context.turnId ?? '') : later;
    if (isTooLong && origin !== undefined) long.add(origin);
  }
  host.stop();
  return long;
}

const saying: ReadonlySet<string> = new Set(['session.send', 'session.steer']);

function isAnswer(value: unknown): boolean {
  return ((value ?? {}) as Partial<CallModelOutput>).type === 'answer';
}

function isCompleted(value: unknown): boolean {
  const { type, outcome } = (value ?? {}) as Partial<ExecuteToolOutput>;
  return type === 'settled' && outcome?.type === 'completed';
}

/**
 * What is no business of a path is left out: what goes on inside of the turns of sub-agents, and that it is told of. Paths
 * know of them what their calls do.
 */
function outerTransitions(event: InspectionEvent): readonly TransitionName[] {
  if (event.type !== '@xstate.microstep' || toldOfAgents.has(event.event.type)) return [];
  for (let actor: AnyActorRef | undefined = event.actorRef as AnyActorRef; actor !== undefined; actor = actor._parent) {
    if (actor.id === 'agent') return [];
  }
  return transitionsIn(event);
}

const toldOfAgents: ReadonlySet<string> = new Set([
  'agent.emitted',
  'tool.emitted',
  'agent.remembers',
  'tool.remembered',
]);

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

  /** Takes the first of these ways that leads there; false where none does. */
  follow(candidates: readonly (readonly PathEvent[])[], { state, transitions }: Followed): boolean {
    for (const events of candidates) {
      const taken: PathStep[] = [];
      const isTaken = events.every((event) => {
        if (!this.#try(event)) return false;
        taken.push({ event, state: describeState(this.#rig.state), transitions: this.#transitions });
        return true;
      });
      const all = taken.flatMap((step) => step.transitions ?? []);
      if (isTaken && this.#isAt(state) && areSame(all, transitions, events.length > 1)) {
        this.steps.push(...taken);
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
    rig.actor.system.inspect((event) => this.#transitions.push(...outerTransitions(event)));
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

/** What happens at once in a recording, and one after the other on a path, is in another order there. */
function areSame(a: readonly TransitionName[], b: readonly TransitionName[], inAnyOrder: boolean): boolean {
  return inAnyOrder ? a.toSorted().join() === b.toSorted().join() : a.join() === b.join();
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
  const attempts = outputs.map((output) => (output !== undefined && 'maxAttempts' in output ? output.maxAttempts : 1));
  return {
    steps: limits?.maxSteps ?? defaultLimits.maxSteps,
    attempts: modelRetry?.maxAttempts ?? defaultAttempts.maxAttempts,
    tools: Math.max(1, ...calls),
    toolAttempts: Math.max(1, ...attempts),
    toolErrors: limits?.consecutiveToolErrors ?? defaultLimits.consecutiveToolErrors,
    totalToolErrors: limits?.totalToolErrors ?? defaultBounds.totalToolErrors,
    parallelTools: limits?.maxParallelTools ?? defaultLimits.maxParallelTools,
    retries: retries ?? defaultRetries,
    turns: Math.max(1, rows.filter(({ input }) => input.type === 'command' && 'message' in input.command).length),
    features: [
      ...(preparesSteps ? (['preparation'] as const) : []),
      ...(output === undefined ? [] : (['output'] as const)),
      ...(limits?.lastStep === 'ask' ? (['extensions'] as const) : []),
      ...(limits?.softCost === undefined ? [] : (['spending'] as const)),
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
