import type { Model } from '../model.ts';
import { outputInstruction } from './outputInstruction.ts';
import { identityOf } from './wrapping.ts';

/**
 * A model that is told in its instructions which form an answer is to have, for one whose provider or server knows no
 * output schema, or refuses it. What does not fit is asked for again, as with any model.
 *
 * @example
 * ```ts
 * const model = withOutputInstruction(openai('mistral', { baseURL: 'http://localhost:8080/v1' }));
 * ```
 */
export function withOutputInstruction(model: Model): Model {
  return {
    ...identityOf(model),
    stream({ outputSchema, ...request }, options) {
      if (outputSchema === undefined) return model.stream(request, options);
      const { instructions, ...others } = request;
      const told = [...(instructions ? [instructions] : []), outputInstruction(outputSchema)].join('\n\n');
      return model.stream({ ...others, instructions: told }, options);
    },
  };
}
