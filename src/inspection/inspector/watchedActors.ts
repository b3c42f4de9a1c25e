import type {
  ActorRefLike,
  AnyEventObject,
  AnyStateMachine,
  AnyTransitionDefinition,
  InspectionEvent,
  Snapshot,
  StateValue,
} from 'xstate';
import { describeError } from '../../failure.ts';
import type { Json } from '../../json.ts';
import { drawChart } from '../chartDrawing.ts';
import { isMachine } from '../isMachine.ts';
import { type Chart, indexOfTransition, readChart } from '../readChart.ts';
import { describeValue } from './describeValue.ts';
import type { FeedForgotten, FeedMachine, FeedNotice } from './feed.ts';
import type { FeedLog, Frame } from './feedLog.ts';

/** What is known of an actor that is not of a session of ours. */
interface WatchedActor {
  readonly id: string;
  readonly introduction: Frame;
  readonly moments: Frame[];
  isOver: boolean;
  /** Taken since its last moment. */
  readonly transitions: number[];
  /** Events that it was sent and has not taken yet, and who sent them. */
  readonly sent: { readonly event: unknown; readonly source: ActorRefLike | undefined }[];
}

/** Actors that XState tells of, with their machines and all that happens to them. */
export class WatchedActors {
  readonly #log: FeedLog;
  readonly #remark: (remark: FeedNotice | FeedForgotten) => void;
  readonly #byRef = new WeakMap<ActorRefLike, WatchedActor>();
  /** In the order in which they came. */
  readonly #actors = new Set<WatchedActor>();
  /** Their ids, by configuration. */
  readonly #machines = new WeakMap<object, string>();
  /** Somebody looks: before that, nothing is drawn, which takes long. */
  #isWatched = false;
  readonly #undrawn: FeedMachine[] = [];
  #actorCount = 0;
  #machineCount = 0;

  /** @param remark says something that is not kept for long */
  constructor(log: FeedLog, remark: (remark: FeedNotice | FeedForgotten) => void) {
    this.#log = log;
    this.#remark = remark;
  }

  take(event: InspectionEvent): void {
    const actor = this.#actorOf(event.actorRef);
    switch (event.type) {
      case '@xstate.event':
        // one that is over takes nothing any more
        if (!actor.isOver) actor.sent.push({ event: event.event, source: event.sourceRef });
        return;
      case '@xstate.microstep':
        actor.transitions.push(...indexesOf(event._transitions));
        return;
      case '@xstate.snapshot':
        this.#sayMoment(actor, event.event, event.snapshot);
    }
  }

  /** Lets go of the actors that are over, the oldest first, until there is room; then of the oldest moments of all. */
  makeRoom(hasRoom: () => boolean): void {
    for (const actor of this.#actors) {
      if (hasRoom()) return;
      if (!actor.isOver) continue;
      this.#actors.delete(actor);
      this.#log.forget([actor.introduction, ...actor.moments]);
      this.#remark({ type: 'forgotten', what: 'actor', id: actor.id });
    }
    for (const actor of this.#actors) {
      if (hasRoom()) return;
      this.#log.forget(actor.moments.splice(0, Math.ceil(actor.moments.length / 2)));
    }
  }

  /** Draws all machines, from now on as they come. */
  draw(): void {
    this.#isWatched = true;
    for (const machine of this.#undrawn.splice(0)) {
      drawChart(machine.chart).then(
        (drawing) => this.#log.say({ ...machine, drawing }),
        (error: unknown) => this.#remark({ type: 'notice', text: describeError(error).message }),
      );
    }
  }

  #actorOf(ref: ActorRefLike): WatchedActor {
    const known = this.#byRef.get(ref);
    if (known !== undefined) return known;
    const { id: name, logic, _parent: parent } = ref as ActorRefLike & ActorParts;
    const parentId = parent && this.#actorOf(parent).id;
    const machineId = isMachine(logic) ? this.#machineOf(logic) : undefined;
    this.#actorCount += 1;
    const id = `actor.${this.#actorCount}`;
    const introduction = this.#log.say({
      type: 'actor',
      actorId: id,
      ...(parentId !== undefined && { parentId }),
      name,
      ...(machineId !== undefined && { machineId }),
      at: Date.now(),
    });
    const actor: WatchedActor = { id, introduction, moments: [], isOver: false, transitions: [], sent: [] };
    this.#byRef.set(ref, actor);
    this.#actors.add(actor);
    return actor;
  }

  /** Machines that differ only in what is provided to them share a chart. */
  #machineOf(machine: AnyStateMachine): string | undefined {
    const known = this.#machines.get(machine.config);
    if (known !== undefined) return known;
    let chart: Chart;
    try {
      chart = readChart(machine);
    } catch (error) {
      const text = `The machine "${machine.id}" has no chart. ${describeError(error).message}`;
      this.#remark({ type: 'notice', text });
      return undefined;
    }
    this.#machineCount += 1;
    const machineId = `machine.${this.#machineCount}`;
    this.#machines.set(machine.config, machineId);
    const told: FeedMachine = { type: 'machine', machineId, chart };
    this.#log.say(told);
    this.#undrawn.push(told);
    if (this.#isWatched) this.draw();
    return machineId;
  }

  #sayMoment(actor: WatchedActor, event: AnyEventObject, snapshot: Snapshot<unknown>): void {
    const { status, output, error } = snapshot;
    const { value, context } = snapshot as MachineParts;
    const source = takeSource(actor, event);
    const moment = this.#log.say({
      type: 'moment',
      actorId: actor.id,
      event: { ...(describeValue(event) as { readonly [field: string]: Json }), type: event.type },
      ...(source !== undefined && { sourceId: this.#actorOf(source).id }),
      status,
      ...(value !== undefined && { state: value }),
      ...(context !== undefined && { context: describeValue(context) }),
      ...(output !== undefined && { output: describeValue(output) }),
      ...(status === 'error' && { error: describeError(error).message }),
      transitions: actor.transitions.splice(0),
      at: Date.now(),
    });
    actor.moments.push(moment);
    actor.isOver = status !== 'active';
  }
}

/** What XState's own types of actors leave out. */
interface ActorParts {
  readonly id: string;
  readonly logic: unknown;
  readonly _parent: ActorRefLike | undefined;
}

/** What only machines have. */
interface MachineParts {
  readonly value?: StateValue;
  readonly context?: unknown;
}

/** Events are taken in the order in which they were sent; those before it were taken without a word. */
function takeSource({ sent }: WatchedActor, event: AnyEventObject): ActorRefLike | undefined {
  const index = sent.findIndex((each) => each.event === event);
  return sent.splice(0, index + 1).at(-1)?.source;
}

function indexesOf(transitions: readonly AnyTransitionDefinition[]): readonly number[] {
  return transitions.map(indexOfTransition).filter((index) => index !== undefined);
}
