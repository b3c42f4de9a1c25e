import type { Json } from '../../../json.ts';
import { isWire, textIn } from '../../wire.ts';

/** What an output item of the Responses API must keep of itself to go back as the item that it was. */
export interface ItemMetadata {
  readonly id?: string;
  readonly encryptedContent?: string;
  readonly phase?: 'commentary' | 'final_answer';
}

/** As it rides on a part, under the name of the provider: nobody else's adapter takes it for its own. */
export function toMetadata(provider: string, { id, encryptedContent, phase }: ItemMetadata): Json | undefined {
  if (id === undefined) return undefined;
  return {
    [provider]: {
      id,
      ...(encryptedContent !== undefined && { encryptedContent }),
      ...(phase !== undefined && { phase }),
    },
  };
}

export function itemOf(metadata: Json | undefined, provider: string): ItemMetadata {
  const own = isWire(metadata) ? metadata[provider] : undefined;
  if (!isWire(own)) return {};
  const id = textIn(own.id);
  const encryptedContent = textIn(own.encryptedContent);
  const phase = phaseIn(own.phase);
  return {
    ...(id !== undefined && { id }),
    ...(encryptedContent !== undefined && { encryptedContent }),
    ...(phase !== undefined && { phase }),
  };
}

export function phaseIn(value: unknown): ItemMetadata['phase'] {
  return value === 'commentary' || value === 'final_answer' ? value : undefined;
}
