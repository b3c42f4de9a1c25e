import type { Payload } from '../../src/events.ts';
import { isInSession } from '../../src/testing/paths/alphabet.ts';
import { maxDurationMs, overBudget } from '../../src/testing/paths/bounds.ts';
import type { Observation, Oracle, PathEvent, PathMoment } from '../../src/testing/paths/index.ts';
import { readReady, readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import { approvalMs, delayMs } from '../../src/testing/paths/results.ts';
import { type Circumstances, circumstances } from './conditions.ts';
import { hasEnded } from './slots.ts';
import { callsOf, cancelReason, closeReason, deadlineOf, lateReason, nowAfter } from './story.ts';

/** When paths begin, in epoch ms. */
const firstAt = 1_000_000;
/** Tokens that a turn may use. */
const limit = overBudget - 1;

/** A payload, as far as it matters: a field that is `undefined` must be missing. */
type Said = { readonly type: Payload['type'] } & { readonly [field: string]: unknown };

/** What comes of a step must be said, exactly that, and in this order. */
export const saidOracle: Oracle = {
  name: 'what happens is said, and nothing else',
  check(moment) {
    const said = moment.after.events.slice(moment.before.events.length);
    const expected = whatIsSaid(moment);
    const types = said.map(({ type }) => type).join(', ');
    const expectedTypes = expected.map(({ type }) => type).join(', ');
    if (types !== expectedTypes) return `To be said: ${expectedTypes || 'nothing'}; said: ${types || 'nothing'}.`;
    const wrong = expected.findIndex((each, index) => !isWithin(each, said[index]));
    return wrong === -1
      ? undefined
      : `To be said: ${JSON.stringify(expected[wrong])}; said: ${JSON.stringify(said[wrong])}.`;
  },
};

function isWithin(expected: unknown, actual: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(expected, actual);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) return false;
  return Object.entries(expected).every(([key, value]) => isWithin(value, (actual as Record<string, unknown>)[key]));
}

type Step = Circumstances & Pick<PathMoment, 'after'>;

function whatIsSaid(moment: PathMoment): readonly Said[] {
  const step: Step = { ...circumstances(moment), after: moment.after };
  const tool = readToolEvent(step.event);
  const said = tool === undefined ? saidOfEvent(step) : saidOfTool(step, tool);
  return [...said, ...saidOfSession(step)];
}

function saidOfEvent(step: Step): readonly Said[] {
  const { event, was, is, before } = step;
  const isUnderWay = before.state.turn.startsWith('working');
  switch (event) {
    case 'turn starts':
    case 'turn starts, cancelled before':
      return before.state.turn === 'idle' ? saidOfStart(step) : [];
    case 'user cancels':
    case 'session closes':
    case 'time is up':
      return isUnderWay ? [...closedCalls(step), ...saidOfEnd(step)] : [];
    case 'user steers':
      return isGivenUp(step) ? [...cancelledCalls(step), ...finishedStep(step), ...saidOfNext(step)] : [];
    case 'user extends':
    case 'user resumes':
      return [...resumed(step), ...heardByAgents(step)];
    case 'user compacts':
      return saidOfManual(step);
    case 'listener throws':
      return [{ type: 'diagnostic', source: 'listener', message: 'It threw.' }];
    case 'model streams':
      return [...startedMessage(step), { type: 'message.delta', ...place(step), messageId: messageId(step) }];
    case 'model call breaks':
    case 'model actor is in error':
    case 'compaction actor is in error':
    case 'preparation breaks':
    case 'output check breaks':
      return saidOfEnd(step);
    case 'step is prepared':
      return [];
    case 'step is prepared, message rewritten':
      return [guarded('input', 'rewritten'), ...Array.from({ length: was.turn.unseen }, rewrittenMessage)];
    case 'input is denied':
      return [guarded('input', 'denied'), ...saidOfEnd(step)];
    case 'preparation fails':
      return [guarded('input', 'logged'), ...saidOfEnd(step)];
    case 'answer is denied': {
      const stale: Said = { type: 'message.replaced', messageId: messageId(step), replacement: '' };
      return [guarded('output', 'denied'), ...(was.turn.isShown ? [stale] : []), ...saidOfEnd(step)];
    }
    case 'output is accepted':
      return [...finishedStep(step), ...saidOfEnd(step)];
    case 'output is rejected':
      return saidOfRejection(step);
    case 'summary comes':
    case 'summary comes, over budget':
    case 'summary fails':
    case 'summary breaks':
      return [compacted(step), ...(hasEndedNow(step) ? saidOfEnd(step) : [])];
    default:
      if (event.startsWith('model fails')) return saidOfFailure(step);
      return is.turn === was.turn || !event.startsWith('model ') ? [] : saidOfAnswer(step);
  }
}

