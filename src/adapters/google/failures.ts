import { createFailure, describeError, type Failure } from '../../failure.ts';
import { redactText } from '../../redact.ts';
import { AnswerFailures } from '../answerFailures.ts';
import { isMistake, toFailure } from '../failures.ts';

/** A status that is no success. */
export class ErrorAnswer extends Error {
  override readonly name = 'ErrorAnswer';
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  constructor(status: number, headers: Headers, body: string) {
    super(`The API answered ${status}.`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** The SDK could make no request: no credentials, or parameters that it refuses. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
  constructor(cause: unknown) {
    super('No request was sent.', { cause });
  }
}

export class GoogleFailures extends AnswerFailures {
  override threw(error: unknown): Failure {
    if (error instanceof ErrorAnswer) {
      const { status, headers, body } = error;
      return toFailure({ status, headers, body }, this.about);
    }
    if (error instanceof NotSent) {
      const { cause } = error;
      return isMistake(cause) ? this.unsent(cause) : toFailure(describeError(cause), this.about);
    }
    return super.threw(error);
  }

  /** The model wrote what is no answer, by the API's word for it: another attempt may be one. */
  malformedBy(reason: string, detail: string | undefined): Failure {
    const { provider, model, requestId } = this.about;
    const message = `The model wrote what cannot be read: ${reason}${detail === undefined ? '' : `: ${redactText(detail)}`}`;
    return createFailure({
      type: 'unknown',
      code: reason.toLowerCase(),
      message,
      provider,
      model,
      ...(requestId !== undefined && { requestId }),
    });
  }
}
