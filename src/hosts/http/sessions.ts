import { waitUntil } from '../../clock.ts';
import { SessionLockedError } from '../../durability/store.ts';
import type { HttpLimits } from './limits.ts';
import { isMissing, LiveSession, type LiveSessionOptions, stopping } from './liveSession.ts';
import { isProblem, ProblemError } from './problem.ts';
import type { DisconnectReason, SessionList } from './protocol.ts';
import type { ServedSession } from './servedAgent.ts';
import type { SessionHome } from './sessionHome.ts';
import { listSessions, type Page } from './sessionList.ts';

/** How often is looked for sessions elsewhere that nobody uses, in ms. */
const unusedMs = 60_000;

interface Open {
  readonly ready: Promise<LiveSession>;
  /** Once it is ready. */
  live: LiveSession | undefined;
}

/** The sessions that this host has open. */
export class Sessions {
  readonly #home: SessionHome;
  readonly #limits: HttpLimits;
  /** By id, the one that was asked for last at the end. */
  readonly #open = new Map<string, Open>();
  readonly #closing = new Map<string, Promise<void>>();
  readonly #options: LiveSessionOptions;
  #sweeping: { cancel(): void } | undefined;
  #unused = new Set<LiveSession>();
  #isStopping = false;
  #isDrained = false;

  constructor(home: SessionHome, limits: HttpLimits, open: readonly ServedSession[]) {
    this.#home = home;
    this.#limits = limits;
    this.#options = { agent: home.name, limits, isStopping: () => this.#isStopping };
    for (const session of open) this.#add(session.id, this.#withPast(session));
  }