function saidOfStart(step: Step): readonly Said[] {
  const start: Said[] = [{ type: 'turn.started' }, { type: 'message.added', cause: 'input' }];
  return [...start, ...(hasEndedNow(step) ? saidOfEnd(step) : begunStep(step))];
}

function saidOfFailure(step: Step): readonly Said[] {
  const { path, event, was, is, after } = step;
  if (hasEndedNow(step)) return saidOfEnd(step);
  const { attempt } = place(step);
  const stale: Said = { type: 'message.superseded', messageId: messageId(step), attempt };
  if (after.state.turn === 'working.compacting') {
    return [...(was.turn.isShown ? [stale] : []), { type: 'compaction.started', reason: 'overflow' }];
  }
  const retry: Said = {
    type: 'model.retrying',
    ...place(step),
    maxAttempts: path.bounds.attempts,
    delayMs,
    retryAt: firstAt + is.at + delayMs,
    failure: { type: failureType(event) },
  };
  return was.turn.isShown ? [stale, retry] : [retry];
}

function saidOfAnswer(step: Step): readonly Said[] {
  const { path, event, after } = step;
  const calls = Array.from({ length: callsOf(event) }, (_, index) => toolName(index + 1));
  const isLast = calls.length === 0 && event !== 'model pauses';
  const phase = isLast ? 'final_answer' : 'commentary';
  const isEmpty = event === 'model answers nothing';
  // these calls are not run: the answer may not be what the model wanted to say
  const isRefused = event === 'model refuses in a tool call, over budget';
  const isHalf = isRefused || event === 'model is cut off in a tool call';
  const isTooOften = event === 'model repeats a call too often';
  const isUnaffordable = event === 'model asks for 1 tool, over budget';
  const isChecked = after.state.turn === 'working.checkingOutput';
  // what was to have a form is no answer without one
  const isWithheld = event.startsWith('model refuses') && path.bounds.features.includes('output');
  const open = isTooOften ? calls.slice(0, 2) : isUnaffordable ? calls : [];
  return [
    ...(isEmpty ? [] : startedMessage(step)),
    { type: 'message.completed', ...place(step), messageId: messageId(step), ...(isRefused ? {} : { phase }) },
    ...calls.map((names, index): Said => ({ type: 'tool.called', ...names, index })),
    ...(isHalf ? calls.map((names): Said => ({ type: 'tool.failed', ...names })) : []),
    ...(event.includes('repeats') ? [tripped(3, 3), { type: 'tool.failed', ...toolName(3) } as const] : []),
    ...(isTooOften ? [{ type: 'tool.failed', ...toolName(4) } as const, tripped(4, 4)] : []),
    ...((isHalf || (isLast && !isChecked)) && !isWithheld ? finishedStep(step) : []),
    ...open.map((names): Said => ({ type: 'tool.cancelled', ...names, started: false })),
    ...(open.length > 0 || (isHalf && isWithheld) ? [updatedMessages] : []),
    ...(hasEndedNow(step) ? saidOfEnd(step) : event === 'model is cut off in a tool call' ? saidOfNext(step) : []),
  ];
}

