import type { Json } from '../../json.ts';

type JsonObject = { readonly [key: string]: Json };

/** Requests come as JSON of any shape: an object where it is one, an empty one where it is not. */
export function objectIn(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

export function listIn(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function textIn(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Of arguments that a model is sent back: their JSON, or the text where it is none. */
export function parsedIn(value: Json | undefined): Json {
  try {
    return JSON.parse(textIn(value)) as Json;
  } catch {
    return textIn(value);
  }
}

/** Those of an object that are there, under other names. */
export function renamed(object: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  const found = Object.entries(names).flatMap(([theirs, ours]) => {
    const value = object[theirs];
    return value === undefined || value === null ? [] : [[ours, value] as const];
  });
  return Object.fromEntries(found);
}
