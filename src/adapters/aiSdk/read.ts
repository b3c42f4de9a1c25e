import type { FinishReason, ModelPart, Usage } from '../../model.ts';
import { isWire, numberIn, textIn, type Wire } from '../wire.ts';
import type { AiSdkFailures } from './failures.ts';
import { plain, toMetadata } from './metadata.ts';

interface Block {
  readonly id: string;
  metadata: unknown;
}

const finishReasons: ReadonlySet<unknown> = new Set(['stop', 'length', 'content-filter', 'tool-calls', 'other']);

/** Reads the parts of a stream of version 3 or 4. What it does not know it passes over. */
export class PartReader {
  /** Whether the last part has been given. */
  hasEnded = false;
  readonly #provider: string;
  readonly #requestId: string;
  readonly #failures: AiSdkFailures;
  /** By kind and their id, which another block may get again. */
  readonly #blocks = new Map<string, Block>();
  readonly #toolNames = new Map<string, string>();
  /** Calls that are told once the answer is known to be whole: the first that is no JSON, and those after it. */
  readonly #doubtful: ModelPart[] = [];
  #blockCount = 0;
  #callCount = 0;
  #wasHeard = false;
  #responseId: string | undefined;
  #modelId: string | undefined;

  constructor(provider: string, requestId: string, failures: AiSdkFailures) {
    this.#provider = provider;
    this.#requestId = requestId;
    this.#failures = failures;
  }

