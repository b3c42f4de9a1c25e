import type { Payload } from '../../events.ts';
import type { FailureType } from '../../failure.ts';
import { messagesOf } from '../../machines/history.ts';
import { addUsage, noUsage } from '../../model.ts';
import { isInSession } from './alphabet.ts';
import { historyBefore } from './bounds.ts';
import type { Observation } from './observation.ts';
import type { Oracle } from './oracles.ts';
import type { TurnPath } from './path.ts';
import { type AnswerRead, type PathEvent, readAnswer, readFailure, readToolEvent } from './pathEvent.ts';

type Told<T extends Payload['type']> = Extract<Payload, { readonly type: T }>;

/** What must be true of the events, so that whoever has nothing else knows what went on. */
export const eventOracles: readonly Oracle[] = [
  {
    name: 'a turn says first that it starts, then with which message',
    check({ after }) {
      for (const [first, second] of turnsOf(after)) {
        if (first?.type !== 'turn.started') return `Its first event is ${first?.type}.`;
        const isTold = second?.type === 'message.added' && second.message.id === first.messageId;
        if (!isTold) return `It starts with message ${first.messageId}, and goes on with ${second?.type}.`;
      }
      return undefined;
    },
  },
  {
    name: 'steps are numbered from 1, and one is finished before the next begins or the turn completes',
    check({ after }) {
      for (const events of turnsOf(after)) {
        let open: number | undefined;
        let last = 0;
        for (const event of events) {
          if (event.type === 'step.finished') {
            if (event.step !== open) return `Step ${event.step} is finished, and ${open ?? 'none'} is open.`;
            open = undefined;
          } else if (event.type === 'step.started' || event.type === 'turn.completed') {
            if (open !== undefined) return `${event.type} comes before step ${open} is finished.`;
            if (event.type === 'turn.completed') continue;
            if (event.step !== last + 1) return `Step ${event.step} follows step ${last}.`;
            open = event.step;
            last = event.step;
          }
        }
      }
      return undefined;
    },
  },
  {
    name: 'a message is started before its text comes, and is completed once, or superseded',
    check({ after }) {
      const open = new Set<string>();
      const closed = new Set<string>();
      for (const event of after.events) {
        if (event.type === 'message.started') {
          if (open.has(event.messageId) || closed.has(event.messageId)) return `${event.messageId} is started twice.`;
          open.add(event.messageId);
        } else if (event.type === 'message.delta') {
          if (!open.has(event.messageId)) return `Text of ${event.messageId} comes, which is not open.`;
        } else if (event.type === 'message.completed' || event.type === 'message.superseded') {
          const isEmpty = event.type === 'message.completed' && event.message.content.length === 0;
          if (!open.delete(event.messageId) && !isEmpty) return `${event.messageId} was not open when it ended.`;
          if (closed.has(event.messageId)) return `${event.messageId} ends twice.`;
          closed.add(event.messageId);
        }
      }
      return undefined;
    },
  },
  {
    name: 'a tool is called, then started, then ended, and is said to start where it does',
    check({ after }) {
      for (const events of turnsOf(after)) {
        const open = new Map<string, ToolPlace>();
        for (const event of events) {
          if (event.type === 'step.started' && open.size > 0) return `${[...open.keys()]} outlive their step.`;
          const problem = isToolEvent(event) ? follow(open, event) : undefined;
          if (problem !== undefined) return problem;
        }
      }
      const said = after.events.filter(({ type }) => type === 'tool.started').length;
      const run = after.started.filter(({ id, kind }) => id.endsWith('.execute.1') || kind === 'agentTurn').length;
      return said === run ? undefined : `${said} tools are said to have started, and ${run} have.`;
    },
  },
  {
    name: 'whoever has all events has the conversation',
    check({ path, after }) {
      const ids: (string | undefined)[] = messagesOf(historyBefore(path.bounds)).map(({ id }) => id);
      for (const event of after.events) {
        if (event.type === 'message.added' || event.type === 'message.completed') ids.push(event.message.id);
        if (event.type !== 'messages.updated') continue;
        ids.length -= event.removed;
        ids.push(...Array.from({ length: event.added }, () => undefined));
        if (event.length !== ids.length)
          return `It is said to have ${event.length} messages, and ${ids.length} were told.`;
      }
      const has = after.messages.map(({ id }) => id);
      const isTold = has.length === ids.length && has.every((id, index) => (ids[index] ?? id) === id);
      return isTold
        ? undefined
        : `It has [${has.join(', ')}], and [${ids.map((id) => id ?? '?').join(', ')}] were told.`;
    },
  },
  {
    name: 'the terminal event of a turn counts what the turn has told',
    check({ after }) {
      for (const events of turnsOf(after)) {
        const end = events.find(isEnding);
        if (end === undefined) continue;
        const steps = only(events, 'step.started').length;
        if (end.steps !== steps) return `It tells of ${end.steps} steps, and ${steps} began.`;
        if (end.type !== 'turn.completed') continue;
        const calls = only(events, 'tool.called').length;
        if (end.toolCalls !== calls) return `It tells of ${end.toolCalls} tool calls, and ${calls} were made.`;
        const usage = only(events, 'step.finished').reduce((sum, step) => addUsage(sum, step.usage), noUsage);
        if (JSON.stringify(usage) !== JSON.stringify(end.usage)) {
          return `It tells of ${JSON.stringify(end.usage)}, and its steps used ${JSON.stringify(usage)}.`;
        }
      }
      return undefined;
    },
  },
  {
    name: 'a model call is said to be repeated before the wait for it, and only then',
    check({ path, before, after }) {
      const told = only(after.events.slice(before.events.length), 'model.retrying');
      const { turn } = after.state;
      const isNew = turn === 'working.retrying' && before.state.turn !== turn;
      if (told.length !== (isNew ? 1 : 0)) return `It is said ${told.length} times on the way to ${turn}.`;
      const [retry] = told;
      if (retry === undefined) return undefined;
      const { attempts } = path.bounds;
      const { attempt, maxAttempts } = retry;
      const isIt = after.started.at(-1)?.id.endsWith(`.${retry.step}.model.${attempt}`) === true;
      if (isIt && maxAttempts === attempts) return undefined;
      return `Attempt ${attempt} of ${maxAttempts} is said to have failed; the last was ${after.started.at(-1)?.id}, of ${attempts}.`;
    },
  },
  {
    name: 'steering is told message by message, right after its step has begun, and then as a whole',
    check({ after }) {
      const { events } = after;
      let run: string[] = [];
      let previous: Payload['type'] | undefined;
      for (const event of events) {
        const isSteering = event.type === 'message.added' && event.cause === 'steering';
        if (isSteering && run.length === 0 && previous !== 'step.started') return `It comes after ${previous}.`;
        if (isSteering) run.push(event.message.id);
        else if (event.type === 'steering.applied' || run.length > 0) {
          const ids = event.type === 'steering.applied' ? event.messageIds : [];
          if (ids.join() !== run.join()) return `[${run.join(', ')}] were told, and [${ids.join(', ')}] applied.`;
          run = [];
        }
        previous = event.type;
      }
      return undefined;
    },
  },
  {
    name: 'what a model and its tools say is passed on',
    check({ event, before, after }) {
      const told = after.events.slice(before.events.length).map(({ type }) => type);
      const answers = told.filter((type) => type === 'message.completed').length;
      const isAnswer = /^model (answers|asks|repeats|is cut off|refuses|pauses)/.test(event);
      if (answers !== (isAnswer ? 1 : 0)) return `${answers} answers were told after "${event}".`;
      if (event === 'model streams' && !told.includes('message.delta')) return 'No text was.';
      const tool = readToolEvent(event);
      const isAgent = before.running.some(({ id, kind }) => {
        return kind === 'agentTurn' && id.includes(`.tool.${(tool?.number ?? 0) - 1}.`);
      });
      const reported = isAgent ? 'agent.event' : 'tool.progress';
      if (tool?.happening === 'reports' && !told.includes(reported)) return 'No progress was.';
      const isRetrying =
        after.state.tools[(tool?.number ?? 0) - 1] === 'retrying' && tool?.happening === 'fails for now';
      return told.includes('tool.retrying') === isRetrying
        ? undefined
        : `${isRetrying ? 'Nothing' : 'Something'} says that a tool runs again.`;
    },
  },
  {
    name: 'a turn that fails says why',
    check({ path, index, event, before, after }) {
      const [failed] = only(after.events.slice(before.events.length), 'turn.failed');
      if (failed === undefined) return undefined;
      const expected: FailureType[] = [...reasonFor(event)];
      // what was spent by something else is noticed before the next step
      if (!expected.includes('budget') && hasOverspent(path, index)) expected.push('budget');
      const { type } = failed.failure;
      if (expected.includes(type)) return undefined;
      return `After "${event}" it says ${type}, and can say ${expected.join(' or ')}.`;
    },
  },
  {
    name: 'what steers a turn is taken by its next step',
    check({ path, index, before, after }) {
      if (isInSession(path.machine)) return undefined;
      const told = after.events.slice(before.events.length);
      if (only(told, 'step.started').length === 0) return undefined;
      // a turn that waits for a client goes on at once
      const given = path.steps.slice(0, index + 1).filter(({ event }) => event === 'user steers').length;
      const taken = only(after.events, 'message.added').filter(({ cause }) => cause === 'steering').length;
      return given === taken ? undefined : `${given} messages steered the turn, and ${taken} were taken.`;
    },
  },
  {
    name: 'a session says that it is idle when its last turn has ended, or a compaction, once',
    check({ event, before, after }) {
      if (after.state.session === undefined) return undefined;
      const told = only(after.events.slice(before.events.length), 'session.idle').length;
      const isNew = after.state.session === 'idle' && (before.state.session !== 'idle' || event === 'user compacts');
      return told === (isNew ? 1 : 0) ? undefined : `It is said ${told} times on the way to ${after.state.session}.`;
    },
  },
];

