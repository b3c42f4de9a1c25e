import type { ServerResponse } from 'node:http';
import type { FeedHello } from './feed.ts';
import type { FeedLog, Frame } from './feedLog.ts';

/** After how long a reader comes again whose stream has broken, in ms. */
const retryMs = 1_000;
/** About as many characters are handed over at a time. */
const chunkChars = 64 * 1024;

/**
 * Writes the feed as server-sent events, until the reader goes away or it is ended. It is read at the reader's pace: one
 * that is slow costs no memory.
 *
 * @param after id of the last frame that the reader has
 * @returns what ends it, with all that was said until then
 */
export function streamFeed(log: FeedLog, response: ServerResponse, hello: FeedHello, after: number): () => void {
  let last = after;
  let isWaiting = false;
  const write = (maxChars: number): boolean => {
    const frames = log.read(last, maxChars);
    last = frames.at(-1)?.id ?? last;
    return frames.length === 0 || response.write(frames.map(toEvent).join(''));
  };
  const goOn = () => {
    isWaiting = false;
    for (let before = -1; before !== last; ) {
      before = last;
      if (write(chunkChars)) continue;
      response.once('drain', goOn);
      return;
    }
    isWaiting = true;
  };
  // what is said at once goes out at once
  const stop = log.onSay(() => {
    if (!isWaiting) return;
    isWaiting = false;
    setImmediate(goOn);
  });
  response.once('close', stop);
  response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' });
  response.write(`retry: ${retryMs}\ndata: ${JSON.stringify(hello)}\n\n`);
  goOn();
  return () => {
    stop();
    response.off('drain', goOn);
    write(Number.POSITIVE_INFINITY);
    response.end();
  };
}

function toEvent({ id, text }: Frame): string {
  return `id: ${id}\ndata: ${text}\n\n`;
}
