import type { SharedV4ProviderOptions } from '@ai-sdk/provider';
import type { Json } from '../../json.ts';
import { isWire } from '../wire.ts';

/**
 * What a provider package attached, as it rides on a part: with the name of the provider, so that nobody else's adapter,
 * and no other package, takes it for its own.
 */
export function toMetadata(provider: string, options: unknown): Json {
  return { aiSdk: { provider, ...(options !== undefined && { options: plain(options) }) } };
}

/** Whether the part came from that provider through this adapter. */
export function isOwn(metadata: Json | undefined, provider: string): boolean {
  return isWire(metadata) && isWire(metadata.aiSdk) && metadata.aiSdk.provider === provider;
}

/** What the provider package wants back with the part. */
export function optionsOf(
  metadata: Json | undefined,
  provider: string,
): { readonly providerOptions?: SharedV4ProviderOptions } {
  if (!isWire(metadata) || !isWire(metadata.aiSdk) || metadata.aiSdk.provider !== provider) return {};
  const { options } = metadata.aiSdk;
  // it is what the package gave, as JSON
  return isWire(options) ? { providerOptions: options as SharedV4ProviderOptions } : {};
}

/** As JSON, bytes as base64. */
export function plain(value: unknown): Json {
  const text = JSON.stringify(value, (_, item: unknown) => (item instanceof Uint8Array ? base64(item) : item));
  return JSON.parse(text ?? 'null') as Json;
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
