import type { TurnEvent } from '../events.ts';

/** What was said, and how deep inside of sub-agents. */
export interface InnerEvent {
  readonly event: TurnEvent;
  /** The calls that the sub-agents around it work on, from the outside in; none where it is the turn's own. */
  readonly calls: readonly string[];
}

/** What a sub-agent says, as if a session said it. */
export function innerEvent(told: TurnEvent): InnerEvent {
  const calls: string[] = [];
  let event = told;
  while (event.type === 'agent.event') {
    calls.push(event.toolCallId);
    const { sessionId, seq, at } = event;
    event = { at, ...event.event, sessionId, seq };
  }
  return { event, calls };
}
