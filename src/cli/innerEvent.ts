import type { AgentEvent, Envelope, TurnEvent } from '../events.ts';

/** What was said, and how deep inside of sub-agents. */
export interface InnerEvent {
  readonly event: TurnEvent;
  /** The calls that the sub-agents around it work on, from the outside in; none where it is the turn's own. */
  readonly calls: readonly string[];
}

/** Looks through `agent.event` to what is said inside. */
export function innerEvent(told: TurnEvent): InnerEvent {
  const calls: string[] = [];
  let event = told;
  while (event.type === 'agent.event') {
    calls.push(event.toolCallId);
    event = enterAgent(event);
  }
  return { event, calls };
}

/** What a sub-agent says, as if it were a session that said it. */
export function enterAgent({ event, sessionId, seq, at }: AgentEvent & Envelope): TurnEvent {
  return { at, ...event, sessionId, seq };
}
