import type { TurnOverrides } from '../../events.ts';
import type { ModelFailureType } from '../../failure.ts';

/**
 * Something that may happen, as a path names it: a sentence, the same for every subject. Tools of a step are numbered
 * from 1.
 */
export type PathEvent = PersonEvent | ModelEvent | ApplicationEvent | ToolEvent | TimeEvent;

/** What people and applications do. */
export type PersonEvent = (typeof personEvents)[number] | `user sends${OwnSteps}${OwnOutput}${AtLength}`;
/** What a turn has of its own: fewer steps or more, and an answer of a form. */
type OwnSteps = '' | `, for ${number} steps at most`;
type OwnOutput = '' | ', for an output';
/** So much that the conversation is too long for the model. */
type AtLength = '' | ', at length';
const personEvents = [
  'turn starts',
  'turn starts, cancelled before',
  'user sends',
  'user steers',
  'user steers, at length',
  'user cancels',
  'user cancels the waiting turn',
  'user extends',
  'user resumes',
  'user compacts',
  'session closes',
  'listener throws',
] as const;

/** What comes of a model call. */
export type ModelEvent = PlainModelEvent | `${AnswerEvent | `model fails: ${ModelFailureType}`}${'' | Free}`;
/** All else costs something. */
type Free = typeof forFree;
export const forFree = ', for free';
/** An answer, by the tools that it asks for and by why it ended. */
type AnswerEvent = `model ${AnswerWord}${'' | ', over budget' | AtLength}`;
type AnswerWord =
  | 'answers'
  | 'answers nothing'
  | `asks for ${Tools}`
  | `${'is cut off' | 'refuses' | 'pauses'} in ${Calls}`
  | 'refuses'
  | 'pauses';
type Tools = '1 tool' | `${number} tools`;
type Calls = 'a tool call' | `${number} tool calls`;
type PlainModelEvent = (typeof plainModelEvents)[number];
const plainModelEvents = [
  'model streams',
  'model answers',
  'model answers nothing',
  'model asks for 1 tool',
  'model asks for 1 tool, over budget',
  'model is cut off in a tool call',
  // three times in one answer: the third is not run
  'model repeats a call',
  'model repeats a call too often',
  'model refuses',
  'model refuses in a tool call, over budget',
  'model pauses',
  'model pauses in a tool call',
  'model fails, over budget',
  // its runner throws
  'model call breaks',
  // only other logic than ours, provided in its place, can do this
  'model actor is in error',
] as const;

/** What comes of the application's own functions, and of what is done for the model. */
export type ApplicationEvent = (typeof applicationEvents)[number];
const applicationEvents = [
  'step is prepared',
  'step is prepared, message rewritten',
  'input is denied',
  'preparation fails',
  'preparation breaks',
  'answer is denied',
  'output is accepted',
  'output is rejected',
  'output check breaks',
  'summary comes',
  'summary comes, over budget',
  'summary comes, for free',
  'summary fails',
  'summary fails, for free',
  'summary fails, over budget',
  'summary breaks',
  // only other logic than ours, provided in its place, can do this
  'compaction actor is in error',
] as const;

/** What comes of the work of a tool call, and what people say of it; of an agent's, to the calls of that agent. */
export type ToolEvent = `tool ${number} ${ToolHappening}`;
export type ToolHappening = ReadyHappening | (typeof otherHappenings)[number];

/** What a tool turns out to be once it is prepared: whether somebody has to be asked, who runs it, and beside what. */
export type ReadyHappening = `${(typeof readyWords)[number]}${'' | Alone}${'' | Noted}`;
type Alone = typeof alone;
type Noted = typeof noted;
const alone = ', to run alone';
const noted = ', noted by a guardrail';
const readyWords = [
  'is ready',
  'is for a client',
  'is for an agent',
  'needs approval',
  'needs approval for a client',
  'needs approval for an agent',
] as const;
const readyHappenings = readyWords.flatMap((word) =>
  (['', alone] as const).flatMap((beside) =>
    (['', noted] as const).map((note): ReadyHappening => `${word}${beside}${note}`),
  ),
);

