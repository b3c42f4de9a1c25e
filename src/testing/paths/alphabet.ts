import type { StartedEffect } from '../../effects.ts';
import type { CallRecord } from '../../machines/calls.ts';
import { sessionMachine } from '../../machines/sessionMachine.ts';
import { turnMachine } from '../../machines/turnMachine.ts';
import type { PathBounds, PathFeature } from './bounds.ts';
import { asksFor, failureEvents, type PathEvent, type ToolHappening } from './pathEvent.ts';
import type { PathMachine, Rig } from './rig.ts';

/** Whose transitions paths are to take. */
export type PathSubjectName = 'turn' | 'toolCall' | 'session' | 'compaction';

/** Whether paths of that machine are paths of a session; others are of a turn by itself. */
export function isInSession(machine: PathSubjectName): boolean {
  return machine === 'session' || machine === 'compaction';
}

/** The machine that such paths drive. */
export function rootOf(machine: PathSubjectName): PathMachine {
  return isInSession(machine) ? sessionMachine : turnMachine;
}

/** Everything that may happen to these actors now, as far as it matters for that machine. */
export function possibleEvents(rig: Rig, machine: PathSubjectName, bounds: PathBounds): readonly PathEvent[] {
  if (rig.error !== undefined) return [];
  const events: PathEvent[] = [];
  for (const effect of rig.pending.values()) events.push(...workEvents(effect, rig, machine, bounds));
  for (const [index, record] of (rig.context?.calls ?? []).entries()) {
    const possible = answers(record, rig.state.tools[index], bounds);
    events.push(...possible.map((happening): PathEvent => `tool ${index + 1} ${happening}`));
  }
  const { due } = rig;
  if (due.retry) events.push('retry is due');
  for (const number of due.tools) {
    const isAsked = rig.state.tools[number - 1] === 'awaitingApproval';
    events.push(`tool ${number} ${isAsked ? 'is not approved in time' : 'runs again'}`);
  }
  if (due.end && machine === 'turn') events.push('time is up');
  events.push(...pauseEvents(rig, bounds));
  events.push(...(isInSession(machine) ? sessionEvents(rig, machine, bounds) : turnEvents(rig, machine, bounds)));
  return events;
}

function workEvents(
  { id, kind }: StartedEffect,
  rig: Rig,
  machine: PathSubjectName,
  bounds: PathBounds,
): readonly PathEvent[] {
  switch (kind) {
    case 'callModel':
      return modelEvents(rig, machine, bounds);
    case 'prepareStep':
      return machine === 'turn' ? planEvents(rig) : ['step is prepared'];
    case 'checkOutput':
      return machine === 'turn'
        ? ['output is accepted', 'output is rejected', 'output check breaks']
        : ['output is accepted'];
    case 'summarize':
      return [
        'summary comes',
        'summary fails',
        ...(machine === 'compaction' ? (['summary breaks'] as const) : []),
        ...(machine === 'turn' ? (['summary comes, over budget', 'compaction actor is in error'] as const) : []),
      ];
    default:
      return toolEvents(id, kind, machine, bounds);
  }
}

function planEvents({ context }: Rig): readonly PathEvent[] {
  const events: PathEvent[] = ['step is prepared', 'preparation fails', 'preparation breaks'];
  // nobody refuses or changes what has been let through before
  if (context?.unseen.length === 0) return events;
  return [...events, 'step is prepared, message rewritten', 'input is denied'];
}

function modelEvents(rig: Rig, machine: PathSubjectName, bounds: PathBounds): readonly PathEvent[] {
  if (machine === 'session') return ['model answers', 'model asks for 1 tool', 'model fails: auth'];
  if (machine === 'compaction') return ['model answers', 'model asks for 1 tool', 'model fails: context_overflow'];
  if (machine === 'toolCall') return rig.context?.step === 1 ? [asksFor(bounds.tools)] : ['model answers'];
  // the tools of a step do not know of the step before: several of them are tried out in the first one
  const most = rig.context?.step === 1 ? bounds.tools : 1;
  const asks = Array.from({ length: most }, (_, index) => asksFor(index + 1));
  return [
    // what has been shown already changes nothing when more of it comes
    ...(rig.context?.partial.shown === true ? [] : (['model streams'] as const)),
    'model answers',
    'model answers nothing',
    ...asks,
    'model asks for 1 tool, over budget',
    ...(bounds.features.includes('repetition')
      ? (['model repeats a call', 'model repeats a call too often'] as const)
      : []),
    'model is cut off in a tool call',
    'model refuses',
    'model refuses in a tool call, over budget',
    'model pauses',
    'model pauses in a tool call',
    ...failureEvents,
    'model fails, over budget',
    'model call breaks',
    'model actor is in error',
    ...(bounds.features.includes('guardrails') ? (['answer is denied'] as const) : []),
  ];
}

