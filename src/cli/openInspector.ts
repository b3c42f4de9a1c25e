import type { Inspector, InspectorOptions } from '../inspection/inspector/inspector.ts';

/** An inspector whose page is there. */
export interface OpenInspector {
  readonly inspector: Inspector;
  /** Of the page. */
  readonly url: string;
}

/**
 * Makes an inspector, and starts its server.
 *
 * @throws Error where the address cannot be had
 */
export async function openInspector(options: Omit<InspectorOptions, 'onListen'> = {}): Promise<OpenInspector> {
  // a server takes a moment to load, and most commands do without
  const { inspector: make } = await import('../inspection/inspector/inspector.ts');
  const inspector = make({ ...options, onListen: () => undefined });
  return { inspector, url: await inspector.listen() };
}
