import type { ModelFailureType } from '../../failure.ts';

/**
 * Something that may happen, as a path names it: a sentence, the same for every subject. Tools of a step are numbered
 * from 1.
 */
export type PathEvent = PersonEvent | ModelEvent | ApplicationEvent | ToolEvent | TimeEvent;

/** What people and applications do. */
export type PersonEvent = (typeof personEvents)[number];
const personEvents = [
  'turn starts',
  'turn starts, cancelled before',
  'user sends',
  'user steers',
  'user cancels',
  'user cancels the waiting turn',
  'user extends',
  'user resumes',
  'user compacts',
  'session closes',
  'listener throws',
] as const;

/** What comes of a model call. */
export type ModelEvent = PlainModelEvent | `model asks for ${number} tools` | `model fails: ${ModelFailureType}`;
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
  'summary fails',
  'summary breaks',
  // only other logic than ours, provided in its place, can do this
  'compaction actor is in error',
] as const;

/** What comes of the work of a tool call, and what people say of it; of an agent's, to the calls of that agent. */
export type ToolEvent = `tool ${number} ${ToolHappening}`;
export type ToolHappening = (typeof toolHappenings)[number];
export const toolHappenings = [
  'is ready',
  'is ready, to run alone',
  'is refused',
  'is denied by a guardrail',
  'needs approval',
  'is for a client',
  'is for an agent',
  'is approved',
  'is approved for the session',
  'is denied',
  'is not approved in time',
  'is answered by its client',
  'cannot be run by its client',
  'waits for people',
  'goes on',
  'reports',
  'completes',
  'completes at length',
  'asks to be called again',
  'fails',
  'fails for now',
  // its runner throws
  'breaks',
  'runs again',
] as const;

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
const callsEvent = /^model asks for (1 tool|([2-9]|[1-9]\d+) tools)$/;

/** The number of the tool, from 1, and what happens to it. */
export function readToolEvent(event: PathEvent): { number: number; happening: ToolHappening } | undefined {
  const [, number, happening] = toolEvent.exec(event) ?? [];
  return number === undefined ? undefined : { number: Number(number), happening: happening as ToolHappening };
}

/** How many tools an answer asks for; nothing where the event is no answer that does. */
export function readCalls(event: PathEvent): number | undefined {
  const [, count] = callsEvent.exec(event) ?? [];
  if (count !== undefined) return Number.parseInt(count, 10);
  if (event === 'model repeats a call') return 3;
  return event === 'model repeats a call too often' ? 4 : undefined;
}

/** What the model call fails with. */
export function readFailure(event: PathEvent): ModelFailureType | undefined {
  const [, type] = /^model fails: (.+)$/.exec(event) ?? [];
  return type as ModelFailureType | undefined;
}

export function asksFor(tools: number): ModelEvent {
  return tools === 1 ? 'model asks for 1 tool' : `model asks for ${tools} tools`;
}

const named: ReadonlySet<string> = new Set<PathEvent>([
  ...personEvents,
  ...modelEvents,
  ...applicationEvents,
  ...timeEvents,
]);

/** Whether a text is the name of something that may happen. */
export function isPathEvent(text: string): text is PathEvent {
  return named.has(text) || toolEvent.test(text) || callsEvent.test(text);
}
