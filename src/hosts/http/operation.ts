import type { z } from 'zod';
import { fingerprint } from './idempotentAnswers.ts';
import type { HttpLimits } from './limits.ts';
import type { LiveSession } from './liveSession.ts';
import { ProblemError } from './problem.ts';
import type { ProblemCode } from './protocol.ts';
import type { SessionHome } from './sessionHome.ts';
import type { Sessions } from './sessions.ts';

/** What a route takes, and what it answers; the app and its API document are both made of it. */
export interface Operation<TBody = unknown, TQuery = unknown> {
  /** As clients are generated with it. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'delete';
  /** With `{id}` for the session's. */
  readonly path: string;
  readonly summary: string;
  readonly body?: z.ZodType<TBody>;
  /** The body may be left out, which is like `{}`. */
  readonly isBodyOptional?: true;
  readonly query?: z.ZodObject & z.ZodType<TQuery>;
  /** It takes an `Idempotency-Key`. */
  readonly isIdempotent?: true;
  readonly answers: readonly OperationAnswer[];
  /** What it refuses beside what every route does. */
  readonly problems: readonly ProblemCode[];
}

export interface OperationAnswer {
  readonly status: number;
  readonly description: string;
  /** Of JSON. */
  readonly schema?: z.ZodType;
  /** What is streamed, where it is or may be a stream: events, or chunks of a chat. */
  readonly stream?: 'events' | 'chunks';
}

/** A request that has passed all checks. */
export interface Call<TBody = unknown, TQuery = unknown> {
  readonly body: TBody;
  readonly query: TQuery;
  readonly request: Request;
  readonly host: Host;
  /** Of the session that the path names; empty where it names none. */
  readonly id: string;
}

/** A request about a session that there is. */
export interface SessionCall<TBody = unknown, TQuery = unknown> extends Call<TBody, TQuery> {
  readonly live: LiveSession;
}

/** What all routes share. */
export interface Host {
  readonly home: SessionHome;
  readonly sessions: Sessions;
  readonly limits: HttpLimits;
  /** How many are open. */
  readonly streams: { open: number };
}

/** JSON with its status, or an answer of its own. */
export type Answer = Response | { readonly status: number; readonly json?: unknown };

export interface Route {
  readonly operation: Operation;
  /** Carries out what was checked before. */
  run(call: Call): Promise<Answer>;
}

export function route<TBody, TQuery>(
  operation: Operation<TBody, TQuery>,
  run: (call: Call<TBody, TQuery>) => Answer | Promise<Answer>,
): Route {
  // the schemas of the operation have made them so
  return { operation, run: async (call) => run(call as Call<TBody, TQuery>) };
}

/** A route about a session that there is. */
export function sessionRoute<TBody, TQuery>(
  operation: Operation<TBody, TQuery>,
  run: (call: SessionCall<TBody, TQuery>) => Answer | Promise<Answer>,
): Route {
  const problems = ['session_not_found', 'session_locked', 'too_many_sessions', ...operation.problems] as const;
  return route({ ...operation, problems }, async (call) => {
    const live = await call.host.sessions.get(call.id);
    const key = operation.isIdempotent && call.request.headers.get('idempotency-key');
    if (!key) return run({ ...call, live });
    if (key.length > maxKeyLength) {
      throw new ProblemError('invalid_request', `An Idempotency-Key has at most ${maxKeyLength} characters.`);
    }
    const request = await fingerprint(`${operation.id} ${JSON.stringify(call.body)}`);
    return live.answers.once(key, request, async () => run({ ...call, live }));
  });
}

const maxKeyLength = 255;
