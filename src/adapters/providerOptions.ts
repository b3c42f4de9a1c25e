import type { Json } from '../json.ts';

/** The user's own options last; where both sides give an object, such as `reasoning`, they are joined. */
export function withOptions<Body extends object>(body: Body, options: { readonly [key: string]: Json } = {}): Body {
  const own = new Map<string, unknown>(Object.entries(body));
  const merged = Object.entries(options).map(([name, value]): [string, unknown] => {
    const before = own.get(name);
    return [name, isPlain(before) && isPlain(value) ? { ...before, ...value } : value];
  });
  return { ...body, ...Object.fromEntries(merged) };
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
