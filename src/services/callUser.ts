import { describeError } from '../failure.ts';
import { Retry } from '../tool.ts';

/**
 * Calls a function of the application.
 *
 * @throws what it throws, with its name in the message; a `Retry` as it is
 */
export async function callUser<T>(name: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Retry) throw error;
    const { name: kind, message } = describeError(error);
    throw Object.assign(new Error(`\`${name}\` threw: ${message}`, { cause: error }), { name: kind });
  }
}
