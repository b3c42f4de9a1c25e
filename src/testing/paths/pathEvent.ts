import type { ModelFailureType } from '../../failure.ts';

/**
 * Something that may happen, as a path names it: a sentence, the same for every subject. Tools of a step are numbered
 * from 1.
 */
export type PathEvent = PersonEvent | ModelEvent | ToolEvent | TimeEvent;

/** What people and applications do. */
export type PersonEvent =
  | 'turn starts'
  | 'turn starts, cancelled before'
  | 'user sends'
  | 'user steers'
  | 'user cancels'
  | 'user cancels the waiting turn'
  | 'session closes'
  | 'listener throws';

/** What comes of a model call. */
export type ModelEvent =
  | 'model streams'
  | 'model answers'
  | 'model answers nothing'
  | 'model asks for 1 tool'
  | `model asks for ${number} tools`
  | 'model asks for 1 tool, over budget'
  | 'model is cut off in a tool call'
  | 'model refuses'
  | 'model pauses'
  | `model fails: ${ModelFailureType}`
  | 'model fails, over budget'
  /** Its runner throws. */
  | 'model call breaks'
  /** Only other logic than ours, provided in its place, can do this. */
  | 'model actor is in error';

/** What comes of the work of a tool call. */
export type ToolEvent = `tool ${number} ${ToolHappening}`;

export type ToolHappening =
  | 'is ready'
  | 'is ready, to run alone'
  | 'is refused'
  | 'reports'
  | 'completes'
  | 'asks to be called again'
  | 'fails'
  | 'fails for now'
  /** Its runner throws. */
  | 'breaks'
  | 'runs again';

/** What a clock does. */
export type TimeEvent = 'retry is due' | 'time is up';

const toolEvent = /^tool (\d+) (.+)$/;
const callsEvent = /^model asks for (\d+) tools?$/;
const failEvent = /^model fails: (.+)$/;

/** The number of the tool, from 1, and what happens to it. */
export function readToolEvent(event: PathEvent): { number: number; happening: ToolHappening } | undefined {
  const [, number, happening] = toolEvent.exec(event) ?? [];
  return number === undefined ? undefined : { number: Number(number), happening: happening as ToolHappening };
}

/** How many tools the model asks for. */
export function readCalls(event: PathEvent): number | undefined {
  const [, count] = callsEvent.exec(event) ?? [];
  return count === undefined ? undefined : Number(count);
}

/** What the model call fails with. */
export function readFailure(event: PathEvent): ModelFailureType | undefined {
  return failEvent.exec(event)?.[1] as ModelFailureType | undefined;
}

export function asksFor(tools: number): ModelEvent {
  return tools === 1 ? 'model asks for 1 tool' : `model asks for ${tools} tools`;
}

const fixed: Readonly<
  Record<Exclude<PathEvent, ToolEvent | `model asks for ${string}` | `model fails: ${string}`>, true>
> = {
  'turn starts': true,
  'turn starts, cancelled before': true,
  'user sends': true,
  'user steers': true,
  'user cancels': true,
  'user cancels the waiting turn': true,
  'session closes': true,
  'listener throws': true,
  'model streams': true,
  'model answers': true,
  'model answers nothing': true,
  'model is cut off in a tool call': true,
  'model refuses': true,
  'model pauses': true,
  'model fails, over budget': true,
  'model call breaks': true,
  'model actor is in error': true,
  'retry is due': true,
  'time is up': true,
};

const patterns = [
  /^model asks for (1 tool(, over budget)?|([2-9]|[1-9]\d+) tools)$/,
  /^model fails: (budget|rate_limit|provider_unavailable|context_overflow|auth|unknown)$/,
  /^tool [1-9]\d* (is ready|is ready, to run alone|is refused|reports|completes|asks to be called again|fails|fails for now|breaks|runs again)$/,
];

/** Whether a text is the name of something that may happen. */
export function isPathEvent(text: string): text is PathEvent {
  return Object.hasOwn(fixed, text) || patterns.some((pattern) => pattern.test(text));
}
