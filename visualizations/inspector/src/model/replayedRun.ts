import known from 'virtual:known';
import type { Payload, TurnEvent } from '../../../../src/events.ts';
import type { Host, HostInput } from '../../../../src/host.ts';
import type { ChartDrawing } from '../../../../src/inspection/chartDrawing.ts';
import type { WatchedEntry } from '../../../../src/inspection/inspector/feed.ts';
import type { Chart } from '../../../../src/inspection/readChart.ts';
import { openRecorded } from '../../../../src/inspection/readRecording.ts';
import { ActorSystem } from './actorSystem.ts';
import { describeEvent, describeInput } from './describe.ts';
import type { Item, Run, Track } from './run.ts';

/** A session as it is where it is watched from. */
export type WatchedStart = Extract<WatchedEntry, { type: 'session' }>;

/**
 * A session of Turnchart: its machines are given what they were given then, and go the same way again. Nothing is
 * called.
 */
export class ReplayedRun implements Run {
  readonly id: string;
  readonly items: Item[] = [];
  /** As they came. */
  readonly entries: WatchedEntry[] = [];
  problem: string | undefined;
  start: WatchedStart;
  readonly #actors = new ActorSystem();
  #host: Host | undefined;

  constructor(start: WatchedStart) {
    this.id = start.sessionId;
    this.start = start;
  }

  get title(): string {
    return `${this.start.agent} · ${this.id}`;
  }

  get tracks(): readonly Track[] {
    return this.#actors.tracks;
  }

  chartOf(machine: string): Chart | undefined {
    return known.drawings[machine]?.chart;
  }

  drawingOf(machine: string): ChartDrawing | undefined {
    return known.drawings[machine];
  }

  add(entry: WatchedEntry): void {
    this.entries.push(entry);
    switch (entry.type) {
      case 'session':
        this.#begin(entry);
        return;
      case 'row':
        this.#apply(entry.input, entry.at, entry.began);
        return;
      case 'event':
        this.#tell(entry.event);
    }
  }

  #begin(entry: WatchedStart): void {
    this.#host?.stop();
    this.#host = undefined;
    this.start = entry;
    try {
      this.#host = openRecorded(entry);
    } catch (error) {
      this.problem = `The machines cannot be built from this recording: ${String(error)}.`;
    }
    this.#actors.begin(this.#host?.actor, 'session', { at: entry.at, item: this.items.length });
    const said = entry.input.history.length;
    this.#push({
      at: entry.at,
      kind: 'start',
      name: 'session',
      summary: [modelName(entry), said === 0 ? '' : `after ${said} messages`].filter((part) => part !== '').join(', '),
      actor: 'session',
      payload: entry,
      steps: [],
    });
  }

  #apply(input: HostInput, at: number, began: readonly string[]): void {
    const actor = this.#pathOf(input);
    const description = describeInput(input, this.#host);
    const number = this.items.length + 1;
    let begins: readonly string[] = began;
    try {
      begins = this.#host?.apply(input, at) ?? began;
    } catch (error) {
      this.problem ??= `Event ${number} cannot be put into the machines of today: ${String(error)}.`;
    }
    if (begins.join() !== began.join()) {
      const what = `then it began [${began.join(', ')}], now it begins [${begins.join(', ')}]`;
      this.problem ??= `The machines go another way today from event ${number} (${description.name}) on: ${what}.`;
    }
    this.#forgetNews();
    const firstAt = input.type === 'settled' ? input.reportedAt : undefined;
    const steps = this.#actors.look({ at, item: this.items.length, firstAt });
    this.#push({ at, ...description, actor, payload: input, steps });
  }

  /** What the machines want and say is for who drives them. */
  #forgetNews(): void {
    const host = this.#host;
    if (host === undefined) return;
    host.takeBegun();
    host.takeArmed();
    host.events.length = 0;
    host.outputs.clear();
  }

  #tell(event: TurnEvent): void {
    const actor = this.#speakerOf(event, event.turnId === undefined ? 'session' : 'session/turn');
    this.#push({ at: event.at, ...describeEvent(event), actor, payload: event, steps: [] });
  }

  #push(item: Omit<Item, 'index' | 'moment' | 'actorTitle'>): void {
    const { moment, titles } = this.#actors;
    const actorTitle = titles.get(item.actor) ?? item.actor.slice(item.actor.lastIndexOf('/') + 1);
    this.items.push({ ...item, actorTitle, index: this.items.length, moment });
  }

  #pathOf(input: HostInput): string {
    const { paths } = this.#actors;
    if (input.type === 'fired') return input.timer.slice(0, input.timer.indexOf(':'));
    if (input.type !== 'command') return paths.get(input.effect) ?? 'session';
    return 'toolCallId' in input.command ? (paths.get(input.command.toolCallId) ?? 'session') : 'session';
  }

  #speakerOf(event: Payload, turn: string): string {
    const id = 'toolCallId' in event ? event.toolCallId : undefined;
    const call = id === undefined ? undefined : this.#actors.callIn(turn, id);
    if (event.type === 'agent.event' && call !== undefined) return this.#speakerOf(event.event, `${call}/agent`);
    return call ?? turn;
  }
}

/** Who answers, where that is known. */
export function modelName({ model }: WatchedStart): string {
  return model === undefined ? '' : `${model.provider}/${model.modelId}`;
}
