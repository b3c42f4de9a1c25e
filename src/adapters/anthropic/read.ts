import type { Json } from '../../json.ts';
import type { FinishReason, ModelPart, Usage } from '../../model.ts';
import { noUsage } from '../../model.ts';
import type { AnswerFailures } from '../answerFailures.ts';
import type { AnswerReader, LastPart } from '../streamAnswer.ts';
import { isWire, textIn, type Wire } from '../wire.ts';
import { type BlockMetadata, toMetadata } from './metadata.ts';
import { usageIn } from './usage.ts';

/** A content block as far as it has arrived. */
interface OpenBlock {
  /** As it was opened. */
  readonly block: Wire;
  readonly toolCallId: string;
  /** The JSON of it; nothing where the block was opened with all of it. */
  input: string | undefined;
  signature: string;
  readonly citations: Wire[];
  isShown: boolean;
}

const finishReasons: Readonly<Record<string, FinishReason['unified']>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool-calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  pause_turn: 'pause',
  refusal: 'content-filter',
};

/** Reads the events of the Messages API. */
export class MessagesReader implements AnswerReader {
  usage: Usage | undefined;
  readonly #provider: string;
  readonly #requestId: string;
  readonly #failures: AnswerFailures;
  /** By their place in the answer. */
  readonly #open = new Map<string, OpenBlock>();
  #callCount = 0;
  #stopReason: string | undefined;
  #responseId: string | undefined;
  #modelId: string | undefined;

  constructor(provider: string, requestId: string, failures: AnswerFailures) {
    this.#provider = provider;
    this.#requestId = requestId;
    this.#failures = failures;
  }

  read(event: Wire, parts: ModelPart[]): LastPart | undefined {
    const id = String(event.index ?? 0);
    switch (event.type) {
      // first, for nearly all events are deltas
      case 'content_block_delta':
        if (isWire(event.delta)) this.#readDelta(id, event.delta, parts);
        break;
      case 'message_start':
        this.#start(event, parts);
        break;
      case 'content_block_start':
        if (isWire(event.content_block)) this.#openBlock(id, event.content_block, parts);
        break;
      case 'content_block_stop':
        this.#closeBlock(id, parts);
        break;
      case 'message_delta':
        if (isWire(event.delta)) this.#stopReason = textIn(event.delta.stop_reason) ?? this.#stopReason;
        if (isWire(event.usage)) this.usage = usageIn(event.usage, this.usage);
        break;
      case 'message_stop':
        return this.#end(parts);
      case 'error':
        return { type: 'error', failure: this.#failures.told(event) };
    }
    return undefined;
  }

  /** Only the message itself says that it is over. */
  finish(): undefined {
    return undefined;
  }

  #start({ message }: Wire, parts: ModelPart[]): void {
    if (!isWire(message)) return;
    this.#responseId = textIn(message.id);
    this.#modelId = textIn(message.model);
    if (!isWire(message.usage)) return;
    this.usage = usageIn(message.usage, this.usage);
    // the input is paid, whatever becomes of the answer
    parts.push({ type: 'usage', usage: this.usage });
  }

  #openBlock(id: string, block: Wire, parts: ModelPart[]): void {
    // some servers forget to close what came before
    this.#closeBlock(id, parts);
    const isCall = block.type === 'tool_use';
    if (isCall) this.#callCount += 1;
    const toolCallId = textIn(block.id) ?? `${this.#requestId}.call_${this.#callCount}`;
    const open: OpenBlock = { block, toolCallId, input: undefined, signature: '', citations: [], isShown: false };
    this.#open.set(id, open);
    if (block.type === 'text') this.#show(id, open, 'text-delta', block.text, parts);
    if (block.type === 'thinking') this.#show(id, open, 'reasoning-delta', block.thinking, parts);
  }

  #readDelta(id: string, delta: Wire, parts: ModelPart[]): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    switch (delta.type) {
      case 'text_delta':
        this.#show(id, open, 'text-delta', delta.text, parts);
        return;
      case 'thinking_delta':
        this.#show(id, open, 'reasoning-delta', delta.thinking, parts);
        return;
      case 'signature_delta':
        open.signature += textIn(delta.signature) ?? '';
        return;
      case 'citations_delta':
        if (isWire(delta.citation)) open.citations.push(delta.citation);
        return;
      case 'input_json_delta': {
        // the first is empty, and all there is where a tool takes no input
        const json = textIn(delta.partial_json) ?? '';
        open.input = (open.input ?? '') + json;
        const { toolCallId, block } = open;
        if (json === '' || block.type !== 'tool_use') return;
        parts.push({ type: 'tool-input-delta', toolCallId, toolName: textIn(block.name) ?? '', delta: json });
      }
    }
  }

  #show(id: string, open: OpenBlock, type: 'text-delta' | 'reasoning-delta', told: unknown, parts: ModelPart[]): void {
    const text = textIn(told);
    if (text === undefined) return;
    open.isShown = true;
    parts.push({ type, id, text });
  }

  #closeBlock(id: string, parts: ModelPart[]): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    const { block, citations, isShown } = open;
    switch (block.type) {
      case 'text':
        if (isShown && citations.length > 0) this.#keep(id, { citations }, parts);
        return;
      case 'thinking': {
        const signature = textIn(open.signature) ?? textIn(block.signature);
        // thinking that is not shown has a signature as well, and is wanted back
        if (signature !== undefined) this.#keep(id, { signature }, parts);
        return;
      }
      case 'tool_use':
        this.#call(open, parts);
        return;
      default:
        parts.push({ type: 'opaque', provider: this.#provider, data: blockOf(open) });
    }
  }

  #keep(id: string, metadata: BlockMetadata, parts: ModelPart[]): void {
    parts.push({ type: 'block-end', id, providerMetadata: toMetadata(this.#provider, metadata) });
  }

  #call({ block, toolCallId, input }: OpenBlock, parts: ModelPart[]): void {
    const { caller } = block;
    const isIndirect = isWire(caller) && caller.type !== 'direct';
    parts.push({
      type: 'tool-call',
      toolCallId,
      toolName: textIn(block.name) ?? '',
      rawInput: input ?? JSON.stringify(block.input ?? {}),
      ...(isIndirect && { providerMetadata: toMetadata(this.#provider, { caller }) }),
    });
  }

  #end(parts: ModelPart[]): LastPart {
    const raw = this.#stopReason;
    // an answer that does not say why it ended may end anywhere
    if (raw === undefined) return { type: 'error', failure: this.#failures.truncated() };
    for (const id of [...this.#open.keys()]) this.#closeBlock(id, parts);
    return {
      type: 'finish',
      finishReason: this.#unify(raw),
      usage: this.usage ?? noUsage,
      response: {
        ...(this.#responseId !== undefined && { id: this.#responseId }),
        ...(this.#modelId !== undefined && { modelId: this.#modelId }),
      },
    };
  }

  #unify(raw: string): FinishReason {
    if (this.#callCount > 0 && raw === 'end_turn') return { unified: 'tool-calls', raw };
    return { unified: Object.hasOwn(finishReasons, raw) ? (finishReasons[raw] ?? 'other') : 'other', raw };
  }
}

/** A block that only the provider understands, as it takes it back. */
function blockOf({ block, input }: OpenBlock): Json {
  // it came as JSON, so it is
  return JSON.parse(JSON.stringify({ ...block, ...(input !== undefined && { input: parsed(input) }) }));
}

function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return {};
  }
}
