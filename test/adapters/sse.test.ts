import { describe, expect, test } from 'vitest';
import { readEvents } from '../../src/adapters/sse.ts';

const never = new AbortController().signal;

/** A body of these chunks; what is cancelled says so. */
function bodyOf(chunks: readonly (string | Uint8Array)[], end: 'close' | 'stay open' | Error = 'close') {
  const left = [...chunks];
  const state = { cancelled: false, pulled: 0 };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = left.shift();
        state.pulled += 1;
        if (chunk !== undefined)
          controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
        else if (end === 'close') controller.close();
        else if (end !== 'stay open') controller.error(end);
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, state };
}

async function dataOf(chunks: readonly (string | Uint8Array)[]): Promise<string[][]> {
  const reads: string[][] = [];
  for await (const events of readEvents(bodyOf(chunks).body, never)) reads.push(events.map(({ data }) => data));
  return reads;
}

describe('the events of a body', () => {
  test('come as one array per read that brought any', async () => {
    expect(await dataOf(['data: a\n\ndata: b\n\n', 'data: c', '\n\n', ': comment\n\n'])).toEqual([['a', 'b'], ['c']]);
  });

  test('are the same wherever lines and characters are cut, and whatever ends them', async () => {
    const text = 'event: greeting\r\ndata: Grüße 🏔\r\n\r\n: comment\r\ndata: b\r\n\r\n';
    for (const size of [1, 2, 3, 7, 1_000]) {
      for (const written of [text, text.replaceAll('\r\n', '\n'), text.replaceAll('\r\n', '\r')]) {
        const bytes = new TextEncoder().encode(written);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.slice(index * size, (index + 1) * size),
        );
        expect((await dataOf(chunks)).flat()).toEqual(['Grüße 🏔', 'b']);
      }
    }
  });

  test('include a last one that lacks its blank line, but not half a line', async () => {
    expect(await dataOf(['data: a\n\ndata: b\n'])).toEqual([['a'], ['b']]);
    expect(await dataOf(['data: a\n\ndata: b\r'])).toEqual([['a'], ['b']]);
    expect(await dataOf(['data: a\n\ndata: b'])).toEqual([['a']]);
  });

  test('are none of a body that is none, is empty or is something else', async () => {
    expect(await dataOf([])).toEqual([]);
    expect(await dataOf(['<html>\n<p>Hello.</p>\n'])).toEqual([]);
    const reads: unknown[] = [];
    for await (const events of readEvents(null, never)) reads.push(events);
    expect(reads).toEqual([]);
  });

  test('throw what the body throws', async () => {
    const { body } = bodyOf(['data: a\n\n'], new TypeError('terminated'));
    const reads: unknown[] = [];
    const reading = async () => {
      for await (const events of readEvents(body, never)) reads.push(events);
    };
    await expect(reading()).rejects.toThrow('terminated');
    expect(reads).toHaveLength(1);
  });

  test('throw where a line has no end', async () => {
    const chunk = `data: ${'x'.repeat(1024 * 1024)}`;
    const { body, state } = bodyOf(Array.from({ length: 64 }, () => chunk));
    const reading = async () => {
      for await (const _ of readEvents(body, never));
    };
    await expect(reading()).rejects.toThrow(/buffer/i);
    expect(state.pulled).toBeLessThan(40);
  });

  test('are read no faster than they are taken', async () => {
    const { body, state } = bodyOf(Array.from({ length: 100 }, () => 'data: a\n\n'));
    const events = readEvents(body, never);
    await events.next();
    expect(state.pulled).toBe(1);
    await events.next();
    expect(state.pulled).toBe(2);
    await events.return();
  });
});

describe('a body', () => {
  test('is cancelled at once when the signal aborts, read or not', async () => {
    for (const isRead of [true, false]) {
      const controller = new AbortController();
      const { body, state } = bodyOf(['data: a\n\n'], 'stay open');
      const events = readEvents(body, controller.signal);
      await events.next();
      const waiting = isRead ? events.next() : undefined;
      controller.abort();
      expect(state.cancelled).toBe(true);
      expect((await (waiting ?? events.next())).done).toBe(true);
    }
  });

  test('is cancelled where the signal had aborted before', async () => {
    const { body, state } = bodyOf(['data: a\n\n']);
    const { done } = await readEvents(body, AbortSignal.abort()).next();
    expect([done, state.cancelled, state.pulled]).toEqual([true, true, 0]);
  });

  test('is read to its near end when nobody reads on, and cancelled where that is far', async () => {
    for (const [left, isCancelled] of [
      [1, false],
      [100, true],
    ] as const) {
      const { body, state } = bodyOf(Array.from({ length: left + 1 }, () => 'data: a\n\n'));
      for await (const _ of readEvents(body, never)) break;
      await new Promise((resolve) => setImmediate(resolve));
      expect(state.cancelled).toBe(isCancelled);
      expect(state.pulled).toBeLessThan(7);
    }
  });
});
