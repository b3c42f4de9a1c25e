import type { Payload } from '../../../../src/events.ts';
import type { History } from '../../../../src/machines/history.ts';
import { messagesOf } from '../../../../src/machines/history.ts';
import type { SessionContext } from '../../../../src/machines/sessionMachine.ts';
import type { TurnContext } from '../../../../src/machines/turnContext.ts';
import type { Message } from '../../../../src/messages.ts';
import { type ActorMoment, actorAt, type Item, type Moment } from './run.ts';

/** The turn that is looked at: the one around the actor of that path, or that of the session. */
export function turnOf(moment: Moment, path: string): ActorMoment | undefined {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const found = moment.actors.find(({ track }) => track.path === at && track.machine === 'turn');
    if (found !== undefined) return found;
  }
  return moment.actors.find(({ track }) => track.path === 'session/turn');
}

export function turnContext(turn: ActorMoment | undefined): TurnContext | undefined {
  return turn?.track.machine === 'turn' ? (turn.context as TurnContext) : undefined;
}

export function sessionContext(moment: Moment): SessionContext | undefined {
  const session = actorAt(moment, 'session');
  return session?.track.machine === 'session' ? (session.context as SessionContext) : undefined;
}

/** The conversation at a moment, with what waits for its turn left out. */
export function historyOf(moment: Moment, path: string): History | undefined {
  const turn = turnOf(moment, path);
  // a turn that has ended has handed it over, with a note perhaps
  if (turn?.status === 'active' || turn?.track.path !== 'session/turn') {
    const context = turnContext(turn);
    if (context !== undefined) return context.history;
  }
  return sessionContext(moment)?.history;
}

export function conversationOf(moment: Moment, path: string): readonly Message[] {
  const history = historyOf(moment, path);
  return history === undefined ? [] : messagesOf(history);
}

/** What was shown by then of an answer that is not whole yet. */
export function streamedText(items: readonly Item[], index: number, turn: string): string {
  const texts: string[] = [];
  for (let at = index; at >= 0; at -= 1) {
    const item = items[at];
    if (item === undefined || item.kind === 'start') break;
    if (item.kind !== 'event' || item.actor !== turn) continue;
    if (item.name === 'message.delta') texts.unshift(textIn(item.payload as Payload));
    else if (endings.has(item.name)) break;
  }
  return texts.join('');
}

function textIn(payload: Payload): string {
  if (payload.type === 'agent.event') return textIn(payload.event);
  return payload.type === 'message.delta' ? payload.text : '';
}

const endings: ReadonlySet<string> = new Set([
  'message.started',
  'message.completed',
  'message.superseded',
  'turn.started',
  'turn.cancelled',
  'turn.failed',
  'turn.completed',
]);

/** A context as it is to be looked at: its conversation as messages, and not the log that later moments share. */
export function presentable(context: unknown): unknown {
  if (typeof context !== 'object' || context === null || Array.isArray(context)) return context;
  return Object.fromEntries(
    Object.entries(context).map(([key, value]) => [key, isHistory(value) ? presentHistory(value) : value]),
  );
}

function presentHistory(history: History): object {
  const { log: _, length: _length, ...rest } = history;
  return { messages: messagesOf(history), ...rest };
}

function isHistory(value: unknown): value is History {
  return typeof value === 'object' && value !== null && 'log' in value && 'length' in value;
}