/** Whether the turn has done something before that used more than it may spend. */
function hasOverspent({ steps }: TurnPath, index: number): boolean {
  const turn = steps.slice(0, index + 1);
  return turn
    .slice(turn.findLastIndex(({ event }) => event === 'turn starts') + 1)
    .some(({ event }) => event.endsWith(', over budget'));
}

/** What a turn may say has failed, after such an event. */
function reasonFor(event: PathEvent): readonly FailureType[] {
  const failure = readFailure(event);
  if (failure !== undefined) return [failure];
  // the last result ends the step, also where it is not waited for
  if (readToolEvent(event) !== undefined || event === 'user steers') return ['tool_errors', 'max_steps'];
  const answer = readAnswer(event);
  if (answer !== undefined) return reasonsForAnswer(answer);
  return reasons.get(event) ?? ['budget'];
}

function reasonsForAnswer({ finish, calls, isOverBudget }: AnswerRead): readonly FailureType[] {
  if (finish === 'content-filter') return ['invalid_output'];
  if (isOverBudget) return ['budget'];
  // calls that are cut off are not run, and the step is over
  if (finish === 'length' && calls > 0) return ['max_steps', 'tool_errors'];
  return finish === 'pause' && calls === 0 ? ['no_progress'] : [];
}

const reasons: ReadonlyMap<PathEvent, readonly FailureType[]> = new Map([
  ['model call breaks', ['internal']],
  ['model actor is in error', ['internal']],
  ['compaction actor is in error', ['internal']],
  ['preparation fails', ['internal']],
  ['preparation breaks', ['internal']],
  ['output check breaks', ['internal']],
  ['output is rejected', ['invalid_output', 'max_steps']],
  ['input is denied', ['guardrail']],
  ['answer is denied', ['guardrail']],
  ['time is up', ['timeout']],
  ['model repeats a call too often', ['repeated_calls']],
  ['model fails, over budget', ['budget', 'provider_unavailable']],
]);

