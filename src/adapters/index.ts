/** Models around models, and what adapters are made of. */

export {
  type About,
  emptyResponseFailure,
  malformedFailure,
  networkFailure,
  type ProviderError,
  toFailure,
  truncatedFailure,
} from './failures.ts';
export { type RecordedCall, type RecordedOptions, recorded, replayed } from './recorded.ts';
export { type BreakerModel, type BreakerOptions, withBreaker } from './withBreaker.ts';
export { withFallback } from './withFallback.ts';
export { withOutputInstruction } from './withOutputInstruction.ts';
