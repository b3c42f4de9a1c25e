import { isInSession } from '../../src/testing/paths/alphabet.ts';
import { maxDurationMs, overBudget, type PathBounds } from '../../src/testing/paths/bounds.ts';
import type { PathEvent, PathStep, TurnPath } from '../../src/testing/paths/index.ts';
import { readCalls, readReady, readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import { approvalMs, delayMs } from '../../src/testing/paths/results.ts';

/** What has happened on a path so far, counted from its events; machines and their contexts are not asked. */
export interface Story {
  /** When the last event happened: a millisecond after the one before, or when its timer was due. */
  readonly at: number;
  readonly turn: TurnStory;
  readonly session: SessionStory;
  /** Compactions of the turn since its last answer. */
  readonly unproven: number;
  /** Whether somebody has approved the tool for the session. */
  readonly isApproved: boolean;
}

/** The turn that runs, or the last one. */
export interface TurnStory {
  readonly startedAt: number;
  /** Steps that began. */
  readonly steps: number;
  readonly stepStartedAt: number;
  /** Model calls of the step. */
  readonly calls: number;
  /** Attempts of the request that failed. */
  readonly failures: number;
  /** Requests of the step that did not bring its answer: it was paused, or there was too much in them. */
  readonly requests: number;
  readonly hasOverflowed: boolean;
  /** Whether the application has prepared the step. */
  readonly isPrepared: boolean;
  /** Whether the turn has begun. */
  readonly isBegun: boolean;
  /** Steps that somebody has allowed beyond its limit, and whether they have allowed to spend more. */
  readonly extended: number;
  readonly isLifted: boolean;
  /** Steps in a row in which a tool failed, up to this one, and whether one has failed in it. */
  readonly errorSteps: number;
  readonly hasError: boolean;
  /** Long outputs of tools that the model is shown: of earlier steps, and new ones. */
  readonly older: number;
  readonly newest: number;
  /** Whether the conversation was shortened for this step, and whether by a summary. */
  readonly isShortened: boolean;
  readonly isSummarized: boolean;
  /** Whether somebody spoke last before it began. */
  readonly isSteered: boolean;
  /** Since when people are waited for, and for how long they were before. */
  readonly pausedAt: number | undefined;
  readonly pausedMs: number;
  /** What the last answer says. */
  readonly text: string;
  /** Messages that no guardrail has seen. */
  readonly unseen: number;
  /** Tokens that were used: by the turn, by the step. */
  readonly tokens: number;
  readonly stepTokens: number;
  /** Why the last answer ended, in one word. */
  readonly finishReason: string;
  /** Whether something of the answer that streams was shown. */
  readonly isShown: boolean;
  readonly firstShownAt: number | undefined;
  /** Tools that were asked for: by the turn, by the step. */
  readonly toolCalls: number;
  readonly tools: readonly ToolStory[];
  readonly hints: number;
  /** Messages for the next step. */
  readonly steering: number;
  /** When the model is called again. */
  readonly retryAt: number;
}

export interface ToolStory {
  readonly isAlone: boolean;
  /** Attempts that failed, and may be repeated. */
  readonly failures: number;
  /** When it runs again. */
  readonly retryAt: number;
  /** Somebody has to be asked first, up to then. */
  readonly isUnapproved?: boolean;
  readonly expiresAt?: number;
  readonly isForClient?: boolean;
  readonly isForAgent?: boolean;
  /** Its agent waits for people. */
  readonly isWaiting?: boolean;
}

export interface SessionStory {
  /** Why each turn that is queued was cancelled before it began; the one that runs comes first. */
  readonly queue: readonly { readonly cancelledFor?: string | undefined; readonly isCancelled?: true }[];
  /** Tokens of the turns that have ended. */
  readonly tokens: number;
  /** Whether anything was said since the last compaction. */
  readonly isSaidSince: boolean;
}

const unbegun: TurnStory = {
  startedAt: 0,
  steps: 0,
  stepStartedAt: 0,
  calls: 0,
  failures: 0,
  requests: 0,
  hasOverflowed: false,
  isPrepared: false,
  isBegun: false,
  extended: 0,
  isLifted: false,
  errorSteps: 0,
  hasError: false,
  older: 1,
  newest: 0,
  isShortened: false,
  isSummarized: false,
  isSteered: false,
  pausedAt: undefined,
  pausedMs: 0,
  text: '',
  unseen: 0,
  tokens: 0,
  stepTokens: 0,
  finishReason: 'other',
  isShown: false,
  firstShownAt: undefined,
  toolCalls: 0,
  tools: [],
  hints: 0,
  steering: 0,
  retryAt: 0,
};

export const cancelReason = 'Enough.';
export const lateReason = 'Too late.';
export const closeReason = 'The session was closed.';

const told = new WeakMap<TurnPath, readonly Story[]>();

/** The story before the first step of a path, and after each of them. */
export function storiesOf(path: TurnPath): readonly Story[] {
  const known = told.get(path);
  if (known !== undefined) return known;
  const session = { queue: [], tokens: 0, isSaidSince: path.bounds.features.includes('compaction') };
  let story: Story = { at: 0, turn: unbegun, session, unproven: 0, isApproved: false };
  const stories = [story];
  let before = startOf(path.machine);
  for (const step of path.steps) {
    story = goOn(story, step, before, path.bounds);
    stories.push(story);
    before = step.state;
  }
  told.set(path, stories);
  return stories;
}

/** Where a path begins. */
export function startOf(machine: TurnPath['machine']): string {
  return isInSession(machine) ? 'session idle, turn none' : 'turn idle';
}

/** The states of a session, a turn and its tools in the text of a path. */
export function readState(state: string) {
  const [, session] = /session ([^,]+)/.exec(state) ?? [];
  const [, turn = ''] = /turn ([^,]+)/.exec(state) ?? [];
  const [, tools] = /tools (.+?)(,|$)/.exec(state) ?? [];
  return { session, turn, tools: tools?.split(' + ') ?? [] };
}

type StateRead = ReturnType<typeof readState>;

function goOn(story: Story, { event, state }: PathStep, before: string, bounds: PathBounds): Story {
  const at = timeOf(event, story);
  const was = readState(before);
  const is = readState(state);
  const isStart = event.startsWith('turn starts') && was.turn === 'idle';
  let turn = isStart ? begin(story.turn, at) : afterEvent(story, event, at, was, bounds);
  if (was.turn === 'working.awaitingExtension' && event === 'user extends') turn = { ...turn, extended: 1 };
  if (was.turn === 'working.awaitingResume' && event === 'user resumes') turn = { ...turn, isLifted: true };
  if (isUsingTools(was) && !isUsingTools(is)) turn = endTools(turn);
  if (isNewStep(event, was.turn, is.turn)) turn = beginStep(turn, at);
  turn = afterCompaction(turn, event, was, is);
  const goesOn = was.turn === 'working.callingModel' && isSame(event);
  if (is.turn === 'working.callingModel' && !goesOn) turn = { ...turn, calls: turn.calls + 1, isPrepared: true };
  turn = pause(afterQuestions(turn, is, at), is, nowAfter(event, story, at));
  const isApproved = story.isApproved || approvesAll(event, was);
  const unproven = isStart || provenBy(event) ? 0 : story.unproven + compactions(turn, story.turn, event, was, is);
  const next = { at, turn, unproven, isApproved };
  if (was.session === undefined) return { ...next, session: story.session };
  const isOver = (was.session === 'inTurn.running' || event === 'turn starts') && is.session !== 'inTurn.running';
  return { ...next, ...inSession(story.session, turn, event, { was: was.session, isOver }) };
}

function begin({ steering, older, newest }: TurnStory, at: number): TurnStory {
  return { ...unbegun, startedAt: at, steering, older: older + newest, isBegun: true, unseen: 1 };
}

function beginStep(turn: TurnStory, at: number): TurnStory {
  return {
    ...turn,
    steps: turn.steps + 1,
    stepStartedAt: at,
    calls: 0,
    failures: 0,
    requests: 0,
    hasOverflowed: false,
    isPrepared: false,
    stepTokens: 0,
    tools: [],
    unseen: turn.unseen + turn.steering,
    steering: 0,
    isShortened: false,
    isSummarized: false,
    isSteered: turn.steering > 0,
  };
}

/** The step counts among those in a row, or ends the row. */
function endTools(turn: TurnStory): TurnStory {
  return { ...turn, errorSteps: turn.hasError ? turn.errorSteps + 1 : 0, hasError: false };
}

/** What is left of long outputs once a step has begun, or a summary has come. */
function afterCompaction(turn: TurnStory, event: PathEvent, was: StateRead, is: StateRead): TurnStory {
  if (isSummary(event) && was.session !== 'compacting') {
    if (!turn.hasOverflowed) return { ...turn, older: 0, isSummarized: true };
    return { ...turn, older: 0, newest: turn.isSteered ? 0 : turn.newest };
  }
  if (isSummary(event)) return isUsable(event) ? { ...turn, older: 0, newest: 0 } : turn;
  const hasBegun = isNewStep(event, was.turn, is.turn);
  if (!hasBegun || turn.newest === 0 || turn.isShortened) return turn;
  return is.turn === 'working.compacting' ? { ...turn, isShortened: true } : { ...turn, older: 0, isShortened: true };
}

function isSummary(event: PathEvent): boolean {
  return event.startsWith('summary ');
}

function isUsable(event: PathEvent): boolean {
  return event === 'summary comes' || event === 'summary comes, over budget';
}

function compactions(turn: TurnStory, before: TurnStory, event: PathEvent, was: StateRead, is: StateRead): number {
  if (was.session === 'compacting') return 0;
  if (isSummary(event)) return 1;
  return turn.isShortened && !before.isShortened && is.turn !== 'working.compacting' ? 1 : 0;
}

function provenBy(event: PathEvent): boolean {
  return /^model (answers|asks|repeats|is cut off|refuses|pauses)/.test(event);
}

function approvesAll(event: PathEvent, { tools }: StateRead): boolean {
  const tool = readToolEvent(event);
  return tool?.happening === 'is approved for the session' && tools[tool.number - 1] === 'awaitingApproval';
}

/** Who is asked has so long to answer. */
function afterQuestions(turn: TurnStory, { tools }: StateRead, at: number): TurnStory {
  const expiresAt = at + approvalMs;
  const asked = turn.tools.map((tool, index) =>
    tools[index] === 'awaitingApproval' && tool.expiresAt === undefined ? { ...tool, expiresAt } : tool,
  );
  return { ...turn, tools: asked };
}

/** While people are waited for, the clock stands still. */
function pause(turn: TurnStory, is: StateRead, now: number): TurnStory {
  const isPaused = /\.awaiting/.test(is.turn);
  if (isPaused === (turn.pausedAt !== undefined)) return turn;
  if (isPaused) return { ...turn, pausedAt: now };
  return { ...turn, pausedAt: undefined, pausedMs: turn.pausedMs + now - (turn.pausedAt ?? now) };
}

function isUsingTools({ turn }: StateRead): boolean {
  return turn.startsWith('working.usingTools');
}

function timeOf(event: PathEvent, { at, turn }: Story): number {
  const tool = readToolEvent(event);
  if (event === 'retry is due') return Math.max(at + 1, turn.retryAt);
  if (event === 'time is up') return Math.max(at + 1, deadlineOf(turn));
  const told = tool && turn.tools[tool.number - 1];
  if (tool?.happening === 'runs again') return Math.max(at + 1, told?.retryAt ?? 0);
  if (tool?.happening === 'is not approved in time') return Math.max(at + 1, told?.expiresAt ?? 0);
  return at + 1;
}

/** When a turn has taken too long. */
export function deadlineOf({ startedAt, pausedMs }: TurnStory): number {
  return startedAt + maxDurationMs + pausedMs;
}

/** What the machines take for the time: a question is over when it is, however late that is noticed. */
export function nowAfter(event: PathEvent, { turn }: Story, at: number): number {
  const tool = readToolEvent(event);
  return tool?.happening === 'is not approved in time' ? (turn.tools[tool.number - 1]?.expiresAt ?? at) : at;
}

/** Whether the model call that runs goes on. */
function isSame(event: PathEvent): boolean {
  return ['model streams', 'user steers', 'user sends', 'user cancels the waiting turn', 'listener throws'].includes(
    event,
  );
}

const stepStates = ['working.callingModel', 'working.preparing', 'working.compacting'];

export function isNewStep(event: PathEvent, was: string, is: string): boolean {
  if (!stepStates.includes(is)) return false;
  return (
    (event === 'turn starts' && was === 'idle') ||
    event === 'model is cut off in a tool call' ||
    event === 'output is rejected' ||
    was.startsWith('working.usingTools') ||
    was.startsWith('working.awaiting')
  );
}

function afterEvent(
  { turn, isApproved }: Story,
  event: PathEvent,
  at: number,
  was: StateRead,
  bounds: PathBounds,
): TurnStory {
  if (event === 'user steers') return { ...turn, steering: turn.steering + 1 };
  if (event === 'model streams') return { ...turn, isShown: true, firstShownAt: turn.firstShownAt ?? at };
  const tool = readToolEvent(event);
  if (tool !== undefined) return afterTool(turn, tool, at, was, bounds, isApproved);
  if (event === 'output is rejected') return { ...turn, hints: turn.hints + 1 };
  if (event.startsWith('step is prepared')) return { ...turn, isPrepared: true, unseen: 0 };
  const spent = was.session === 'compacting' ? 0 : tokensOf(event);
  const ended = { ...turn, tokens: turn.tokens + spent, stepTokens: turn.stepTokens + spent };
  if (!event.startsWith('model ')) return ended;
  const over = { ...ended, isShown: false };
  if (event === 'model fails: context_overflow') {
    return { ...over, failures: 0, requests: turn.requests + 1, hasOverflowed: true };
  }
  if (event.startsWith('model fails')) return { ...over, failures: turn.failures + 1, retryAt: at + delayMs };
  const text = event === 'model answers nothing' || callsOf(event) > 0 ? '' : 'Well, so it is.';
  // what somebody spoke after was masked with the rest
  const older = turn.older + (turn.isShortened && turn.isSteered ? 0 : turn.newest);
  const next = { ...over, finishReason: finishReasonOf(event), text, older, newest: 0, failures: 0 };
  if (event === 'model pauses') return { ...next, requests: turn.requests + 1, isSummarized: false };
  const calls = callsOf(event);
  const tools = Array.from({ length: calls }, () => ({ isAlone: false, failures: 0, retryAt: 0 }));
  const toolCalls = turn.toolCalls + calls;
  // calls that are not run are no errors
  return { ...next, toolCalls, tools, ...(event === 'model is cut off in a tool call' && { errorSteps: 0 }) };
}

function afterTool(
  turn: TurnStory,
  { number, happening }: NonNullable<ReturnType<typeof readToolEvent>>,
  at: number,
  was: StateRead,
  { toolAttempts }: PathBounds,
  isApproved: boolean,
): TurnStory {
  const state = was.tools[number - 1];
  const isDelegated = state === 'delegating';
  const tools = turn.tools.map((tool, index): ToolStory => {
    if (happening === 'is approved for the session' && was.tools[index] === 'awaitingApproval' && !isDelegated) {
      return { ...tool, isUnapproved: false };
    }
    if (index !== number - 1) return tool;
    const ready = readReady(happening);
    if (ready !== undefined) {
      return {
        ...tool,
        isAlone: ready.runsAlone,
        ...(ready.needsApproval && { isUnapproved: !isApproved }),
        ...(ready.runner === 'client' && { isForClient: true }),
        ...(ready.runner === 'agent' && { isForAgent: true }),
      };
    }
    switch (happening) {
      case 'is approved':
        return isDelegated ? tool : { ...tool, isUnapproved: false };
      case 'waits for people':
        return { ...tool, isWaiting: true };
      case 'goes on':
        return { ...tool, isWaiting: false };
      case 'fails for now':
        return { ...tool, failures: tool.failures + 1, retryAt: at + delayMs };
      default:
        return tool;
    }
  });
  const failures = tools[number - 1]?.failures ?? 0;
  const isError = errors.has(happening) || (happening === 'fails for now' && failures >= toolAttempts);
  const isPaid = isDelegated && (happening === 'completes' || happening === 'fails') ? 1 : 0;
  return {
    ...turn,
    tools,
    hints: turn.hints + (happening === 'asks to be called again' ? 1 : 0),
    hasError: turn.hasError || isError,
    newest: turn.newest + (happening === 'completes at length' ? 1 : 0),
    tokens: turn.tokens + isPaid,
    stepTokens: turn.stepTokens + isPaid,
  };
}

const errors: ReadonlySet<string> = new Set([
  'is refused',
  'is refused, noted by a guardrail',
  'fails',
  'breaks',
  'cannot be run by its client',
]);

function finishReasonOf(event: PathEvent): string {
  if (/^model (asks|repeats)/.test(event)) return 'tool-calls';
  if (event.startsWith('model refuses')) return 'content-filter';
  if (event.startsWith('model pauses')) return 'pause';
  return event === 'model is cut off in a tool call' ? 'length' : 'stop';
}

/** How many tools an answer asks for. */
export function callsOf(event: PathEvent): number {
  const isOne = event.includes('in a tool call') || event === 'model asks for 1 tool, over budget';
  return isOne ? 1 : (readCalls(event) ?? 0);
}

/** What a model call uses that ends like this. */
export function tokensOf(event: PathEvent): number {
  if (event.endsWith(', over budget')) return overBudget;
  return /^(model (answers|asks|repeats|is cut off|refuses|pauses|fails)|answer is|summary (comes|fails))/.test(event)
    ? 1
    : 0;
}

function inSession(
  { queue, tokens, isSaidSince }: SessionStory,
  turn: TurnStory,
  event: PathEvent,
  { was, isOver }: { was: string; isOver: boolean },
): Pick<Story, 'turn' | 'session'> {
  const isCancelling = event === 'user cancels' && was === 'inTurn.starting';
  const cancel = (cancelledFor?: string) => ({ isCancelled: true as const, cancelledFor });
  let next = queue;
  let { steering } = turn;
  const isFirst = was === 'idle' || (was === 'compacting' && queue.length === 0);
  if (event === 'user sends' || (event === 'user steers' && isFirst)) next = [...queue, {}];
  if (isFirst) steering = 0;
  if (isCancelling) next = queue.map((each, index) => (index === 0 && !each.isCancelled ? cancel(cancelReason) : each));
  if (event === 'user cancels the waiting turn') {
    next = queue.map((each, index) => (index === queue.length - 1 && !each.isCancelled ? cancel() : each));
  }
  if (event === 'session closes') {
    next = queue.map((each) => (each.isCancelled ? each : cancel(closeReason)));
    steering = 0;
  }
  // closed in the middle of it, a compaction comes to nothing
  const spent = was === 'compacting' && isSummary(event) ? tokensOf(event) : 0;
  const isSaid = isOver || (isSaidSince && !(was === 'compacting' && isUsable(event)));
  if (!isOver) {
    const session = { queue: next, tokens: tokens + spent, isSaidSince: isSaid };
    return { turn: { ...turn, steering }, session };
  }
  // steering that no step took becomes the next turn
  const left = steering > 0 ? [{}] : [];
  return {
    turn: { ...turn, steering: Math.max(0, steering - 1) },
    session: { queue: [...left, ...next.slice(1)], tokens: tokens + turn.tokens, isSaidSince: isSaid },
  };
}
