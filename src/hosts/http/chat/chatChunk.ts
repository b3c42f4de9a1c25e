import type { Json } from '../../../json.ts';

/** What a chat of AI SDK UI is told of an answer: what this host says of its UI message stream protocol, version 1. */
export type ChatChunk =
  | { readonly type: 'start'; readonly messageId: string }
  | { readonly type: 'start-step' | 'finish-step' | 'reset-step' }
  | { readonly type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; readonly id: string }
  | { readonly type: 'text-delta' | 'reasoning-delta'; readonly id: string; readonly delta: string }
  | {
      readonly type: 'tool-input-available';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly input: Json;
    }
  | { readonly type: 'tool-approval-request'; readonly approvalId: string; readonly toolCallId: string }
  | {
      readonly type: 'tool-approval-response';
      readonly approvalId: string;
      readonly approved: boolean;
      readonly reason?: string;
    }
  | { readonly type: 'tool-output-available'; readonly toolCallId: string; readonly output: unknown }
  | { readonly type: 'tool-output-error'; readonly toolCallId: string; readonly errorText: string }
  | { readonly type: 'tool-output-denied'; readonly toolCallId: string }
  | { readonly type: 'steering-message'; readonly id: string; readonly parts: ChatPart[] }
  /** Shown, and not kept in the message. */
  | {
      readonly type: 'data-tool-progress';
      readonly data: { readonly toolCallId: string; readonly text: string };
      readonly transient: true;
    }
  /** The turn waits for more steps or for leave to spend more, or does so no longer. */
  | { readonly type: 'data-pause'; readonly id: string; readonly data: ChatPause }
  | { readonly type: 'finish'; readonly finishReason: 'stop' | 'length' | 'content-filter' | 'tool-calls' }
  | { readonly type: 'abort'; readonly reason?: string }
  | { readonly type: 'error'; readonly errorText: string };

/** Of a message that a person has written. */
export type ChatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'file'; readonly mediaType: string; readonly url: string; readonly filename?: string };

export interface ChatPause {
  readonly state: 'paused' | 'resumed';
  readonly reason: 'max_steps' | 'soft_cost';
  readonly spent: number;
  readonly limit?: number;
}