function tripped(count: number, limit: number): Said {
  return { type: 'breaker.tripped', kind: 'repeated_call', count, limit, toolCallId: `call_${count}` };
}

function saidOfRejection(step: Step): readonly Said[] {
  const { path, was } = step;
  const { hints } = was.turn;
  const { retries } = path.bounds;
  const rejected: Said = {
    type: 'output.rejected',
    reason: 'Not like this.',
    retriesLeft: Math.max(0, retries - hints - 1),
  };
  if (hints >= retries) return [rejected, ...saidOfEnd(step)];
  return [rejected, { type: 'message.added', cause: 'output_hint' }, ...finishedStep(step), ...saidOfNext(step)];
}

type ToolTold = NonNullable<ReturnType<typeof readToolEvent>>;

function saidOfTool(step: Step, tool: ToolTold): readonly Said[] {
  const { number, happening } = tool;
  const state = step.before.state.tools[number - 1];
  if (state === 'delegating' && forwarded.has(happening)) return heardByAgents(step);
  const ready = readReady(happening);
  if (ready !== undefined) {
    // one is started first, and the others once that one says so
    const [first, ...others] = startedTools(step);
    const guards = ready.isNoted ? [guarded('tool', 'logged')] : [];
    return [...guards, ...(first ? [first] : []), ...askedTools(step), ...requestedTools(step), ...others];
  }
  switch (happening) {
    case 'reports':
      return state === 'delegating' ? [agentEvent(number)] : [{ type: 'tool.progress', ...toolName(number) }];
    case 'waits for people':
    case 'remembers':
    case 'goes on':
      return [];
    case 'is approved':
    case 'is approved for the session':
      return saidOfApproval(step, tool);
    default:
      return saidOfToolEnd(step, tool);
  }
}

const forwarded: ReadonlySet<string> = new Set(['is approved', 'is denied', 'is answered by its client']);

/** One answer after the other, each with what comes of it. */
function saidOfApproval(step: Step, { number, happening }: ToolTold): readonly Said[] {
  const isForAll = happening === 'is approved for the session';
  const approved = step.before.state.tools.flatMap((state, index) =>
    state === 'awaitingApproval' && (isForAll || index + 1 === number) ? [index + 1] : [],
  );
  const started = startedTools(step);
  const said = approved.flatMap((each, index): Said[] => {
    const by = each === number ? 'user' : 'session';
    const next = approved[index + 1] ?? each + 1;
    // what has waited behind it begins with it
    const begun = started.filter(({ toolCallId }) => {
      return range(each, next).some((candidate) => toolName(candidate).toolCallId === toolCallId);
    });
    return [{ type: 'tool.approvalResolved', ...toolName(each), decision: 'approved', by }, ...begun];
  });
  const others = started.filter((each) => !said.includes(each));
  return [...said, ...others, ...requestedTools(step)];
}

function saidOfToolEnd(step: Step, { number, happening }: ToolTold): readonly Said[] {
  const { before, after, is, path } = step;
  const names = toolName(number);
  const isOver = !isUsingTools(after) || hasEnded(after.state.tools[number - 1]);
  if (!isOver) {
    if (happening !== 'fails for now') return [];
    const attempt = is.turn.tools[number - 1]?.failures;
    const { toolAttempts: maxAttempts } = path.bounds;
    const retryAt = firstAt + is.at + delayMs;
    return [{ type: 'tool.retrying', ...names, step: is.turn.steps, attempt, maxAttempts, delayMs, retryAt }];
  }
  const thrown: Said = { type: 'tool.failed', ...names, failure: { message: 'The runner threw.' } };
  const end = isBroken(step) ? [thrown] : endOfTool(names, happening);
  if (!isUsingTools(after)) return [...end, ...finishedStep(step), ...saidOfNext(step)];
  // while something is prepared, nobody is asked
  const asked = before.state.tools[number - 1] === 'preparing' ? askedTools(step) : [];
  return [...end, ...asked, ...startedTools(step), ...requestedTools(step)];
}