  /** Whether the server has stopped, and all streams are over. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** @throws ProblemError where there is one of that id, it is one too many, or the server stops */
  async create(id = `session_${crypto.randomUUID()}`): Promise<LiveSession> {
    if (this.#isStopping) throw stopping();
    if (this.#open.has(id)) throw exists(id);
    return this.#make(id, async () => {
      const session = await this.#home.create(id);
      if (session === undefined) throw exists(id);
      return LiveSession.open(session, this.#options);
    });
  }

  /** @throws ProblemError where there is none of that id, another process has it, or it is one too many */
  async get(id: string): Promise<LiveSession> {
    for (let open = this.#open.get(id); open !== undefined; open = this.#open.get(id)) {
      const live = await open.ready;
      await live.look();
      await live.catchUp((after) => this.#home.events(id, after));
      if (this.#open.get(id) !== open) continue;
      if (live.isClosed) {
        await this.#close(live, 'session_closed');
        continue;
      }
      this.#unused.delete(live);
      this.#open.delete(id);
      this.#open.set(id, open);
      return live;
    }
    if (!this.#home.isKept) throw isMissing(id);
    return this.#make(id, async () => {
      if (!(await this.#home.has(id))) throw isMissing(id);
      return this.#withPast(await this.#home.open(id));
    });
  }

  /** A page of those that there are. */
  async list(page: Page): Promise<SessionList> {
    const open = [...this.#open].flatMap(([id, { live }]) => (live === undefined ? [] : [[id, live] as const]));
    return orProblem(() => listSessions(this.#home, new Map(open), page));
  }

  /** The session of that id, or a new one. */
  async open(id: string): Promise<LiveSession> {
    try {
      return await this.get(id);
    } catch (error) {
      if (!isProblem(error, 'session_not_found')) throw error;
    }
    try {
      return await this.create(id);
    } catch (error) {
      if (!isProblem(error, 'session_exists')) throw error;
      // somebody else was faster
      return this.get(id);
    }
  }

  /** @throws ProblemError where there is none of that id, or another process has it */
  async delete(id: string): Promise<void> {
    const open = this.#open.get(id);
    const { isElsewhere } = this.#home;
    if (open !== undefined && !isElsewhere) await this.#close(await open.ready, 'session_deleted');
    await this.#closing.get(id);
    if (open === undefined && !(await this.#home.has(id))) throw isMissing(id);
    await orProblem(() => this.#home.delete(id));
    // its streams have told how it ended
    if (open !== undefined && isElsewhere) await this.#close(await open.ready, 'session_deleted');
  }

  /**
   * Takes no more work, waits until what is under way has ended, or for so long, and ends all streams. With a store, what
   * waits for somebody is not waited for, and what is left can be gone on with; without one it is cancelled.
   *
   * @returns how many sessions are left in the middle of something
   */
  async drain(graceMs: number): Promise<number> {
    this.#isStopping = true;
    const { clock, isKept } = this.#home;
    const grace = Promise.withResolvers<void>();
    const timer = clock.setTimeout(grace.resolve, graceMs);
    const opened = await Promise.allSettled([...this.#open.values()].map(({ ready }) => ready));
    const sessions = opened.flatMap((open) => (open.status === 'fulfilled' ? [open.value] : []));
    await Promise.race([grace.promise, Promise.all(sessions.map((live) => live.atRest(isKept)))]);
    clock.clearTimeout(timer);
    this.#sweeping?.cancel();
    this.#isDrained = true;
    const left = sessions.filter((live) => live.isBusy && !live.isClosed);
    if (!isKept) await Promise.all(left.map((live) => this.#close(live, 'server_stopping')));
    // those included that were opened meanwhile
    for (const { live } of this.#open.values()) live?.endStreams('server_stopping');
    return left.filter((live) => !live.isClosed).length;
  }

  #make(id: string, open: () => Promise<LiveSession>): Promise<LiveSession> {
    // both at once, so that many that come together find the room that there is
    const room = this.#makeRoom();
    const before = this.#closing.get(id);
    const ready = async () => {
      await Promise.all([room, before]);
      return orProblem(open);
    };
    return this.#add(id, ready());
  }

  #add(id: string, ready: Promise<LiveSession>): Promise<LiveSession> {
    const open: Open = { ready, live: undefined };
    this.#open.set(id, open);
    if (this.#home.isElsewhere) this.#sweep();
    ready.then(
      (live) => {
        open.live = live;
      },
      () => {
        if (this.#open.get(id) === open) this.#open.delete(id);
      },
    );
    return ready;
  }

  #withPast(session: ServedSession): Promise<LiveSession> {
    return LiveSession.open(session, this.#options, () => this.#home.latestEvents(session.id));
  }

  /** Those that nobody has used from one time to the next are let go: who listens to a session asks for its events. */
  #sweep(): void {
    const { clock } = this.#home;
    this.#sweeping ??= waitUntil(clock, clock.now() + unusedMs, () => {
      this.#sweeping = undefined;
      const before = this.#unused;
      this.#unused = new Set();
      for (const { live } of [...this.#open.values()]) {
        if (live?.isUnused !== true) {
          // what it is at may not have been seen when it said so
          void live?.follow();
        } else if (before.has(live)) void this.#close(live, 'session_closed');
        else this.#unused.add(live);
      }
      if (this.#open.size > 0) this.#sweep();
    });
  }

  /** What is kept can be opened again. */
  #makeRoom(): Promise<void> | undefined {
    const { maxSessions } = this.#limits;
    if (this.#open.size < maxSessions) return undefined;
    if (this.#home.isKept) {
      for (const { live } of this.#open.values()) if (live?.isUnused) return this.#close(live, 'session_closed');
    }
    throw new ProblemError('too_many_sessions', `${maxSessions} sessions are open: delete one, or come back later.`);
  }

  #close(live: LiveSession, reason: DisconnectReason): Promise<void> {
    const { id } = live;
    this.#open.delete(id);
    const closing = live.close(reason).finally(() => {
      if (this.#closing.get(id) === closing) this.#closing.delete(id);
    });
    this.#closing.set(id, closing);
    return closing;
  }
}

function exists(id: string): ProblemError {
  return new ProblemError('session_exists', `There is a session "${id}" already: use it, or choose another id.`);
}

async function orProblem<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SessionLockedError) throw new ProblemError('session_locked', error.message);
    throw error;
  }
}
