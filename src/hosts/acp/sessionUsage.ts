import type { SessionUpdate } from '@agentclientprotocol/sdk';

export interface SessionUsageOptions {
  /** Tokens that fit into a request; where they are not known, editors are told nothing. */
  readonly contextWindow: number | undefined;
  /** Of what turns cost. */
  readonly currency: string | undefined;
  /** Where a session that was kept stands. */
  readonly kept?: { readonly tokens?: number; readonly cost?: number } | undefined;
}

/** How large a conversation is, and what its turns have cost. */
export class SessionUsage {
  readonly #options: SessionUsageOptions;
  #used: number;
  #cost: number | undefined;

  constructor(options: SessionUsageOptions) {
    this.#options = options;
    this.#used = options.kept?.tokens ?? 0;
    this.#cost = options.kept?.cost;
  }

  /** So many tokens are in the conversation now, about. */
  measure(used: number): readonly SessionUpdate[] {
    this.#used = used;
    return this.report();
  }

  /** A turn has cost so much, where that is known. */
  spend(cost: number | undefined): readonly SessionUpdate[] {
    if (cost === undefined || this.#options.currency === undefined) return [];
    this.#cost = (this.#cost ?? 0) + cost;
    return this.report();
  }

  report(): readonly SessionUpdate[] {
    const { contextWindow: size, currency } = this.#options;
    if (size === undefined) return [];
    const amount = currency === undefined ? undefined : this.#cost;
    return [
      {
        sessionUpdate: 'usage_update',
        used: this.#used,
        size,
        ...(amount !== undefined && currency !== undefined && { cost: { amount, currency } }),
      },
    ];
  }
}
