import type { ErrorBody } from './errorBody.ts';
import type { ReadHeaders } from './headers.ts';

/** When a provider wants to be asked again. */
export interface Delay {
  /** In ms. */
  readonly retryAfterMs: number;
  /** Epoch ms, where the provider names a time and not a delay. */
  readonly resetAt?: number;
}

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** A delay that the headers ask for in so many words; the first found wins. */
export function delayInHeaders(headers: ReadHeaders, now: number): Delay | undefined {
  const ms = headers.get('retry-after-ms');
  const after = headers.get('retry-after');
  return (
    (ms !== undefined && isNumber(ms) ? delayOf(Number(ms)) : undefined) ??
    (after === undefined ? undefined : isNumber(after) ? delayOf(Number(after) * 1_000) : untilDate(after, now))
  );
}

/** When the limits that are spent are full again, by the headers that tell the state of limits in every answer. */
export function resetInHeaders(headers: ReadHeaders, now: number): Delay | undefined {
  return (
    lastReset(headers, /^anthropic-ratelimit-(.+)-reset$/, 'anthropic-ratelimit-$-remaining', now) ??
    lastReset(headers, /^x-ratelimit-reset(?:-(.+))?$/, 'x-ratelimit-remaining-$', now)
  );
}

/** A delay that the body asks for, in a field or in a sentence. */
export function delayInBody(body: ErrorBody, now: number): Delay | undefined {
  const { retryDelay, resetsAt, resetsInSeconds, retryAfterMs, retryAfterSeconds } = body;
  if (resetsAt !== undefined) return until(epochMs(resetsAt), now);
  if (resetsInSeconds !== undefined) return until(now + resetsInSeconds * 1_000, now);
  if (retryAfterMs !== undefined) return delayOf(retryAfterMs);
  if (retryAfterSeconds !== undefined) return delayOf(retryAfterSeconds * 1_000);
  const duration = retryDelay === undefined ? undefined : durationIn(retryDelay);
  if (duration !== undefined) return delayOf(duration);
  for (const message of body.messages) {
    const phrase = /\b(?:try again|retry|retrying|wait)\s+(?:in|after|for)\s+(?:about\s+)?/i.exec(message);
    const spoken = phrase === null ? undefined : durationIn(message.slice(phrase.index + phrase[0].length));
    if (spoken !== undefined) return delayOf(spoken);
  }
  return undefined;
}

/** A time in epoch ms as a delay. */
export function until(resetAt: number, now: number): Delay | undefined {
  const delay = delayOf(Math.max(0, resetAt - now));
  return delay === undefined || !isTime(resetAt) ? undefined : { ...delay, resetAt: Math.ceil(resetAt) };
}

/** The duration that a text begins with, in ms: "6m0s", "1.5s", "12ms", "20 seconds". */
export function durationIn(text: string): number | undefined {
  const piece =
    /\s*(?:,|and\b)?\s*(\d{1,12}(?:\.\d{1,12})?)\s*(ms|milliseconds?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?)(?![a-z])/iy;
  let total: number | undefined;
  for (let match = piece.exec(text); match !== null; match = piece.exec(text)) {
    const [, amount = '', unit = ''] = match;
    const word = unit.toLowerCase();
    total =
      (total ?? 0) + Number(amount) * (unitMs[word.startsWith('mil') ? 'ms' : word] ?? unitMs[word.charAt(0)] ?? 0);
  }
  return total;
}

/**
 * Of several limits only those hold one up that are spent, of these the last; where none says that it is spent, any of
 * them may be the one.
 */
function lastReset(headers: ReadHeaders, pattern: RegExp, remaining: string, now: number): Delay | undefined {
  const all: Delay[] = [];
  const spent: Delay[] = [];
  for (const [name, value] of headers) {
    const match = pattern.exec(name);
    const delay = match === null ? undefined : resetOf(value, now);
    if (match === null || delay === undefined) continue;
    all.push(delay);
    const left = headers.get(match[1] === undefined ? remaining.replace('-$', '') : remaining.replace('$', match[1]));
    if (left !== undefined && Number.parseFloat(left) === 0) spent.push(delay);
  }
  return (spent.length > 0 ? spent : all).reduce<Delay | undefined>(
    (last, delay) => (last === undefined || delay.retryAfterMs > last.retryAfterMs ? delay : last),
    undefined,
  );
}

function resetOf(value: string, now: number): Delay | undefined {
  if (isNumber(value)) {
    const number = Number(value);
    return number >= 1e9 ? until(epochMs(number), now) : delayOf(number * 1_000);
  }
  const duration = durationIn(value);
  return duration === undefined ? untilDate(value, now) : delayOf(duration);
}

/** Epoch seconds or ms: as seconds, what is meant as ms would lie thousands of years ahead. */
function epochMs(number: number): number {
  return number >= 1e11 ? number : number * 1_000;
}

function untilDate(text: string, now: number): Delay | undefined {
  // Date.parse alone finds dates in almost anything
  if (!/^(?:[a-z]{3,9},? +(?:\d{1,2}[ -][a-z]{3}|[a-z]{3} +\d)|\d{4}-\d\d-\d\d[T ])/i.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : until(time, now);
}

function isNumber(text: string): boolean {
  return /^\d+(?:\.\d+)?$/.test(text);
}

function delayOf(ms: number): Delay | undefined {
  const retryAfterMs = Math.ceil(ms);
  return Number.isSafeInteger(retryAfterMs) && retryAfterMs >= 0 ? { retryAfterMs } : undefined;
}

function isTime(ms: number): boolean {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15;
}
