import { createParser, type EventSourceMessage, type ParseError } from 'eventsource-parser';

/** One message of an event stream: its `data` lines joined, and what its `event` line said. */
export type ServerSentEvent = Pick<EventSourceMessage, 'event' | 'data'>;

/** A line may hold an image; more than this is no answer. */
const maxBufferedChars = 32 * 1024 * 1024;
const maxClosingReads = 4;
const closingMs = 250;

/**
 * The messages of an event stream, one array per network read that brought any. Ends where the body ends; a caller
 * that needs to know whether that was the true end looks for the provider's mark.
 *
 * When the signal aborts, the body is cancelled and the iteration ends or throws: look at `signal.aborted` first. When
 * the caller stops reading, what little may be left is read in the background, so that the connection can serve the
 * next call; a server that goes on is cut off.
 *
 * @throws what the body throws: the connection is gone, or a line is longer than 32 Mi characters.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): AsyncGenerator<readonly ServerSentEvent[], void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(ignore);
  let events: ServerSentEvent[] = [];
  let tooLong: ParseError | undefined;
  const parser = createParser({
    maxBufferSize: maxBufferedChars,
    onEvent: (event) => void events.push(event),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') tooLong = error;
    },
  });
  const decoder = new TextDecoder();
  let endsLine = false;
  let isOpen = true;
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) return;
    while (isOpen) {
      const { done, value } = await tryRead(reader, () => {
        isOpen = false;
      });
      if (done) {
        isOpen = false;
        // the blank line after the last message is often forgotten; half a line is no message
        if (endsLine) parser.feed('\n\n');
      } else {
        const text = decoder.decode(value, { stream: true });
        if (text !== '') endsLine = text.endsWith('\n') || text.endsWith('\r');
        parser.feed(text);
      }
      if (tooLong !== undefined) throw tooLong;
      if (events.length === 0) continue;
      const read = events;
      events = [];
      yield read;
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    if (signal.aborted) cancel();
    else if (isOpen) void readOut(reader);
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function tryRead(reader: Reader, broken: () => void) {
  try {
    return await reader.read();
  } catch (error) {
    broken();
    throw error;
  }
}

async function readOut(reader: Reader): Promise<void> {
  const timer = setTimeout(() => void reader.cancel().catch(ignore), closingMs);
  try {
    for (let reads = 0; reads < maxClosingReads; reads += 1) if ((await reader.read()).done) return;
    await reader.cancel();
  } catch {
    // the answer is complete, whatever becomes of the connection
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {}
