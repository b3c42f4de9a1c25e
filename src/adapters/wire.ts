/** An object as it came from a provider: nothing in it is what it should be until it was looked at. */
export type Wire = { readonly [key: string]: unknown };

export function isWire(value: unknown): value is Wire {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that says something; nothing for `''`, `null` and what is no text. */
export function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The objects of a list; none where there is no list. */
export function objectsIn(value: unknown): readonly Wire[] {
  return Array.isArray(value) ? value.filter(isWire) : [];
}
