import { createFailure, describeError, type Failure } from '../../failure.ts';
import {
  type About,
  emptyResponseFailure,
  malformedFailure,
  networkFailure,
  type ProviderError,
  toFailure,
  truncatedFailure,
} from '../failures.ts';
import { isWire } from '../wire.ts';
import { UnsupportedRequest } from './unsupported.ts';

/** The failures of one answer, which all say of whom they are. */
export class AnswerFailures {
  /** The answer's headers, once it has some: they name the request. */
  headers: Headers | undefined;
  readonly #about: () => About;

  /** @param about asked when something fails: keys may be made only while the request is sent */
  constructor(about: () => About) {
    this.#about = about;
  }

  /** What the SDK threw instead of an answer. */
  threw(error: unknown): Failure {
    const about = this.#about();
    if (error instanceof UnsupportedRequest) {
      const { provider, model } = about;
      return createFailure({ type: 'unknown', code: 'invalid_request', message: error.message, provider, model });
    }
    // not instanceof: the user's client may come of another copy of the package
    if (!isWire(error) || !('requestID' in error || 'status' in error)) return this.broke(error);
    const { status, headers, error: body, cause } = error;
    if (typeof status !== 'number') return networkFailure(cause ?? error, about);
    return toFailure(
      {
        status,
        ...(headers instanceof Headers && { headers }),
        ...(body !== undefined && { body }),
        ...describe(error, status),
      },
      about,
    );
  }

  /** The connection failed while the answer was read. */
  broke(error: unknown): Failure {
    return networkFailure(error, this.#about());
  }

  /** The provider put an error into the stream. */
  told(body: unknown): Failure {
    return toFailure({ body, ...(this.headers !== undefined && { headers: this.headers }) }, this.#about());
  }

  truncated(): Failure {
    return truncatedFailure(this.#about());
  }

  empty(detail?: string): Failure {
    return emptyResponseFailure(this.#about(), detail);
  }

  malformed(detail: string): Failure {
    return malformedFailure(this.#about(), detail);
  }
}

/** The SDK puts the status before what it has to say, and says "Error" where it has a class for it. */
function describe(error: object, status: number): Pick<ProviderError, 'name' | 'message'> {
  const { message } = describeError(error);
  const said = message.startsWith(`${status} `) ? message.slice(String(status).length + 1) : message;
  const name = error.constructor.name;
  return { name, ...(said !== 'status code (no body)' && { message: said }) };
}
