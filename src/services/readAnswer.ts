import type { EffectScope } from '../effects.ts';
import type { AnswerPart } from '../events.ts';
import { describeError, type Failure } from '../failure.ts';
import type { Model, ModelRequest } from '../model.ts';
import { type AnswerBuilder, answerFailures } from './answer.ts';

/** What reading an answer needs of the effect that reads it. */
export type Reading = Pick<
  EffectScope<{ readonly stallTimeoutMs: number }, never>,
  'input' | 'signal' | 'now' | 'after' | 'abort'
>;

/**
 * Reads an answer to its end. Gives a failure where the stream itself went wrong, nothing where the answer says how it
 * ended.
 *
 * @param show told what an onlooker can follow; says whether to go on
 */
export async function readAnswer(
  model: Model,
  request: ModelRequest,
  answer: AnswerBuilder,
  reading: Reading,
  show: (parts: readonly AnswerPart[]) => boolean | Promise<boolean>,
): Promise<Failure | undefined> {
  const { signal } = reading;
  let heardAt = reading.now();
  const read = async () => {
    for await (const read of model.stream(request, { signal })) {
      const shown = answer.add(read);
      if (shown.length > 0) {
        heardAt = reading.now();
        const goesOn = show(shown);
        if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) {
          reading.abort();
          break;
        }
      }
      if (answer.end !== undefined || signal.aborted) break;
    }
    return undefined;
  };
  try {
    // a model that ignores its signal must not hold the turn
    return await Promise.race([read(), tooLongSilence(reading, () => heardAt)]);
  } catch (error) {
    return answerFailures.threw(describeError(error));
  }
}

/** One timer for the whole call, set anew only when it fires: setting it at every read would cost more than the read. */
function tooLongSilence(reading: Reading, heardAt: () => number): Promise<Failure> {
  const { stallTimeoutMs } = reading.input;
  return new Promise((resolve) => {
    const check = () => {
      const left = heardAt() + stallTimeoutMs - reading.now();
      if (left > 0) {
        reading.after(left, check);
        return;
      }
      resolve(answerFailures.stalled(stallTimeoutMs));
      reading.abort();
    };
    reading.after(stallTimeoutMs, check);
  });
}
