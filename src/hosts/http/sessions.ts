import { SessionLockedError } from '../../durability/store.ts';
import type { TurnEvent } from '../../events.ts';
import type { HttpLimits } from './limits.ts';
import { LiveSession, type LiveSessionOptions, stopping } from './liveSession.ts';
import { isProblem, ProblemError } from './problem.ts';
import type { DisconnectReason, SessionList } from './protocol.ts';
import type { ServedAgent, ServedSession } from './servedAgent.ts';
import { listSessions, type Page } from './sessionList.ts';

/** How many are read at first of a session that is opened again. */
const latestEvents = 100;

interface Open {
  readonly ready: Promise<LiveSession>;
  /** Once it is ready. */
  live: LiveSession | undefined;
}

/** The sessions that are open in this process. */
export class Sessions {
  readonly #agent: ServedAgent;
  readonly #limits: HttpLimits;
  /** By id, the one that was asked for last at the end. */
  readonly #open = new Map<string, Open>();
  readonly #closing = new Map<string, Promise<void>>();
  readonly #options: LiveSessionOptions;
  #isStopping = false;
  #isDrained = false;

  constructor(agent: ServedAgent, limits: HttpLimits, open: readonly ServedSession[]) {
    this.#agent = agent;
    this.#limits = limits;
    this.#options = { agent: agent.name, limits, isStopping: () => this.#isStopping };
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
      if ((await this.#agent.store?.read(id)) !== undefined) throw exists(id);
      return new LiveSession(await this.#agent.open({ id }), this.#options);
    });
  }

  /** @throws ProblemError where there is none of that id, another process has it, or it is one too many */
  async get(id: string): Promise<LiveSession> {
    for (let open = this.#open.get(id); open !== undefined; open = this.#open.get(id)) {
      const live = await open.ready;
      if (this.#open.get(id) !== open) continue;
      if (live.isClosed) {
        await this.#close(live, 'session_closed');
        continue;
      }
      this.#open.delete(id);
      this.#open.set(id, open);
      return live;
    }
    const { store } = this.#agent;
    if (store === undefined) throw isMissing(id);
    return this.#make(id, async () => {
      if ((await store.read(id)) === undefined) throw isMissing(id);
      return this.#withPast(await this.#agent.open({ id }));
    });
  }

  /** A page of those that there are. */
  async list(page: Page): Promise<SessionList> {
    const open = [...this.#open].flatMap(([id, { live }]) => (live === undefined ? [] : [[id, live] as const]));
    return orProblem(() => listSessions(this.#agent, new Map(open), page));
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
    const { store } = this.#agent;
    const open = this.#open.get(id);
    if (open !== undefined) await this.#close(await open.ready, 'session_deleted');
    else if (store === undefined) throw isMissing(id);
    await this.#closing.get(id);
    if (open === undefined && (await store?.read(id)) === undefined) throw isMissing(id);
    await orProblem(async () => store?.delete(id));
  }

  /**
   * Takes no more work, waits until what is under way has ended, or for so long, and ends all streams. With a store, what
   * waits for somebody is not waited for, and what is left can be gone on with; without one it is cancelled.
   *
   * @returns how many sessions are left in the middle of something
   */
  async drain(graceMs: number): Promise<number> {
    this.#isStopping = true;
    const { clock, store } = this.#agent;
    const grace = Promise.withResolvers<void>();
    const timer = clock.setTimeout(grace.resolve, graceMs);
    const opened = await Promise.allSettled([...this.#open.values()].map(({ ready }) => ready));
    const sessions = opened.flatMap((open) => (open.status === 'fulfilled' ? [open.value] : []));
    await Promise.race([grace.promise, Promise.all(sessions.map((live) => live.atRest(store !== undefined)))]);
    clock.clearTimeout(timer);
    this.#isDrained = true;
    const left = sessions.filter((live) => live.isBusy && !live.isClosed);
    if (store === undefined) await Promise.all(left.map((live) => this.#close(live, 'server_stopping')));
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
    return LiveSession.withPast(session, this.#options, () => this.#latestEvents(session.id));
  }

  /** Back to the start of a turn, at least: to say all that was ever said takes long. */
  async #latestEvents(id: string): Promise<readonly TurnEvent[]> {
    const { store } = this.#agent;
    if (store === undefined) return [];
    const { seq = 0 } = (await store.read(id))?.state ?? {};
    for (let count = latestEvents; ; count *= 10) {
      const after = Math.max(0, seq - count);
      const events = await this.#agent.events(id, { after });
      if (after === 0 || events.some(({ type }) => type === 'turn.started')) return events;
    }
  }

  /** What the store has can be opened again. */
  #makeRoom(): Promise<void> | undefined {
    const { maxSessions } = this.#limits;
    if (this.#open.size < maxSessions) return undefined;
    if (this.#agent.store !== undefined) {
      for (const { live } of this.#open.values()) if (live?.isUnused) return this.#close(live, 'session_closed');
    }
    throw new ProblemError('too_many_sessions', `${maxSessions} sessions are open: delete one, or come back later.`);
  }

  #close(live: LiveSession, reason: DisconnectReason): Promise<void> {
    const { id } = live.session;
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

function isMissing(id: string): ProblemError {
  return new ProblemError('session_not_found', `There is no session "${id}": create one with POST /v1/sessions.`);
}

async function orProblem<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SessionLockedError) throw new ProblemError('session_locked', error.message);
    throw error;
  }
}
