import type { Json } from '../../json.ts';
import type { Message } from '../../messages.ts';
import type { ModelSettings, ToolChoice, ToolSpec, Usage } from '../../model.ts';

/**
 * How a provider writes: pure functions from an answer to the lines of its stream, and from what an adapter sent back
 * to our words. The fault server speaks it, {@link adapterContract} asks by it. A new provider is one file.
 */
export interface Dialect {
  /** As tests name it. */
  readonly name: string;
  /** What the base URL of this provider ends with. */
  readonly basePath: string;
  /** Where answers are asked for, below the base URL. */
  readonly path: string;
  /** Where it is another path for every model; {@link path} is then an example. @default only {@link path} */
  readonly paths?: RegExp;
  /** Tool calls come whole, their input as an object: what is no JSON cannot be said. @default false */
  readonly hasWholeCalls?: boolean;
  /** The settings that this provider takes; an adapter refuses the others by name. */
  readonly settings: readonly (keyof ModelSettings)[];
  /** How servers that claim to speak it write otherwise. */
  readonly deviations: readonly Deviation[];
  /** The stream of an answer. A deviation is one of {@link deviations}, by its name. */
  events(answer: WholeAnswer, about: AnswerAbout, deviation?: string): Iterable<SseEvent>;
  /** What it sends with that status instead of an answer. The message is its own where none is given. */
  error(kind: ErrorKind, message?: string): ErrorAnswer;
  /** The forms in which it reports an error in the middle of a stream. */
  readonly streamErrors: {
    readonly [form: string]: (kind: ErrorKind, about: AnswerAbout, message?: string) => SseEvent;
  };
  /** What the body of a request says, and its path below the base URL, where that says something. */
  read(body: Json | undefined, path?: string): SeenRequest;
}

/** One event of a stream. */
export interface SseEvent {
  /** Its `event:` line, where the provider writes one. */
  readonly event?: string;
  readonly data: string;
  /**
   * `part` carries a piece of the answer, `end` is the provider's own mark of its end, `after` may follow the mark,
   * `frame` is everything else.
   */
  readonly role: 'frame' | 'part' | 'end' | 'after';
}

/** How a server writes otherwise than the provider whose dialect it speaks. */
export interface Deviation {
  /** Reads after "a server that sends". */
  readonly name: string;
  /** Whether what it writes is an answer all the same. */
  readonly isAnswer: boolean;
  /** Whether it keeps what the answer cost to itself. */
  readonly hidesUsage?: boolean;
}

/** An answer with nothing left open. */
export interface WholeAnswer {
  readonly reasoning: readonly string[];
  readonly text: {
    /** As many as there are deltas; may be very many. */
    readonly pieces: Iterable<string>;
    whole(): string;
  };
  readonly calls: readonly WholeCall[];
  readonly finish: AnswerFinish;
  readonly usage: Usage;
}

/** A tool call of an answer, its JSON in the pieces that it is streamed in. */
export interface WholeCall {
  readonly id: string;
  readonly name: string;
  readonly input: readonly string[];
  /** The JSON stops in the middle. */
  readonly isHalf: boolean;
}

/** Why an answer ended, as far as all providers can say it. */
export type AnswerFinish = 'stop' | 'length' | 'tool-calls' | 'content-filter';

/** What a stream says about itself. */
export interface AnswerAbout {
  /** Of the request, from 0. */
  readonly index: number;
  /** The body of the request. */
  readonly body: Json | undefined;
}

/** Troubles that every provider has words for. */
export type ErrorKind =
  | 'auth'
  | 'rate_limit'
  | 'quota'
  | 'server'
  | 'overloaded'
  | 'overflow'
  | 'invalid_request'
  | 'model_not_found';

/** An answer that is none. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: Json;
}

/** A request in our words; ids of messages are made up. */
export interface SeenRequest {
  readonly model: string;
  readonly isStream: boolean;
  readonly instructions?: string;
  /** The results of one step are one message. */
  readonly messages: readonly Message[];
  readonly tools: readonly ToolSpec[];
  readonly toolChoice: ToolChoice;
  readonly settings: ModelSettings;
}
