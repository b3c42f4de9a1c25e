import type { Command } from './host.ts';
import { canCompact, defaultCompaction } from './machines/compaction.ts';
import type { SessionContext } from './machines/sessionMachine.ts';
import { allTurns, findToolCalls, type SessionSnapshot } from './snapshot.ts';
import type { Admission } from './turn.ts';

/** A session as it is when a command comes. */
export interface Asked {
  readonly id: string;
  readonly snapshot: SessionSnapshot;
  readonly context: SessionContext;
}

/** Whether a session takes a command. What owns the answer is asked: a late approval is refused by its tool call. */
export function admit(command: Command, asked: Asked): Admission {
  switch (command.type) {
    case 'session.approve':
    case 'session.deny':
      return admitAnswer(command.toolCallId, 'awaitingApproval', asked);
    case 'session.resolveTool':
      return admitAnswer(command.toolCallId, 'awaitingResult', asked);
    case 'session.extend':
      return admitLeave('awaitingExtension', 'that waits', asked);
    case 'session.resume':
      return admitLeave('awaitingResume', 'to be resumed', asked);
    case 'session.compact':
      return admitCompaction(asked);
    default:
      return accepted;
  }
}

/** Steering that is aimed at a turn is for that turn only. */
export function admitSteering(turnId: string | undefined, { context }: Pick<Asked, 'context'>): Admission {
  if (turnId === undefined || turnId === context.queue[0]?.turnId) return accepted;
  return refuse(`Turn "${turnId}" does not run: it has ended, or not begun.`);
}

export const accepted: Admission = { accepted: true };

export function refuse(reason: string): Admission {
  return { accepted: false, reason };
}

function admitAnswer(toolCallId: string, state: string, { snapshot }: Asked): Admission {
  const tools = findToolCalls(snapshot.turn, toolCallId);
  const tool = tools.find((call) => call.state === state) ?? tools[0];
  if (tool === undefined) return refuse(`There is no tool call "${toolCallId}" in the running turn.`);
  if (tool.state === state) return accepted;
  const what = state === 'awaitingApproval' ? 'is not waiting for approval' : 'is not waiting for a result';
  return refuse(`Tool call "${toolCallId}" (${tool.toolName}) ${what}: it is ${tool.state}.`);
}

function admitLeave(state: string, awaited: string, { id, snapshot }: Asked): Admission {
  const [turn, ...ofAgents] = allTurns(snapshot.turn);
  if (turn === undefined) return refuse(`Session "${id}" has no turn ${awaited}.`);
  if ([turn, ...ofAgents].some((candidate) => candidate.state === state)) return accepted;
  return refuse(`Turn "${turn.id}" does not wait for that: it is ${turn.state}.`);
}

function admitCompaction({ id, snapshot: { status }, context: { history, turn } }: Asked): Admission {
  if (status === 'inTurn') return refuse(`Session "${id}" is in a turn, which compacts by itself: try between turns.`);
  if (status !== 'idle') return refuse(`Session "${id}" is ${status}.`);
  const policy = { ...defaultCompaction, ...(turn.compaction || {}) };
  if (!canCompact(history, policy)) {
    return refuse(`Session "${id}" has nothing to shorten beyond its last ${policy.keepMessages} messages.`);
  }
  return accepted;
}
