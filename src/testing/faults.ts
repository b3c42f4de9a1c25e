import type { Json } from '../json.ts';
import type { Usage } from '../model.ts';
import type { AnswerFinish, Dialect, ErrorKind, SseEvent, WholeAnswer, WholeCall } from './dialects/dialect.ts';

/** What the fault server answers to one request: an answer, what goes wrong with it, and how it is written. Plain data. */
export interface FaultAnswer {
  readonly reasoning?: string | readonly string[];
  /** Several texts are as many deltas. */
  readonly text?: string | readonly string[];
  /** Very many deltas instead of `text`, all alike; made while they are sent. */
  readonly deltas?: { readonly count: number; readonly text: string };
  readonly calls?: readonly FaultCall[];
  /** @default `tool-calls` where there are calls, `stop` otherwise */
  readonly finish?: AnswerFinish;
  /** @default 10 in, 5 out */
  readonly usage?: Usage;
  /** @default nothing goes wrong */
  readonly fault?: Fault;
  /** @default one event per write, as it is */
  readonly wire?: Wire;
}

/** A tool call of a faulty answer. */
export interface FaultCall {
  readonly name: string;
  /** @default {} */
  readonly input?: Json;
  /** What the model literally wrote, where that matters. */
  readonly rawInput?: string;
  /** @default call_1, call_2, … in the order of all calls of the server */
  readonly id?: string;
}

/** How a connection is cut: in good order, or reset. */
export type Cut = 'fin' | 'rst';

/**
 * What goes wrong. `afterParts` counts the pieces of the answer that are sent before, `Infinity` being all of them, so
 * that only the mark of the end is missing.
 */
export type Fault =
  /** A status with headers and a body of one's own. */
  | {
      readonly type: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Anything but a text is sent as JSON. @default none */
      readonly body?: Json;
    }
  /** The status and the body that the provider sends in such a case. */
  | {
      readonly type: 'error';
      readonly kind: ErrorKind;
      readonly headers?: Readonly<Record<string, string>>;
      readonly message?: string;
    }
  /** Not even headers: nothing at all, or a connection that is cut. */
  | { readonly type: 'noHeaders'; readonly end?: 'silence' | Cut }
  /** A 200 that is no stream. */
  | { readonly type: 'notSse'; readonly contentType: string; readonly body: string }
  /** Headers, the parts, and then nothing until the client gives up. @default no parts */
  | { readonly type: 'silence'; readonly afterParts?: number }
  /** The connection is cut. @default after 1 part, in good order */
  | { readonly type: 'cut'; readonly afterParts?: number; readonly how?: Cut }
  /** The stream ends as if all were well, without the mark of its end. @default after all parts */
  | { readonly type: 'noMark'; readonly afterParts?: number }
  /** The provider reports an error in the stream, and ends it. @default after 1 part, in the first form, `server` */
  | {
      readonly type: 'streamError';
      readonly afterParts?: number;
      readonly form?: string;
      readonly kind?: ErrorKind;
      readonly message?: string;
    }
  /** A part is no JSON; the rest follows as if it were. @default after 1 part */
  | { readonly type: 'badLine'; readonly afterParts?: number }
  /** The JSON of the last call stops half way, and then the connection, the stream, or the answer (`length`). */
  | { readonly type: 'halfCall'; readonly end: Cut | 'noMark' | 'length' }
  /** A deviation of the dialect, by its name. */
  | { readonly type: 'deviation'; readonly name: string };

/** How the events get onto the wire. */
export interface Wire {
  /** That many events in one write. @default 1 */
  readonly eventsPerWrite?: number;
  /**
   * Writes of that many bytes, wherever this cuts lines and characters. A reader in the same process has time to read
   * each of them. @default whole events
   */
  readonly chunkBytes?: number;
  /** @default '\n' */
  readonly lineEnd?: '\n' | '\r\n' | '\r';
  /** A keep-alive comment before each event. @default false */
  readonly comments?: boolean;
  /** Waits for that promise before the part of that number (from 0) is sent. */
  readonly hold?: { readonly part: number; readonly until: Promise<unknown> };
}