type ToolTold = Extract<Payload, { readonly toolCallId: string; readonly toolName: string }>;

function isToolEvent(event: Payload): event is ToolTold {
  return event.type.startsWith('tool.');
}

/** How far a tool call has come, by what was told of it. */
type ToolPlace = 'called' | 'asked' | 'started' | 'requested';

/** Where a call must be when something is told of it. */
const placesBefore: Readonly<Partial<Record<Payload['type'], readonly ToolPlace[]>>> = {
  'tool.approvalRequested': ['called'],
  'tool.approvalResolved': ['asked'],
  'tool.resultRequested': ['called'],
  'tool.started': ['called'],
  'tool.progress': ['started'],
  'tool.retrying': ['started'],
  'tool.completed': ['started', 'requested'],
  'tool.denied': ['called'],
  // a call may fail before it runs, and be cancelled wherever it is
  'tool.failed': ['called', 'started', 'requested'],
  'tool.cancelled': ['called', 'asked', 'started', 'requested'],
};

const placesAfter: Readonly<Partial<Record<Payload['type'], ToolPlace>>> = {
  'tool.approvalRequested': 'asked',
  'tool.approvalResolved': 'called',
  'tool.resultRequested': 'requested',
  'tool.started': 'started',
};

function follow(open: Map<string, ToolPlace>, { type, toolCallId }: ToolTold): string | undefined {
  const was = open.get(toolCallId);
  if (type === 'tool.called') {
    open.set(toolCallId, 'called');
    return was === undefined ? undefined : `${toolCallId} is called twice.`;
  }
  if (was === undefined) return `${type} tells of ${toolCallId}, which is not open.`;
  if (placesBefore[type]?.includes(was) !== true) return `${type} tells of ${toolCallId}, which is ${was}.`;
  const is = placesAfter[type];
  if (is !== undefined) open.set(toolCallId, is);
  else if (type !== 'tool.progress' && type !== 'tool.retrying') open.delete(toolCallId);
  return undefined;
}

/** The events of each turn, from its start to its terminal event. */
function turnsOf({ events }: Observation): readonly (readonly Payload[])[] {
  const turns: Payload[][] = [];
  let isOver = true;
  for (const event of events) {
    if (isOver && !isOfTurn(event)) continue;
    if (isOver) turns.push([]);
    turns.at(-1)?.push(event);
    isOver = isEnding(event);
  }
  return turns;
}

/** Between turns a session tells of notes, of compactions, and of itself. */
function isOfTurn({ type }: Payload): boolean {
  return !/^(session|compaction|diagnostic|message\.added)/.test(type);
}

function isEnding(event: Payload): event is Told<'turn.completed' | 'turn.failed' | 'turn.cancelled'> {
  return event.type === 'turn.completed' || event.type === 'turn.failed' || event.type === 'turn.cancelled';
}

function only<T extends Payload['type']>(events: readonly Payload[], type: T): readonly Told<T>[] {
  return events.filter((event): event is Told<T> => event.type === type);
}