const otherHappenings = [
  'is refused',
  'is refused, noted by a guardrail',
  'is denied by a guardrail',
  'is approved',
  'is approved for the session',
  'is denied',
  'is not approved in time',
  'is answered by its client',
  'cannot be run by its client',
  'waits for people',
  'goes on',
  // what people have approved for the session
  'remembers',
  'reports',
  'completes',
  'completes at length',
  // of agents, whose work costs something
  'completes, for free',
  'completes, over budget',
  'fails, for free',
  'fails, over budget',
  'asks to be called again',
  'fails',
  'fails for now',
  // its runner throws
  'breaks',
  'runs again',
] as const;

export const toolHappenings: readonly ToolHappening[] = [...readyHappenings, ...otherHappenings];

/** A tool that is prepared, by what it needs. */
export interface ReadyTool {
  readonly needsApproval: boolean;
  readonly runner: 'turn' | 'client' | 'agent';
  readonly runsAlone: boolean;
  /** Whether guardrails had something to say. */
  readonly isNoted: boolean;
}

/** What the tool is; nothing where it is not ready. */
export function readReady(happening: ToolHappening): ReadyTool | undefined {
  if (!ready.has(happening)) return undefined;
  return {
    needsApproval: happening.startsWith('needs approval'),
    runner: happening.includes(' for a client') ? 'client' : happening.includes(' for an agent') ? 'agent' : 'turn',
    runsAlone: happening.includes(alone),
    isNoted: happening.endsWith(noted),
  };
}

const ready: ReadonlySet<ToolHappening> = new Set(readyHappenings);

/** The word for a tool that is this. */
export function readyHappening({ needsApproval, runner, runsAlone, isNoted }: ReadyTool): ReadyHappening {
  const target = { turn: '', client: ' for a client', agent: ' for an agent' } as const;
  const word = needsApproval
    ? (`needs approval${target[runner]}` as const)
    : runner === 'turn'
      ? 'is ready'
      : (`is${target[runner]}` as const);
  return `${word}${runsAlone ? alone : ''}${isNoted ? noted : ''}`;
}

/** What a clock does. */
export type TimeEvent = (typeof timeEvents)[number];
const timeEvents = ['retry is due', 'time is up'] as const;

/** Kept complete by the type: a new failure gets its paths. */
const failures: Readonly<Record<ModelFailureType, true>> = {
  budget: true,
  rate_limit: true,
  provider_unavailable: true,
  context_overflow: true,
  auth: true,
  unknown: true,
};

/** One for every failure that a model call can have. */
export const failureEvents: readonly ModelEvent[] = Object.keys(failures).map(
  (type): ModelEvent => `model fails: ${type as ModelFailureType}`,
);

/** Everything that may come of a model call, but for calls of several tools. */
export const modelEvents: readonly ModelEvent[] = [...failureEvents, ...plainModelEvents];

const toolEvent = new RegExp(`^tool ([1-9]\\d*) (${toolHappenings.join('|')})$`);
const answerEvent =
  /^model (?:(answers|answers nothing|refuses|pauses)|(asks) for (1 tool|(?:[2-9]|[1-9]\d+) tools)|(is cut off|refuses|pauses) in (a tool call|(?:[2-9]|[1-9]\d+) tool calls))(, over budget|, at length)?(?:, for free)?$/;

/** The number of the tool, from 1, and what happens to it. */
export function readToolEvent(event: PathEvent): { number: number; happening: ToolHappening } | undefined {
  const [, number, happening] = toolEvent.exec(event) ?? [];
  return number === undefined ? undefined : { number: Number(number), happening: happening as ToolHappening };
}

/** An answer of the model, in parts. */
export interface AnswerRead {
  readonly finish: 'stop' | 'tool-calls' | 'length' | 'content-filter' | 'pause';
  /** Tools that it asks for. */
  readonly calls: number;
  readonly isEmpty: boolean;
  readonly isOverBudget: boolean;
  readonly isLong: boolean;
}

