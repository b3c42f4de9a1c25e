import type { AnswerPart } from '../events.ts';
import { createFailure, type Failure } from '../failure.ts';
import { type Json, parseModelJson } from '../json.ts';
import type { AssistantPart } from '../messages.ts';
import { type ModelPart, noUsage, type ReasoningDelta, type TextDelta, type Usage } from '../model.ts';

/** How an answer ended; nothing while it has not. */
type End =
  | Omit<Extract<ModelPart, { type: 'finish' }>, 'usage'>
  | { readonly type: 'error'; readonly failure: Failure }
  | { readonly type: 'aborted' };

interface Block {
  type: 'text' | 'reasoning';
  id: string | undefined;
  text: string;
  providerMetadata?: Json;
}

/** Puts the parts of one answer together as they arrive. */
export class AnswerBuilder {
  readonly #content: (Block | AssistantPart)[] = [];
  readonly #toolCallIds = new Set<string>();
  readonly repairs: { readonly toolCallId: string; readonly how: string }[] = [];
  usage: Usage = noUsage;
  #toldUsage: Usage = noUsage;
  end: End | undefined;

  /** Takes in what one network read brought, and gives what of it an onlooker can follow. */
  add(read: ModelPart | readonly ModelPart[]): readonly AnswerPart[] {
    const shown: AnswerPart[] = [];
    if (isPart(read)) this.#take(read, shown);
    else for (const part of mergeDeltas(read)) this.#take(part, shown);
    if (shown.length > 0 && this.usage !== this.#toldUsage) {
      this.#toldUsage = this.usage;
      shown.push({ type: 'usage', usage: this.usage });
    }
    return shown;
  }

  /** The answer's content, once it has ended. */
  content(): readonly AssistantPart[] {
    const content: AssistantPart[] = [];
    for (const part of this.#content) {
      if (!('id' in part)) {
        content.push(part);
        continue;
      }
      const { type, text, providerMetadata } = part;
      // a block without text is kept where it carries what the provider wants back
      if (text === '' && providerMetadata === undefined) continue;
      content.push({ type, text, ...(providerMetadata !== undefined && { providerMetadata }) });
    }
    return content;
  }

  #take(part: ModelPart, shown: AnswerPart[]): void {
    if (this.end !== undefined) return;
    switch (part.type) {
      case 'text-delta':
      case 'reasoning-delta':
        if (part.text === '') return;
        this.#block(part.type === 'text-delta' ? 'text' : 'reasoning', part.id).text += part.text;
        show(shown, part);
        return;
      case 'block-end':
        this.#closeBlock(part.id, part.providerMetadata);
        return;
      case 'tool-input-delta':
        if (part.delta !== '') showToolInput(shown);
        return;
      case 'tool-call':
        this.#content.push({
          type: 'tool-call',
          toolCallId: this.#uniqueId(part.toolCallId),
          toolName: part.toolName,
          ...readInput(part.rawInput),
          ...(part.providerMetadata !== undefined && { providerMetadata: part.providerMetadata }),
        });
        showToolInput(shown);
        return;
      case 'opaque':
        this.#content.push(part);
        return;
      case 'usage':
        this.usage = part.usage;
        return;
      case 'finish':
        this.usage = part.usage;
        this.end = part;
        return;
      case 'error':
      case 'aborted':
        this.end = part;
    }
  }

  #block(type: Block['type'], id: string | undefined): Block {
    const last = this.#content.at(-1);
    if (last !== undefined && 'id' in last && last.type === type && last.id === id) return last;
    const open = id === undefined ? undefined : this.#openBlock(id);
    if (open?.type === type) return open;
    const block: Block = { type, id, text: '' };
    this.#content.push(block);
    return block;
  }

  #openBlock(id: string): Block | undefined {
    for (const part of this.#content) if ('id' in part && part.id === id) return part;
    return undefined;
  }

  #closeBlock(id: string, providerMetadata: Json | undefined): void {
    const block = this.#openBlock(id) ?? this.#block('reasoning', id);
    if (providerMetadata !== undefined) block.providerMetadata = providerMetadata;
  }

  /** Results find their calls by id, so no two calls of an answer may share one. */
  #uniqueId(toolCallId: string): string {
    let id = toolCallId === '' ? `call_${this.#toolCallIds.size}` : toolCallId;
    while (this.#toolCallIds.has(id)) id = `${id}_${this.#toolCallIds.size}`;
    this.#toolCallIds.add(id);
    if (id !== toolCallId) {
      this.repairs.push({
        toolCallId: id,
        how:
          toolCallId === ''
            ? 'the call had no id and got one'
            : `its id "${toolCallId}" was taken by another call of the answer`,
      });
    }
    return id;
  }
}

function isPart(read: ModelPart | readonly ModelPart[]): read is ModelPart {
  return !Array.isArray(read);
}

/**
 * Neighbouring deltas of one block as one. Their texts are joined at once: added one by one, they would all be kept for
 * as long as the answer, a piece each, and cost the garbage collector more than all else that is done with them.
 */
function mergeDeltas(parts: readonly ModelPart[]): readonly ModelPart[] {
  const merged: ModelPart[] = [];
  let texts: string[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.type !== 'text-delta' && part.type !== 'reasoning-delta') {
      merged.push(part);
      continue;
    }
    texts.push(part.text);
    const next = parts[index + 1];
    if (next?.type === part.type && next.id === part.id) continue;
    merged.push(texts.length === 1 ? part : { ...part, text: texts.join('') });
    texts = [];
  }
  return merged;
}

/** Neighbouring deltas of one kind are one: a read is as few parts as it can be. */
function show(shown: AnswerPart[], part: TextDelta | ReasoningDelta): void {
  const last = shown.at(-1);
  if (last !== undefined && last.type !== 'tool-input' && last.type === part.type) {
    shown[shown.length - 1] = { type: part.type, text: last.text + part.text };
  } else {
    shown.push({ type: part.type, text: part.text });
  }
}

function showToolInput(shown: AnswerPart[]): void {
  if (shown.at(-1)?.type !== 'tool-input') shown.push({ type: 'tool-input' });
}

function readInput(rawInput: string): { readonly input: Json; readonly invalid?: true } {
  const input = parseModelJson(rawInput);
  return input === undefined ? { input: rawInput, invalid: true } : { input };
}

/** Failures of models that break their contract, or of answers that break off. */
export const answerFailures = {
  cutOff: () =>
    createFailure({
      type: 'provider_unavailable',
      code: 'stream_truncated',
      message: 'The answer broke off: the stream ended without the mark of its end.',
    }),
  stalled: (silentMs: number) =>
    createFailure({
      type: 'provider_unavailable',
      code: 'stream_stalled',
      message: `The model sent nothing for ${silentMs} ms.`,
    }),
  threw: ({ name, message }: { readonly name: string; readonly message: string }) =>
    createFailure({
      type: 'unknown',
      code: 'adapter_error',
      message: `The model's adapter threw: ${message}`,
      name,
    }),
};
