import { maxDurationMs, overBudget } from '../../src/testing/paths/bounds.ts';
import type { PathEvent, PathStep, TurnPath } from '../../src/testing/paths/index.ts';
import { readCalls, readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import { delayMs } from '../../src/testing/paths/results.ts';

/** What has happened on a path so far, counted from its events; machines and their contexts are not asked. */
export interface Story {
  /** When the last event happened: a millisecond after the one before, or when its timer was due. */
  readonly at: number;
  readonly turn: TurnStory;
  readonly session: SessionStory;
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
  /** How often the answer of the step was paused. */
  readonly pauses: number;
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
}

export interface SessionStory {
  /** Why each turn that is queued was cancelled before it began; the one that runs comes first. */
  readonly queue: readonly { readonly cancelledFor?: string | undefined; readonly isCancelled?: true }[];
  /** Tokens of the turns that have ended. */
  readonly tokens: number;
}

const unbegun: TurnStory = {
  startedAt: 0,
  steps: 0,
  stepStartedAt: 0,
  calls: 0,
  failures: 0,
  pauses: 0,
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
  let story: Story = { at: 0, turn: unbegun, session: { queue: [], tokens: 0 } };
  const stories = [story];
  let before = path.machine === 'session' ? 'session idle, turn none' : 'turn idle';
  for (const step of path.steps) {
    story = goOn(story, step, before);
    stories.push(story);
    before = step.state;
  }
  told.set(path, stories);
  return stories;
}

/** The states of a session and of a turn in the text of a path. */
export function readState(state: string): { readonly session: string | undefined; readonly turn: string } {
  const [, session] = /session ([^,]+)/.exec(state) ?? [];
  const [, turn = ''] = /turn ([^,]+)/.exec(state) ?? [];
  return { session, turn };
}

function goOn(story: Story, { event, state }: PathStep, before: string): Story {
  const at = timeOf(event, story);
  const was = readState(before);
  const is = readState(state);
  let turn = event.startsWith('turn starts')
    ? { ...unbegun, startedAt: at, steering: story.turn.steering }
    : afterEvent(story.turn, event, at);
  if (isNewStep(event, was.turn, is.turn)) {
    turn = { ...turn, steps: turn.steps + 1, stepStartedAt: at, calls: 0, stepTokens: 0, tools: [], steering: 0 };
  }
  if (is.turn === 'working.callingModel' && !isSame(event)) turn = { ...turn, calls: turn.calls + 1 };
  if (was.session === undefined) return { at, turn, session: story.session };
  const isOver = (was.session === 'inTurn.running' || event === 'turn starts') && is.session !== 'inTurn.running';
  return { at, ...inSession(story.session, turn, event, { was: was.session, isOver }) };
}

function timeOf(event: PathEvent, { at, turn }: Story): number {
  const tool = readToolEvent(event);
  if (event === 'retry is due') return Math.max(at + 1, turn.retryAt);
  if (event === 'time is up') return Math.max(at + 1, turn.startedAt + maxDurationMs);
  if (tool?.happening === 'runs again') return Math.max(at + 1, turn.tools[tool.number - 1]?.retryAt ?? 0);
  return at + 1;
}

/** Whether the model call that runs goes on. */
function isSame(event: PathEvent): boolean {
  return ['model streams', 'user steers', 'user sends', 'user cancels the waiting turn', 'listener throws'].includes(
    event,
  );
}

function isNewStep(event: PathEvent, was: string, is: string): boolean {
  if (is !== 'working.callingModel') return false;
  return (
    event === 'turn starts' ||
    event === 'model is cut off in a tool call' ||
    (was === 'working.runningTools' && readToolEvent(event) !== undefined)
  );
}

function afterEvent(turn: TurnStory, event: PathEvent, at: number): TurnStory {
  if (event === 'user steers') return { ...turn, steering: turn.steering + 1 };
  if (event === 'model streams') return { ...turn, isShown: true, firstShownAt: turn.firstShownAt ?? at };
  const tool = readToolEvent(event);
  if (tool !== undefined) return afterTool(turn, tool, at);
  if (!event.startsWith('model ')) return turn;
  const spent = tokensOf(event);
  const ended = { ...turn, tokens: turn.tokens + spent, stepTokens: turn.stepTokens + spent, isShown: false };
  if (event.startsWith('model fails')) return { ...ended, failures: turn.failures + 1, retryAt: at + delayMs };
  const next = { ...ended, finishReason: finishReasonOf(event) };
  if (event === 'model pauses') return { ...next, pauses: turn.pauses + 1, failures: 0 };
  const calls = callsOf(event);
  const tools = Array.from({ length: calls }, () => ({ isAlone: false, failures: 0, retryAt: 0 }));
  return { ...next, failures: 0, pauses: 0, toolCalls: turn.toolCalls + calls, tools };
}

function afterTool(turn: TurnStory, { number, happening }: NonNullable<ReturnType<typeof readToolEvent>>, at: number) {
  const hints = turn.hints + (happening === 'asks to be called again' ? 1 : 0);
  const tools = turn.tools.map((tool, index): ToolStory => {
    if (index !== number - 1) return tool;
    if (happening === 'is ready, to run alone') return { ...tool, isAlone: true };
    return happening === 'fails for now' ? { ...tool, failures: tool.failures + 1, retryAt: at + delayMs } : tool;
  });
  return { ...turn, hints, tools };
}

function finishReasonOf(event: PathEvent): string {
  if (event.startsWith('model asks')) return 'tool-calls';
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
  return /^model (answers|asks|is cut off|refuses|pauses|fails)/.test(event) ? 1 : 0;
}

function inSession(
  { queue, tokens }: SessionStory,
  turn: TurnStory,
  event: PathEvent,
  { was, isOver }: { was: string; isOver: boolean },
): Pick<Story, 'turn' | 'session'> {
  const isCancelling = event === 'user cancels' && was === 'inTurn.starting';
  const cancel = (cancelledFor?: string) => ({ isCancelled: true as const, cancelledFor });
  let next = queue;
  let { steering } = turn;
  if (event === 'user sends' || (event === 'user steers' && was === 'idle')) next = [...queue, {}];
  if (was === 'idle') steering = 0;
  if (isCancelling) next = queue.map((each, index) => (index === 0 && !each.isCancelled ? cancel(cancelReason) : each));
  if (event === 'user cancels the waiting turn') {
    next = queue.map((each, index) => (index === queue.length - 1 && !each.isCancelled ? cancel() : each));
  }
  if (event === 'session closes') {
    next = queue.map((each) => (each.isCancelled ? each : cancel(closeReason)));
    steering = 0;
  }
  if (!isOver) return { turn: { ...turn, steering }, session: { queue: next, tokens } };
  // steering that no step took becomes the next turn
  const left = steering > 0 ? [{}] : [];
  return {
    turn: { ...turn, steering: Math.max(0, steering - 1) },
    session: { queue: [...left, ...next.slice(1)], tokens: tokens + turn.tokens },
  };
}
