import { type ObjectContext, RestatePromise } from '@restatedev/restate-sdk';
import { admit, admitSteering } from '../../admission.ts';
import { rescue } from '../../brokenTurn.ts';
import type { EffectWorld, StartedEffect } from '../../effects.ts';
import type { TurnEvent } from '../../events.ts';
import { describeError, type Failure } from '../../failure.ts';
import type { Command, Host, HostInput } from '../../host.ts';
import { internalFailure } from '../../machines/turnFailures.ts';
import { maxRecoveries, noProgressFailure, recoverySource, whatIsLeft } from '../../reopening.ts';
import { interrupted } from '../../services/interrupted.ts';
import { snapshotOf } from '../../snapshot.ts';
import { type TurnOutcome, toOutcome } from '../../turn.ts';
import type { DeltaBus } from './deltaBus.ts';
import { type Begin, commandSignal, type Given } from './protocol.ts';
import { type Done, type HeldEffect, processName, type Report, type RunningEffects } from './runningEffects.ts';
import type { Resting, SessionRecord } from './sessionRecord.ts';

export interface SessionRunOptions {
  readonly world: EffectWorld;
  readonly running: RunningEffects;
  readonly bus: DeltaBus | undefined;
}

/** What a race of everything that is waited for is won by. */
type Won =
  | { readonly type: 'effect'; readonly effect: StartedEffect; readonly done: Done }
  | { readonly type: 'timer'; readonly id: string }
  | { readonly type: 'command'; readonly given: Given };

/** What was said so far of an effect that is still at work. */
interface Segment extends Report {
  readonly effect: string;
  /** How many of its reports that and all segments before it hold. */
  readonly upTo: number;
}

/** What is written down before something is taken that comes from outside. */
interface Note {
  readonly at: number;
  readonly segments: readonly Segment[];
}

/**
 * Runs one turn of a session in one invocation: effects are journaled steps, timers are sleeps, commands are signals.
 * They race, and one winner at a time goes into the machines, so a repeated attempt goes the same way. Text that streams
 * is not journaled, unless something else comes while it does.
 */
export class SessionRun {
  readonly #ctx: ObjectContext;
  readonly #record: SessionRecord;
  readonly #options: SessionRunOptions;
  readonly #host: Host;
  readonly #awaited = new Map<string, RestatePromise<Won>>();
  /** Reports of each effect that the machines have, and that are journaled. */
  readonly #forwarded = new Map<string, number>();
  readonly #noted = new Map<string, number>();
  /** Effects at work whose reports enter the machines: of the others, what is journaled comes first. */
  readonly #heard = new Map<StartedEffect, HeldEffect>();
  /** Processes that were lost since something was achieved. */
  readonly #lost = new Set<string>();
  #isHeld = false;
  #hasEnded = false;
  #isBroken = false;
  #hasMore = false;
  #taken = 0;
  #at = 0;

  constructor(ctx: ObjectContext, record: SessionRecord, options: SessionRunOptions) {
    this.#ctx = ctx;
    this.#record = record;
    this.#options = options;
    this.#host = record.host();
    this.#host.onRow = (row) => record.keep(row, this.#host.seq);
    this.#host.onAbort = ({ id }) => {
      this.#awaited.delete(effectKey(id));
      options.running.find(this.#invocation, id)?.stop();
    };
    this.#host.onDisarm = ({ id }) => this.#awaited.delete(timerKey(id));
  }

