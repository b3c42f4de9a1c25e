import type { Clock } from '../../clock.ts';
import type { ListOptions, SessionSummary } from '../../durability/store.ts';
import type { TurnEvent } from '../../events.ts';
import type { ServedAgent, ServedSession, SessionsElsewhere } from './servedAgent.ts';

/** Where sessions are that nobody asks for at the moment: with an agent of this process, or elsewhere. */
export interface SessionHome {
  /** Of the agent. */
  readonly name: string;
  readonly clock: Clock;
  /** Whether sessions outlive this process. */
  readonly isKept: boolean;
  /** Whether they are at work elsewhere, and to have them open is to listen to them. */
  readonly isElsewhere: boolean;
  has(id: string): Promise<boolean>;
  /** Undefined where there is one of that id. */
  create(id: string): Promise<ServedSession | undefined>;
  /** One that there is. */
  open(id: string): Promise<ServedSession>;
  /** Its durable events after a `seq`, as far as they are kept. */
  events(id: string, after: number): Promise<readonly TurnEvent[]>;
  /** Its latest durable events, back to the start of a turn at least: to say all that was ever said takes long. */
  latestEvents(id: string): Promise<readonly TurnEvent[]>;
  /** @default those that are open are listed */
  list?(options: ListOptions): Promise<readonly SessionSummary[]>;
  delete(id: string): Promise<void>;
}

/** How many events are read at first of a session that is opened again. */
const latestEvents = 100;

/** With an agent of this process, and its store, if it has one. */
export function agentHome(agent: ServedAgent): SessionHome {
  const { name, clock, store } = agent;
  const open = (id: string) => agent.open({ id });
  if (store === undefined) {
    const none = async () => [];
    return {
      name,
      clock,
      isKept: false,
      isElsewhere: false,
      has: async () => false,
      create: open,
      open,
      events: none,
      latestEvents: none,
      delete: async () => undefined,
    };
  }
  return {
    name,
    clock,
    isKept: true,
    isElsewhere: false,
    has: async (id) => (await store.read(id)) !== undefined,
    create: async (id) => ((await store.read(id)) === undefined ? open(id) : undefined),
    open,
    events: (id, after) => agent.events(id, { after }),
    latestEvents: async (id) => {
      const { seq = 0 } = (await store.read(id))?.state ?? {};
      for (let count = latestEvents; ; count *= 10) {
        const after = Math.max(0, seq - count);
        const events = await agent.events(id, { after });
        if (after === 0 || events.some(({ type }) => type === 'turn.started')) return events;
      }
    },
    list: async (options) => store.list(options),
    delete: async (id) => store.delete(id),
  };
}

/** Elsewhere, where other hosts may serve them as well. */
export function homeElsewhere(sessions: SessionsElsewhere): SessionHome {
  const { name, clock } = sessions;
  const events = (id: string, after: number) => sessions.events(id, { after });
  return {
    name,
    clock,
    isKept: true,
    isElsewhere: true,
    has: (id) => sessions.has(id),
    create: async (id) => ((await sessions.create(id)) ? sessions.open(id) : undefined),
    open: (id) => sessions.open(id),
    events,
    latestEvents: (id) => events(id, 0),
    delete: (id) => sessions.delete(id),
  };
}
