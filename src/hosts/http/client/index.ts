/** A client of sessions over HTTP: web standards only, so it works in browsers too. */

export type { WireEvent } from '../../../events.ts';
export type * from '../protocol.ts';
export type { ConnectionOptions, PostOptions, RequestOptions, Timers } from './connection.ts';
export {
  BadRequestError,
  ConflictError,
  ConnectionError,
  CursorExpiredError,
  HttpError,
  NotFoundError,
  ProblemError,
  ServerError,
  TooManyRequestsError,
  UnauthorizedError,
} from './errors.ts';
export type { StreamOptions } from './eventStream.ts';
export { type HttpClient, httpClient, type ListSessionsOptions, type MessageOptions } from './httpClient.ts';
