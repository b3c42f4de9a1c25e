import type { Json } from '../../json.ts';
import { isWire, objectsIn, textIn, type Wire } from '../wire.ts';

/** What a content block must keep of itself to go back as the block that it was. */
export interface BlockMetadata {
  /** Of thinking. */
  readonly signature?: string;
  /** Of text. */
  readonly citations?: readonly Wire[];
  /** Of a tool call that did not come of the model itself, but of a program that it runs at the provider. */
  readonly caller?: Wire;
}

/** As it rides on a part, under the name of the provider: nobody else's adapter takes it for its own. */
export function toMetadata(provider: string, metadata: BlockMetadata): Json {
  // it came as JSON, so it is
  return JSON.parse(JSON.stringify({ [provider]: metadata }));
}

export function metadataOf(metadata: Json | undefined, provider: string): BlockMetadata {
  const own = isWire(metadata) ? metadata[provider] : undefined;
  if (!isWire(own)) return {};
  const signature = textIn(own.signature);
  const citations = objectsIn(own.citations);
  return {
    ...(signature !== undefined && { signature }),
    ...(citations.length > 0 && { citations }),
    ...(isWire(own.caller) && { caller: own.caller }),
  };
}
