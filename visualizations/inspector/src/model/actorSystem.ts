import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyTransitionDefinition,
  type InspectionEvent,
  isMachineSnapshot,
} from 'xstate';
import { indexOfTransition } from '../../../../src/inspection/readChart.ts';
import type { ToolCallContext } from '../../../../src/machines/toolCallMachine.ts';
import { type ActorMoment, emptyMoment, type Moment, type Stay, type Step, type Track } from './run.ts';

interface GrowingTrack extends Track {
  readonly stays: Stay[];
}

/** A transition that an actor has taken. */
interface Taken {
  readonly ref: AnyActorRef;
  /** Index in the chart. */
  readonly transition: number;
  readonly reenter: boolean;
}

/** When something is looked at. */
export interface Look {
  readonly at: number;
  /** Index of the item that it belongs to. */
  readonly item: number;
  /** When the first of a model's answer came. */
  readonly firstAt?: number | undefined;
}

/**
 * Actors at work, moment by moment. Snapshots are never changed by those who made them, so each moment is kept as it
 * was, and costs next to nothing to go back to.
 */
export class ActorSystem {
  /** Every actor there was, in the order of their beginnings. */
  readonly tracks: GrowingTrack[] = [];
  moment: Moment = emptyMoment;
  /** Latest names of the actors, by path. */
  readonly titles = new Map<string, string>();
  #root: AnyActorRef | undefined;
  #rootPath = '';
  /** The turn before, which is looked at until the next begins. */
  #ended: ActorMoment | undefined;
  #steps: Taken[] = [];
  readonly #tracks = new WeakMap<AnyActorRef, GrowingTrack>();
  readonly #refs = new Map<Track, AnyActorRef>();
  readonly #moments = new WeakMap<object, ActorMoment>();

  /** Other actors, in place of those before. */
  begin(root: AnyActorRef | undefined, path: string, look: Look): void {
    for (const { track } of this.moment.actors) close(track, look.at);
    this.#root = root;
    this.#rootPath = path;
    this.#ended = undefined;
    this.#steps = [];
    this.moment = emptyMoment;
    root?.system.inspect((event) => this.#inspect(event));
    this.look(look);
  }

  /** Takes down where everything is; gives the transitions that were taken since this was last asked. */
  look(look: Look): readonly Step[] {
    if (this.#root === undefined) return [];
    const steps = this.#steps;
    this.#steps = [];
    const now: ActorMoment[] = [];
    const reentered = new Set(steps.filter(({ reenter }) => reenter).map(({ ref }) => ref));
    this.#visit(this.#root, this.#rootPath, look, now, reentered);
    this.#keepEnded(now, look);
    for (const { track, status } of now) if (status !== 'active') close(track, look.at);
    this.moment = { actors: this.#ended === undefined ? now : [...now, this.#ended] };
    return steps.flatMap(({ ref, transition }): Step[] => {
      const track = this.#tracks.get(ref);
      return track === undefined ? [] : [{ track, transition }];
    });
  }

  #inspect(event: InspectionEvent): void {
    if (event.type !== '@xstate.microstep') return;
    for (const taken of event._transitions as unknown as readonly AnyTransitionDefinition[]) {
      const transition = indexOfTransition(taken);
      if (transition === undefined) continue;
      this.#steps.push({ ref: event.actorRef as AnyActorRef, transition, reenter: taken.reenter });
    }
  }

  #visit(ref: AnyActorRef, path: string, look: Look, now: ActorMoment[], reentered: ReadonlySet<AnyActorRef>): void {
    const snapshot: object = ref.getSnapshot();
    const track = this.#trackOf(ref, path, snapshot);
    let moment = this.#moments.get(snapshot);
    if (moment?.track !== track) {
      moment = momentOf(track, snapshot);
      this.#moments.set(snapshot, moment);
      stay(track, moment, look, reentered.has(ref));
    }
    now.push(moment);
    if (!isMachineSnapshot(snapshot)) return;
    for (const [id, child] of Object.entries(snapshot.children) as [string, AnyActorRef | undefined][]) {
      const inner: { readonly status: string } | undefined = child?.getSnapshot();
      // of work that is done, the machine knows the result
      if (child === undefined || (inner?.status !== 'active' && !isMachineSnapshot(inner))) continue;
      this.#visit(child, `${path}/${id}`, look, now, reentered);
    }
  }

  #trackOf(ref: AnyActorRef, path: string, snapshot: object): GrowingTrack {
    const found = this.#tracks.get(ref);
    if (found !== undefined) return found;
    const machine = isMachineSnapshot(snapshot) ? (snapshot as AnyMachineSnapshot).machine.id : undefined;
    const track: GrowingTrack = {
      key: this.tracks.length,
      path,
      title: this.#titleOf(ref, path, snapshot),
      machine,
      isEffect: machine === undefined,
      stays: [],
    };
    this.titles.set(path, track.title);
    this.#tracks.set(ref, track);
    this.#refs.set(track, ref);
    this.tracks.push(track);
    return track;
  }