function endOfTool(names: ReturnType<typeof toolName>, happening: string): readonly Said[] {
  const denied: Said = { type: 'tool.denied', ...names };
  const resolved: Said = { type: 'tool.approvalResolved', ...names };
  switch (happening) {
    case 'completes':
    case 'completes at length':
    case 'is answered by its client':
      return [{ type: 'tool.completed', ...names, retry: undefined }];
    case 'asks to be called again':
      return [{ type: 'tool.completed', ...names, retry: true }];
    case 'is refused':
      return [{ type: 'tool.failed', ...names, failure: { type: 'tool' } }];
    case 'is refused, noted by a guardrail':
      return [guarded('tool', 'logged'), { type: 'tool.failed', ...names, failure: { type: 'tool' } }];
    case 'is denied by a guardrail':
      return [guarded('tool', 'denied'), denied];
    case 'is denied':
      return [
        { ...resolved, decision: 'denied', by: 'user' },
        { ...denied, reason: 'No.' },
      ];
    case 'is not approved in time':
      return [{ ...resolved, decision: 'timed_out', by: 'timeout' }, denied];
    default:
      return [{ type: 'tool.failed', ...names, failure: { type: 'tool' } }];
  }
}

/** Tools that are in such a state now, and have waited before. */
function toolsNowIn({ before, after }: Step, states: readonly string[]): readonly number[] {
  const was = before.state.tools;
  return after.state.tools.flatMap((state, index) =>
    states.includes(state) && waiting.has(was[index] ?? '') && was[index] !== state ? [index + 1] : [],
  );
}

const waiting: ReadonlySet<string> = new Set(['preparing', 'queued', 'awaitingApproval']);

function startedTools(step: Step): readonly Said[] {
  return toolsNowIn(step, ['executing', 'delegating']).map(
    (number): Said => ({ type: 'tool.started', ...toolName(number) }),
  );
}

function askedTools(step: Step): readonly Said[] {
  const expiresAt = firstAt + step.is.at + approvalMs;
  return toolsNowIn(step, ['awaitingApproval']).map(
    (number): Said => ({ type: 'tool.approvalRequested', ...toolName(number), expiresAt }),
  );
}

function requestedTools(step: Step): readonly Said[] {
  return toolsNowIn(step, ['awaitingResult']).map(
    (number): Said => ({ type: 'tool.resultRequested', ...toolName(number) }),
  );
}

/** What is said to agents they answer, as far as a path knows them: they say that they have heard it. */
function heardByAgents({ before }: Step): readonly Said[] {
  return before.state.tools.flatMap((state, index) => (state === 'delegating' ? [agentEvent(index + 1)] : []));
}

function agentEvent(number: number): Said {
  return { type: 'agent.event', toolCallId: toolName(number).toolCallId, event: { agent: 'other', source: 'agent' } };
}

/** A turn that waits for people goes on. */
function resumed(step: Step): readonly Said[] {
  const { before, event, was, path } = step;
  if (before.state.turn === 'working.awaitingExtension' && event === 'user extends') {
    const limit = path.bounds.steps + was.turn.extended + 1;
    return [{ type: 'turn.resumed', reason: 'max_steps', spent: was.turn.steps, limit }, ...saidOfNext(step)];
  }
  if (before.state.turn !== 'working.awaitingResume' || event !== 'user resumes') return [];
  return [{ type: 'turn.resumed', reason: 'soft_cost' }, ...saidOfNext(step)];
}

/** Whether clients are not waited for any longer. */
function isGivenUp({ before, after }: Step): boolean {
  return isUsingTools(before) && !isUsingTools(after);
}

function cancelledCalls({ before }: Step): readonly Said[] {
  return before.state.tools.flatMap((state, index): Said[] =>
    hasEnded(state) ? [] : [{ type: 'tool.cancelled', ...toolName(index + 1), started: false }],
  );
}

