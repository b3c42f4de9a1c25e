import { ProblemError } from './problem.ts';

/** How many keys of a session are remembered. */
export const maxIdempotencyKeys = 100;

/** What a session has answered to requests with an idempotency key: the latest of them. */
export class IdempotentAnswers {
  readonly #answers = new Map<string, { readonly request: string; readonly answer: Promise<unknown> }>();

  /**
   * The answer to a request, which is carried out unless it was before, or is at the moment. A refusal is not remembered.
   *
   * @param request what tells requests apart
   * @throws ProblemError where the key came with another request
   */
  async once<T>(key: string, request: string, run: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(key);
    if (known !== undefined) {
      if (known.request === request) return known.answer as Promise<T>;
      throw new ProblemError(
        'idempotency_key_reused',
        `Idempotency-Key "${key}" came with another request before: use a new key for a new request.`,
      );
    }
    const answer = run();
    this.#answers.set(key, { request, answer });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > maxIdempotencyKeys && oldest !== undefined) this.#answers.delete(oldest);
    answer.catch(() => {
      if (this.#answers.get(key)?.answer === answer) this.#answers.delete(key);
    });
    return answer;
  }
}

/** Tells requests apart, in few characters. */
export async function fingerprint(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
