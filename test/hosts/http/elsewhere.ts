import { setImmediate as hop } from 'node:timers/promises';
import { type Agent, isEphemeral, type Session, type TurnEvent } from 'turnchart';
import type { SessionElsewhere, SessionsElsewhere } from 'turnchart/http';

interface Kept {
  readonly session: Session;
  readonly events: readonly TurnEvent[];
}

/** Sessions of an agent as they are over a network: everything takes a while, and what comes is a copy. */
export function elsewhere(agent: Agent): SessionsElsewhere {
  const kept = new Map<string, Kept>();
  const remote: SessionsElsewhere = {
    name: agent.name,
    clock: agent.clock,
    has: async (id) => {
      await hop();
      return kept.has(id);
    },
    create: async (id) => {
      await hop();
      if (kept.has(id)) return false;
      const session = agent.session({ id });
      const events: TurnEvent[] = [];
      session.on('*', (event) => {
        if (!isEphemeral(event)) events.push(event);
      });
      kept.set(id, { session, events });
      return true;
    },
    open: async (id) => {
      await hop();
      const { session } = kept.get(id) ?? {};
      if (session === undefined) throw new Error(`There is no session ${id}.`);
      return remoteSession(session, () => {
        const now = kept.get(id);
        return now?.session === session ? (now.events.at(-1)?.seq ?? 0) : undefined;
      });
    },
    events: async (id, { after }) => {
      await hop();
      return structuredClone((kept.get(id)?.events ?? []).filter(({ seq }) => seq > after));
    },
    delete: async (id) => {
      await hop();
      await kept.get(id)?.session.close();
      await hop();
      kept.delete(id);
    },
  };
  return remote;
}

/** @param seqNow of the last event; undefined once the session is deleted */
function remoteSession(session: Session, seqNow: () => number | undefined): SessionElsewhere {
  const far =
    <A extends readonly unknown[], R>(run: (...args: A) => R) =>
    async (...args: A): Promise<R> => {
      await hop();
      const answer = structuredClone(run(...args));
      await hop();
      return answer;
    };
  return {
    id: session.id,
    on: (_, listener) => {
      let isOpen = true;
      const stop = session.on('*', async (event) => {
        await hop();
        if (isOpen) listener(structuredClone(event));
      });
      return () => {
        isOpen = false;
        stop();
      };
    },
    look: far(() => {
      const seq = seqNow();
      if (seq === undefined) return undefined;
      const { messages, usage, snapshot, turns } = session;
      return { seq, messages, usage, snapshot, turns: turns.map(({ id }) => ({ id })) };
    }),
    send: far((content) => ({ id: session.send(content).id })),
    steer: far((...args) => session.steer(...args)),
    cancel: far((...args) => session.cancel(...args)),
    extend: far((...args) => session.extend(...args)),
    resume: far((...args) => session.resume(...args)),
    compact: far((...args) => session.compact(...args)),
    approve: far((...args) => session.approve(...args)),
    deny: far((...args) => session.deny(...args)),
    resolveTool: far((...args) => session.resolveTool(...args)),
    close: () => undefined,
  };
}