/** What comes once a step is over, or the turn may go on. */
function saidOfNext(step: Step): readonly Said[] {
  if (hasEndedNow(step)) return saidOfEnd(step);
  const { turn } = step.after.state;
  if (turn === 'working.awaitingExtension') return [{ type: 'turn.paused', reason: 'max_steps' }];
  if (turn === 'working.awaitingResume') return [{ type: 'turn.paused', reason: 'soft_cost' }];
  return begunStep(step);
}

function begunStep(step: Step): readonly Said[] {
  const { event, was, is, after } = step;
  // messages that were said to a turn before it began are of its first step
  const steering = was.turn.steering + (event === 'user steers' ? 1 : 0);
  const added = Array.from({ length: steering }, (): Said => ({ type: 'message.added', cause: 'steering' }));
  const isAtOnce = after.state.turn !== 'working.compacting';
  const compaction: Said[] = [{ type: 'compaction.started', reason: 'threshold' }];
  if (isAtOnce) compaction.push({ type: 'compaction.completed', reason: 'threshold', removed: 0 });
  return [
    { type: 'step.started', step: is.turn.steps },
    ...added,
    ...(steering > 0 ? [{ type: 'steering.applied', messageIds: { length: steering } } as const] : []),
    ...(is.turn.isShortened ? compaction : []),
  ];
}

/** A compaction between turns begins; where nothing is left to be left out, it ends at once. */
function saidOfManual(step: Step): readonly Said[] {
  const started: Said = { type: 'compaction.started', reason: 'manual' };
  if (step.was.session.isSaidSince) return [started];
  return [started, { type: 'compaction.completed', reason: 'manual', removed: 0 }, idle(step)];
}

/** A compaction ends that a summary was waited for. */
function compacted({ event, before, was }: Step): Said {
  const isManual = before.state.session === 'compacting';
  const reason = isManual ? 'manual' : was.turn.hasOverflowed ? 'overflow' : 'threshold';
  const isThere = event.startsWith('summary comes');
  return { type: isThere ? 'compaction.completed' : 'compaction.failed', reason };
}

function guarded(stage: string, action: string): Said {
  return { type: 'guardrail.triggered', stage, name: 'guard', action, reason: 'It says so.' };
}

function rewrittenMessage(): Said {
  return { type: 'message.replaced', reason: 'It says so.', replacement: 'Hm.' };
}

function isUsingTools({ state: { turn } }: Observation): boolean {
  return turn.startsWith('working.usingTools');
}

const updatedMessages: Said = { type: 'messages.updated', added: 1, removed: 0 };

function finishedStep(step: Step): readonly Said[] {
  const { event, was, is } = step;
  const { steps, stepStartedAt, stepTokens, tools } = was.turn;
  const finished: Said = {
    type: 'step.finished',
    step: steps,
    finishReason: { unified: is.turn.finishReason },
    usage: { inputTokens: stepTokens + is.turn.tokens - was.turn.tokens, outputTokens: 0 },
    // an actor in error does not say when
    ...(isBroken(step) ? {} : { durationMs: nowAfter(event, was, is.at) - stepStartedAt }),
  };
  return tools.length > 0 || callsOf(event) > 0 ? [updatedMessages, finished] : [finished];
}

/** What is left of a step that is broken off. */
function closedCalls({ before, event, was }: Step): readonly Said[] {
  const { tools } = before.state;
  const running = ['executing', 'delegating', 'retrying'];
  const open = tools.flatMap((state, index): Said[] =>
    hasEnded(state) ? [] : [{ type: 'tool.cancelled', ...toolName(index + 1), started: running.includes(state) }],
  );
  const results = tools.length > 0 ? [updatedMessages] : [];
  // the text is kept for people where somebody has stopped it, and only there
  const text = event !== 'time is up' && was.turn.isShown ? [updatedMessages] : [];
  return [...open, ...results, ...text];
}

