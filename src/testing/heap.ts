/**
 * Bytes that are in use after a collection of garbage, on the heap and beside it. Needs Node, and no flag.
 *
 * @example
 * ```ts
 * const before = await heapInUse();
 * await work();
 * expect((await heapInUse()) - before).toBeLessThan(4 * 1024 * 1024);
 * ```
 */
export async function heapInUse(): Promise<number> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // what only finalizers let go is gone after the next turn of the event loop
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
