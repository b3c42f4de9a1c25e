const units = [
  [86_400_000, 'day', 'days'],
  [3_600_000, 'h', 'h'],
  [60_000, 'min', 'min'],
] as const;

/**
 * How long ago something was, in the largest unit that fits: `2 min ago`.
 *
 * @param ms that have passed since; a clock that was set back makes it less than none
 */
export function ago(ms: number): string {
  for (const [length, one, many] of units) {
    const count = Math.floor(ms / length);
    if (count >= 1) return `${count} ${count === 1 ? one : many} ago`;
  }
  return `${Math.max(0, Math.floor(ms / 1_000))} s ago`;
}