function saidOfEnd(step: Step): readonly Said[] {
  const { after, event, was, is } = step;
  const isStart = event.startsWith('turn starts');
  const tokens = isStart ? 0 : is.turn.tokens;
  const ending = {
    usage: { inputTokens: tokens, outputTokens: 0 },
    steps: isStart ? 0 : was.turn.steps,
    ...(isBroken(step) ? {} : { durationMs: isStart ? 0 : endedAt(step) - was.turn.startedAt }),
  };
  switch (endOf(after)) {
    case 'done': {
      const { firstShownAt, startedAt } = was.turn;
      const timeToFirstTokenMs = firstShownAt === undefined ? undefined : firstShownAt - startedAt;
      const stopReason = event.startsWith('model refuses') ? 'refusal' : 'end_turn';
      const output = event === 'output is accepted' ? 42 : undefined;
      const { toolCalls, text } = is.turn;
      const told = { text, output, stopReason, toolCalls, timeToFirstTokenMs };
      const completed: Said = { type: 'turn.completed', ...told, ...ending };
      return tokens > limit ? [{ type: 'budget.warning', spent: tokens, limit }, completed] : [completed];
    }
    case 'failed': {
      const failed: Said = { type: 'turn.failed', failure: { ...messageOf(event), cause: causeOf(step) }, ...ending };
      const tripped: Said[] = isOfErrors(step) ? [{ type: 'breaker.tripped', kind: 'consecutive_errors' }] : [];
      return [...tripped, ...withdrawn(step), failed];
    }
    default:
      return [...withdrawn(step), { type: 'turn.cancelled', reason: reasonOf(step), ...ending }];
  }
}

/** What no guardrail has seen does not stay. */
function withdrawn({ path, event, was }: Step): readonly Said[] {
  const unseen = event.startsWith('turn starts') ? 1 : was.turn.unseen;
  // guardrails come first: where the rest fails, they have let it through
  const isGuarded = path.bounds.features.includes('preparation') && unseen > 0 && event !== 'preparation fails';
  return isGuarded ? [{ type: 'messages.updated', added: 0, removed: unseen }] : [];
}

/** Whether the turn fails since tools did. */
function isOfErrors({ path, event, was, is }: Step): boolean {
  const isStepOver = readToolEvent(event) !== undefined || event === 'user steers';
  const { retries, toolErrors } = path.bounds;
  return isStepOver && was.turn.tools.length > 0 && is.turn.hints <= retries && is.turn.errorSteps >= toolErrors;
}

/** Whether an actor is in error that is none of our effects. */
function isBroken({ event, before }: Step): boolean {
  const tool = readToolEvent(event);
  const state = tool && before.state.tools[tool.number - 1];
  return event.endsWith('actor is in error') || (tool?.happening === 'breaks' && state === 'delegating');
}

function endedAt({ event, was, is }: Step): number {
  return event === 'time is up' ? deadlineOf(was.turn) : nowAfter(event, was, is.at);
}

/** What a failure says where something threw: the words of the error. */
function messageOf(event: PathEvent): { readonly message?: string } {
  switch (event) {
    case 'model call breaks':
    case 'preparation breaks':
    case 'output check breaks':
      return { message: 'Inside the engine: The runner threw.' };
    case 'model actor is in error':
    case 'compaction actor is in error':
      return { message: 'Inside the engine: The actor broke.' };
    default:
      return {};
  }
}

