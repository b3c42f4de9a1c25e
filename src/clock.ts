/**
 * Time, as effects and drivers see it. Machines have no other clock than the `at` of their events and `after`.
 * XState's `SimulatedClock` is one.
 */
export interface Clock {
  /** Epoch ms. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (id) => clearTimeout(id as ReturnType<typeof setTimeout>),
};

/** Platforms fire at once where a delay is longer than that. In ms. */
const longestDelay = 2 ** 31 - 1;

/** Runs something at a time, in epoch ms; one that lies further away than timers reach is waited for in parts. */
export function waitUntil(clock: Clock, dueAt: number, run: () => void): { cancel(): void } {
  let timer: unknown;
  const wait = () => {
    const left = dueAt - clock.now();
    timer = clock.setTimeout(left > longestDelay ? wait : run, Math.min(Math.max(left, 0), longestDelay));
  };
  wait();
  return { cancel: () => clock.clearTimeout(timer) };
}
