/**
 * What an inspector tells its page, and what the page may ask of it. Types only: both sides import them.
 *
 * `GET /feed` is a stream of server-sent events, whose data is one {@link FeedMessage} each. First comes `hello`,
 * on every connection; then everything that is kept, from its start; then what happens, as it happens. Events have
 * increasing ids: a browser that comes again with `Last-Event-ID` gets only what came after that.
 *
 * `POST /commands` takes a {@link CommandRequest} as JSON, and gives a {@link CommandAnswer}.
 *
 * Both want the inspector's token as `Authorization: Bearer …`.
 */

import type { StateValue } from 'xstate';
import type { Json } from '../../json.ts';
import type { RecordingEntry, SessionEntry } from '../../recording.ts';
import type { ChartDrawing } from '../chartDrawing.ts';
import type { Chart } from '../readChart.ts';

export type FeedMessage =
  | FeedHello
  | FeedSession
  | FeedEntry
  | FeedMachine
  | FeedActor
  | FeedMoment
  | FeedForgotten
  | FeedNotice;

/** Who speaks. */
export interface FeedHello {
  readonly type: 'hello';
  /** Rises when a page of the version before would misread what is said. */
  readonly version: 1;
  /** Whether commands are taken. */
  readonly commands: boolean;
  /** The inspector's time, in epoch ms. */
  readonly at: number;
}

/** A session is watched, or is so no longer; its latest one counts. */
export interface FeedSession {
  readonly type: 'session';
  readonly sessionId: string;
  /** Name of its agent. */
  readonly agent: string;
  /** Whether it goes on: one of a file, or that is closed, does not. */
  readonly isOpen: boolean;
}

/**
 * An entry of a session's recording, in order. A `session` entry begins the recording anew: machines are built from it,
 * and what came before it is not needed for what follows.
 */
export interface FeedEntry {
  readonly type: 'entry';
  readonly sessionId: string;
  readonly entry: WatchedEntry;
}

/** Of a session of a store it is not known which model answered. */
export type WatchedEntry =
  | Exclude<RecordingEntry, SessionEntry>
  | (Omit<SessionEntry, 'model'> & Partial<Pick<SessionEntry, 'model'>>);

/** The machine of actors that are not of a session of ours. It comes again once it is drawn. */
export interface FeedMachine {
  readonly type: 'machine';
  /** For `actor`. */
  readonly machineId: string;
  readonly chart: Chart;
  /** Missing until it is drawn, and where state-machine-cat is not installed. */
  readonly drawing?: ChartDrawing;
}

/** An actor that is not of a session of ours. */
export interface FeedActor {
  readonly type: 'actor';
  /** Unique in the feed. */
  readonly actorId: string;
  /** Who invoked or spawned it; missing for the root of a system. */
  readonly parentId?: string;
  /** As XState calls it: unique among its siblings. */
  readonly name: string;
  /** Missing for actors without a machine: promises, callbacks. */
  readonly machineId?: string;
  /** Epoch ms. */
  readonly at: number;
}

/** An actor took an event. */
export interface FeedMoment {
  readonly type: 'moment';
  readonly actorId: string;
  readonly event: { readonly type: string; readonly [field: string]: Json };
  /** The actor that sent it, where one did. */
  readonly sourceId?: string;
  /** As it is after that. */
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  /** Of machines. */
  readonly state?: StateValue;
  /** Of machines; what is no JSON is a text that says what it is, and so is what is too much. */
  readonly context?: Json;
  /** Of actors that are done. */
  readonly output?: Json;
  /** Of actors in error. */
  readonly error?: string;
  /** That were taken: their indices in `chart.transitions`, in order. */
  readonly transitions: readonly number[];
  /** Epoch ms. */
  readonly at: number;
}

/** A session or an actor is not watched any more, to make room: whoever comes later is not told of it. */
export interface FeedForgotten {
  readonly type: 'forgotten';
  readonly what: 'session' | 'actor';
  readonly id: string;
}

/** Something to be read by people. */
export interface FeedNotice {
  readonly type: 'notice';
  readonly text: string;
}

/** What a session is told; as its methods of that name. */
export type InspectorCommand =
  | { readonly type: 'send' | 'steer'; readonly text: string }
  | { readonly type: 'cancel'; readonly reason?: string }
  | { readonly type: 'approve'; readonly toolCallId: string; readonly remember?: 'session' }
  | { readonly type: 'deny'; readonly toolCallId: string; readonly reason?: string }
  | {
      readonly type: 'resolveTool';
      readonly toolCallId: string;
      readonly output: Json;
      /** The client could not run it, and `output` says why. */
      readonly isError?: boolean;
    }
  | { readonly type: 'extend'; readonly steps: number }
  | { readonly type: 'resume' | 'compact' };

/** Body of `POST /commands`. */
export interface CommandRequest {
  readonly sessionId: string;
  readonly command: InspectorCommand;
}

/**
 * With status 200: whether the session took it; what comes of it are entries of the feed. With any other status it was
 * not understood or not allowed, and `reason` says why.
 */
export interface CommandAnswer {
  readonly accepted: boolean;
  readonly reason?: string | undefined;
}