type Happenings = Readonly<Record<string, readonly ToolHappening[]>>;
/** What each machine can tell apart; the rest is the same to it. */
const happenings: Readonly<Record<PathSubjectName, { readonly first: Happenings; readonly others: Happenings }>> = {
  session: {
    first: { prepareTool: ['is ready'], executeTool: ['completes'], agentTurn: ['completes'] },
    others: { prepareTool: ['is ready'], executeTool: ['completes'], agentTurn: ['completes'] },
  },
  compaction: {
    first: { prepareTool: ['is ready'], executeTool: ['completes'] },
    others: {},
  },
  turn: {
    first: {
      prepareTool: ['is ready', 'is ready, to run alone', 'is refused'],
      executeTool: ['reports', 'completes', 'asks to be called again', 'fails for now'],
      agentTurn: ['reports', 'completes', 'fails', 'waits for people', 'goes on'],
    },
    others: {
      prepareTool: ['is ready', 'is ready, to run alone', 'is refused'],
      executeTool: ['completes'],
      agentTurn: ['completes', 'waits for people', 'goes on'],
    },
  },
  toolCall: {
    first: {
      prepareTool: ['is ready', 'is ready, to run alone', 'is refused', 'breaks'],
      executeTool: ['reports', 'completes', 'asks to be called again', 'fails', 'fails for now', 'breaks'],
      agentTurn: ['reports', 'completes', 'fails', 'breaks', 'waits for people', 'goes on'],
    },
    others: { prepareTool: ['is ready'], executeTool: ['completes'] },
  },
};

/** What else may come of a tool that is being prepared, where that much is in use. */
const special: readonly (readonly [needed: readonly PathFeature[], ToolHappening])[] = [
  [['approvals'], 'needs approval'],
  [['approvals'], 'needs approval, to run alone'],
  [['clients'], 'is for a client'],
  [['clients'], 'is for a client, to run alone'],
  [['agents'], 'is for an agent'],
  [['agents'], 'is for an agent, to run alone'],
  [['approvals', 'clients'], 'needs approval for a client'],
  [['approvals', 'agents'], 'needs approval for an agent'],
  [['guardrails'], 'is ready, noted by a guardrail'],
  [['guardrails'], 'is refused, noted by a guardrail'],
  [['guardrails'], 'is denied by a guardrail'],
];

function toolEvents(
  id: string,
  kind: string,
  machine: PathSubjectName,
  { features }: PathBounds,
): readonly PathEvent[] {
  const [, index] = /\.tool\.(\d+)\./.exec(id) ?? [];
  const number = Number(index) + 1;
  const isFirst = number === 1;
  const possible = [...(happenings[machine][isFirst ? 'first' : 'others'][kind] ?? [])];
  if (kind === 'prepareTool' && (machine !== 'toolCall' || isFirst)) {
    for (const [needed, happening] of special) {
      if (needed.every((feature) => features.includes(feature))) possible.push(happening);
    }
  }
  const measures = machine === 'turn' || machine === 'compaction';
  if (kind === 'agentTurn' && isFirst && features.includes('approvals') && !isInSession(machine)) {
    possible.push('remembers');
  }
  if (kind === 'executeTool' && measures && isFirst && features.includes('compaction')) {
    possible.push('completes at length');
  }
  return possible.map((happening): PathEvent => `tool ${number} ${happening}`);
}

/** What people may say of a call that waits for them, or that an agent works on. */
function answers(record: CallRecord, state: string | undefined, { features }: PathBounds): readonly ToolHappening[] {
  const [approval, client] = [features.includes('approvals'), features.includes('clients')];
  if (state === 'awaitingApproval') return ['is approved', 'is approved for the session', 'is denied'];
  if (state === 'awaitingResult') return ['is answered by its client', 'cannot be run by its client'];
  if (state !== 'delegating' || record.state !== 'awaitingAgent') return [];
  return [
    ...(approval ? (['is approved', 'is denied'] as const) : []),
    ...(client ? ([`is answered by its client`] as const) : []),
  ];
}

function pauseEvents({ context, turn, state }: Rig, { features }: PathBounds): readonly PathEvent[] {
  if (turn?.status !== 'active' || context === undefined) return [];
  const ofAgents: PathEvent[] = features.includes('pauses') ? ['user extends', 'user resumes'] : [];
  if (context.calls.some((record) => record.state === 'awaitingAgent')) return ofAgents;
  // once is enough: it could go on like that for ever
  if (state.turn === 'working.awaitingExtension') return context.allowance.steps === 0 ? ['user extends'] : [];
  return state.turn === 'working.awaitingResume' ? ['user resumes'] : [];
}

function turnEvents({ turn, context }: Rig, machine: PathSubjectName, { features }: PathBounds): readonly PathEvent[] {
  if (turn === undefined || turn.status !== 'active') return [];
  // only what looks at messages can tell how much was said
  const isHeard = features.includes('preparation') || features.includes('compaction');
  const steer: PathEvent[] = machine === 'turn' && !(isHeard && context?.steering.length) ? ['user steers'] : [];
  if (turn.value !== 'idle') return [...steer, 'user cancels'];
  return machine === 'turn' ? [...steer, 'turn starts', 'turn starts, cancelled before'] : ['turn starts'];
}

function sessionEvents(rig: Rig, machine: PathSubjectName, { turns, features }: PathBounds): readonly PathEvent[] {
  const { session, actor, isClosing, messages } = rig;
  if (session === undefined || actor.getSnapshot().status !== 'active') return [];
  const { queue, steering } = session;
  const compacts = features.includes('compaction');
  const events: PathEvent[] = machine === 'session' ? ['session closes', 'listener throws'] : [];
  if (actor.getSnapshot().hasTag('starting')) events.push('turn starts');
  // a session that is closing takes nothing else
  if (isClosing) return events;
  // a conversation that may be shortened is another one with every message
  const takesMore = !compacts || messages < turns;
  if (queue.length < turns && takesMore) events.push('user sends');
  if (steering.length === 0 && takesMore && machine === 'session') events.push('user steers');
  if (queue.length > 0 || rig.state.session === 'compacting') events.push('user cancels');
  if (queue.length > 1) events.push('user cancels the waiting turn');
  if (compacts && rig.state.session === 'idle') events.push('user compacts');
  return events;
}
