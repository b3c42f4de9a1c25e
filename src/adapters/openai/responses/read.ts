import type { FinishReason, ModelPart, Usage } from '../../../model.ts';
import { noUsage } from '../../../model.ts';
import type { AnswerFailures } from '../../answerFailures.ts';
import type { AnswerReader, LastPart } from '../../streamAnswer.ts';
import { isWire, objectsIn, textIn, type Wire } from '../../wire.ts';
import { usageIn } from '../usage.ts';
import { type ItemMetadata, phaseIn, toMetadata } from './items.ts';

/** A function call as far as it has arrived. */
interface OpenCall {
  readonly id: string;
  readonly name: string;
  readonly itemId: string | undefined;
  input: string;
}

/** Reads the events of the Responses API. */
export class ResponsesReader implements AnswerReader {
  usage: Usage | undefined;
  readonly #provider: string;
  readonly #requestId: string;
  readonly #failures: AnswerFailures;
  /** By the place of the item in the answer; some servers give an item another id in every event. */
  readonly #openCalls = new Map<string, OpenCall>();
  readonly #textsShown = new Set<string>();
  readonly #summaryParts = new Map<string, unknown>();
  #callCount = 0;
  #hasItems = false;
  #refused = false;
  /** Reasoning that cannot travel back: then ids that refer to it must not either. */
  #lostReasoning = false;

  constructor(provider: string, requestId: string, failures: AnswerFailures) {
    this.#provider = provider;
    this.#requestId = requestId;
    this.#failures = failures;
  }

  read(event: Wire, parts: ModelPart[]): LastPart | undefined {
    switch (event.type) {
      case 'response.output_text.delta':
        this.#showText(event, parts);
        break;
      case 'response.refusal.delta':
        this.#refused = true;
        this.#showText(event, parts);
        break;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        this.#showReasoning(event, parts);
        break;
      case 'response.output_item.added':
        if (isWire(event.item) && event.item.type === 'function_call') this.#openCall(placeOf(event), event.item);
        break;
      case 'response.function_call_arguments.delta':
        this.#showInput(event, parts);
        break;
      case 'response.output_item.done':
        if (isWire(event.item)) this.#takeItem(placeOf(event), event.item, parts);
        break;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        return this.#end(event, parts);
      case 'error':
        return this.#failed(event);
    }
    return undefined;
  }

  /** Only the response itself says that it is over. */
  finish(): undefined {
    return undefined;
  }

