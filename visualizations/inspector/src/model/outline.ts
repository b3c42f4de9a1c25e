import type { Payload, TurnEvent } from '../../../../src/events.ts';
import type { HostInput } from '../../../../src/host.ts';
import type { WatchedEntry } from '../../../../src/inspection/inspector/feed.ts';
import { describeEvent, describeInput } from './describe.ts';
import { pathOfEffect } from './effectIds.ts';
import type { Item } from './run.ts';

/** A session as it is where it is watched from. */
export type WatchedStart = Extract<WatchedEntry, { type: 'session' }>;

/** An item without its place among the others, and without what only the machines know. */
export type Outlined = Omit<Item, 'index' | 'steps' | 'moment'>;

/** Says of each entry, one after another, what it was and whom it was about. That takes no machines. */
export class Outline {
  /** Latest names of the actors, by path. */
  readonly #titles = new Map<string, string>();
  /** Paths of the latest tool calls by their id, and by their turn and their id: two turns may use the same. */
  readonly #calls = new Map<string, string>();

  take(entry: WatchedEntry): Outlined {
    switch (entry.type) {
      case 'session':
        return this.#named(entry.at, 'session', entry, describeStart(entry));
      case 'row':
        return this.#named(entry.at, this.#pathOf(entry.input), entry.input, describeInput(entry.input));
      case 'event': {
        const { event } = entry;
        const actor = this.#speakerOf(event, event.turnId === undefined ? 'session' : 'session/turn');
        return this.#named(event.at, actor, event, describeEvent(event));
      }
    }
  }

  #named(at: number, actor: string, payload: unknown, description: ReturnType<typeof describeEvent>): Outlined {
    const actorTitle = this.#titles.get(actor) ?? actor.slice(actor.lastIndexOf('/') + 1);
    return { at, ...description, actor, actorTitle, payload };
  }

  #pathOf(input: HostInput): string {
    if (input.type === 'fired') return input.timer.slice(0, input.timer.indexOf(':'));
    if (input.type !== 'command') return pathOfEffect(input.effect);
    return ('toolCallId' in input.command && this.#calls.get(input.command.toolCallId)) || 'session';
  }

  #speakerOf(event: Payload | TurnEvent, turn: string): string {
    if (!('toolCallId' in event) || event.toolCallId === undefined) return turn;
    const key = `${turn} ${event.toolCallId}`;
    if (event.type === 'tool.called') {
      const path = `${turn}/tool.${event.index}`;
      this.#titles.set(path, event.toolName);
      this.#calls.set(key, path).set(event.toolCallId, path);
    }
    const call = this.#calls.get(key);
    if (event.type !== 'agent.event' || call === undefined) return call ?? turn;
    this.#titles.set(`${call}/agent`, event.event.agent);
    return this.#speakerOf(event.event, `${call}/agent`);
  }
}

function describeStart(entry: WatchedStart): ReturnType<typeof describeEvent> {
  const said = entry.input.history.length;
  const summary = [modelName(entry), said === 0 ? '' : `after ${said} messages`];
  return { kind: 'start', name: 'session', summary: summary.filter((part) => part !== '').join(', ') };
}

/** Who answers, where that is known. */
export function modelName({ model }: Pick<WatchedStart, 'model'>): string {
  return model === undefined ? '' : `${model.provider}/${model.modelId}`;
}