/** What a failure says of the limit that was reached; nothing is expected of others. */
function causeOf(step: Step): object | undefined {
  const { path, event, was, is, after } = step;
  const last = after.events.findLast(({ type }) => type === 'turn.failed');
  const type = last?.type === 'turn.failed' ? last.failure.type : undefined;
  const { steps, toolErrors } = path.bounds;
  if (type === 'max_steps') return { step: was.turn.steps, limit: steps };
  if (type === 'timeout') return { limit: maxDurationMs };
  if (type === 'tool_errors') return isOfErrors(step) ? { count: toolErrors, limit: toolErrors } : {};
  if (type === 'guardrail') return { name: 'guard' };
  if (type === 'repeated_calls') return { toolName: 'tool', count: 4, limit: 4 };
  if (type === 'invalid_output') return event === 'output is rejected' ? { hint: 'Not like this.' } : undefined;
  if (type === 'budget' && event.endsWith(', over budget')) return { spent: is.turn.tokens, limit };
  return undefined;
}

function reasonOf({ event, was }: Step): string | undefined {
  if (event === 'turn starts, cancelled before') return lateReason;
  if (event === 'session closes') return closeReason;
  return event === 'turn starts' ? was.session.queue[0]?.cancelledFor : cancelReason;
}

/** What follows a turn in its session: notes on how it ended, and that nothing is to be done any more. */
function saidOfSession(step: Step): readonly Said[] {
  const { path, before, after } = step;
  if (!isInSession(path.machine)) return [];
  const isIdle = after.state.session === 'idle' && before.state.session !== 'idle';
  if (before.state.session === 'compacting') {
    const isStopped = step.event === 'session closes' || step.event === 'user cancels';
    const stopped: Said[] = isStopped ? [{ type: 'compaction.cancelled', reason: 'manual' }] : [];
    return isIdle ? [...stopped, idle(step)] : stopped;
  }
  if (!hasEndedNow(step)) return [];
  const note = (cause: string): Said => ({ type: 'message.added', cause });
  const end = endOf(after);
  const notes =
    end === 'failed' ? [note('failure_note')] : end === 'cancelled' ? [note('cancel_note'), note('cancel_note')] : [];
  return isIdle ? [...notes, idle(step)] : notes;
}

function idle({ is }: Step): Said {
  return { type: 'session.idle', usage: { inputTokens: is.session.tokens, outputTokens: 0 } };
}

function hasEndedNow({ path, event, before, after }: Step): boolean {
  if (!isInSession(path.machine)) return isEnd(after.state.turn) && !isEnd(before.state.turn);
  const { session } = before.state;
  return (
    (session === 'inTurn.running' || event === 'turn starts') &&
    after.state.session !== 'inTurn.running' &&
    session !== 'idle'
  );
}

function isEnd(turn: string): boolean {
  return turn === 'done' || turn === 'failed' || turn === 'cancelled';
}

/** How the last turn has ended; in a session the next one may be there already. */
function endOf({ state, events }: Observation): string {
  if (isEnd(state.turn)) return state.turn;
  const last = events.findLast(({ type }) => endings.has(type));
  return endings.get(last?.type ?? 'turn.started') ?? 'none';
}

const endings: ReadonlyMap<Payload['type'], string> = new Map([
  ['turn.completed', 'done'],
  ['turn.failed', 'failed'],
  ['turn.cancelled', 'cancelled'],
]);

function startedMessage(step: Step): readonly Said[] {
  return step.was.turn.isShown ? [] : [{ type: 'message.started', ...place(step), messageId: messageId(step) }];
}

/** The model call that runs. */
function place({ was }: Step): { readonly step: number; readonly attempt: number } {
  return { step: was.turn.steps, attempt: was.turn.calls };
}

/** Messages are named after the model call that they come of. */
function messageId(moment: Step): string | undefined {
  const { step, attempt } = place(moment);
  const call = moment.after.started.findLast(({ id }) => id.endsWith(`.${step}.model.${attempt}`));
  return call?.id.replace('.model.', '.');
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function toolName(number: number): { readonly toolCallId: string; readonly toolName: string } {
  return { toolCallId: `call_${number}`, toolName: 'tool' };
}

function failureType(event: PathEvent): string {
  return event === 'model fails, over budget' ? 'provider_unavailable' : event.slice('model fails: '.length);
}
