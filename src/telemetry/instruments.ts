import type { Attributes, Meter } from '@opentelemetry/api';
import type { Usage } from '../model.ts';

/** The bounds that the conventions advise, each twice or four times the one before. */
const callSeconds = bounds(0.01, 2, 14);
const turnSeconds = bounds(0.1, 2, 13);
const tokens = bounds(1, 4, 14);

/** What is counted and measured. Durations are in seconds. */
export class Instruments {
  readonly #meter: Meter;
  readonly #calls;
  readonly #firstChunks;
  readonly #tokens;
  readonly #turns;
  readonly #tools;

  constructor(meter: Meter) {
    this.#meter = meter;
    this.#calls = this.#seconds('gen_ai.client.operation.duration', 'How long a model call took.', callSeconds);
    this.#firstChunks = this.#seconds(
      'gen_ai.client.operation.time_to_first_chunk',
      'How long the first part of an answer was waited for.',
      callSeconds,
    );
    this.#tokens = meter.createHistogram('gen_ai.client.token.usage', {
      description: 'Tokens of a model call, in and out.',
      unit: '{token}',
      advice: { explicitBucketBoundaries: tokens },
    });
    this.#turns = this.#seconds('gen_ai.invoke_agent.duration', 'How long a turn took.', turnSeconds);
    this.#tools = this.#seconds('gen_ai.execute_tool.duration', 'How long a tool ran.', callSeconds);
  }

  modelCalled(ms: number, firstChunkMs: number | undefined, usage: Usage | undefined, attributes: Attributes): void {
    this.#calls.record(ms / 1000, attributes);
    if (firstChunkMs !== undefined) this.#firstChunks.record(firstChunkMs / 1000, attributes);
    // an attempt that failed has often cost nothing
    if (usage === undefined || usage.inputTokens + usage.outputTokens === 0) return;
    const { 'error.type': _, ...model } = attributes;
    this.#tokens.record(usage.inputTokens, { ...model, 'gen_ai.token.type': 'input' });
    this.#tokens.record(usage.outputTokens, { ...model, 'gen_ai.token.type': 'output' });
  }

  turnEnded(ms: number, attributes: Attributes): void {
    this.#turns.record(ms / 1000, attributes);
  }

  toolEnded(ms: number, attributes: Attributes): void {
    this.#tools.record(ms / 1000, attributes);
  }

  #seconds(name: string, description: string, explicitBucketBoundaries: number[]) {
    return this.#meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
  }
}

function bounds(first: number, factor: number, count: number): number[] {
  // rounded: 0.1 * 2 * 2 * 2 is not quite 0.8
  return Array.from({ length: count }, (_, index) => Number((first * factor ** index).toFixed(2)));
}
