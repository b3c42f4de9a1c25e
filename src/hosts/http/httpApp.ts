import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import type { z } from 'zod';
import { StoreError } from '../../durability/store.ts';
import { checkNames } from '../../options.ts';
import { checkLimits, type HttpLimits } from './limits.ts';
import { openApiDocument } from './openapi.ts';
import type { Answer, Host, Operation } from './operation.ts';
import { ProblemError, problemResponse } from './problem.ts';
import type { InvalidField } from './protocol.ts';
import { routes } from './routes.ts';
import type { LocalSession, ServedAgent, SessionsElsewhere } from './servedAgent.ts';
import { agentHome, homeElsewhere } from './sessionHome.ts';
import { Sessions } from './sessions.ts';

export interface HttpAppOptions {
  /**
   * Whose sessions are served: an agent of this process, or sessions that are elsewhere, as `restateSessions()` gives
   * them. Of those, several hosts may serve the same.
   */
  readonly agent: ServedAgent | SessionsElsewhere;
  /** Sessions that are open already, such as those that `agent.recover()` gives. @default none */
  readonly sessions?: readonly LocalSession[];
  /**
   * Whether a request is allowed; asked for each of them, before anything else is looked at.
   *
   * @default every request is
   */
  readonly authorize?: (request: Request) => boolean | Promise<boolean>;
  /** Origins whose pages may read the answers, such as `https://example.com`. @default none */
  readonly cors?: readonly string[];
  /** What is taken at most; each limit has its own default. */
  readonly limits?: Partial<HttpLimits>;
}

/** A Hono app that can be stopped in good order. */
export interface HttpApp extends Hono {
  /**
   * Takes no more work: messages and new sessions are refused with 503. Resolves when what is under way has ended, or
   * after the grace period; by then all streams have been told, and are over. With a store, what is left can be gone on
   * with by the next process, and what waits for somebody is not waited for. Without one, what is left is cancelled.
   *
   * @example
   * ```ts
   * process.once('SIGTERM', async () => {
   *   await app.drain();
   *   process.exit();
   * });
   * ```
   */
  drain(options?: DrainOptions): Promise<Drained>;
}

export interface DrainOptions {
  /** How long is waited for what is under way, in ms. @default 10_000 */
  readonly graceMs?: number;
}

export interface Drained {
  /** Sessions that are left in the middle of something. */
  readonly unfinished: number;
}

/**
 * Serves the sessions of an agent over HTTP: a Hono app for any server that takes `app.fetch`. Requests and answers are
 * described by `/v1/openapi.json`.
 *
 * @throws TypeError naming the option that is wrong
 * @example
 * ```ts
 * const app = httpApp({
 *   agent,
 *   authorize: (request) => request.headers.get('authorization') === `Bearer ${process.env.TOKEN}`,
 * });
 * serve({ fetch: app.fetch, port: 8080 }); // of @hono/node-server
 * ```
 */
export function httpApp(options: HttpAppOptions): HttpApp {
  const { agent, sessions = [], authorize, cors: origins, limits: given, ...others } = options;
  checkNames('httpApp()', others);
  if (authorize !== undefined && typeof authorize !== 'function') {
    throw new TypeError('httpApp(): `authorize` is not a function.');
  }
  const limits = checkLimits(given);
  const home = 'store' in agent ? agentHome(agent) : homeElsewhere(agent);
  const served = new Sessions(home, limits, sessions);
  const host: Host = { home, limits, sessions: served, streams: { open: 0 } };
  const app = new Hono();
  app.onError((error) => {
    if (error instanceof ProblemError) return problemResponse(error);
    console.error(error);
    if (error instanceof StoreError) {
      return problemResponse(
        new ProblemError(
          'sessions_unavailable',
          'Sessions cannot be reached: try again. The log of the server says why.',
        ),
      );
    }
    return problemResponse(new ProblemError('internal', 'The server failed; its log says why.'));
  });
  app.notFound(({ req }) => {
    const detail = `There is no ${req.method} ${req.path}: see /v1/openapi.json.`;
    return problemResponse(new ProblemError('route_not_found', detail));
  });
  if (origins !== undefined) app.use(cors({ origin: [...origins] }));
  if (authorize !== undefined) {
    app.use(async ({ req }, next) => {
      if (!(await authorize(req.raw))) {
        throw new ProblemError('unauthorized', 'Send the token of this server as `Authorization: Bearer …`.');
      }
      await next();
    });
  }
  app.use(
    bodyLimit({
      maxSize: limits.maxBodyBytes,
      onError: () => {
        throw new ProblemError('body_too_large', `A body has at most ${limits.maxBodyBytes} bytes.`);
      },
    }),
  );
  for (const { operation, run } of routes) {
    app.on(operation.method.toUpperCase(), operation.path.replace('{id}', ':id'), async (c) => {
      const query = readQuery(c, operation);
      const body = await readBody(c, operation);
      return toResponse(await run({ body, query, request: c.req.raw, host, id: c.req.param('id') ?? '' }));
    });
  }
  const operations = [...routes.map(({ operation }) => operation), documentOperation];
  const document = openApiDocument(operations, { agent: agent.name, limits, needsToken: authorize !== undefined });
  app.get(documentOperation.path, (c) => c.json(document));
  return Object.assign(app, {
    drain: async ({ graceMs = 10_000 }: DrainOptions = {}) => ({ unfinished: await served.drain(graceMs) }),
  });
}

const documentOperation: Operation = {
  id: 'getApiDocument',
  method: 'get',
  path: '/v1/openapi.json',
  summary: 'This document',
  answers: [{ status: 200, description: 'OpenAPI 3.1' }],
  problems: [],
};

async function readBody({ req }: Context, { body, isBodyOptional }: Operation): Promise<unknown> {
  if (body === undefined) return undefined;
  const text = await req.text();
  if (text === '' && isBodyOptional) return check(body, {}, 'body');
  // pages of other origins may send forms and plain text unasked, but not this
  if (!/^application\/([\w.-]+\+)?json\b/i.test(req.header('content-type') ?? '')) {
    throw new ProblemError('unsupported_media_type', 'Send the body as JSON, with `Content-Type: application/json`.');
  }
  return check(body, parseJson(text), 'body');
}

function readQuery({ req }: Context, { query }: Operation): unknown {
  return query === undefined ? undefined : check(query, req.query(), 'query');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError('invalid_request', 'The body is not JSON.');
  }
}

function check(schema: z.ZodType, value: unknown, where: 'body' | 'query'): unknown {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const errors = error.issues.map(
    ({ path, message }): InvalidField => ({
      at: where === 'query' ? String(path[0] ?? '') : path.map((key) => `/${String(key)}`).join(''),
      message,
    }),
  );
  throw new ProblemError(
    'invalid_request',
    `The ${where} is not as documented in /v1/openapi.json: see \`errors\`.`,
    errors,
  );
}

function toResponse(answer: Answer): Response {
  if (answer instanceof Response) return answer;
  const { status, json } = answer;
  return json === undefined ? new Response(null, { status }) : Response.json(json, { status });
}
