import type { FinishReason, ModelPart, Usage } from '../../model.ts';
import { noUsage } from '../../model.ts';
import type { AnswerReader, LastPart } from '../streamAnswer.ts';
import { isWire, numberIn, objectsIn, textIn, type Wire } from '../wire.ts';
import type { GoogleFailures } from './failures.ts';
import { toMetadata } from './signatures.ts';

const finishReasons: Readonly<Record<string, FinishReason['unified']>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  CONTINUATION: 'length',
  SAFETY: 'content-filter',
  RECITATION: 'content-filter',
  BLOCKLIST: 'content-filter',
  PROHIBITED_CONTENT: 'content-filter',
  SPII: 'content-filter',
  IMAGE_SAFETY: 'content-filter',
  IMAGE_PROHIBITED_CONTENT: 'content-filter',
  IMAGE_RECITATION: 'content-filter',
  LANGUAGE: 'other',
  OTHER: 'other',
  TOO_MANY_TOOL_CALLS: 'other',
};

/** The model wrote what is no answer; another attempt may be one. */
const malformed: ReadonlySet<string> = new Set([
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'UNEXPECTED_TOOL_CALL',
]);

/** Reads the chunks of `streamGenerateContent`. */
export class GoogleReader implements AnswerReader {
  usage: Usage | undefined;
  readonly #requestId: string;
  readonly #failures: GoogleFailures;
  #block: { readonly id: string; readonly type: 'text-delta' | 'reasoning-delta' } | undefined;
  #blockCount = 0;
  #callCount = 0;
  #finishReason: FinishReason | undefined;
  #responseId: string | undefined;
  #modelId: string | undefined;

  constructor(requestId: string, failures: GoogleFailures) {
    this.#requestId = requestId;
    this.#failures = failures;
  }

  read(chunk: Wire, parts: ModelPart[]): LastPart | undefined {
    this.#responseId ??= textIn(chunk.responseId);
    this.#modelId ??= textIn(chunk.modelVersion);
    if (isWire(chunk.usageMetadata)) this.usage = usageIn(chunk.usageMetadata);
    const blocked = isWire(chunk.promptFeedback) ? textIn(chunk.promptFeedback.blockReason) : undefined;
    if (blocked !== undefined) this.#finishReason ??= { unified: 'content-filter', raw: blocked };
    for (const candidate of objectsIn(chunk.candidates)) {
      if ((candidate.index ?? 0) !== 0) continue;
      const content = isWire(candidate.content) ? candidate.content : {};
      for (const part of objectsIn(content.parts)) this.#readPart(part, parts);
      const raw = textIn(candidate.finishReason);
      if (raw === undefined) continue;
      if (malformed.has(raw)) {
        return { type: 'error', failure: this.#failures.malformedBy(raw, textIn(candidate.finishMessage)) };
      }
      this.#finishReason ??= { unified: this.#unify(raw), raw };
    }
    return undefined;
  }

  /** There may be chunks after the one with the reason, which tell the usage. */
  finish(): readonly ModelPart[] | undefined {
    if (this.#finishReason === undefined) return undefined;
    return [
      {
        type: 'finish',
        finishReason: this.#finishReason,
        usage: this.usage ?? noUsage,
        response: {
          ...(this.#responseId !== undefined && { id: this.#responseId }),
          ...(this.#modelId !== undefined && { modelId: this.#modelId }),
        },
      },
    ];
  }

  #unify(raw: string): FinishReason['unified'] {
    const known = Object.hasOwn(finishReasons, raw) ? finishReasons[raw] : undefined;
    // the API has no word for it
    if (this.#callCount > 0 && (known === undefined || known === 'stop')) return 'tool-calls';
    return known ?? 'other';
  }

  #readPart(part: Wire, parts: ModelPart[]): void {
    const signature = textIn(part.thoughtSignature);
    if (isWire(part.functionCall)) {
      this.#block = undefined;
      this.#call(part.functionCall, signature, parts);
    } else if (typeof part.text === 'string' || (signature !== undefined && Object.keys(part).length === 1)) {
      const type = part.thought === true ? 'reasoning-delta' : 'text-delta';
      this.#say(type, textIn(part.text) ?? '', signature, parts);
    } else {
      this.#block = undefined;
      // it came as JSON, so it is
      parts.push({ type: 'opaque', provider: 'google', data: JSON.parse(JSON.stringify(part)) });
    }
  }

  /** A signature holds for the part it came with, so that part is a block of its own, even without a text. */
  #say(type: 'text-delta' | 'reasoning-delta', text: string, signature: string | undefined, parts: ModelPart[]): void {
    if (signature !== undefined || this.#block?.type !== type) this.#block = undefined;
    if (text === '' && signature === undefined) return;
    this.#block ??= { id: String(this.#blockCount++), type };
    const { id } = this.#block;
    if (text !== '') parts.push({ type, id, text });
    if (signature === undefined) return;
    parts.push({ type: 'block-end', id, providerMetadata: toMetadata(signature) });
    this.#block = undefined;
  }

  #call({ id, name, args }: Wire, signature: string | undefined, parts: ModelPart[]): void {
    this.#callCount += 1;
    parts.push({
      type: 'tool-call',
      toolCallId: textIn(id) ?? `${this.#requestId}.call_${this.#callCount}`,
      toolName: textIn(name) ?? '',
      rawInput: JSON.stringify(args ?? {}),
      ...(signature !== undefined && { providerMetadata: toMetadata(signature) }),
    });
  }
}

function usageIn(usage: Wire): Usage {
  const cachedInputTokens = numberIn(usage.cachedContentTokenCount);
  const reasoningTokens = numberIn(usage.thoughtsTokenCount);
  return {
    inputTokens: (numberIn(usage.promptTokenCount) ?? 0) + (numberIn(usage.toolUsePromptTokenCount) ?? 0),
    outputTokens: (numberIn(usage.candidatesTokenCount) ?? 0) + (reasoningTokens ?? 0),
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}
