import type { Json } from '../json.ts';
import type { ToolCallPart } from '../messages.ts';

/** From this time on a call that repeats itself is refused, in a row and the first included. */
export const refusedRepeat = 3;

/** A call as it is compared with others: its name and its input, whatever the order of keys. */
export function signatureOf({ toolName, input }: Pick<ToolCallPart, 'toolName' | 'input'>): string {
  return `${toolName} ${sorted(input)}`;
}

function sorted(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${sorted(field)}`).join()}}`;
}

/**
 * How many times in a row the last of these calls was made, or the pair that it ends: 3 for A,A,A and for the last one
 * of A,B,A,B,A.
 */
export function repeats(signatures: readonly string[]): number {
  const alone = matches(signatures, 1) + 1;
  const inPair = Math.ceil(matches(signatures, 2) / 2) + 1;
  return Math.max(alone, inPair);
}

/** How many calls at the end equal the one that came `distance` before. */
function matches(signatures: readonly string[], distance: number): number {
  let count = 0;
  for (let index = signatures.length - 1; index >= distance; index -= 1) {
    if (signatures[index] !== signatures[index - distance]) break;
    count += 1;
  }
  return count;
}

/** The calls that another one can still be compared with, so that a turn of many steps keeps few of them. */
export function recent(signatures: readonly string[], limit: number): readonly string[] {
  return signatures.slice(-2 * Math.max(limit, refusedRepeat));
}
