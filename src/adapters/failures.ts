import { createFailure, describeError, type Failure, type ModelFailureType } from '../failure.ts';
import { Redactor } from '../redact.ts';
import { judgeBody, type Verdict } from './bodyRules.ts';
import { type Delay, delayInBody, delayInHeaders, resetInHeaders, until } from './delays.ts';
import { type ErrorBody, readErrorBody } from './errorBody.ts';
import { type HeadersLike, type ReadHeaders, readHeaders } from './headers.ts';

/** What a provider answered instead of an answer, as far as an adapter knows it. */
export interface ProviderError {
  /** HTTP status; absent where the error came inside a stream or without any answer. */
  readonly status?: number;
  readonly headers?: HeadersLike;
  /** The body as JSON or text; an SDK's error object where that is all there is. */
  readonly body?: unknown;
  readonly message?: string;
  /** The class of the error that was thrown. */
  readonly name?: string;
}

/** Whom a failure is about. */
export interface About {
  readonly provider: string;
  readonly model: string;
  /** Epoch ms, for delays that are given as dates. @default Date.now() */
  readonly now?: number;
  /** Keys that must not appear in the failure; what looks like a key is taken out in any case. */
  readonly secrets?: readonly string[];
  /** The provider's name for the request, where it is known from elsewhere than the error. */
  readonly requestId?: string;
}

const usualCodes: Readonly<Record<ModelFailureType, string>> = {
  budget: 'insufficient_quota',
  rate_limit: 'rate_limit_exceeded',
  provider_unavailable: 'provider_unavailable',
  context_overflow: 'request_too_large',
  auth: 'auth',
  unknown: 'unknown',
};

/**
 * The failure that a provider's error answer comes to. Classification headers (`x-llm-error-*`) win, then what the body
 * says, then the status. Never throws, and takes keys out of what it keeps.
 *
 * `resetAt` is set where the provider names a time; where it names a delay, the engine adds it by its own clock.
 *
 * @example
 * ```ts
 * const { status, headers } = response;
 * yield { type: 'error', failure: toFailure({ status, headers, body: await response.text() }, { provider, model }) };
 * ```
 */
export function toFailure(error: ProviderError, about: About): Failure {
  const body = readErrorBody(error.body);
  const said = typeof error.message === 'string' ? readErrorBody(error.message) : undefined;
  const known = said === undefined ? body : merge(body, said);
  const headers = readHeaders(error.headers, known.headers);
  const status = statusOf(error.status, known);
  const verdict = judge(status, known, headers, error.name);
  const { type, code = usualCodes[type] } = verdict;
  const delay = delayOf(type, known, headers, about.now ?? Date.now());
  const retryable = retryableOf(verdict, headers);
  const redactor = new Redactor(about.secrets);
  const requestId = requestIdOf(headers) ?? known.requestId ?? about.requestId;
  const cause = error.body === undefined || error.body === '' ? undefined : causeOf(error.body, redactor);
  return createFailure({
    type,
    code,
    message: redactor.text(messageOf(known, status, about), longestMessage),
    ...(retryable !== undefined && { retryable }),
    ...delay,
    ...(status !== undefined && { status }),
    ...identity({ ...about, ...(requestId !== undefined && { requestId }) }, redactor),
    ...(typeof error.name === 'string' && error.name !== '' && { name: redactor.text(error.name, 200) }),
    ...(cause !== undefined && { cause }),
  });
}

/** The connection failed before or in the middle of an answer: what `fetch` or a reader threw. */
export function networkFailure(error: unknown, about: About): Failure {
  const { name, message } = describeError(error);
  const code = codeInCauses(error);
  const detail = code === undefined || message.includes(code) ? '' : ` (${code})`;
  return unavailable('network', `The connection failed: ${name}: ${message}${detail}`, about, name);
}

/** The stream ended without the provider's mark of the end. */
export function truncatedFailure(about: About): Failure {
  return unavailable('stream_truncated', 'The answer broke off: the stream ended without the mark of its end.', about);
}

