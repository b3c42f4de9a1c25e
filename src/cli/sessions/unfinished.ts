import { setImmediate } from 'node:timers/promises';
import type { TurnEvent } from '../../events.ts';
import { recoverySource } from '../../reopening.ts';
import type { Session } from '../../session.ts';
import type { SessionSnapshot } from '../../snapshot.ts';
import type { AnyTool } from '../../tool.ts';
import type { Turn } from '../../turn.ts';
import { ago } from './ago.ts';

/** A turn in whose middle a process ended. */
export interface Unfinished {
  /** What it had said until then. */
  readonly events: readonly TurnEvent[];
  /** What was found and what becomes of it, in a line. */
  readonly description: string;
}

/**
 * What a session was at when its process ended; nothing where it rested.
 *
 * @param session one that waits for `resume()`
 * @param now epoch ms
 */
export async function findUnfinished(
  { snapshot, turns: [turn] }: Pick<Session, 'snapshot' | 'turns'>,
  tools: readonly AnyTool[],
  now: number,
): Promise<Unfinished | undefined> {
  if (turn === undefined || snapshot.turn === undefined) return undefined;
  const events = await eventsSoFar(turn);
  return { events, description: describe(snapshot, events, tools, now) };
}

/** The event that says how the session goes on, with what was found in it. */
export function explainRecovery(event: TurnEvent, unfinished: Unfinished | undefined): TurnEvent {
  const isRecovery = event.type === 'diagnostic' && event.source === recoverySource;
  return isRecovery && unfinished !== undefined ? { ...event, message: unfinished.description } : event;
}

async function eventsSoFar(turn: Turn): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  let isOver = false;
  const read = async () => {
    for await (const event of turn) {
      if (isOver) return;
      events.push(event);
    }
  };
  void read();
  // all of them are there, and no more come while the session waits
  await setImmediate();
  isOver = true;
  return events;
}

function describe(
  { turn, queued }: SessionSnapshot,
  events: readonly TurnEvent[],
  tools: readonly AnyTool[],
  now: number,
): string {
  const startedAt = events.find(({ type }) => type === 'turn.started')?.at;
  const began = startedAt === undefined ? '' : ` (began ${ago(now - startedAt)})`;
  const waiting = queued === 0 ? '' : ` ${queued === 1 ? 'A message waits' : `${queued} messages wait`} behind it.`;
  return `Found an unfinished turn${began}: ${factsOf(turn, tools).join(', ')}; going on.${waiting}`;
}

function factsOf(turn: SessionSnapshot['turn'], tools: readonly AnyTool[]): readonly string[] {
  if (turn === undefined || turn.step === 0) return ['nothing of it had run'];
  switch (turn.state) {
    case 'callingModel':
      return ['the model had been asked and is asked anew'];
    case 'retrying':
      return ['the model was to be asked again and will be'];
    case 'compacting':
      return ['the conversation was being shortened and will be'];
    case 'awaitingExtension':
      return ['it waits for more steps'];
    case 'awaitingResume':
      return ['it waits for leave to spend more'];
    default:
      return fatesOf(turn.tools, tools);
  }
}

/** What becomes of tool calls, those together that share a fate; in the order of the calls. */
function fatesOf(calls: NonNullable<SessionSnapshot['turn']>['tools'], tools: readonly AnyTool[]): readonly string[] {
  const names = new Map<string, string[]>();
  for (const { toolName, state } of calls) {
    const isIdempotent = tools.find(({ name }) => name === toolName)?.idempotent === true;
    const fate = fateOf(state, isIdempotent);
    names.set(fate, [...(names.get(fate) ?? []), toolName]);
  }
  return [...names].map(([fate, of]) => `${countNames(of)} ${fate}`);
}

function fateOf(state: string, isIdempotent: boolean): string {
  switch (state) {
    case 'preparing':
    case 'queued':
      return 'had not started';
    case 'awaitingApproval':
      return 'waits for approval';
    case 'awaitingResult':
      return 'waits for a client to run it';
    case 'delegating':
      return 'goes on with its agent';
    case 'executing':
      return isIdempotent ? 'had started and is run again' : 'had started and is reported as interrupted';
    case 'retrying':
      return 'was to be tried again and will be';
    default:
      return 'had run';
  }
}

/** Names that come more than once are counted. */
function countNames(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name} (${count} times)`)).join(' and ');
}
