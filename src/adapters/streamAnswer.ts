import type { ModelPart, Usage } from '../model.ts';
import type { AnswerFailures } from './answerFailures.ts';
import { readEvents, type ServerSentEvent } from './sse.ts';
import { isWire, type Wire } from './wire.ts';

/** What understands the chunks of one answer. */
export interface AnswerReader {
  /** What the answer cost so far, where that was told. */
  readonly usage: Usage | undefined;
  /** Adds the parts that a chunk comes to. Gives the last part of the answer once it has ended. */
  read(chunk: Wire, parts: ModelPart[]): LastPart | undefined;
  /** What is left to be said when the stream has ended; nothing where it may not end here. */
  finish(): readonly ModelPart[] | undefined;
}

/** The parts that an answer ends with. */
export type LastPart = Extract<ModelPart, { type: 'finish' | 'error' | 'aborted' }>;

export interface Exchange<Body> {
  /** Makes what is sent, of our words. */
  readonly prepare: () => Body;
  /** Sends the request, and gives the answer once its headers are there. */
  readonly send: (body: Body) => Promise<Response>;
  readonly reader: AnswerReader;
  readonly failures: AnswerFailures;
  readonly signal: AbortSignal;
}

/** What reads an answer. */
type Reading = Pick<Exchange<never>, 'reader' | 'failures'>;

/** Sends, reads to the end, and says how it ended: never throws, and the last part is the only one of its kind. */
export async function* streamAnswer<Body>(
  exchange: Exchange<Body>,
): AsyncGenerator<readonly ModelPart[], void, undefined> {
  const { prepare, send, reader, failures, signal } = exchange;
  const aborted = () => last(reader, { type: 'aborted' });
  if (signal.aborted) {
    yield aborted();
    return;
  }
  let body: Body;
  try {
    body = prepare();
  } catch (error) {
    yield [{ type: 'error', failure: failures.unsent(error) }];
    return;
  }
  let response: Response;
  try {
    response = await send(body);
  } catch (error) {
    yield signal.aborted ? aborted() : [{ type: 'error', failure: failures.threw(error) }];
    return;
  }
  failures.headers = response.headers;
  let heard = false;
  let end: readonly ModelPart[] | undefined;
  try {
    for await (const events of readEvents(response.body, signal)) {
      if (signal.aborted) break;
      const parts: ModelPart[] = [];
      end = readAll(events, exchange, heard, parts);
      heard = true;
      if (end !== undefined) parts.push(...end);
      if (parts.length > 0) yield parts;
      if (end !== undefined) return;
    }
    end = signal.aborted ? aborted() : ended(exchange, heard, response);
  } catch (error) {
    // a connection that is lost after the mark of the end has cost nothing
    end = signal.aborted
      ? aborted()
      : (reader.finish() ?? last(reader, { type: 'error', failure: failures.broke(error) }));
  }
  yield end;
}

/** Adds what the events of one network read come to. Gives the end of the answer where it is among them. */
function readAll(
  events: readonly ServerSentEvent[],
  reading: Reading,
  heard: boolean,
  parts: ModelPart[],
): readonly ModelPart[] | undefined {
  for (const event of events) {
    const chunk = parse(event.data);
    if (chunk === undefined && event.data.startsWith('[DONE]')) return ended(reading, heard || event !== events[0]);
    const part = chunk === undefined ? unreadable(event, reading) : readChunk(chunk, event, reading, parts);
    if (part !== undefined) return last(reading.reader, part);
  }
  return undefined;
}

function readChunk(
  chunk: Wire,
  { event }: ServerSentEvent,
  { reader, failures }: Reading,
  parts: ModelPart[],
): LastPart | undefined {
  const isErrorEvent = event === 'error';
  if (!isErrorEvent && !isError(chunk.error)) return reader.read(chunk, parts);
  // the whole event: it may name the request beside the error
  // Chat Completions and their imitators write no more than `{ error }`
  const body = isErrorEvent || chunk.type === 'error' ? chunk : chunk.error;
  return { type: 'error', failure: failures.told(body) };
}

function unreadable({ data }: ServerSentEvent, { failures }: Reading): LastPart {
  return { type: 'error', failure: failures.malformed(excerpt(data)) };
}

function isError(value: unknown): boolean {
  return isWire(value) || (typeof value === 'string' && value !== '');
}

function ended({ reader, failures }: Reading, heard: boolean, response?: Response): readonly ModelPart[] {
  const parts = reader.finish();
  if (parts !== undefined) return parts;
  return last(reader, { type: 'error', failure: heard ? failures.truncated() : failures.empty(bodyKind(response)) });
}

/** What an answer that broke off has cost counts as well. */
function last({ usage }: AnswerReader, part: LastPart): readonly ModelPart[] {
  return usage === undefined || part.type === 'finish' ? [part] : [{ type: 'usage', usage }, part];
}

function bodyKind(response: Response | undefined): string | undefined {
  const type = response?.headers.get('content-type') ?? undefined;
  return type === undefined || type.startsWith('text/event-stream')
    ? undefined
    : `its body is ${type}, no event stream.`;
}

function parse(data: string): Wire | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isWire(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function excerpt(data: string): string {
  return data.length <= 200 ? data : `${data.slice(0, 200)}…`;
}