/** A success that says nothing: no events at all, or a body that is no stream. */
export function emptyResponseFailure(about: About, detail?: string): Failure {
  const message = 'The provider answered with success and without an answer';
  return unavailable('empty_response', detail === undefined ? `${message}.` : `${message}: ${detail}`, about);
}

/**
 * A piece of the stream that cannot be read. It counts as `stream_truncated`: what the piece said is lost, so the answer
 * cannot be whole, and asking again is what helps.
 */
export function malformedFailure(about: About, detail: string): Failure {
  return unavailable('stream_truncated', `The answer has a piece that cannot be read: ${detail}`, about);
}

/** Nothing was sent: the request itself, or the program that makes it, is wrong, and stays so. */
export function unsentFailure(error: unknown, about: About): Failure {
  return createFailure({ type: 'unknown', code: 'adapter_error', ...thrown('No request can be made', error, about) });
}

/** Nothing was sent: a function of the user's was to get the key, and threw this. */
export function noKeyFailure(error: unknown, about: About): Failure {
  return createFailure({ type: 'auth', ...thrown('No key: `apiKey` failed', error, about) });
}

function thrown(what: string, error: unknown, about: About): Pick<Failure, 'message' | 'provider' | 'model' | 'name'> {
  const { name, message } = describeError(error);
  const redactor = new Redactor(about.secrets);
  return {
    message: redactor.text(`${what}: ${name}: ${message}`, longestMessage),
    ...identity(about, redactor),
    name: redactor.text(name, 200),
  };
}

const mistakes = [TypeError, RangeError, ReferenceError, SyntaxError];

/** Whether a program is broken, and not a connection: where one is, `fetch` throws a TypeError as well. */
export function isMistake(error: unknown): boolean {
  if (!(error instanceof Error) || !mistakes.some((kind) => error instanceof kind)) return false;
  if (error.cause !== undefined || codeInCauses(error) !== undefined) return false;
  // browsers give neither a cause nor a code
  return !/fetch|network|load failed|terminated/i.test(error.message);
}

const longestMessage = 1_000;

function unavailable(code: string, message: string, about: About, name?: string): Failure {
  const redactor = new Redactor(about.secrets);
  return createFailure({
    type: 'provider_unavailable',
    code,
    message: redactor.text(message, longestMessage),
    ...identity(about, redactor),
    ...(name !== undefined && { name: redactor.text(name, 200) }),
  });
}

function identity(
  { provider, model, requestId }: About,
  redactor: Redactor,
): Pick<Failure, 'provider' | 'model' | 'requestId'> {
  return { provider, model, ...(requestId !== undefined && { requestId: redactor.text(requestId, 200) }) };
}

const modelFailureTypes: ReadonlySet<string> = new Set(Object.keys(usualCodes));

function isModelFailureType(word: string): word is ModelFailureType {
  return modelFailureTypes.has(word);
}

/** Headers before body, body before status. */
function judge(status: number | undefined, body: ErrorBody, headers: ReadHeaders, name: string | undefined): Verdict {
  const errorType = headers.get('x-amzn-errortype')?.replace(/:.*$/, '');
  const { codes } = readErrorBody([{ type: errorType }, { type: name }]);
  const verdict =
    judgeBody(status, { ...body, codes: [...body.codes, ...codes] }) ??
    judgeStatus(status) ??
    ({ type: 'unknown' } as const);
  const told = headers.get('x-llm-error-type');
  if (told === undefined || !isModelFailureType(told) || told === verdict.type) return verdict;
  return { type: told };
}

function judgeStatus(status: number | undefined): Verdict | undefined {
  switch (status) {
    case undefined:
      return undefined;
    case 401:
    case 403:
      return { type: 'auth' };
    case 402:
      return { type: 'budget', final: true };
    case 413:
      return { type: 'context_overflow' };
    case 429:
      return { type: 'rate_limit' };
    case 408:
    case 409:
      return { type: 'provider_unavailable' };
    case 503:
    case 529:
      return { type: 'provider_unavailable', code: 'overloaded' };
    default:
      if (status >= 500 && status < 600) return { type: 'provider_unavailable' };
      if (status >= 400 && status < 500) return { type: 'unknown', code: 'invalid_request' };
      return undefined;
  }
}

