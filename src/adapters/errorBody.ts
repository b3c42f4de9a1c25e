/** What the body of an error says, whatever envelope it came in. */
export interface ErrorBody {
  /** Codes, types and reasons in the order found, outermost first, in one spelling: `rate_limit_exceeded`. */
  readonly codes: readonly string[];
  /** Sentences in the order found. */
  readonly messages: readonly string[];
  /** An HTTP status that the body repeats, or is the only one to tell. */
  readonly status?: number;
  /** Names of the quotas that are spent (Google). */
  readonly quotas: readonly string[];
  /** A delay as text: "34.4s". */
  readonly retryDelay?: string;
  readonly retryAfterSeconds?: number;
  readonly retryAfterMs?: number;
  /** When the limit of a plan is lifted: epoch seconds, or seconds from now. */
  readonly resetsAt?: number;
  readonly resetsInSeconds?: number;
  readonly requestId?: string;
  /** Headers of the provider behind a gateway. */
  readonly headers?: object;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
interface Notes extends Writable<ErrorBody> {
  readonly codes: string[];
  readonly messages: string[];
  readonly quotas: string[];
  left: number;
}

/** Searching longer texts would take long, and find nothing more. */
const longestMessage = 10_000;

/** Where errors are kept inside of errors. */
const within = [
  'error',
  'errors',
  'response',
  'innererror',
  'inner_error',
  'details',
  'violations',
  'metadata',
  'raw',
  'data',
  'body',
  'last_error',
];

/** Reads JSON, text, JSON within text, and the error objects of SDKs. Never throws. */
export function readErrorBody(body: unknown): ErrorBody {
  const notes: Notes = { codes: [], messages: [], quotas: [], left: 100 };
  try {
    read(body, notes, 0);
  } catch {
    // an object whose getters throw says no more than what was read of it
  }
  const { left: _, ...found } = notes;
  return found;
}

function read(value: unknown, notes: Notes, depth: number): void {
  if (depth > 8 || notes.left-- <= 0) return;
  if (typeof value === 'string') readText(value, notes, depth);
  else if (Array.isArray(value)) for (const item of value.slice(0, 20)) read(item, notes, depth + 1);
  else if (typeof value === 'object' && value !== null)
    readObject(value as Readonly<Record<string, unknown>>, notes, depth);
}

function readText(text: string, notes: Notes, depth: number): void {
  const inner = jsonWithin(text);
  if (inner !== undefined) read(inner, notes, depth + 1);
  else if (text.trim() !== '' && !/^\s*<(?:!doctype|html|\?xml)/i.test(text))
    notes.messages.push(text.trim().slice(0, longestMessage));
}

function readObject(value: Readonly<Record<string, unknown>>, notes: Notes, depth: number): void {
  const { status, code } = value;
  const http = httpStatus(status) ?? httpStatus(code) ?? httpStatus(value.status_code);
  if (http !== undefined) notes.status ??= http;
  for (const name of [code, value.type, status, value.reason, value.__type, value.error_type, value.error_code]) {
    if (typeof name === 'string' && name !== '') notes.codes.push(codeOf(name));
    // some know their errors by numbers, which say nothing where they are a status
    else if (typeof name === 'number' && httpStatus(name) === undefined) notes.codes.push(String(name));
  }
  readDelays(value, notes);
  const requestId = value.request_id ?? value.requestID ?? value.requestId;
  if (typeof requestId === 'string') notes.requestId ??= requestId;
  for (const name of ['message', 'msg', 'detail', 'error_message', 'error_description']) {
    const text = value[name];
    if (typeof text === 'string') readText(text, notes, depth);
    else if (name === 'detail') read(text, notes, depth + 1);
  }
  for (const name of within) read(value[name], notes, depth + 1);
}

function readDelays(value: Readonly<Record<string, unknown>>, notes: Notes): void {
  const { quotaId, retryDelay, headers } = value;
  if (typeof quotaId === 'string') notes.quotas.push(quotaId);
  if (typeof retryDelay === 'string') notes.retryDelay ??= retryDelay;
  const seconds = numberOf(value.retry_after);
  if (seconds !== undefined) notes.retryAfterSeconds ??= seconds;
  const ms = numberOf(value.retry_after_ms);
  if (ms !== undefined) notes.retryAfterMs ??= ms;
  const resetsAt = numberOf(value.resets_at);
  if (resetsAt !== undefined) notes.resetsAt ??= resetsAt;
  const resetsIn = numberOf(value.resets_in_seconds);
  if (resetsIn !== undefined) notes.resetsInSeconds ??= resetsIn;
  if (typeof headers === 'object' && headers !== null) notes.headers ??= headers;
}

/** JSON that is the text, or that the text ends with: `got status 429: {…}`. */
function jsonWithin(text: string): object | undefined {
  const start = text.search(/\{|\[\s*\{/);
  if (start < 0 || !/[}\]]\s*$/.test(text.slice(-20))) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** One spelling: `ThrottlingException`, `RESOURCE_EXHAUSTED` and `namespace#Name` become words joined by underscores. */
function codeOf(name: string): string {
  return name
    .slice(0, 100)
    .replace(/^.*#/, '')
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z\d]+/g, '_')
    .toLowerCase();
}

function httpStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === 'number' && status >= 400 && status < 600 && Number.isInteger(status) ? status : undefined;
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}
