import { createFailure, describeError, type Failure } from '../../failure.ts';
import { redactText } from '../../redact.ts';
import { AnswerFailures } from '../answerFailures.ts';
import { networkFailure, toFailure } from '../failures.ts';
import type { HeadersLike } from '../headers.ts';
import { isWire, textIn, type Wire } from '../wire.ts';

/** Requests that no server was asked with, by the class of the error that says so. */
const refusals: Readonly<Record<string, string>> = {
  AI_UnsupportedFunctionalityError: 'invalid_request',
  AI_InvalidPromptError: 'invalid_request',
  AI_InvalidArgumentError: 'invalid_request',
  AI_NoSuchModelError: 'model_not_found',
  AI_NoSuchProviderReferenceError: 'invalid_request',
};
const unreadable: ReadonlySet<string> = new Set([
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_InvalidResponseDataError',
  'AI_InvalidStreamPartError',
]);

/** Reads what provider packages throw, and what they put into the stream. */
export class AiSdkFailures extends AnswerFailures {
  override threw(error: unknown): Failure {
    return this.#known(error) ?? super.threw(error);
  }

  /** An error that a package put into the stream: thrown somewhere, or in the provider's own words. */
  override told(error: unknown): Failure {
    return error instanceof Error ? (this.#known(error) ?? this.broke(error)) : super.told(error);
  }

  /** What is thrown in the words of the AI SDK. */
  #known(error: unknown): Failure | undefined {
    if (!isWire(error)) return undefined;
    const { provider, model } = this.about;
    const { name, message } = describeError(error);
    const code = refusals[name];
    if (code !== undefined) return createFailure({ type: 'unknown', code, message, provider, model, name });
    if (name === 'AI_LoadAPIKeyError' || name === 'AI_LoadSettingError') {
      return createFailure({ type: 'auth', message, provider, model, name });
    }
    if (name === 'AI_EmptyResponseBodyError') return this.empty();
    if (unreadable.has(name)) return this.malformed(redactText(excerptOf(error, message)));
    return 'isRetryable' in error || 'statusCode' in error ? this.#call(error) : undefined;
  }

  /** The AI SDK's own judgement on retries is left aside: it retries spent quotas. */
  #call(error: Wire): Failure {
    const { statusCode: status, data, cause } = error;
    const isFailure = typeof status === 'number' && (status < 200 || status >= 300);
    if (!isFailure && cause !== undefined) return this.#within(cause);
    if (!isFailure && data === undefined) return networkFailure(error, this.about);
    const { name, message } = describeError(error);
    // a gateway wraps the call that failed
    const call = !('responseBody' in error) && isWire(cause) ? cause : error;
    const headers = isWire(call.responseHeaders) ? (call.responseHeaders as HeadersLike) : this.headers;
    return toFailure(
      {
        ...(typeof status === 'number' && { status }),
        ...(headers !== undefined && { headers }),
        body: textIn(call.responseBody) ?? call.data,
        message,
        name,
      },
      this.about,
    );
  }

  /** An answer that began well, and could not be read. */
  #within(cause: unknown): Failure {
    return this.#known(cause) ?? this.broke(cause);
  }
}

function excerptOf({ text, value }: Wire, message: string): string {
  const said = textIn(text) ?? (value === undefined ? message : JSON.stringify(value));
  return said.length <= 200 ? said : `${said.slice(0, 200)}…`;
}
