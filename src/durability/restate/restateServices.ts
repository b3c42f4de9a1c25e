import {
  handlers,
  InvocationIdParser,
  type ObjectContext,
  type ObjectSharedContext,
  object,
  TerminalError,
} from '@restatedev/restate-sdk';
import type { Agent } from '../../agent.ts';
import { createFailure, type Failure } from '../../failure.ts';
import { reopen } from '../../reopening.ts';
import type { Admission } from '../../turn.ts';
import type { DeltaBus } from './deltaBus.ts';
import {
  type After,
  type Begin,
  type Broken,
  commandSignal,
  type Given,
  type InboxHandlers,
  type Kept,
  type Left,
  type SessionHandlers,
  serviceNames,
  setupFor,
} from './protocol.ts';
import { RunningEffects } from './runningEffects.ts';
import { createRecord, lookAt, SessionRecord, saidAfter } from './sessionRecord.ts';
import { closeInStead, SessionRun } from './sessionRun.ts';

export interface RestateServicesOptions {
  /** Whose sessions they are. Its `store` is not used. */
  readonly agent: Pick<Agent, 'name' | 'close'>;
  /** The application's own object for tools, by session. @default none */
  readonly context?: (sessionId: string) => unknown;
  /** Where text goes while it streams. @default nowhere: it comes with its answer */
  readonly bus?: DeltaBus;
  /**
   * How long a turn may wait for something before it is put aside, in ms; what it waits for wakes it. A turn is never put
   * aside while an effect of it is at work.
   *
   * @default the server's, a minute
   */
  readonly inactivityTimeoutMs?: number;
  /**
   * How long a turn that is to be put aside may still work, in ms: no tool and no model may take longer.
   *
   * @default 3_600_000
   */
  readonly abortTimeoutMs?: number;
  /**
   * How often in a row a turn is tried that cannot go on: because no process answers, or because the machines of today
   * do not go the way of those that began it. Then it fails. Between tries Restate waits longer and longer, 10 s at most.
   *
   * @default 100
   */
  readonly maxAttempts?: number;
}

export interface DrainServicesOptions {
  /** How long is waited for effects that are at work, in ms. @default 10_000 */
  readonly graceMs?: number;
}

export interface DrainedServices {
  /** Model calls, tools and the like that are still at work: another replica takes them for lost. */
  readonly unfinished: number;
}

/** What an inbox knows of the invocation that it gives commands to. */
interface Running {
  readonly invocation: string;
  /** All commands that it was given: it says at its end how many it has taken. */
  readonly commands: readonly Given[];
}

/**
 * The services that run the sessions of an agent on Restate: bind them to an endpoint. `drain()` is for a replica that is
 * to stop: nothing begins in it any more, and it resolves when what is at work has ended, or after the grace period. Keep
 * serving until then; turns go on in another replica.
 *
 * @throws TypeError for an agent that `createAgent()` did not make, or whose name is no name of a service
 * @example
 * ```ts
 * import { serve } from '@restatedev/restate-sdk';
 *
 * const services = restateServices({ agent });
 * await serve({ services, port: 9080 });
 * process.once('SIGTERM', async () => {
 *   await services.drain();
 *   process.exit();
 * });
 * ```
 */
