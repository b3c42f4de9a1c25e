/** What an HTTP host takes; more is refused with 413 or 429. */
export interface HttpLimits {
  /** Of a request. @default 1_048_576 */
  readonly maxBodyBytes: number;
  /**
   * Sessions that are open at a time. With a store, one that is idle and watched by nobody makes room for another, and is
   * opened again when it is asked for.
   *
   * @default 1_000
   */
  readonly maxSessions: number;
  /** Messages of a session that wait: for turns of their own, or, counted apart, for the next step. @default 100 */
  readonly maxQueued: number;
  /** Streams of events that are open at a time. @default 1_000 */
  readonly maxStreams: number;
  /**
   * Characters of events that are kept in memory for each session; a reader that is half as many behind is told to come
   * again. A message is an event, too: leave room for some of the longest.
   *
   * @default 4_194_304
   */
  readonly maxLogChars: number;
}

const defaultLimits: HttpLimits = {
  maxBodyBytes: 1024 * 1024,
  maxSessions: 1_000,
  maxQueued: 100,
  maxStreams: 1_000,
  maxLogChars: 4 * 1024 * 1024,
};

/** @throws TypeError naming the limit that is wrong */
export function checkLimits(given: Partial<HttpLimits> = {}): HttpLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultLimits, name)) throw new TypeError(`httpApp(): there is no limit \`${name}\`.`);
    if (!Number.isInteger(value) || value < 1) {
      throw new TypeError(`httpApp(): the limit \`${name}\` must be a whole number from 1.`);
    }
  }
  return { ...defaultLimits, ...given };
}
