import { createFailure, type Failure, isTerminal, type Message, type Session, type TurnEvent } from 'turnchart';
import { afterEach, beforeEach, expect } from 'vitest';

type TurnEventType = TurnEvent['type'];
type EventOf<T extends TurnEventType> = Extract<TurnEvent, { type: T }>;
type Listenable = Pick<Session<unknown>, 'on'>;

/** A list that grows with every event of the session from now on. */
export function record(session: Listenable): readonly TurnEvent[] {
  const events: TurnEvent[] = [];
  session.on('*', (event) => events.push(event));
  return events;
}

/** All that iterating gives. */
export async function readAll(turn: AsyncIterable<TurnEvent>): Promise<TurnEvent[]> {
  const events: TurnEvent[] = [];
  for await (const event of turn) events.push(event);
  return events;
}

export function typesOf(events: readonly TurnEvent[]): TurnEventType[] {
  return events.map(({ type }) => type);
}

export function ofType<T extends TurnEventType>(events: readonly TurnEvent[], type: T): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type);
}

/** The types of the events that end turns, in order. */
export function endings(events: readonly TurnEvent[]): TurnEventType[] {
  return typesOf(events.filter(isTerminal));
}

/** The events that came after the first one that ended a turn. */
export function afterEnding(events: readonly TurnEvent[]): readonly TurnEvent[] {
  return events.slice(events.findIndex(isTerminal) + 1);
}

/** An event without what every event carries. */
export function payloadOf(event: TurnEvent): object {
  const { agent: _agent, sessionId: _session, turnId: _turn, seq: _seq, n: _n, at: _at, ...payload } = event;
  return payload;
}

/** Who said what, one line per message: `user: Hi`, `assistant: (weather)`, `tool: [error] …`. */
export function linesOf(messages: readonly Message[]): string[] {
  return messages.map((message) => {
    const { role, content } = message;
    if (typeof content === 'string') return `${role}: ${content}`;
    const parts = content.map((part) => {
      if (part.type === 'text') return part.text;
      if (part.type === 'tool-call') return `(${part.toolName})`;
      if (part.type === 'tool-result') return part.synthesized ?? JSON.stringify(part.output.value);
      return `<${part.type}>`;
    });
    return `${role}: ${parts.join(' ')}`;
  });
}

/** A promise and what settles it. */
export function deferred<T = void>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** A failure that is retried by default. */
export function overloaded(extra: Partial<Failure> = {}): Failure {
  return createFailure({ type: 'provider_unavailable', code: 'overloaded', message: 'Try later.', ...extra });
}

/** A failure that is not retried. */
export function unauthorized(): Failure {
  return createFailure({ type: 'auth', message: 'The key is not known.' });
}

/** For a whole `describe`: none of its tests leaves a rejection that nobody takes. */
export function expectNoUnhandledRejections(): void {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => {
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
}
