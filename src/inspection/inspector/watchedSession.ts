import { isEphemeral } from '../../events.ts';
import type { InspectedSession } from '../../inspect.ts';
import type { Recorder } from '../../recorders.ts';
import type { FeedMessage, WatchedEntry } from './feed.ts';
import { charsOf, type FeedLog, type Frame } from './feedLog.ts';

/** A session of the feed: one that lives, or that is shown from what was recorded of it. */
export class WatchedSession {
  readonly id: string;
  readonly #log: FeedLog;
  #live: InspectedSession | undefined;
  #agent = '';
  /** All that was said about it. */
  #frames: Frame[] = [];
  /** Of the latest start. */
  #startChars = 0;
  #chars = 0;
  #isToldToRest = true;
  /** Text and progress as they came, and how many of them a later event sums up. */
  #pieces: Frame[] = [];
  #summedUp = 0;

  constructor(id: string, log: FeedLog) {
    this.id = id;
    this.#log = log;
  }

  /** To be spoken to, while it is open. */
  get live(): InspectedSession | undefined {
    return this.#live;
  }

  /** Whether nothing is at work in it, and all was told. */
  get rests(): boolean {
    return this.#live === undefined || (this.#isToldToRest && this.#live.snapshot.status === 'idle');
  }

  /** Follows a session; the one of that id before it, no more. */
  follow(session: InspectedSession): Recorder {
    this.#live = session;
    return (entry) => {
      if (this.#live !== session) return;
      this.take(entry);
      if (!isCommand(entry) || session.snapshot.status !== 'closed') return;
      this.#live = undefined;
      this.#sayStatus();
    };
  }

  take(entry: WatchedEntry): void {
    if (entry.type === 'session') {
      this.#agent = entry.agent;
      this.#sayStatus();
    }
    const frame = this.#say({ type: 'entry', sessionId: this.id, entry });
    if (entry.type === 'session') this.#startChars = charsOf(frame);
    this.#isToldToRest = entry.type === 'session' || (entry.type === 'event' && entry.event.type === 'session.idle');
    if (entry.type !== 'event') return;
    if (isEphemeral(entry.event)) this.#pieces.push(frame);
    else this.#summedUp = this.#pieces.length;
  }

  /** Lets go of text and progress that later events sum up. */
  thin(): void {
    const gone = new Set(this.#pieces.splice(0, this.#summedUp));
    this.#summedUp = 0;
    this.#letGo(gone);
  }

  /** Begins its recording anew, where that makes room; only while it rests. */
  beginAnew(): void {
    if (this.#live === undefined || this.#chars < 2 * this.#startChars) return;
    const before = new Set(this.#frames);
    this.#pieces = [];
    this.#summedUp = 0;
    this.#live.record((start) => this.take(start))();
    this.#letGo(before);
  }

  /** Follows nothing any more, and lets go of everything that was said. */
  forget(): void {
    this.#live = undefined;
    this.#letGo(new Set(this.#frames));
  }

  #sayStatus(): void {
    this.#say({ type: 'session', sessionId: this.id, agent: this.#agent, isOpen: this.#live !== undefined });
  }

  #say(message: FeedMessage): Frame {
    const frame = this.#log.say(message);
    this.#frames.push(frame);
    this.#chars += charsOf(frame);
    return frame;
  }

  #letGo(frames: ReadonlySet<Frame>): void {
    for (const frame of frames) this.#chars -= charsOf(frame);
    this.#frames = this.#frames.filter((frame) => !frames.has(frame));
    this.#log.forget(frames);
  }
}

function isCommand(entry: WatchedEntry): boolean {
  return entry.type === 'row' && entry.input.type === 'command';
}
