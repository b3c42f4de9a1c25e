import type { PathBounds } from './bounds.ts';
import { asksFor, failureEvents, type PathEvent, type ToolHappening } from './pathEvent.ts';
import type { Rig } from './rig.ts';

/** Whose transitions paths are to take. */
export type PathSubjectName = 'turn' | 'toolCall' | 'session';

/** Everything that may happen to these actors now, as far as it matters for that machine. */
export function possibleEvents(rig: Rig, machine: PathSubjectName, bounds: PathBounds): readonly PathEvent[] {
  if (rig.error !== undefined) return [];
  const events: PathEvent[] = [];
  for (const { id, kind } of rig.pending.values()) {
    if (kind === 'callModel') events.push(...modelEvents(rig, machine, bounds));
    else events.push(...toolEvents(id, kind, machine));
  }
  const { due } = rig;
  if (due.retry) events.push('retry is due');
  for (const number of due.tools) events.push(`tool ${number} runs again`);
  if (due.end && machine === 'turn') events.push('time is up');
  events.push(...(machine === 'session' ? sessionEvents(rig, bounds) : turnEvents(rig, machine)));
  return events;
}

function modelEvents(rig: Rig, machine: PathSubjectName, bounds: PathBounds): readonly PathEvent[] {
  if (machine === 'session') return ['model answers', 'model asks for 1 tool', 'model fails: auth'];
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
    'model is cut off in a tool call',
    'model refuses',
    'model refuses in a tool call, over budget',
    'model pauses',
    'model pauses in a tool call',
    ...failureEvents,
    'model fails, over budget',
    'model call breaks',
    'model actor is in error',
  ];
}

type Happenings = Readonly<Record<string, readonly ToolHappening[]>>;
/** What each machine can tell apart; the rest is the same to it. */
const happenings: Readonly<Record<PathSubjectName, { readonly first: Happenings; readonly others: Happenings }>> = {
  session: {
    first: { prepareTool: ['is ready'], executeTool: ['completes'] },
    others: { prepareTool: ['is ready'], executeTool: ['completes'] },
  },
  turn: {
    first: {
      prepareTool: ['is ready', 'is ready, to run alone', 'is refused'],
      executeTool: ['reports', 'completes', 'asks to be called again', 'fails for now'],
    },
    others: { prepareTool: ['is ready', 'is ready, to run alone', 'is refused'], executeTool: ['completes'] },
  },
  toolCall: {
    first: {
      prepareTool: ['is ready', 'is ready, to run alone', 'is refused', 'breaks'],
      executeTool: ['reports', 'completes', 'asks to be called again', 'fails', 'fails for now', 'breaks'],
    },
    others: { prepareTool: ['is ready'], executeTool: ['completes'] },
  },
};

function toolEvents(id: string, kind: string, machine: PathSubjectName): readonly PathEvent[] {
  const [, index] = /\.tool\.(\d+)\./.exec(id) ?? [];
  const number = Number(index) + 1;
  const possible = happenings[machine][number === 1 ? 'first' : 'others'][kind] ?? [];
  return possible.map((happening): PathEvent => `tool ${number} ${happening}`);
}

function turnEvents(rig: Rig, machine: PathSubjectName): readonly PathEvent[] {
  const { turn } = rig;
  if (turn === undefined || turn.status !== 'active') return [];
  const steer: PathEvent[] = machine === 'turn' ? ['user steers'] : [];
  if (turn.value !== 'idle') return [...steer, 'user cancels'];
  return machine === 'turn' ? [...steer, 'turn starts', 'turn starts, cancelled before'] : ['turn starts'];
}

function sessionEvents({ session, actor, isClosing }: Rig, bounds: PathBounds): readonly PathEvent[] {
  if (session === undefined || actor.getSnapshot().status !== 'active') return [];
  const { queue, steering } = session;
  const events: PathEvent[] = ['session closes', 'listener throws'];
  if (actor.getSnapshot().hasTag('starting')) events.push('turn starts');
  // a session that is closing takes nothing else
  if (isClosing) return events;
  if (queue.length < bounds.turns) events.push('user sends');
  if (steering.length === 0) events.push('user steers');
  if (queue.length > 0) events.push('user cancels');
  if (queue.length > 1) events.push('user cancels the waiting turn');
  return events;
}
