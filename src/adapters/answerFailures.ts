import { createFailure, type Failure } from '../failure.ts';
import { NoKey } from './credentials.ts';
import {
  type About,
  emptyResponseFailure,
  isMistake,
  malformedFailure,
  networkFailure,
  noKeyFailure,
  requestIdIn,
  toFailure,
  truncatedFailure,
  unsentFailure,
} from './failures.ts';
import { UnsupportedRequest } from './unsupported.ts';

/** The failures of one answer, which all say of whom they are. An adapter adds how its SDK throws. */
export class AnswerFailures {
  /** The answer's headers, once it has some: they name the request. */
  headers: Headers | undefined;
  readonly #about: () => About;

  /** @param about asked when something fails: keys may be made only while the request is sent */
  constructor(about: () => About) {
    this.#about = about;
  }

  protected get about(): About {
    const requestId = requestIdIn(this.headers);
    return { ...this.#about(), ...(requestId !== undefined && { requestId }) };
  }

  /** What was thrown before anything was sent. */
  unsent(error: unknown): Failure {
    if (!(error instanceof UnsupportedRequest)) return unsentFailure(error, this.about);
    const { provider, model } = this.about;
    return createFailure({ type: 'unknown', code: 'invalid_request', message: error.message, provider, model });
  }

  /** What was thrown instead of an answer. The SDKs make what is sent as well, and may fail at that. */
  threw(error: unknown): Failure {
    const noKey = noKeyIn(error);
    if (noKey !== undefined) return noKeyFailure(noKey.cause, this.about);
    return isMistake(error) ? this.unsent(error) : this.broke(error);
  }

  /** The connection failed while the answer was read. */
  broke(error: unknown): Failure {
    return networkFailure(error, this.about);
  }

  /** The provider put an error into the stream. */
  told(body: unknown): Failure {
    return toFailure({ body, ...(this.headers !== undefined && { headers: this.headers }) }, this.about);
  }

  truncated(): Failure {
    return truncatedFailure(this.about);
  }

  empty(detail?: string): Failure {
    return emptyResponseFailure(this.about, detail);
  }

  malformed(detail: string): Failure {
    return malformedFailure(this.about, detail);
  }
}

/** The SDKs put what a key's function throws into an error of their own. */
function noKeyIn(error: unknown): NoKey | undefined {
  const { cause } = error instanceof Error ? error : {};
  return [error, cause].find((thrown) => thrown instanceof NoKey);
}
