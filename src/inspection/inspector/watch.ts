import type { InspectionEvent } from 'xstate';
import { describeError } from '../../failure.ts';
import type { InspectedSession } from '../../inspect.ts';
import type { Recorder } from '../../recorders.ts';
import type { FeedForgotten, FeedNotice, WatchedEntry } from './feed.ts';
import { FeedLog, type Frame } from './feedLog.ts';
import { WatchedActors } from './watchedActors.ts';
import { WatchedSession } from './watchedSession.ts';

/** Notices and the like that are kept. */
const maxRemarks = 100;

/** Sessions and actors that are watched: what is said about them, and what of it is kept for those who come later. */
export class Watch {
  readonly log = new FeedLog();
  readonly #maxChars: number;
  /** Those that are open or were, by id; the one that rested last at the end. */
  readonly #sessions = new Map<string, WatchedSession>();
  readonly #actors = new WatchedActors(this.log, (remark) => this.#say(remark));
  readonly #remarks: Frame[] = [];
  /** Each is said once. */
  readonly #notices = new Set<string>();
  /** How much was kept when no more room could be made, since when nothing has come to rest. */
  #fullAt = 0;

  /** @param maxChars what is kept, about; what is at work is kept whole */
  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  /** Somebody begins to read. */
  begin(): void {
    this.#actors.draw();
  }

  /** A session that is open, to be spoken to. */
  openSession(id: string): InspectedSession | undefined {
    return this.#sessions.get(id)?.live;
  }

  /** Follows a session; the one of that id before it, no more. */
  follow(session: InspectedSession): Recorder {
    const { id } = session;
    const watched = this.#sessions.get(id) ?? new WatchedSession(id, this.log);
    const record = watched.follow(session);
    this.#sessions.set(id, watched);
    return (entry) => {
      record(entry);
      if (entry.type === 'event' && entry.event.type === 'session.idle') this.#noteRest(watched);
      this.#makeRoom();
    };
  }

  /** Takes in what XState tells of an actor. Never throws: that would be thrown at whoever sent the actor its event. */
  take(event: InspectionEvent): void {
    try {
      this.#actors.take(event);
      this.#makeRoom();
    } catch (error) {
      this.#say({ type: 'notice', text: `The inspector has missed something. ${describeError(error).message}` });
    }
  }

  /** Shows what was recorded; it is kept whole. */
  show(entries: Iterable<WatchedEntry>): void {
    const shown = new Map<string, WatchedSession>();
    let current: WatchedSession | undefined;
    for (const entry of entries) {
      if (entry.type === 'session') {
        current = shown.get(entry.sessionId) ?? new WatchedSession(entry.sessionId, this.log);
        shown.set(entry.sessionId, current);
      }
      current?.take(entry);
    }
  }

  #say(remark: FeedNotice | FeedForgotten): void {
    if (remark.type === 'notice') {
      if (this.#notices.has(remark.text)) return;
      this.#notices.add(remark.text);
    }
    this.#remarks.push(this.log.say(remark));
    if (this.#remarks.length > maxRemarks) this.log.forget(this.#remarks.splice(0, 1));
  }

  #noteRest(session: WatchedSession): void {
    if (!this.#sessions.delete(session.id)) return;
    this.#sessions.set(session.id, session);
    this.#fullAt = 0;
  }

  /** Lets go of what is missed least first: of pieces, of what is over, of what was before; then of what rests. */
  #makeRoom(): void {
    // where all is at work, to look again for every entry would take long
    if (this.log.chars <= Math.max(this.#maxChars, this.#fullAt * 1.1)) return;
    const hasRoom = () => this.log.chars <= this.#maxChars;
    const oldestFirst = [...this.#sessions.values()];
    for (const session of oldestFirst) if (!hasRoom()) session.thin();
    for (const session of oldestFirst) if (!hasRoom() && session.live === undefined) this.#forget(session);
    this.#actors.makeRoom(hasRoom);
    for (const session of oldestFirst) if (!hasRoom() && session.rests) session.beginAnew();
    for (const session of oldestFirst.slice(0, -1)) if (!hasRoom() && session.rests) this.#forget(session);
    this.#fullAt = hasRoom() ? 0 : this.log.chars;
  }

  #forget(session: WatchedSession): void {
    this.#sessions.delete(session.id);
    session.forget();
    this.#say({ type: 'forgotten', what: 'session', id: session.id });
  }
}