  /** Until the session rests, or its next turn is for another invocation. */
  async play({ commands }: Begin): Promise<{ readonly taken: number; readonly hasMore: boolean }> {
    await this.#enter(this.#waiting());
    for (const given of commands) if (!this.#isOver) await this.#take(given);
    if (!this.#isAtRest) this.#listen();
    while (!this.#isAtRest) await this.#win(await RestatePromise.race([...this.#awaited.values()]));
    if (!this.#isBroken) this.#rest(this.#at, this.#resting());
    this.#host.stop();
    return { taken: this.#taken, hasMore: this.#hasMore };
  }

  get #invocation(): string {
    return this.#ctx.request().id;
  }

  /** Whether the machines take nothing any more. */
  get #isOver(): boolean {
    return this.#isBroken || this.#host.actor.getSnapshot().value === 'closed';
  }

  get #isAtRest(): boolean {
    if (this.#isOver) return true;
    return this.#host.actor.getSnapshot().value === 'idle' || (this.#hasEnded && this.#host.awaitsStart);
  }

  /** What the run before this one has left to it. */
  #waiting(): readonly Command[] {
    const { queue, steering } = this.#record.waiting;
    const [first, ...others] = queue;
    if (first === undefined) return [];
    return [
      ...sendOf(first),
      ...steering.map((said): Command => ({ type: 'session.steer', ...said })),
      ...others.flatMap(sendOf),
    ];
  }

  async #enter(commands: readonly Command[]): Promise<void> {
    if (commands.length === 0) return;
    const { at } = await this.#note();
    for (const command of commands) this.#apply({ type: 'command', command }, at);
    await this.#follow();
  }

  #listen(): void {
    const signal = this.#ctx.signal<Given>(commandSignal(this.#taken));
    this.#awaited.set(
      'command',
      signal.map((given): Won => {
        if (given === undefined) throw new Error('A command came without its content.');
        return { type: 'command', given };
      }),
    );
  }

  async #win(won: Won): Promise<void> {
    switch (won.type) {
      case 'command':
        await this.#take(won.given);
        this.#listen();
        return;
      case 'timer': {
        this.#awaited.delete(timerKey(won.id));
        const { at } = await this.#note();
        await this.#put({ type: 'fired', timer: won.id }, at);
        return;
      }
      case 'effect':
        this.#awaited.delete(effectKey(won.effect.id));
        await this.#settle(won.effect, won.done);
    }
  }

  async #take({ command, aimedAt, replyTo }: Given): Promise<void> {
    const { at } = await this.#note();
    const { context } = this.#host.actor.getSnapshot();
    const asked = { id: this.#ctx.key, snapshot: snapshotOf(this.#host), context };
    const admission = command.type === 'session.steer' ? admitSteering(aimedAt, asked) : admit(command, asked);
    if (admission.accepted) this.#apply({ type: 'command', command }, at);
    this.#taken += 1;
    this.#record.note({ invocation: this.#invocation, taken: this.#taken });
    if (replyTo !== undefined) this.#ctx.resolveAwakeable(replyTo, admission);
    await this.#follow();
  }

  async #settle(effect: StartedEffect, done: Done): Promise<void> {
    this.#heard.delete(effect);
    if (done.type === 'lost') {
      await this.#recover(effect, done);
      return;
    }
    this.#lost.clear();
    this.#options.running.drop(this.#invocation, effect.id);
    await this.#noteFor(effect.id);
    const { result, reportedAt } = done;
    const input = {
      type: 'settled',
      effect: effect.id,
      result,
      ...(reportedAt !== undefined && { reportedAt }),
    } as const;
    await this.#put(input, done.at);
  }

  /** The process that had begun it is out of reach. What may be repeated begins anew, here. */
  async #recover(effect: StartedEffect, { process }: Done & { readonly type: 'lost' }): Promise<void> {
    // of this effect, too: an attempt that was given up may have said that it is lost while it went on here
    const { at } = await this.#note();
    const isNews = !this.#lost.has(process);
    this.#lost.add(process);
    if (this.#lost.size > maxRecoveries) {
      this.#giveUp(noProgressFailure(this.#lost.size));
      return;
    }
    if (isNews) {
      const message = whatIsLeft(this.#host, interrupted);
      this.#apply({ type: 'command', command: { type: 'session.diagnose', source: recoverySource, message } }, at);
    }
    const result = interrupted(effect);
    if (result === undefined) {
      this.#release();
      await this.#begin([effect]);
      return;
    }
    // what was shown of an answer is not known any more, so it counts as shown
    const reportedAt = effect.kind === 'callModel' ? { reportedAt: this.#at } : {};
    await this.#put({ type: 'settled', effect: effect.id, result, ...reportedAt }, at);
  }

  async #put(input: HostInput, at: number): Promise<void> {
    this.#apply(input, at);
    await this.#follow();
  }

  /** One input, and the events that it leads to. */
  #apply(input: HostInput, at: number): void {
    this.#at = Math.max(this.#at, at);
    this.#host.apply(input, this.#at);
    this.#tell();
    if (this.#host.outputs.size > 0) this.#hasEnded = true;
    if (this.#host.error !== undefined) this.#giveUp(internalFailure(describeError(this.#host.error)));
  }

  /** What follows from what was applied. */
  async #follow(): Promise<void> {
    if (!this.#isBroken && !this.#hasEnded && this.#host.awaitsStart) {
      this.#apply({ type: 'command', command: { type: 'session.start' } }, this.#at);
    }
    this.#release();
    if (this.#isBroken) return;
    for (const { id, dueAt } of this.#host.takeArmed()) {
      const sleep = this.#ctx.sleep(Math.max(0, dueAt - this.#at), id);
      this.#awaited.set(
        timerKey(id),
        sleep.map((): Won => ({ type: 'timer', id })),
      );
    }
    await this.#begin(this.#host.takeBegun());
  }

  /** That it begins is journaled before it does, as the process that has it from then on. */
  async #begin(effects: readonly StartedEffect[]): Promise<void> {
    if (effects.length === 0) return;
    const { running } = this.#options;
    const ids = effects.map(({ id }) => id);
    const process = await this.#ctx.run('begin', () => {
      running.reserve(this.#invocation, ids);
      return processName;
    });
    for (const effect of effects) {
      if (this.#host.effects.get(effect.id) !== effect) continue;
      const step = this.#ctx.run(effect.id, () => this.#work(effect, process));
      this.#awaited.set(
        effectKey(effect.id),
        step.map((done): Won => {
          if (done === undefined) throw new Error(`Effect "${effect.id}" has no result.`);
          return { type: 'effect', effect, done };
        }),
      );
    }
  }

  async #work(effect: StartedEffect, process: string): Promise<Done> {
    const { running, world } = this.#options;
    const held = process === processName ? running.find(this.#invocation, effect.id) : undefined;
    if (held === undefined) return { type: 'lost', process };
    this.#heard.set(effect, held);
    held.onReport = () => this.#forward(effect, held);
    const done = held.done(effect, world);
    this.#forward(effect, held);
    return await done;
  }

  /** Reports enter the machines as they come: all that a replay needs of them is in what follows. */
  #forward(effect: StartedEffect, held: HeldEffect): void {
    const { id } = effect;
    if (this.#isHeld || this.#host.effects.get(id) !== effect) return;
    for (let index = this.#forwarded.get(id) ?? 0; index < held.reports.length; index += 1) {
      const { report, at } = held.reports[index] as Report;
      this.#forwarded.set(id, index + 1);
      this.#host.apply({ type: 'reported', effect: id, report }, at);
      this.#tell({ effect: id, startedAt: held.startedAt });
    }
    if (effect.mergeReports !== undefined) return;
    held.reports.length = 0;
    this.#forwarded.delete(id);
  }

  /** Others than this one may have said something that what follows depends on. */
  async #noteFor(settled: string): Promise<void> {
    const others = [...this.#host.effects.values()].some(
      ({ id, mergeReports }) => id !== settled && mergeReports !== undefined,
    );
    if (others) await this.#note(settled);
  }

  /** Holds all reports back until what follows is applied; those before it are journaled. */
  async #note(except?: string): Promise<Note> {
    this.#isHeld = true;
    const note = await this.#ctx.run(
      'note',
      (): Note => ({ at: this.#options.world.clock.now(), segments: this.#segments(except) }),
    );
    for (const { effect: id, report, at, upTo } of note.segments) {
      const forwarded = this.#forwarded.get(id) ?? 0;
      const { reports = [], startedAt = 0 } = this.#options.running.find(this.#invocation, id) ?? {};
      const isReplay = forwarded === (this.#noted.get(id) ?? 0);
      const rest = isReplay ? [{ report, at }] : reports.slice(forwarded, upTo);
      for (const said of rest) {
        this.#host.apply({ type: 'reported', effect: id, report: said.report }, said.at);
        this.#tell({ effect: id, startedAt });
      }
      this.#forwarded.set(id, upTo);
      this.#noted.set(id, upTo);
    }
    return note;
  }

  #segments(except: string | undefined): readonly Segment[] {
    return [...this.#host.effects.values()].flatMap(({ id, mergeReports }) => {
      if (mergeReports === undefined || id === except) return [];
      const reports = this.#options.running.find(this.#invocation, id)?.reports ?? [];
      const [first, ...others] = reports.slice(this.#noted.get(id) ?? 0);
      if (first === undefined) return [];
      const report = others.reduce((merged, { report: next }) => mergeReports(merged, next), first.report);
      return [{ effect: id, report, at: first.at, upTo: reports.length }];
    });
  }

  /** Reports go on. */
  #release(): void {
    this.#isHeld = false;
    for (const [effect, held] of this.#heard) this.#forward(effect, held);
  }

  #tell(source?: { readonly effect: string; readonly startedAt: number }): void {
    const { events } = this.#host;
    if (events.length === 0) return;
    this.#record.count(events);
    this.#options.bus?.publish(this.#ctx.key, { events: events.splice(0), ...source });
  }

  #resting(): Resting {
    const { history, usage, cost, approvedTools, queue, steering } = this.#host.actor.getSnapshot().context;
    return { history, usage, cost, approvedTools, queue, steering, seq: this.#host.seq };
  }

  #rest(at: number, resting: Resting): void {
    this.#hasMore = resting.queue.length > 0;
    if (this.#record.hasRows) this.#record.checkpoint(at, resting);
  }

  /** The machines cannot go on: their turn is closed in their stead. */
  #giveUp(failure: Failure): void {
    this.#isBroken = true;
    const { seq } = this.#host;
    this.#rest(this.#at, closeInStead(this.#record, this.#host, { failure, at: this.#at, seq }, this.#options.bus));
  }
}

