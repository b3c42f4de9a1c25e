import { describeError, type Failure } from '../failure.ts';
import { AnswerFailures } from './answerFailures.ts';
import { networkFailure, type ProviderError, toFailure } from './failures.ts';
import { isWire } from './wire.ts';

/** Reads what the SDKs of OpenAI and Anthropic throw as well: both are made by the same generator. */
export class SdkFailures extends AnswerFailures {
  override threw(error: unknown): Failure {
    // not instanceof: the user's client may come of another copy of the package
    if (!isWire(error) || !('requestID' in error || 'status' in error)) return super.threw(error);
    const { status, headers, error: body, cause } = error;
    if (typeof status !== 'number') return networkFailure(cause ?? error, this.about);
    return toFailure(
      {
        status,
        ...(headers instanceof Headers && { headers }),
        ...(body !== undefined && { body }),
        ...describe(error, status),
      },
      this.about,
    );
  }
}

/** The SDK puts the status before what it has to say, and says "Error" where it has a class for it. */
function describe(error: object, status: number): Pick<ProviderError, 'name' | 'message'> {
  const { message } = describeError(error);
  const said = message.startsWith(`${status} `) ? message.slice(String(status).length + 1) : message;
  const name = error.constructor.name;
  return { name, ...(said !== 'status code (no body)' && { message: said }) };
}