/** Limits that are told in every answer say something only about a limit; other delays hold for any failure. */
function delayOf(type: ModelFailureType, body: ErrorBody, headers: ReadHeaders, now: number): Partial<Delay> {
  const resetAt = headers.get('x-llm-error-reset-at');
  const told = resetAt !== undefined && /^\d{1,16}$/.test(resetAt) ? until(Number(resetAt), now) : undefined;
  const found =
    delayInHeaders(headers, now) ??
    (type === 'rate_limit' ? resetInHeaders(headers, now) : undefined) ??
    (type === 'rate_limit' || type === 'provider_unavailable' ? delayInBody(body, now) : undefined);
  return { ...told, ...found, ...(told !== undefined && { resetAt: told.resetAt }) };
}

function retryableOf({ type, final }: Verdict, headers: ReadHeaders): boolean | undefined {
  const told = booleanOf(headers.get('x-llm-error-retryable'));
  if (told !== undefined) return told;
  // no header makes a quota whole that the body says is spent
  if (final) return false;
  return booleanOf(headers.get('x-should-retry')) ?? (type === 'budget' ? false : undefined);
}

function booleanOf(text: string | undefined): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

/** An error inside a stream comes with the success that the stream began with, or with nothing. */
function statusOf(status: number | undefined, body: ErrorBody): number | undefined {
  const isError = typeof status === 'number' && Number.isInteger(status) && (status < 200 || status >= 300);
  return isError ? status : body.status;
}

function messageOf({ messages }: ErrorBody, status: number | undefined, { provider }: About): string {
  const [first, second] = messages;
  if (first === undefined) {
    return status === undefined ? `${provider} gave an error without words.` : `${provider} answered ${status}.`;
  }
  // gateways put what happened behind a sentence that says nothing
  const isEmptyPhrase = /^(?:provider returned error|upstream error|bad request|error)\.?$/i.test(first);
  return isEmptyPhrase && second !== undefined ? `${first}: ${second}` : first;
}

const requestIdHeaders = [
  'x-request-id',
  'request-id',
  'x-amzn-requestid',
  'apim-request-id',
  'x-ms-request-id',
  'cf-ray',
];

/** The provider's name for a request, as the headers of its answer say it. */
export function requestIdIn(headers: HeadersLike | undefined): string | undefined {
  return requestIdOf(readHeaders(headers));
}

function requestIdOf(headers: ReadHeaders): string | undefined {
  for (const name of requestIdHeaders) {
    const id = headers.get(name);
    if (id !== undefined && id !== '') return id;
  }
  return undefined;
}

function causeOf(body: unknown, redactor: Redactor): Failure['cause'] {
  try {
    return redactor.json(jsonOf(body));
  } catch {
    return undefined;
  }
}

/** The body as it should be kept: JSON that came as text is JSON, an error is its words. */
function jsonOf(body: unknown): unknown {
  if (body instanceof Error) return { ...describeError(body), ...body };
  if (typeof body !== 'string' || !/^\s*[{[]/.test(body)) return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** What the body says comes first; an SDK's message often only repeats it. */
function merge(body: ErrorBody, said: ErrorBody): ErrorBody {
  return {
    ...said,
    ...body,
    codes: [...body.codes, ...said.codes],
    messages: [...body.messages, ...said.messages],
    quotas: [...body.quotas, ...said.quotas],
  };
}

function codeInCauses(error: unknown): string | undefined {
  try {
    let cause: unknown = error;
    for (let depth = 0; depth < 6 && typeof cause === 'object' && cause !== null; depth++) {
      if ('code' in cause && typeof cause.code === 'string') return cause.code;
      const errors: unknown = 'errors' in cause ? cause.errors : undefined;
      cause = 'cause' in cause && cause.cause != null ? cause.cause : Array.isArray(errors) ? errors[0] : undefined;
    }
  } catch {
    // nothing more to learn
  }
  return undefined;
}