  /** Adds what a part comes to. Gives whether the answer has ended with it. */
  read(part: Wire, parts: ModelPart[]): boolean {
    if (part.type !== 'stream-start' && part.type !== 'finish') this.#wasHeard = true;
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
        this.#open(part);
        break;
      case 'text-delta':
      case 'reasoning-delta':
        this.#add(part, part.type, parts);
        break;
      case 'text-end':
      case 'reasoning-end':
        this.#close(part, parts);
        break;
      case 'tool-input-start':
        if (part.providerExecuted !== true) this.#toolNames.set(String(part.id), textIn(part.toolName) ?? '');
        break;
      case 'tool-input-delta':
        this.#addInput(part, parts);
        break;
      case 'tool-call':
        if (part.providerExecuted === true) this.#keep(part, parts);
        else this.#call(part, parts);
        break;
      case 'tool-result':
      case 'file':
      case 'reasoning-file':
        this.#keep(part, parts);
        break;
      case 'custom':
        // a mark of the stream, no part of the answer
        if (!String(part.kind).endsWith('.message_start')) this.#keep(part, parts);
        break;
      case 'response-metadata':
        this.#responseId = textIn(part.id) ?? this.#responseId;
        this.#modelId = textIn(part.modelId) ?? this.#modelId;
        break;
      case 'finish':
        parts.push(...this.#finish(part));
        this.hasEnded = true;
        break;
      case 'error':
        parts.push({ type: 'error', failure: this.#failures.told(part.error) });
        this.hasEnded = true;
    }
    return this.hasEnded;
  }

  /** The last part of a stream that ended without one. */
  brokenOff(): ModelPart {
    return { type: 'error', failure: this.#wasHeard ? this.#failures.truncated() : this.#failures.empty() };
  }

  #open({ type, id, providerMetadata }: Wire): Block {
    const block = { id: String(this.#blockCount++), metadata: providerMetadata };
    this.#blocks.set(keyOf(type, id), block);
    return block;
  }

  #add(part: Wire, type: 'text-delta' | 'reasoning-delta', parts: ModelPart[]): void {
    const block = this.#blocks.get(keyOf(type, part.id)) ?? this.#open(part);
    block.metadata = part.providerMetadata ?? block.metadata;
    const text = textIn(part.delta);
    if (text !== undefined) parts.push({ type, id: block.id, text });
  }

  /** Reasoning goes back to whom it came from, with metadata or without. */
  #close({ type, id, providerMetadata }: Wire, parts: ModelPart[]): void {
    const key = keyOf(type, id);
    const block = this.#blocks.get(key);
    if (block === undefined) return;
    this.#blocks.delete(key);
    const metadata = providerMetadata ?? block.metadata;
    if (metadata === undefined && type === 'text-end') return;
    parts.push({ type: 'block-end', id: block.id, providerMetadata: toMetadata(this.#provider, metadata) });
  }

  #addInput({ id, delta }: Wire, parts: ModelPart[]): void {
    const toolName = this.#toolNames.get(String(id));
    const text = textIn(delta);
    if (toolName === undefined || text === undefined) return;
    parts.push({ type: 'tool-input-delta', toolCallId: String(id), toolName, delta: text });
  }

  #call({ toolCallId, toolName, input, providerMetadata }: Wire, parts: ModelPart[]): void {
    this.#callCount += 1;
    const rawInput = typeof input === 'string' ? input : JSON.stringify(input ?? {});
    // the packages make calls of what has arrived of them, too, where the stream breaks off
    const target = this.#doubtful.length === 0 && isJson(rawInput) ? parts : this.#doubtful;
    target.push({
      type: 'tool-call',
      toolCallId: textIn(toolCallId) ?? `${this.#requestId}.call_${this.#callCount}`,
      toolName: textIn(toolName) ?? '',
      rawInput,
      ...(providerMetadata !== undefined && { providerMetadata: toMetadata(this.#provider, providerMetadata) }),
    });
  }

  #keep(part: Wire, parts: ModelPart[]): void {
    parts.push({ type: 'opaque', provider: this.#provider, data: plain(part) });
  }

  #finish({ finishReason, usage: told }: Wire): readonly ModelPart[] {
    const usage = usageIn(told);
    const cost: readonly ModelPart[] = usage.inputTokens + usage.outputTokens > 0 ? [{ type: 'usage', usage }] : [];
    const said = isWire(finishReason) ? finishReason : {};
    const raw = textIn(said.raw);
    // the packages finish streams too that broke off
    const isBroken = said.unified === 'interrupted' || (said.unified === 'other' && raw === undefined);
    if (isBroken) return [...cost, this.brokenOff()];
    if (said.unified === 'error') return [...cost, this.#failed(raw)];
    return [
      ...this.#doubtful,
      {
        type: 'finish',
        finishReason: this.#unify(said.unified, raw),
        usage,
        response: {
          ...(this.#responseId !== undefined && { id: this.#responseId }),
          ...(this.#modelId !== undefined && { modelId: this.#modelId }),
        },
      },
    ];
  }

  #unify(unified: unknown, raw: string | undefined): FinishReason {
    const told = raw === undefined ? {} : { raw };
    if (raw === 'pause_turn') return { unified: 'pause', raw };
    if (unified === 'stop' && this.#callCount > 0) return { unified: 'tool-calls', ...told };
    return { unified: finishReasons.has(unified) ? (unified as FinishReason['unified']) : 'other', ...told };
  }

  #failed(raw: string | undefined): ModelPart {
    const message = `The provider ended the answer with an error${raw === undefined ? '.' : `: ${raw}`}`;
    return { type: 'error', failure: this.#failures.told({ code: raw ?? 'server_error', message }) };
  }
}

/** `text-start`, `text-delta` and `text-end` are about one block. */
function keyOf(type: unknown, id: unknown): string {
  return `${String(type).split('-')[0]} ${id}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function usageIn(value: unknown): Usage {
  const usage = isWire(value) ? value : {};
  const input = isWire(usage.inputTokens) ? usage.inputTokens : {};
  const output = isWire(usage.outputTokens) ? usage.outputTokens : {};
  const cachedInputTokens = numberIn(input.cacheRead);
  const cacheWriteTokens = numberIn(input.cacheWrite);
  const reasoningTokens = numberIn(output.reasoning);
  return {
    inputTokens: numberIn(input.total) ?? 0,
    outputTokens: numberIn(output.total) ?? 0,
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}
