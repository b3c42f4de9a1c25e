import type { Failure } from '../failure.ts';
import { addUsage, type Model, type ModelPart, noUsage, type Usage } from '../model.ts';
import { truncatedFailure } from './failures.ts';
import { type EndPart, endIn, identityOf, type ModelRead, partsOf } from './wrapping.ts';

/**
 * A model with substitutes: where one fails before any output, the next is asked the same. Once there is output, a
 * failure is the answer's. It goes by the name of the first model; `finish.response.modelId` tells which one answered,
 * and a failure says whose it is. Where all fail, the failure is the one that can be retried soonest, otherwise the last.
 *
 * Tokens of the models that failed count towards the usage, and are priced as those of the first.
 *
 * @example
 * ```ts
 * const model = withFallback(withBreaker(openai('gpt-…')), openai('gpt-…-mini'));
 * ```
 */
export function withFallback(first: Model, ...others: readonly Model[]): Model {
  return {
    ...identityOf(first),
    async *stream(request, { signal }) {
      const failures: Failure[] = [];
      let spent = noUsage;
      for (const model of [first, ...others]) {
        const before = spent;
        let hasOutput = false;
        let end: EndPart | undefined;
        for await (const read of model.stream(request, { signal })) {
          end = endIn(read);
          if (end?.type === 'error') end = { type: 'error', failure: failureOf(model, end.failure) };
          for (const part of partsOf(read)) {
            hasOutput ||= isOutput(part);
            if ('usage' in part) spent = addUsage(before, part.usage);
          }
          // an abort that nobody asked for is a failure too
          if (end !== undefined && end.type !== 'finish' && !hasOutput) break;
          yield model === first ? read : asOther(read, model, before, end);
          if (end !== undefined) return;
        }
        if (signal.aborted) {
          yield [{ type: 'usage', usage: spent }, { type: 'aborted' }];
          return;
        }
        const { provider, modelId } = model;
        const failure = end?.type === 'error' ? end.failure : truncatedFailure({ provider, model: modelId });
        if (hasOutput) {
          yield { type: 'error', failure };
          return;
        }
        failures.push(failure);
      }
      yield [
        { type: 'usage', usage: spent },
        { type: 'error', failure: worthMost(failures) },
      ];
    },
  };
}

/** Usage and silence are no output: another model can still take over without anybody having seen anything. */
function isOutput(part: ModelPart): boolean {
  switch (part.type) {
    case 'text-delta':
    case 'reasoning-delta':
      return part.text !== '';
    case 'usage':
    case 'finish':
    case 'error':
    case 'aborted':
      return false;
    default:
      return true;
  }
}

/** A read of a substitute: with what the others before it have used, and with its name. */
function asOther(read: ModelRead, { modelId }: Model, before: Usage, end: EndPart | undefined): ModelRead {
  if (before === noUsage && end === undefined) return read;
  return partsOf(read).map((part) => {
    switch (part.type) {
      case 'usage':
        return { ...part, usage: addUsage(before, part.usage) };
      case 'finish':
        return { ...part, usage: addUsage(before, part.usage), response: { modelId, ...part.response } };
      case 'error':
        return end ?? part;
      default:
        return part;
    }
  });
}

function failureOf({ provider, modelId }: Model, failure: Failure): Failure {
  return { provider, model: modelId, ...failure };
}

function worthMost(failures: readonly Failure[]): Failure {
  const soonest = failures
    .filter(({ retryable }) => retryable)
    .sort((a, b) => (a.retryAfterMs ?? 0) - (b.retryAfterMs ?? 0))[0];
  return soonest ?? (failures.at(-1) as Failure);
}