/** How a turn ends that its machines cannot end. */
interface Ending {
  readonly failure: Failure;
  readonly at: number;
  /** Of the last event that was told. */
  readonly seq: number;
}

/** Ends what machines have left open that cannot go on, and says so. */
export function closeInStead(
  record: SessionRecord,
  broken: Host,
  { failure, at, seq: told }: Ending,
  bus: DeltaBus | undefined,
): Resting {
  const saved = rescue(broken, failure, at, []);
  const { history, usage, cost, approvedTools, queue } = saved;
  const speaker = record.host({ history, usage, cost, approvedTools, seq: told });
  for (const { payload, turnId } of saved.payloads) speaker.emit({ ...payload, at }, turnId);
  const events: readonly TurnEvent[] = speaker.events;
  const outcomes: Record<string, TurnOutcome<unknown>> = {};
  for (const output of saved.outputs) outcomes[output.turnId] = toOutcome(output);
  record.count(events);
  record.sayFor(events, outcomes);
  bus?.publish(record.sessionId, { events });
  const { seq } = speaker;
  speaker.stop();
  return { history, usage, cost, approvedTools, queue, steering: [], seq };
}

function sendOf({ turnId, message, options, cancelled }: Resting['queue'][number]): readonly Command[] {
  const send: Command = { type: 'session.send', turnId, message, ...(options !== undefined && { options }) };
  return cancelled === undefined ? [send] : [send, { type: 'session.cancel', turnId, ...cancelled }];
}

function effectKey(id: string): string {
  return `effect ${id}`;
}

function timerKey(id: string): string {
  return `timer ${id}`;
}
