import { z } from 'zod';
import { type ProviderError, toFailure } from '../../adapters/failures.ts';
import type { Failure, ModelFailureType } from '../../failure.ts';

/**
 * What a failed turn says to programs: `data` of the JSON-RPC error that answers the prompt, and `error` of the
 * `agent_error` update. In snake_case, as it travels.
 */
export interface AgentErrorData {
  /** The six kinds that clients tell apart; what is no failure of a model call is `unknown`. */
  readonly type: ModelFailureType;
  /** What happened, in words; keys are taken out of it. */
  readonly message: string;
  /** Finer than the type, where it is known: `code`, and `failure`, `status`, `provider`, `model`, `request_id`. */
  readonly detail?: { readonly [name: string]: string | number };
  /** Whether the same prompt may succeed later. */
  readonly retryable: boolean;
  /** The least delay that the provider asks for. */
  readonly retry_after_seconds?: number;
  /** When the limit is lifted. */
  readonly reset_at_epoch_ms?: number;
  /** Whose failure it is: the provider's name. */
  readonly source?: string;
}

/**
 * An update of a session beyond those of the protocol, for clients that announce
 * `clientCapabilities._meta.agent_error`: its turn has failed.
 */
export interface AgentErrorUpdate {
  readonly sessionUpdate: 'agent_error';
  readonly error: AgentErrorData;
  /** The turn is over. */
  readonly stopReason: 'error';
}

/** Whether failures of a kind may pass by themselves, where nothing finer is known. */
const retriable: Readonly<Record<ModelFailureType, boolean>> = {
  budget: false,
  rate_limit: true,
  provider_unavailable: true,
  context_overflow: false,
  auth: false,
  unknown: true,
};

/** All kinds of {@link AgentErrorData}. */
export const agentErrorTypes = Object.keys(retriable) as readonly ModelFailureType[];

const agentErrorUpdate = z.looseObject({
  sessionUpdate: z.literal('agent_error'),
  error: z.looseObject({
    type: z.enum(agentErrorTypes),
    message: z.string(),
    detail: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    retryable: z.boolean(),
    retry_after_seconds: z.number().nonnegative().optional(),
    reset_at_epoch_ms: z.int().nonnegative().optional(),
    source: z.string().optional(),
  }),
  stopReason: z.literal('error'),
});

/** The JSON Schema of {@link AgentErrorUpdate}, for clients in other languages. */
export const agentErrorSchema: Readonly<Record<string, unknown>> = z.toJSONSchema(agentErrorUpdate);

/**
 * Whether an update of a session says that its turn has failed. Anything may be asked.
 *
 * @example
 * ```ts
 * if (isAgentErrorUpdate(update) && update.error.retryable) offerToTryAgain(update.error.retry_after_seconds);
 * ```
 */
export function isAgentErrorUpdate(update: unknown): update is AgentErrorUpdate {
  return agentErrorUpdate.safeParse(update).success;
}

/** Whether failures of a kind may pass by themselves; `retryable` of the error itself knows better. */
export function isRetriable(type: ModelFailureType): boolean {
  return retriable[type];
}

/** What clients are told of the failure of a turn. */
export function failureData(failure: Failure): AgentErrorData {
  const { code, status, provider, model, requestId, message, retryable, retryAfterMs, resetAt } = failure;
  const type = isModelFailure(failure.type) ? failure.type : 'unknown';
  return {
    type,
    message,
    detail: {
      code,
      ...(failure.type !== type && { failure: failure.type }),
      ...(status !== undefined && { status }),
      ...(provider !== undefined && { provider }),
      ...(model !== undefined && model !== '' && { model }),
      ...(requestId !== undefined && { request_id: requestId }),
    },
    retryable,
    // rounded up: who waits that long does not come too early
    ...(retryAfterMs !== undefined && { retry_after_seconds: Math.ceil(retryAfterMs / 1_000) }),
    ...(resetAt !== undefined && { reset_at_epoch_ms: resetAt }),
    ...(provider !== undefined && { source: provider }),
  };
}

/**
 * What clients are told where a provider gave an error instead of an answer: by its headers, then its body and the name
 * of the error that its SDK threw, then its status.
 *
 * @param source the provider's name
 * @example
 * ```ts
 * providerErrorData({ status: 429, headers: { 'retry-after': '20' } }, 'openai'); // { type: 'rate_limit', … }
 * ```
 */
export function providerErrorData(error: ProviderError, source: string): AgentErrorData {
  const name = error.name === undefined ? undefined : (sdkNames[error.name] ?? error.name);
  return failureData(toFailure({ ...error, ...(name !== undefined && { name }) }, { provider: source, model: '' }));
}

/** Errors of SDKs that come without a status, by those that say the same. */
const sdkNames: Readonly<Record<string, string>> = {
  APIConnectionError: 'TimeoutError',
  APIConnectionTimeoutError: 'TimeoutError',
  ConnectTimeoutError: 'TimeoutError',
  FetchError: 'TimeoutError',
  PermissionDeniedError: 'PermissionError',
};

function isModelFailure(type: Failure['type']): type is ModelFailureType {
  return Object.hasOwn(retriable, type);
}
