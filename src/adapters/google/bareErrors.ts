import { isWire } from '../wire.ts';

/**
 * The answer with every error in it as an event. Where it fails in the middle of a stream, the API writes its error as
 * plain JSON at times, which is no line of an event stream and would be passed over.
 */
export function withBareErrors(response: Response): Response {
  if (response.body === null) return response;
  const { status, statusText, headers } = response;
  const body = response.body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(new BareErrors()));
  return new Response(body, { status, statusText, headers });
}

/** No error is longer. */
const longest = 64 * 1024;
const lineFeed = 0x0a;

/** No line of an event stream begins with a bracket: from there on everything may be an error, and is kept back. */
class BareErrors {
  #startsLine = true;
  #isOver = false;
  #kept: Uint8Array | undefined;

  transform(bytes: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void {
    const start = this.#isOver ? -1 : this.#kept === undefined ? bracketIn(bytes, this.#startsLine) : 0;
    this.#startsLine = bytes.length === 0 ? this.#startsLine : bytes.at(-1) === lineFeed;
    if (start !== 0) controller.enqueue(start === -1 ? bytes : bytes.subarray(0, start));
    if (start === -1) return;
    this.#kept = joined(this.#kept, bytes.subarray(start));
    const event = errorEvent(this.#kept);
    if (event !== undefined) this.#giveUp(event, controller);
    else if (this.#kept.length > longest) this.#giveUp(this.#kept, controller);
  }

  flush(controller: TransformStreamDefaultController<Uint8Array>): void {
    if (this.#kept !== undefined) controller.enqueue(this.#kept);
  }

  #giveUp(bytes: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void {
    this.#isOver = true;
    this.#kept = undefined;
    controller.enqueue(bytes);
  }
}

/** Where a line begins with a bracket; -1 where none does. */
function bracketIn(bytes: Uint8Array, startsLine: boolean): number {
  let at = startsLine ? 0 : nextLine(bytes, 0);
  while (at !== -1 && at < bytes.length) {
    if (bytes[at] === 0x5b || bytes[at] === 0x7b) return at;
    at = nextLine(bytes, at);
  }
  return -1;
}

function nextLine(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(lineFeed, from);
  return end === -1 ? -1 : end + 1;
}

function joined(before: Uint8Array | undefined, bytes: Uint8Array): Uint8Array {
  if (before === undefined) return bytes;
  const all = new Uint8Array(before.length + bytes.length);
  all.set(before);
  all.set(bytes, before.length);
  return all;
}

/** The event that an error should have been, as soon as it is whole. */
function errorEvent(bytes: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder().decode(bytes);
  if (!/[\]}]\s*$/.test(text.slice(-10))) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    const said: unknown = Array.isArray(json) ? json[0] : json;
    if (!isWire(said) || !isWire(said.error)) return undefined;
    return new TextEncoder().encode(`data: ${JSON.stringify(said)}\n\n`);
  } catch {
    return undefined;
  }
}