  #showText(event: Wire, parts: ModelPart[]): void {
    const text = textIn(event.delta);
    if (text === undefined) return;
    const id = placeOf(event);
    this.#textsShown.add(id);
    parts.push({ type: 'text-delta', id, text });
  }

  #showReasoning(event: Wire, parts: ModelPart[]): void {
    const text = textIn(event.delta);
    if (text === undefined) return;
    const id = placeOf(event);
    const part = event.summary_index ?? event.content_index;
    const isNext = this.#summaryParts.has(id) && this.#summaryParts.get(id) !== part;
    this.#summaryParts.set(id, part);
    parts.push({ type: 'reasoning-delta', id, text: isNext ? `\n\n${text}` : text });
  }

  #openCall(place: string, item: Wire): OpenCall {
    const call: OpenCall = {
      id: textIn(item.call_id) ?? textIn(item.id) ?? `${this.#requestId}.call_${this.#callCount + 1}`,
      name: textIn(item.name) ?? '',
      itemId: textIn(item.id),
      input: textIn(item.arguments) ?? '',
    };
    this.#callCount += 1;
    this.#openCalls.set(place, call);
    return call;
  }

  #showInput(event: Wire, parts: ModelPart[]): void {
    const call = this.#openCalls.get(placeOf(event));
    const delta = textIn(event.delta);
    if (call === undefined || delta === undefined) return;
    call.input += delta;
    parts.push({ type: 'tool-input-delta', toolCallId: call.id, toolName: call.name, delta });
  }

  #takeItem(place: string, item: Wire, parts: ModelPart[]): void {
    this.#hasItems = true;
    switch (item.type) {
      case 'message':
        this.#takeMessage(place, item, parts);
        return;
      case 'reasoning': {
        const encryptedContent = textIn(item.encrypted_content);
        if (encryptedContent === undefined) this.#lostReasoning = true;
        else this.#closeBlock(place, { ...idOf(item), encryptedContent }, parts);
        return;
      }
      case 'function_call': {
        const call = this.#openCalls.get(place) ?? this.#openCall(place, item);
        this.#openCalls.delete(place);
        // the whole is what counts, where it is told
        this.#call({ ...call, input: textIn(item.arguments) ?? call.input, ...itemIdOf(item) }, parts);
        return;
      }
      default:
        // it came as JSON, so it is
        parts.push({ type: 'opaque', provider: this.#provider, data: JSON.parse(JSON.stringify(item)) });
    }
  }

  #takeMessage(place: string, item: Wire, parts: ModelPart[]): void {
    if (!this.#textsShown.has(place)) {
      for (const content of objectsIn(item.content)) {
        const refusal = textIn(content.refusal);
        if (refusal !== undefined) this.#refused = true;
        const text = textIn(content.text) ?? refusal;
        if (text !== undefined) this.#showText({ output_index: place, delta: text }, parts);
      }
    }
    if (!this.#textsShown.has(place) || this.#lostReasoning) return;
    const phase = phaseIn(item.phase);
    this.#closeBlock(place, { ...idOf(item), ...(phase !== undefined && { phase }) }, parts);
  }

  #closeBlock(id: string, metadata: ItemMetadata, parts: ModelPart[]): void {
    const providerMetadata = toMetadata(this.#provider, metadata);
    if (providerMetadata !== undefined) parts.push({ type: 'block-end', id, providerMetadata });
  }

  #call({ id, name, itemId, input }: OpenCall, parts: ModelPart[]): void {
    const metadata = itemId === undefined || this.#lostReasoning ? {} : { id: itemId };
    const providerMetadata = toMetadata(this.#provider, metadata);
    parts.push({
      type: 'tool-call',
      toolCallId: id,
      toolName: name,
      rawInput: input,
      ...(providerMetadata !== undefined && { providerMetadata }),
    });
  }

  #end(event: Wire, parts: ModelPart[]): LastPart {
    const response = isWire(event.response) ? event.response : {};
    if (isWire(response.usage)) this.usage = usageIn(response.usage);
    // a few servers complete what they call failed
    const status = textIn(response.status) ?? String(event.type).slice('response.'.length);
    if (event.type === 'response.failed' || status === 'failed' || status === 'cancelled') {
      return this.#failed(response);
    }
    if (!this.#hasItems && this.#textsShown.size === 0) {
      for (const [index, item] of objectsIn(response.output).entries()) this.#takeItem(String(index), item, parts);
    }
    for (const call of this.#openCalls.values()) this.#call(call, parts);
    const id = textIn(response.id);
    const modelId = textIn(response.model);
    return {
      type: 'finish',
      finishReason: this.#finishReason(status === 'incomplete', response),
      usage: this.usage ?? noUsage,
      response: { ...(id !== undefined && { id }), ...(modelId !== undefined && { modelId }) },
    };
  }

  #finishReason(isIncomplete: boolean, { incomplete_details: details }: Wire): FinishReason {
    if (isIncomplete) {
      const raw = (isWire(details) ? textIn(details.reason) : undefined) ?? 'incomplete';
      if (raw === 'content_filter') return { unified: 'content-filter', raw };
      return { unified: raw === 'max_output_tokens' || raw === 'incomplete' ? 'length' : 'other', raw };
    }
    if (this.#callCount > 0) return { unified: 'tool-calls', raw: 'completed' };
    return this.#refused ? { unified: 'content-filter', raw: 'refusal' } : { unified: 'stop', raw: 'completed' };
  }

  #failed({ error, code, message, param }: Wire): LastPart {
    return { type: 'error', failure: this.#failures.told(isWire(error) ? error : { code, message, param }) };
  }
}

function placeOf({ output_index: index, item_id: id }: Wire): string {
  return String(index ?? id ?? 0);
}

function idOf(item: Wire): { readonly id?: string } {
  const id = textIn(item.id);
  return id === undefined ? {} : { id };
}

function itemIdOf(item: Wire): { readonly itemId?: string } {
  const itemId = textIn(item.id);
  return itemId === undefined ? {} : { itemId };
}
