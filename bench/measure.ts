import { performance } from 'node:perf_hooks';

/** The one in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

const warmUpMs = 700;
const measuredMs = 1_000;
/** Long enough to hold its share of garbage collection. */
const batchMs = 40;

/**
 * Microseconds of CPU that a run takes once it is warm, collector and compiler included: the median of batches.
 *
 * @param warmForMs how much CPU the warming up may take
 */
export async function cpuOf(run: () => Promise<unknown>, warmForMs = warmUpMs): Promise<number> {
  const runs = await warmUp(run, warmForMs);
  const perBatch = Math.max(1, Math.round((batchMs * runs) / warmForMs));
  const batches: number[] = [];
  for (const until = now() + 1_000 * measuredMs; now() < until || batches.length < 5; ) {
    const before = cpu();
    for (let done = 0; done < perBatch; done += 1) await run();
    batches.push((cpu() - before) / perBatch);
  }
  return median(batches);
}

/** The median of what warm runs give, where only a part of a run is measured. */
export async function medianOf(run: () => Promise<number>): Promise<number> {
  await warmUp(run);
  const values: number[] = [];
  for (const until = now() + 1_000 * measuredMs; now() < until || values.length < 5; ) values.push(await run());
  return median(values);
}

/** Runs until the code is warm, by its own time: a busy machine leaves it little. Gives how often that was. */
export async function warmUp(run: () => Promise<unknown>, warmForMs = warmUpMs): Promise<number> {
  let runs = 0;
  for (const until = cpu() + 1_000 * warmForMs; cpu() < until; runs += 1) await run();
  return runs;
}

/** Microseconds of CPU that this process has taken. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds, by the wall clock. */
export function now(): number {
  return 1_000 * performance.now();
}
