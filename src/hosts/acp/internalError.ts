import { RequestError } from '@agentclientprotocol/sdk';

/** What answers a request that failed through no fault of its own; of what kind that is can stand in the data. */
export function internalError(message: string, data?: unknown): RequestError {
  return new RequestError(-32603, message, data);
}
