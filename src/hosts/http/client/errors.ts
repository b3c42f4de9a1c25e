import type { InvalidField, Problem, ProblemCode } from '../protocol.ts';

/** What requests of a client fail with; one `catch` of this class catches all of them. */
export class HttpError extends Error {
  override readonly name: string = 'HttpError';
}

/** There was no answer, or it broke off: it is not known whether the request was carried out. */
export class ConnectionError extends HttpError {
  override readonly name = 'ConnectionError';
}

/** The server refused the request, or failed. */
export class ProblemError extends HttpError {
  override readonly name: string = 'ProblemError';
  /** Of HTTP. */
  readonly status: number;
  /** What applications branch on; absent where something else than the host answered, such as a proxy. */
  readonly code: ProblemCode | undefined;
  /** What is wrong with the request, where its form is. */
  readonly errors: readonly InvalidField[];
  /** When to try again, if the server says so, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: Partial<Problem>, retryAfterMs?: number) {
    super(problem.detail ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem.code;
    this.errors = problem.errors ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** The request is wrong in itself: 400, 413, 415, 422. */
export class BadRequestError extends ProblemError {
  override readonly name = 'BadRequestError';
}

/** The token is missing, or not the right one: 401, 403. */
export class UnauthorizedError extends ProblemError {
  override readonly name = 'UnauthorizedError';
}

/** There is no such session or tool call: 404. */
export class NotFoundError extends ProblemError {
  override readonly name = 'NotFoundError';
}

/** The session is not in a state for that: 409. */
export class ConflictError extends ProblemError {
  override readonly name = 'ConflictError';
}

/** The events that were asked for are not kept any more: 410. */
export class CursorExpiredError extends ProblemError {
  override readonly name = 'CursorExpiredError';
}

/** One too many: 429. */
export class TooManyRequestsError extends ProblemError {
  override readonly name = 'TooManyRequestsError';
}

/** The server failed: 500 and above. */
export class ServerError extends ProblemError {
  override readonly name = 'ServerError';
}

const classes: Readonly<Record<number, typeof ProblemError>> = {
  400: BadRequestError,
  401: UnauthorizedError,
  403: UnauthorizedError,
  404: NotFoundError,
  409: ConflictError,
  410: CursorExpiredError,
  413: BadRequestError,
  415: BadRequestError,
  422: BadRequestError,
  429: TooManyRequestsError,
};

/** The error of an answer that is none of success. */
export async function toError(response: Response): Promise<ProblemError> {
  const { status, headers } = response;
  const body: unknown = await response.json().catch(() => undefined);
  const problem = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {};
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  const ErrorClass = classes[status] ?? (status >= 500 ? ServerError : ProblemError);
  return new ErrorClass(status, problem, Number.isFinite(seconds) ? seconds * 1_000 : undefined);
}
