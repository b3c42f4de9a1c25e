import { accepted } from './admission.ts';
import { endOf, failWaiting, type Rescue, rescue, sayInstead } from './brokenTurn.ts';
import { Driver } from './driver.ts';
import { isTerminal, type TurnEvent, type TurnEventType } from './events.ts';
import { describeError, type Failure } from './failure.ts';
import { HeldTurn } from './heldTurn.ts';
import { type Command, Host, type Row } from './host.ts';
import type { Kept } from './keeper.ts';
import { Keeping } from './keeping.ts';
import { type Listener, Listeners, type Unsubscribe } from './listeners.ts';
import { internalFailure } from './machines/turnFailures.ts';
import { type Recorder, Recorders } from './recorders.ts';
import type { SessionEntry } from './recording.ts';
import { lostFailure, type Opened, type Past, type Rested, recoverySource, retell, whatIsLeft } from './reopening.ts';
import { hostOptions, type SessionSetup, startEntry } from './sessionSetup.ts';
import type { Admission } from './turn.ts';
import { TurnHandles } from './turnHandles.ts';

/**
 * A session at work, behind its commands: where the machines and their driver, what is kept, and everybody who is told
 * meet. It lives until it is closed, or lost because what happens cannot be kept.
 */
export class SessionAtWork<TOutput> {
  readonly turns = new TurnHandles<TOutput>((turnId, reason) => this.cancel(turnId, reason));
  readonly #setup: SessionSetup;
  readonly #id: string;
  readonly #context: unknown;
  readonly #kept: Kept | undefined;
  readonly #keeping: Keeping;
  readonly #listeners = new Listeners((event, error) => this.#diagnose(event, error));
  readonly #keptListeners = new Listeners((event, error) => this.#diagnose(event, error));
  readonly #recorders = new Recorders((error) => this.#saySourceThrew('recorder', error));
  #driver: Driver;
  #held: HeldTurn | undefined;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(setup: SessionSetup, id: string, context: unknown, opened: Opened, kept: Kept | undefined) {
    this.#setup = setup;
    this.#id = id;
    this.#context = context;
    this.#kept = kept;
    this.#keeping = new Keeping(setup, id, kept, opened.past.history, (error) => this.#lose(error));
    this.#warn(kept?.stored?.warnings);
    this.#driver = this.#drive(opened.host);
    if (opened.rows.length > 0 || opened.failure !== undefined) this.#hold(opened);
    if (kept !== undefined) setup.onBusy(this, true);
  }

  /** The machines; others, once these could not go on. */
  get host(): Host {
    return this.#driver.host;
  }

  /** Whether it takes nothing more. */
  get isClosed(): boolean {
    return this.#closing !== undefined || this.#keeping.isLost;
  }

  command(command: Command): void {
    this.#driver.command(command);
    if (this.#held?.isCancelled) this.#letGo();
    this.#sumUp();
    this.#tellBusy();
  }

  cancel(turnId = this.#held?.turnId, reason?: string): Admission {
    this.command({
      type: 'session.cancel',
      ...(turnId !== undefined && { turnId }),
      ...(reason !== undefined && { reason }),
    });
    return accepted;
  }

  /** Goes on with what was unfinished when the process ended; false where nothing is. */
  goOn(): boolean {
    const { resultOf } = this.#kept ?? {};
    const held = this.#held;
    if (held === undefined || resultOf === undefined || this.isClosed) return false;
    this.#held = undefined;
    if (held.failure !== undefined) {
      this.#restart(held.failure);
      return true;
    }
    this.#say(recoverySource, whatIsLeft(this.host, resultOf));
    held.goOn(resultOf);
    return true;
  }

  /** @param kept only what is in the store */
  on(type: TurnEventType | '*', listener: Listener<never>, kept: boolean): Unsubscribe {
    return (kept && this.#keeping.hasStore ? this.#keptListeners : this.#listeners).add(type, listener);
  }

  record(recorder: Recorder): Unsubscribe {
    this.host.onRow = this.#takeRow;
    return this.#recorders.add(recorder, this.#startEntry());
  }

  /** Lets somebody watch, as if from the start of the turn that it was opened in the middle of. */
  watch({ past, rows }: Opened, begin: () => Recorder): void {
    this.host.onRow = this.#takeRow;
    const [first] = rows;
    const start = first === undefined ? this.#startEntry() : startEntry(this.#setup, this.#id, first.at, past);
    const since = first === undefined ? [] : retell(hostOptions(this.#setup, this.#id, past), rows);
    try {
      this.#recorders.invite(start, since, begin);
    } catch (error) {
      this.#soon(() => this.#saySourceThrew('inspector', error));
    }
  }

  /** Cancels what runs or waits, and resolves when all of it has ended and is kept. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#keeping.isLost) await this.#finish();
    await this.#keeping.release();
    this.#setup.onBusy(this, false);
  }

  async #finish(): Promise<void> {
    if (this.host.actor.getSnapshot().value !== 'idle') {
      const idle = new Promise<void>((resolve) => this.#whenIdle.push(resolve));
      this.command({ type: 'session.close' });
      await idle;
    }
    // what is kept is to be gone on with
    this.#keeping.close();
    this.command({ type: 'session.close' });
    this.#driver.stop();
    if (this.#keeping.hasStore) await new Promise<void>((resolve) => this.#keeping.whenSafe(resolve, resolve));
  }

  #drive(host: Host): Driver {
    const { hasStore, whenSafe } = this.#keeping;
    if (hasStore) host.onRow = this.#takeRow;
    return new Driver(host, {
      clock: this.#setup.clock,
      context: this.#context,
      onEvent: (event) => this.#tell(event),
      onBroken: (error) => this.#restart(internalFailure(describeError(error))),
      ...(hasStore && { whenSafe }),
    });
  }

  #tell(event: TurnEvent): void {
    this.#recorders.enter({ type: 'event', event });
    if (event.type === 'session.idle') this.#checkpoint();
    this.turns.push(event);
    if (isTerminal(event) && event.turnId !== undefined) {
      this.#keeping.countEnd();
      this.#endTurn(event.turnId);
    }
    this.#listeners.tell(event);
    if (!this.#keptListeners.isEmpty) this.#tellKept(event);
    if (event.type !== 'session.idle') return;
    this.#tellBusy();
    for (const resolve of this.#whenIdle.splice(0)) this.#keeping.whenSafe(resolve, resolve);
  }

  #tellKept(event: TurnEvent): void {
    const tell = this.#keptListeners.later(event);
    if (tell === undefined) return;
    // a report is kept with what comes next
    if (this.host.unrecorded().length > 0) this.#keeping.whenNextIsSafe(tell);
    else this.#keeping.whenSafe(tell);
  }

  #endTurn(turnId: string): void {
    const { outputs } = this.host;
    const output = outputs.get(turnId);
    outputs.delete(turnId);
    this.#setup.outputs.delete(turnId);
    if (this.#held?.turnId === turnId) this.#letGo();
    this.turns.end(turnId, output, this.#keeping.whenSafe);
  }

  /** What is kept is locked until it is closed. */
  #tellBusy(): void {
    if (this.#keeping.hasStore) return;
    const { value } = this.host.actor.getSnapshot();
    this.#setup.onBusy(this, value !== 'idle' && value !== 'closed');
  }

  #diagnose(event: TurnEvent, error: unknown): void {
    // a listener that cannot take its own diagnostic would be told for ever
    if (event.type !== 'diagnostic') this.#saySourceThrew(`listener of ${event.type}`, error);
  }

  #saySourceThrew(source: string, error: unknown): void {
    const { name, message } = describeError(error);
    this.#say(source, `${name}: ${message}`);
  }

  #say(source: string, message: string): void {
    this.command({ type: 'session.diagnose', source, message });
  }

  #warn(warnings: readonly string[] = []): void {
    if (warnings.length === 0) return;
    this.#soon(() => {
      for (const message of warnings) this.#say('store', message);
    });
  }

  /** When whoever opened the session listens to it. */
  #soon(run: () => void): void {
    this.#setup.clock.setTimeout(run, 0);
  }

  #rested(): Rested {
    const { host } = this;
    return { ...host.actor.getSnapshot().context, seq: host.seq };
  }

  #startEntry(): SessionEntry {
    return startEntry(this.#setup, this.#id, this.#setup.clock.now(), this.#rested());
  }

  #takeRow = (row: Row): void => {
    this.#keeping.keep(row);
    this.#recorders.enter({ type: 'row', ...row });
  };

  #checkpoint(): void {
    if (this.#keeping.hasStore) this.#keeping.checkpoint(this.#rested());
  }

  /** What is said to a session that rests would make it seem to be in a turn. */
  #sumUp(): void {
    if (!this.#keeping.isSummedUp && this.host.actor.getSnapshot().value === 'idle') this.#checkpoint();
  }

  /** The session did not rest when its process ended, and its machines are where they were then. */
  #hold({ host, failure }: Opened): void {
    const { value, context } = host.actor.getSnapshot();
    for (const { turnId } of context.queue) this.turns.open(turnId);
    // their listeners were told, or find them in the journal
    for (const event of host.events.splice(0)) {
      if (isTerminal(event)) this.#keeping.countEnd();
      this.turns.push(event);
    }
    host.outputs.clear();
    if (context.queue.length > 0 || value === 'compacting') {
      this.#held = new HeldTurn(this.#driver, failure);
      if (this.#kept?.resume === 'auto') this.#soon(() => this.goOn());
      return;
    }
    this.#soon(() => {
      if (failure !== undefined) this.#say(recoverySource, failure.message);
      this.#sumUp();
    });
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.letGo();
  }

  /** The machines cannot go on: their turn is closed in their stead, and new ones go on with the turns that wait. */
  #restart(failure: Failure): void {
    this.#held = undefined;
    const saved = this.#replace(failure);
    this.#checkpoint();
    this.#recordAnew();
    for (const { turnId, message, options, cancelled } of saved.queue) {
      this.#driver.command({ type: 'session.send', turnId, message, ...(options !== undefined && { options }) });
      if (cancelled !== undefined) this.#driver.command({ type: 'session.cancel', turnId, ...cancelled });
    }
    this.#driver.flush();
  }

  /** Something could not be kept, and the machines are ahead of what is: all turns end, and it can be opened again. */
  #lose(error: unknown): void {
    const failure = lostFailure(this.#id, describeError(error).message);
    const saved = this.#replace(failure);
    this.turns.endUnsafe((turnId) => endOf(turnId, saved.history, failure));
    this.#recordAnew();
    failWaiting(this.host, saved, failure, this.#setup.clock.now());
    this.#driver.flush();
    this.#driver.command({ type: 'session.close' });
    this.#driver.stop();
    if (this.#closing !== undefined) return;
    // what could not be written may be what releases it: then close() tries again
    this.#closing = this.#close();
    this.#closing.catch(() => {
      this.#closing = undefined;
    });
  }

  /** Machines take the place of those that cannot go on, and say what these have left unsaid. */
  #replace(failure: Failure): Rescue {
    const broken = this.#driver;
    const saved = rescue(broken.host, failure, this.#setup.clock.now(), this.turns.ids);
    broken.stop();
    const { history, usage, cost, approvedTools } = saved;
    const past: Past = { history, usage, cost, approvedTools, seq: broken.host.seq };
    const host = new Host(hostOptions(this.#setup, this.#id, past));
    this.#driver = this.#drive(host);
    sayInstead(host, broken.host, saved, this.#setup.clock.now());
    return saved;
  }

  /** What is recorded goes on with machines of its own. */
  #recordAnew(): void {
    if (this.#recorders.isEmpty) return;
    this.host.onRow = this.#takeRow;
    this.#recorders.enter(this.#startEntry());
  }
}
