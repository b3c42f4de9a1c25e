/** Whether a value is a promise, of any realm or library: `instanceof Promise` knows only those of this realm. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
