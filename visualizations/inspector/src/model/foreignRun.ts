import type { ChartDrawing } from '../../../../src/inspection/chartDrawing.ts';
import type { FeedActor, FeedMachine, FeedMoment } from '../../../../src/inspection/inspector/feed.ts';
import type { Chart } from '../../../../src/inspection/readChart.ts';
import { shorten } from './describe.ts';
import {
  type ActorMoment,
  comparePaths,
  emptyMoment,
  type Item,
  type Moment,
  type Part,
  type Run,
  type Stay,
  type Track,
} from './run.ts';

interface GrowingTrack extends Track {
  readonly stays: Stay[];
}

/** A system of actors that are not of Turnchart: its moments are told, one by one. */
export class ForeignRun implements Run, Part {
  readonly id: string;
  readonly title: string;
  readonly items: Item[] = [];
  readonly tracks: GrowingTrack[] = [];
  readonly first = 0;
  readonly problem = undefined;
  readonly #machines: ReadonlyMap<string, FeedMachine>;
  readonly #actors = new Map<string, GrowingTrack>();
  #moment: Moment = emptyMoment;

  constructor(root: FeedActor, machines: ReadonlyMap<string, FeedMachine>) {
    this.id = root.actorId;
    this.title = root.name;
    this.#machines = machines;
  }

  get end(): number {
    return this.items.length;
  }

  get whole(): Part {
    return this;
  }

  partAt(): Part {
    return this;
  }

  has(actorId: string): boolean {
    return this.#actors.has(actorId);
  }

  chartOf(machine: string): Chart | undefined {
    return this.#machines.get(machine)?.chart;
  }

  drawingOf(machine: string): ChartDrawing | undefined {
    return this.#machines.get(machine)?.drawing;
  }

  begin({ actorId, parentId, name, machineId, at }: FeedActor): void {
    const parent = parentId === undefined ? undefined : this.#actors.get(parentId);
    const track: GrowingTrack = {
      key: this.tracks.length,
      path: parent === undefined ? name : `${parent.path}/${name}`,
      title: name,
      machine: machineId,
      isEffect: machineId === undefined,
      stays: [],
    };
    this.#actors.set(actorId, track);
    this.tracks.push(track);
    this.#take(track, { track, status: 'active', states: [], context: undefined }, at, false);
    this.#push(
      {
        at,
        kind: 'start',
        name: 'actor',
        summary: name,
        actor: track.path,
        actorTitle: name,
        payload: { actorId, name },
      },
      [],
    );
  }

  take({ actorId, event, sourceId, status, state, context, output, error, transitions, at }: FeedMoment): void {
    const track = this.#actors.get(actorId);
    if (track === undefined) return;
    const chart = this.chartOf(track.machine ?? '');
    const states = chart === undefined || state === undefined ? [] : statesIn(chart, state);
    const moment: ActorMoment = {
      track,
      status,
      states,
      context,
      ...(state !== undefined && { value: state }),
      ...((output ?? error) !== undefined && { output: output ?? error }),
    };
    const isReentered = transitions.some((index) => chart?.transitions[index]?.reenter === true);
    this.#take(track, moment, at, isReentered);
    const { type, ...payload } = event;
    const source = sourceId === undefined ? undefined : this.#actors.get(sourceId)?.title;
    const summary = [source === undefined ? '' : `from ${source}`, shorten(payload) === '{}' ? '' : shorten(payload)];
    this.#push(
      {
        at,
        kind: type.startsWith('xstate.after.') ? 'timer' : type.startsWith('xstate.') ? 'result' : 'command',
        name: type,
        summary: summary.filter((part) => part !== '').join(': '),
        actor: track.path,
        actorTitle: track.title,
        payload: event,
      },
      transitions.map((transition) => ({ track, transition })),
    );
  }

  #take(track: GrowingTrack, moment: ActorMoment, at: number, isReentered: boolean): void {
    const inPlace = this.#moment.actors.some((each) => each.track === track);
    const actors = inPlace
      ? this.#moment.actors.map((each) => (each.track === track ? moment : each))
      : [...this.#moment.actors, moment].sort((a, b) => comparePaths(a.track.path, b.track.path));
    this.#moment = { actors: actors.filter(({ track: { isEffect }, status }) => !isEffect || status === 'active') };
    const last = track.stays.at(-1);
    const isSame = last?.states.join() === moment.states.join() && moment.status === 'active';
    if (last !== undefined && isSame && !isReentered) return;
    if (last !== undefined) last.to ??= at;
    const leaf = moment.states.at(-1);
    track.stays.push({
      states: moment.states,
      leaf: leaf === undefined ? moment.status : leaf.slice(leaf.lastIndexOf('.') + 1),
      from: at,
      item: this.items.length,
      ...(moment.status !== 'active' && { to: at }),
    });
  }

  #push(item: Omit<Item, 'index' | 'moment' | 'steps'>, steps: Item['steps']): void {
    this.items.push({ ...item, steps, index: this.items.length, moment: this.#moment });
  }
}

/** Ids of the states of a value, outer ones first. */
function statesIn({ states }: Chart, value: NonNullable<FeedMoment['state']>): readonly string[] {
  const paths = pathsIn(value).map((path) => path.join('.'));
  const wanted = new Set(paths);
  return states.filter(({ path }) => path.length > 0 && wanted.has(path.join('.'))).map(({ id }) => id);
}

function pathsIn(value: NonNullable<FeedMoment['state']>): readonly (readonly string[])[] {
  if (typeof value === 'string') return [[value]];
  return Object.entries(value).flatMap(([key, inner]) => [
    [key],
    ...(inner === undefined ? [] : pathsIn(inner).map((path) => [key, ...path])),
  ]);
}