export function restateServices(options: RestateServicesOptions) {
  const { agent, bus, inactivityTimeoutMs, abortTimeoutMs = 3_600_000, maxAttempts = 100 } = options;
  const setup = setupFor('restateServices()', agent);
  const names = serviceNames(agent.name);
  const running = new RunningEffects(setup.clock);
  const intervals = { initialInterval: 50, maxInterval: 10_000 };
  const retryPolicy = { ...intervals, maxAttempts, onMaxAttempts: 'kill' } as const;
  // commands, and what sees to it that turns end, are tried for as long as no process answers
  const lasting = { ...intervals, maxAttempts: 1_000_000 };

  const session = object({
    name: names.session.name,
    handlers: {
      // as long as a client may try again
      create: handlers.object.exclusive({ idempotencyRetention: 600_000 }, createRecord),
      run: handlers.object.exclusive({ retryPolicy }, (ctx: ObjectContext, begin: Begin) => run(ctx, begin)),
      rescue: handlers.object.exclusive({ retryPolicy: lasting }, rescueSession),
      erase: async (ctx: ObjectContext) => ctx.clearAll(),
      events: handlers.object.shared((ctx: ObjectSharedContext, { after }: After) => saidAfter(ctx, setup, after)),
      look: handlers.object.shared((ctx: ObjectSharedContext) => lookAt(ctx, setup)),
    } satisfies SessionHandlers,
    options: {
      abortTimeout: abortTimeoutMs,
      ...(inactivityTimeoutMs !== undefined && { inactivityTimeout: inactivityTimeoutMs }),
      // each question of a client is an invocation, of which nothing need be kept
      journalRetention: 0,
      idempotencyRetention: 0,
      // at once, where the server can; it comes to an end in any case
      onJournalMismatchErrors: 'fail',
    },
  });

  const inbox = object({
    name: names.inbox.name,
    handlers: {
      give: (ctx: ObjectContext, given: Given) => give(ctx, given),
      leave: (ctx: ObjectContext, left: Left) => leave(ctx, left),
      ask: handlers.object.shared((ctx: ObjectSharedContext, given: Given) => ask(ctx, given)),
      look: handlers.object.shared((ctx: ObjectSharedContext) => look(ctx)),
      watch: handlers.object.shared((ctx: ObjectSharedContext, invocation: string) => watch(ctx, invocation)),
    } satisfies InboxHandlers,
    // as long as a client may try to give the same command again
    options: { journalRetention: 0, idempotencyRetention: 600_000, retryPolicy: lasting },
  });

  async function run(ctx: ObjectContext, begin: Begin): Promise<void> {
    const { id: invocation, attemptCompletedSignal } = ctx.request();
    attemptCompletedSignal.addEventListener('abort', running.join(invocation), { once: true });
    const world = { clock: setup.clock, context: options.context?.(ctx.key) };
    const turn = new SessionRun(ctx, await SessionRecord.open(ctx, setup), { world, running, bus });
    const end = await turn.play(begin);
    running.release(invocation);
    inboxOf(ctx).leave({ invocation, ...end });
  }

  /** Ends the turn of an invocation that has come to no end of its own. */
  async function rescueSession(ctx: ObjectContext, { invocation, reason }: Broken): Promise<void> {
    const record = await SessionRecord.open(ctx, setup);
    const { rows, seq } = await record.rowsLeft();
    const at = await ctx.date.now();
    let hasMore = record.waiting.queue.length > 0;
    if (rows.length > 0) {
      const { options: from, writtenBy } = record.replay;
      const { host, failure = brokenFailure(reason), rows: whole } = reopen(from, rows, writtenBy);
      record.drop(rows.length - whole.length);
      const resting = closeInStead(record, host, { failure, at, seq }, bus);
      host.stop();
      record.checkpoint(at, resting);
      hasMore = resting.queue.length > 0;
    }
    inboxOf(ctx).leave({ invocation, taken: await record.taken(invocation), hasMore });
  }

  async function give(ctx: ObjectContext, given: Given): Promise<void> {
    const now = await ctx.get<Running>('running');
    if (now === null) {
      await start(ctx, [given]);
      return;
    }
    const { invocation, commands } = now;
    const run = ctx.invocation(InvocationIdParser.fromString(invocation));
    run.signal<Given>(commandSignal(commands.length)).resolve(given);
    ctx.set<Running>('running', { invocation, commands: [...commands, given] });
  }

  async function start(ctx: ObjectContext, commands: readonly Given[]): Promise<void> {
    const begun = ctx.objectSendClient<SessionHandlers>(names.session, ctx.key).run({ commands });
    const invocation = await begun.invocationId;
    ctx.set<Running>('running', { invocation, commands });
    inboxOf(ctx).watch(invocation);
  }

  async function leave(ctx: ObjectContext, { invocation, taken, hasMore }: Left): Promise<void> {
    const now = await ctx.get<Running>('running');
    if (now?.invocation !== invocation) return;
    const left = now.commands.slice(taken);
    if (hasMore || left.length > 0) await start(ctx, left);
    else ctx.clear('running');
  }

  async function ask(ctx: ObjectSharedContext, given: Given): Promise<Admission> {
    const { id, promise } = ctx.awakeable<Admission>();
    inboxOf(ctx).give({ ...given, replyTo: id });
    return await promise;
  }

  /** The session, with what has been given to it and is not in it yet. */
  async function look(ctx: ObjectSharedContext): Promise<Kept> {
    const kept = await ctx.objectClient<SessionHandlers>(names.session, ctx.key).look();
    const now = await ctx.get<Running>('running');
    if (now === null) return kept;
    const taken = kept.progress?.invocation === now.invocation ? kept.progress.taken : 0;
    const sent = now.commands.slice(taken).flatMap(({ command }) => (command.type === 'session.send' ? [command] : []));
    const { snapshot, turns } = kept;
    return {
      ...kept,
      isThere: true,
      snapshot: { ...snapshot, queued: snapshot.queued + sent.length },
      turns: [...turns, ...sent.map(({ turnId }) => ({ id: turnId }))],
    };
  }

  /** Sees to it that an invocation has an end, whatever ends it. */
  async function watch(ctx: ObjectSharedContext, invocation: string): Promise<void> {
    try {
      await ctx.attach(InvocationIdParser.fromString(invocation));
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      ctx.objectSendClient<SessionHandlers>(names.session, ctx.key).rescue({ invocation, reason: error.message });
    }
  }

  const inboxOf = (ctx: ObjectSharedContext) => ctx.objectSendClient<InboxHandlers>(names.inbox, ctx.key);

  return Object.assign([session, inbox], {
    drain: async ({ graceMs = 10_000 }: DrainServicesOptions = {}): Promise<DrainedServices> => {
      await running.drain(graceMs);
      return { unfinished: running.size };
    },
  });
}

function brokenFailure(reason: string): Failure {
  return createFailure({
    type: 'internal',
    code: 'invocation_ended',
    message: `The invocation that ran this turn was ended: ${reason}`,
  });
}
