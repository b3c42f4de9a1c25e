import type { TurnEvent } from './events.ts';
import type { Row } from './host.ts';
import type { SessionMachineInput } from './machines/sessionMachine.ts';
import type { Message } from './messages.ts';
import type { Model } from './model.ts';

/** What a recording is made of, a line each, in the order in which it happened. */
export type RecordingEntry = SessionEntry | RowEntry | EventEntry;

/** Where a session stands: everything that its machines are built from. What follows belongs to it, up to the next. */
export interface SessionEntry {
  readonly type: 'session';
  readonly format: typeof recordingFormat;
  readonly version: typeof recordingVersion;
  /** Epoch ms. */
  readonly at: number;
  readonly agent: string;
  readonly sessionId: string;
  /** Who answers. */
  readonly model: Pick<Model, 'provider' | 'modelId' | 'contextWindow'>;
  /** `seq` of the last durable event before. */
  readonly seq: number;
  /** Of the session machine; the conversation so far as messages. */
  readonly input: Omit<SessionMachineInput, 'history' | 'sessionId'> & { readonly history: readonly Message[] };
}

/** Something that happened to the session: a command, the result of an effect, a timer. */
export interface RowEntry extends Row {
  readonly type: 'row';
}

/** Something that the session said. Text and progress come before the row that sums them up. */
export interface EventEntry {
  readonly type: 'event';
  readonly event: TurnEvent;
}

/** Stands in the first line of every recording. */
export const recordingFormat = 'turnchart.recording';
/** Rises when readers of the version before would misread what is written. */
export const recordingVersion = 1;