  #titleOf(ref: AnyActorRef, path: string, snapshot: object): string {
    const call = callOf(snapshot);
    if (call !== undefined) return call.call.toolName;
    const name = path.slice(path.lastIndexOf('/') + 1);
    return name === 'agent' ? (callOf(ref._parent?.getSnapshot())?.agent?.name ?? name) : name;
  }

  /** Actors that are nobody's children any more: what they came to is in their last snapshots. */
  #keepEnded(now: readonly ActorMoment[], look: Look): void {
    const present = new Set(now.map(({ track }) => track));
    if (now.some(({ track }) => track.path === turnPath)) this.#ended = undefined;
    for (const { track } of this.moment.actors) {
      if (present.has(track) || track === this.#ended?.track) continue;
      const snapshot: object | undefined = this.#refs.get(track)?.getSnapshot();
      if (track.machine !== undefined && snapshot !== undefined) {
        const last = momentOf(track, snapshot);
        stay(track as GrowingTrack, last, look, false);
        if (track.path === turnPath && this.#ended === undefined && !now.some((each) => each.track.path === turnPath)) {
          this.#ended = last;
        }
      }
      close(track, look.at);
      this.#refs.delete(track);
    }
  }
}

const turnPath = 'session/turn';

function callOf(snapshot: object | undefined): ToolCallContext | undefined {
  if (!isMachineSnapshot(snapshot) || (snapshot as AnyMachineSnapshot).machine.id !== 'toolCall') return undefined;
  return (snapshot as AnyMachineSnapshot).context as ToolCallContext;
}

function momentOf(track: Track, snapshot: object): ActorMoment {
  if (!isMachineSnapshot(snapshot)) {
    const { status, input } = snapshot as { readonly status: ActorMoment['status']; readonly input?: unknown };
    return { track, status, states: [], context: input };
  }
  const { status, value, context, output, _nodes } = snapshot as AnyMachineSnapshot;
  const states = _nodes.filter(({ parent }) => parent !== undefined).sort((a, b) => a.path.length - b.path.length);
  return {
    track,
    status,
    value,
    states: states.map(({ id }) => id),
    context,
    ...(output !== undefined && { output }),
  };
}

function stay(track: GrowingTrack, { states, status }: ActorMoment, { at, item, firstAt }: Look, isNew: boolean): void {
  const last = track.stays.at(-1);
  if (last !== undefined && !isNew && isSame(last.states, states)) return;
  if (last !== undefined) {
    last.to ??= at;
    if (firstAt !== undefined && last.leaf === 'callingModel') last.firstAt = firstAt;
  }
  const leaf = states.at(-1);
  track.stays.push({ states, leaf: leaf?.slice(leaf.lastIndexOf('.') + 1) ?? status, from: at, item });
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((state, index) => state === b[index]);
}

function close({ stays }: Track, at: number): void {
  const last = stays.at(-1);
  if (last !== undefined) last.to ??= at;
}
