import type { Json } from '../../json.ts';
import { isWire, textIn } from '../wire.ts';

/** As a thought signature rides on a part, under the name of the provider: nobody else's adapter takes it for its own. */
export function toMetadata(thoughtSignature: string): Json {
  return { google: { thoughtSignature } };
}

export function signatureOf(metadata: Json | undefined): string | undefined {
  const own = isWire(metadata) ? metadata.google : undefined;
  return isWire(own) ? textIn(own.thoughtSignature) : undefined;
}

/** What Google takes for the signature of a call that another model made, or nobody. */
export const foreignCall = 'skip_thought_signature_validator';