/** What an answer is; nothing where the event is none, or one that repeats calls. */
export function readAnswer(event: PathEvent): AnswerRead | undefined {
  const [whole, plain, asks, tools, cut, calls, much] = answerEvent.exec(event) ?? [];
  if (whole === undefined) return undefined;
  const verb = plain ?? asks ?? cut ?? '';
  const count = tools ?? calls;
  return {
    finish: finishes[verb] ?? 'stop',
    calls: count === undefined ? 0 : count === 'a tool call' ? 1 : Number.parseInt(count, 10),
    isEmpty: verb === 'answers nothing',
    isOverBudget: much === ', over budget',
    isLong: much === ', at length',
  };
}

const finishes: Readonly<Record<string, AnswerRead['finish']>> = {
  asks: 'tool-calls',
  'is cut off': 'length',
  refuses: 'content-filter',
  pauses: 'pause',
};

/** The word for such an answer. */
export function answerWord({ finish, calls, isEmpty, isOverBudget, isLong }: AnswerRead): ModelEvent {
  const over = isOverBudget ? ', over budget' : isLong ? ', at length' : '';
  const inCalls = calls === 0 ? '' : calls === 1 ? ' in a tool call' : (` in ${calls} tool calls` as const);
  if (finish === 'content-filter') return `model refuses${inCalls}${over}`;
  if (finish === 'pause') return `model pauses${inCalls}${over}`;
  if (calls === 0) return `model ${isEmpty ? 'answers nothing' : 'answers'}${over}`;
  if (finish === 'length') return `model is cut off${inCalls === '' ? ' in a tool call' : inCalls}${over}`;
  return `${asksFor(calls)}${over}`;
}

/** What somebody sends a message with; nothing where nobody does. */
export function readSending(event: PathEvent): TurnOverrides | undefined {
  const [whole, steps, output] = sendingEvent.exec(event) ?? [];
  if (whole === undefined) return undefined;
  return {
    ...(steps !== undefined && { limits: { maxSteps: Number(steps) } }),
    ...(output !== undefined && { output: {} }),
  };
}

/** The same at such length that the conversation is too long for the model; nothing where there is no word for that. */
export function atSuchLength(event: PathEvent): PathEvent | undefined {
  const plain = event.endsWith(forFree) ? event.slice(0, -forFree.length) : event;
  const end = plain === event ? '' : forFree;
  return [`${plain} at length${end}`, `${plain}, at length${end}`].find(isPathEvent);
}

/** Whether so much is said that the conversation is too long for the model. */
export function isAtLength(event: PathEvent): boolean {
  return event.includes(' at length');
}

/** Whether it is about a conversation that is shortened, or has to be. */
export function isOfCompaction(event: PathEvent): boolean {
  return isAtLength(event) || event === 'user compacts' || /^(summary|compaction) /.test(event);
}

const sendingEvent = /^user sends(?:, for ([1-9]\d*) steps at most)?(, for an output)?(?:, at length)?$/;

/** How many tools an answer asks for that runs them; nothing where the event is none. */
export function readCalls(event: PathEvent): number | undefined {
  if (event === 'model repeats a call') return 3;
  if (event === 'model repeats a call too often') return 4;
  const answer = readAnswer(event);
  return answer?.finish === 'tool-calls' && !answer.isOverBudget ? answer.calls : undefined;
}

/** What the model call fails with. */
export function readFailure(event: PathEvent): ModelFailureType | undefined {
  const [, type] = /^model fails: (\w+)(?:, for free)?$/.exec(event) ?? [];
  return type as ModelFailureType | undefined;
}

export function asksFor(tools: number): `model asks for ${Tools}` {
  return tools === 1 ? 'model asks for 1 tool' : `model asks for ${tools} tools`;
}

/** What it is, at no cost. */
export function atNoCost(event: PathEvent): PathEvent {
  const free = `${event}${forFree}`;
  return isPathEvent(free) ? free : event;
}

const named: ReadonlySet<string> = new Set<PathEvent>([
  ...personEvents,
  ...modelEvents,
  ...failureEvents.map((event): PathEvent => `${event as `model fails: ${ModelFailureType}`}${forFree}`),
  ...applicationEvents,
  ...timeEvents,
]);

/** Whether a text is the name of something that may happen. */
export function isPathEvent(text: string): text is PathEvent {
  return named.has(text) || toolEvent.test(text) || answerEvent.test(text) || sendingEvent.test(text);
}
