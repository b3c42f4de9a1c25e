import type { Json } from '../../json.ts';

/** Longer texts are cut. In characters. */
const maxText = 20_000;
/** Values inside of a value that are looked at, and how deep. */
const maxValues = 5_000;
const maxDepth = 50;

/**
 * Any value as JSON, without running anything of it but getters. What JSON has no word for is a text that says what it
 * is, and so is what is too much to be shown.
 */
export function describeValue(value: unknown): Json {
  return describe(value, { left: maxValues }, []);
}

function describe(value: unknown, room: { left: number }, around: readonly object[]): Json {
  room.left -= 1;
  if (value === null) return null;
  if (value === undefined) return '(undefined)';
  switch (typeof value) {
    case 'string':
      return value.length <= maxText ? value : `${value.slice(0, maxText)}… (${value.length} characters)`;
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : `(${value})`;
    case 'bigint':
    case 'symbol':
      return `(${String(value)})`;
    case 'function':
      return `(function ${value.name || 'without a name'})`;
  }
  if (around.includes(value)) return '(contains itself)';
  if (room.left <= 0 || around.length >= maxDepth) return '(more than can be shown)';
  return describeObject(value, room, [...around, value]);
}

function describeObject(value: object, room: { left: number }, around: readonly object[]): Json {
  if (value instanceof Date || value instanceof URL) return `(${nameOf(value)}) ${value.toJSON()}`;
  if (value instanceof Error) return `(${value.name}) ${value.message}`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `(${nameOf(value)} of ${value.byteLength} bytes)`;
  if (isActor(value)) return `(actor ${value.id})`;
  if (value instanceof Map) return { [`(Map of ${value.size})`]: describeList([...value], room, around) };
  if (value instanceof Set) return { [`(Set of ${value.size})`]: describeList([...value], room, around) };
  if (Array.isArray(value)) return describeList(value, room, around);
  const described: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    if (room.left <= 0) {
      described['…'] = '(more than can be shown)';
      break;
    }
    const item = describeProperty(value, key, room, around);
    if (item !== undefined) described[key] = item;
  }
  return described;
}

function describeProperty(
  value: object,
  key: string,
  room: { left: number },
  around: readonly object[],
): Json | undefined {
  try {
    const item = (value as { readonly [key: string]: unknown })[key];
    return item === undefined ? undefined : describe(item, room, around);
  } catch {
    return '(cannot be read)';
  }
}

function describeList(list: readonly unknown[], room: { left: number }, around: readonly object[]): Json {
  const described: Json[] = [];
  for (const item of list) {
    if (room.left <= 0) return [...described, `(${list.length - described.length} more)`];
    described.push(describe(item, room, around));
  }
  return described;
}

function nameOf(value: object): string {
  return value.constructor?.name ?? 'object';
}

function isActor(value: object): value is { readonly id: string } {
  return 'sessionId' in value && 'send' in value && 'getSnapshot' in value;
}
