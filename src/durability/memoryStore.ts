import { type Message, textOf } from '../messages.ts';
import { hasWords, searchWords } from './searchWords.ts';
import { advance, type SessionHead } from './sessionHead.ts';
import { sessionTitle } from './sessionTitle.ts';
import {
  type CheckpointChange,
  type JournalEntry,
  type JournalOptions,
  type ListOptions,
  type LockHolder,
  SessionLockedError,
  type SessionState,
  type SessionSummary,
  type Store,
  type StoreChange,
  StoreClosedError,
  type StoredSession,
  type StoreLock,
  type TrimOptions,
} from './store.ts';

interface MemorySession {
  readonly id: string;
  readonly createdAt: number;
  updatedAt: number;
  title: string | undefined;
  head: SessionHead;
  state: SessionState;
  readonly messages: Message[];
  entries: JournalEntry[];
}

/**
 * A store that forgets everything with the process: for tests, and for sessions that need not survive. Takes no copies
 * of messages.
 *
 * @example
 * ```ts
 * const store = memoryStore();
 * ```
 */
export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  readonly #sessions = new Map<string, MemorySession>();
  readonly #locks = new Map<string, LockHolder>();
  #isClosed = false;

  lock(sessionId: string): StoreLock {
    this.#checkFree(sessionId);
    const holder: LockHolder = { since: Date.now() };
    this.#locks.set(sessionId, holder);
    return {
      release: () => {
        if (this.#locks.get(sessionId) === holder) this.#locks.delete(sessionId);
      },
    };
  }

  read(sessionId: string): StoredSession | undefined {
    this.#checkOpen();
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return undefined;
    const { head, state, messages, entries } = session;
    const rows = entries.flatMap((entry) => (entry.type === 'row' && entry.index >= head.summedUp ? entry.row : []));
    return { summary: summaryOf(session), messages: [...messages], state, rowIndex: head.summedUp, rows, warnings: [] };
  }

  write(changes: readonly StoreChange[]): void {
    this.#checkOpen();
    // all are looked at before one is made
    const heads = new Map<string, SessionHead>();
    for (const change of changes) {
      const { sessionId } = change;
      heads.set(sessionId, advance(heads.get(sessionId) ?? this.#sessions.get(sessionId)?.head, change));
    }
    for (const change of changes) this.#make(change);
  }

  list({ status, search, limit, before }: ListOptions = {}): readonly SessionSummary[] {
    this.#checkOpen();
    const words = searchWords(search);
    return [...this.#sessions.values()]
      .filter((session) => isFound(session, words))
      .map(summaryOf)
      .filter((summary) => status === undefined || summary.status === status)
      .filter((summary) => before === undefined || newestFirst(before, summary) < 0)
      .sort(newestFirst)
      .slice(0, limit);
  }

  journal(sessionId: string, { from = 0 }: JournalOptions = {}): readonly JournalEntry[] {
    this.#checkOpen();
    const entries = this.#sessions.get(sessionId)?.entries ?? [];
    return entries.filter((entry) => (entry.type === 'row' ? entry.index : entry.rows) >= from);
  }

  trim({ endedBefore }: TrimOptions): number {
    this.#checkOpen();
    let trimmed = 0;
    for (const session of this.#sessions.values()) {
      let ended = 0;
      for (const entry of session.entries) {
        if (entry.type === 'checkpoint' && entry.at < endedBefore) ended = Math.max(ended, entry.rows);
      }
      session.entries = session.entries.filter((entry) => {
        const isKept = (entry.type === 'row' ? entry.index : entry.rows) >= ended;
        if (!isKept && entry.type === 'row') trimmed++;
        return isKept;
      });
    }
    return trimmed;
  }

  delete(sessionId: string): void {
    this.#checkFree(sessionId);
    this.#sessions.delete(sessionId);
  }

  close(): void {
    this.#isClosed = true;
    this.#locks.clear();
    this.#sessions.clear();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StoreClosedError();
  }

  #checkFree(sessionId: string): void {
    this.#checkOpen();
    const holder = this.#locks.get(sessionId);
    if (holder !== undefined) throw new SessionLockedError(sessionId, holder);
  }

  #make(change: StoreChange): void {
    const { sessionId } = change;
    let session = this.#sessions.get(sessionId);
    if (session === undefined) {
      // the head has been looked at: what comes first is a checkpoint
      if (change.type !== 'checkpoint') return;
      session = newSession(change);
      this.#sessions.set(sessionId, session);
    }
    session.head = advance(session.head, change);
    if (change.type === 'title') {
      session.title = change.title;
      return;
    }
    session.updatedAt = change.at;
    if (change.type === 'rows') {
      for (const [place, row] of change.rows.entries()) {
        session.entries.push({ type: 'row', index: change.index + place, row });
      }
      return;
    }
    const { at, rows, messages, state } = change;
    for (const message of messages.added) session.messages.push(message);
    session.state = state;
    session.title ??= sessionTitle(messages.added);
    session.entries.push({ type: 'checkpoint', at, rows, messages: session.messages.length, state });
  }
}

function newSession({ sessionId, at, state }: CheckpointChange): MemorySession {
  return {
    id: sessionId,
    createdAt: at,
    updatedAt: at,
    title: undefined,
    head: { rows: 0, summedUp: 0, messages: 0 },
    state,
    messages: [],
    entries: [],
  };
}

function summaryOf({ id, createdAt, updatedAt, title, head, state }: MemorySession): SessionSummary {
  return {
    id,
    agent: state.agent,
    createdAt,
    updatedAt,
    ...(title !== undefined && { title }),
    turns: state.turns,
    status: head.rows > head.summedUp ? 'inTurn' : 'idle',
  };
}

function isFound({ title = '', messages }: MemorySession, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  return hasWords(title, words) || messages.some((message) => hasWords(textOf(message), words));
}

type Place = Pick<SessionSummary, 'id' | 'updatedAt'>;

function newestFirst(a: Place, b: Place): number {
  if (a.updatedAt !== b.updatedAt) return b.updatedAt - a.updatedAt;
  return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}