/** The size of the pieces in which the JSON of a tool call is sent. */
const pieceLength = 8;

/** The answer with nothing left open, and the JSON of its last call cut where the fault says so. */
export function wholeAnswer(answer: FaultAnswer, nextCallId: () => string): WholeAnswer {
  const { reasoning = [], calls = [], deltas, usage = { inputTokens: 10, outputTokens: 5 }, fault } = answer;
  const isHalf = fault?.type === 'halfCall';
  const finish = isHalf && fault.end === 'length' ? 'length' : calls.length > 0 ? 'tool-calls' : 'stop';
  return {
    reasoning: typeof reasoning === 'string' ? [reasoning] : reasoning,
    text: deltas === undefined ? written(answer.text ?? []) : repeated(deltas),
    calls: calls.map((call, index) => wholeCall(call, nextCallId, isHalf && index === calls.length - 1)),
    finish: answer.finish ?? finish,
    usage,
  };
}

function wholeCall(
  { id, name, input = {}, rawInput = JSON.stringify(input) }: FaultCall,
  nextCallId: () => string,
  isHalf: boolean,
): WholeCall {
  const sent = isHalf ? rawInput.slice(0, Math.ceil(rawInput.length / 2)) : rawInput;
  const pieces = Array.from({ length: Math.ceil(sent.length / pieceLength) }, (_, index) =>
    sent.slice(index * pieceLength, (index + 1) * pieceLength),
  );
  return { id: id ?? nextCallId(), name, input: pieces, isHalf };
}

function written(text: string | readonly string[]): WholeAnswer['text'] {
  const pieces = typeof text === 'string' ? [text] : text;
  return { pieces, whole: () => pieces.join('') };
}

function repeated({ count, text }: NonNullable<FaultAnswer['deltas']>): WholeAnswer['text'] {
  const pieces = {
    *[Symbol.iterator]() {
      for (let index = 0; index < count; index += 1) yield text;
    },
  };
  return { pieces, whole: () => text.repeat(count) };
}

/** The first parts of a stream and what lies between them; never the mark of the end. */
export function* firstParts(events: Iterable<SseEvent>, count: number): Iterable<SseEvent> {
  let parts = 0;
  for (const event of events) {
    if (event.role === 'end' || event.role === 'after') return;
    if (event.role === 'part') {
      if (parts >= count) return;
      parts += 1;
    }
    yield event;
  }
}

/** The stream with one part torn in the middle. */
export function* withBadLine(events: Iterable<SseEvent>, after: number): Iterable<SseEvent> {
  let parts = 0;
  for (const event of events) {
    const isTorn = event.role === 'part' && parts === after;
    if (event.role === 'part') parts += 1;
    yield isTorn ? { ...event, data: event.data.slice(0, Math.ceil(event.data.length / 2)) } : event;
  }
}

/** @throws TypeError for a fault that the dialect does not know. */
export function checkAnswer({ fault }: FaultAnswer, { name, deviations, streamErrors }: Dialect): void {
  if (fault?.type === 'deviation' && !deviations.some((deviation) => deviation.name === fault.name)) {
    const known = deviations.map((deviation) => `"${deviation.name}"`).join(', ');
    throw new TypeError(`${name} has no deviation "${fault.name}". Known: ${known}.`);
  }
  if (fault?.type !== 'streamError' || fault.form === undefined || fault.form in streamErrors) return;
  const known = Object.keys(streamErrors).join('", "');
  throw new TypeError(`${name} reports no error in a stream as "${fault.form}". Known: "${known}".`);
}

/** An event as it is written. */
export function toLines({ event, data }: SseEvent, { lineEnd = '\n', comments = false }: Wire): string {
  const name = event === undefined ? '' : `event: ${event}${lineEnd}`;
  const comment = comments ? `: keep-alive${lineEnd}${lineEnd}` : '';
  return `${comment}${name}data: ${data}${lineEnd}${lineEnd}`;
}
