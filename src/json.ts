/** Any value that survives `JSON.parse(JSON.stringify(value))` unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The JSON of a value, copied; properties that are `undefined` are left out.
 *
 * @throws TypeError for what JSON has no word for (functions, dates, cycles, `NaN`), saying where it is.
 */
export function toJson(value: unknown, path = 'the value', around: readonly object[] = []): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw new TypeError(`${path} is ${value}`);
  }
  if (typeof value !== 'object')
    throw new TypeError(`${path} is ${typeof value === 'undefined' ? '' : 'a '}${typeof value}`);
  if (around.includes(value)) throw new TypeError(`${path} contains itself`);
  const within = [...around, value];
  // not map, which would pass over holes
  if (Array.isArray(value)) return Array.from(value, (item, index) => toJson(item, `${path}[${index}]`, within));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`${path} is a ${value.constructor?.name ?? 'class instance'}`);
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, toJson(item, `${path}.${key}`, within)]));
}

/**
 * Reads the JSON that a model wrote, forgiving what is safe to forgive: code fences around it, commas before a
 * closing bracket, nothing at all for `{}`. Anything else that is no JSON gives `undefined`, never a guess.
 */
export function parseModelJson(text: string): Json | undefined {
  if (text === '' || text.trim() === '') return {};
  return tryParse(text) ?? tryParse(withoutTrailingCommas(withoutFences(text)));
}

function tryParse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function withoutFences(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.indexOf('\n');
  if (!trimmed.startsWith('```') || !trimmed.endsWith('```') || start < 0) return text;
  return trimmed.slice(start + 1, -3);
}

/** Strings are matched first, so that a comma inside one stays. */
function withoutTrailingCommas(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|(?<![{[,]\s*),(\s*[}\]])/g, (_match, string, closing) => string ?? closing);
}
