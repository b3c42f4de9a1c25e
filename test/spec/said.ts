import type { Payload } from '../../src/events.ts';
import { maxDurationMs, overBudget } from '../../src/testing/paths/bounds.ts';
import type { Observation, Oracle, PathEvent, PathMoment } from '../../src/testing/paths/index.ts';
import { readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import { delayMs } from '../../src/testing/paths/results.ts';
import { type Circumstances, circumstances } from './conditions.ts';
import { hasEnded } from './slots.ts';
import { callsOf, cancelReason, closeReason, lateReason, tokensOf } from './story.ts';

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
  const said = tool === undefined ? saidOfEvent(step) : [...saidOfTool(step, tool), ...startedTools(step)];
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
    case 'listener throws':
      return [{ type: 'diagnostic', source: 'listener', message: 'It threw.' }];
    case 'model streams':
      return [...startedMessage(step), { type: 'message.delta', ...place(step), messageId: messageId(step) }];
    case 'model call breaks':
    case 'model actor is in error':
      return saidOfEnd(step);
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
  const { path, event, was, is } = step;
  if (hasEndedNow(step)) return saidOfEnd(step);
  const { attempt } = place(step);
  const stale: Said = { type: 'message.superseded', messageId: messageId(step), attempt };
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
  const { event } = step;
  const calls = Array.from({ length: callsOf(event) }, (_, index) => toolName(index + 1));
  const isLast = calls.length === 0 && event !== 'model pauses';
  const phase = isLast ? 'final_answer' : 'commentary';
  const isEmpty = event === 'model answers nothing';
  // these calls are not run: the answer may not be what the model wanted to say
  const isRefused = event === 'model refuses in a tool call, over budget';
  const isHalf = isRefused || event === 'model is cut off in a tool call';
  const isUnaffordable = event === 'model asks for 1 tool, over budget';
  return [
    ...(isEmpty ? [] : startedMessage(step)),
    { type: 'message.completed', ...place(step), messageId: messageId(step), ...(isRefused ? {} : { phase }) },
    ...calls.map((names, index): Said => ({ type: 'tool.called', ...names, index })),
    ...(isHalf ? calls.map((names): Said => ({ type: 'tool.failed', ...names })) : []),
    ...(isHalf || isLast ? finishedStep(step) : []),
    ...(isUnaffordable ? calls.map((names): Said => ({ type: 'tool.cancelled', ...names, started: false })) : []),
    ...(isUnaffordable ? [updatedMessages] : []),
    ...(hasEndedNow(step) ? saidOfEnd(step) : event === 'model is cut off in a tool call' ? begunStep(step) : []),
  ];
}

function saidOfTool(step: Step, { number, happening }: NonNullable<ReturnType<typeof readToolEvent>>): readonly Said[] {
  const { before, after, is, path } = step;
  const names = toolName(number);
  if (happening === 'reports') return [{ type: 'tool.progress', ...names }];
  const isOver = after.state.turn !== 'working.runningTools' || hasEnded(after.state.tools[number - 1]);
  if (!isOver) {
    if (happening !== 'fails for now') return [];
    const attempt = is.turn.tools[number - 1]?.failures;
    const { toolAttempts: maxAttempts } = path.bounds;
    const retryAt = firstAt + is.at + delayMs;
    return [{ type: 'tool.retrying', ...names, step: is.turn.steps, attempt, maxAttempts, delayMs, retryAt }];
  }
  const retry = happening === 'asks to be called again' ? true : undefined;
  const end: Said =
    happening === 'completes' || retry
      ? { type: 'tool.completed', ...names, retry }
      : { type: 'tool.failed', ...names, failure: { type: 'tool' } };
  if (after.state.turn === before.state.turn) return [end];
  return [end, ...finishedStep(step), ...(hasEndedNow(step) ? saidOfEnd(step) : begunStep(step))];
}

function startedTools({ before, after }: Step): readonly Said[] {
  const was = before.state.tools;
  return after.state.tools.flatMap((state, index): Said[] =>
    state === 'executing' && (was[index] === 'preparing' || was[index] === 'queued')
      ? [{ type: 'tool.started', ...toolName(index + 1) }]
      : [],
  );
}

function begunStep({ was, is }: Step): readonly Said[] {
  // messages that were said to a turn before it began are of its first step
  const { steering } = was.turn;
  const added = Array.from({ length: steering }, (): Said => ({ type: 'message.added', cause: 'steering' }));
  return [
    { type: 'step.started', step: is.turn.steps },
    ...added,
    ...(steering > 0 ? [{ type: 'steering.applied', messageIds: { length: steering } } as const] : []),
  ];
}

const updatedMessages: Said = { type: 'messages.updated', added: 1, removed: 0 };

function finishedStep({ event, was, is }: Step): readonly Said[] {
  const { steps, stepStartedAt, stepTokens, tools } = was.turn;
  const finished: Said = {
    type: 'step.finished',
    step: steps,
    finishReason: { unified: is.turn.finishReason },
    usage: { inputTokens: stepTokens + tokensOf(event), outputTokens: 0 },
    durationMs: is.at - stepStartedAt,
  };
  return tools.length > 0 || callsOf(event) > 0 ? [updatedMessages, finished] : [finished];
}

/** What is left of a step that is broken off. */
function closedCalls({ before, event, was }: Step): readonly Said[] {
  const { tools } = before.state;
  const open = tools.flatMap((state, index): Said[] =>
    hasEnded(state)
      ? []
      : [{ type: 'tool.cancelled', ...toolName(index + 1), started: state === 'executing' || state === 'retrying' }],
  );
  const results = tools.length > 0 ? [updatedMessages] : [];
  // the text is kept for people where somebody has stopped it, and only there
  const text = event !== 'time is up' && was.turn.isShown ? [updatedMessages] : [];
  return [...open, ...results, ...text];
}

function saidOfEnd(step: Step): readonly Said[] {
  const { after, event, was, is } = step;
  const isStart = event.startsWith('turn starts');
  const isUncounted = event === 'model actor is in error';
  const tokens = isStart ? 0 : was.turn.tokens + tokensOf(event);
  const ending = {
    usage: { inputTokens: tokens, outputTokens: 0 },
    steps: isStart ? 0 : was.turn.steps,
    ...(isUncounted ? {} : { durationMs: isStart ? 0 : endedAt(step) - was.turn.startedAt }),
  };
  switch (endOf(after)) {
    case 'done': {
      const { firstShownAt, startedAt } = was.turn;
      const timeToFirstTokenMs = firstShownAt === undefined ? undefined : firstShownAt - startedAt;
      const stopReason = event.startsWith('model refuses') ? 'refusal' : 'end_turn';
      const text = event === 'model answers nothing' || callsOf(event) > 0 ? '' : 'Well, so it is.';
      const { toolCalls } = is.turn;
      const completed: Said = { type: 'turn.completed', text, stopReason, toolCalls, timeToFirstTokenMs, ...ending };
      return tokens > limit ? [{ type: 'budget.warning', spent: tokens, limit }, completed] : [completed];
    }
    case 'failed':
      return [{ type: 'turn.failed', failure: { ...messageOf(event), cause: causeOf(step) }, ...ending }];
    default:
      return [{ type: 'turn.cancelled', reason: reasonOf(step), ...ending }];
  }
}

function endedAt({ event, was, is }: Step): number {
  return event === 'time is up' ? was.turn.startedAt + maxDurationMs : is.at;
}

/** What a failure says where something threw: the words of the error. */
function messageOf(event: PathEvent): { readonly message?: string } {
  if (event === 'model call breaks') return { message: 'Inside the engine: The runner threw.' };
  return event === 'model actor is in error' ? { message: 'Inside the engine: The actor broke.' } : {};
}

/** What a failure says of the limit that was reached; nothing is expected of others. */
function causeOf({ path, event, was, after }: Step): object | undefined {
  const last = after.events.findLast(({ type }) => type === 'turn.failed');
  const type = last?.type === 'turn.failed' ? last.failure.type : undefined;
  const { steps } = path.bounds;
  if (type === 'max_steps') return { step: was.turn.steps, limit: steps };
  if (type === 'timeout') return { limit: maxDurationMs };
  if (type === 'tool_errors') return { hint: 'Done.' };
  if (type === 'budget' && event.endsWith(', over budget')) {
    return { spent: was.turn.tokens + tokensOf(event), limit };
  }
  return undefined;
}

function reasonOf({ event, was }: Step): string | undefined {
  if (event === 'turn starts, cancelled before') return lateReason;
  if (event === 'session closes') return closeReason;
  return event === 'turn starts' ? was.session.queue[0]?.cancelledFor : cancelReason;
}

/** What follows a turn in its session: notes on how it ended, and that nothing is to be done any more. */
function saidOfSession(step: Step): readonly Said[] {
  const { path, before, after, is } = step;
  if (path.machine !== 'session' || !hasEndedNow(step)) return [];
  const note = (cause: string): Said => ({ type: 'message.added', cause });
  const end = endOf(after);
  const notes =
    end === 'failed' ? [note('failure_note')] : end === 'cancelled' ? [note('cancel_note'), note('cancel_note')] : [];
  const isIdle = after.state.session === 'idle' && before.state.session !== 'idle';
  const usage = { inputTokens: is.session.tokens, outputTokens: 0 };
  return isIdle ? [...notes, { type: 'session.idle', usage }] : notes;
}

function hasEndedNow({ path, event, before, after }: Step): boolean {
  if (path.machine !== 'session') return isEnd(after.state.turn) && !isEnd(before.state.turn);
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

function toolName(number: number): { readonly toolCallId: string; readonly toolName: string } {
  return { toolCallId: `call_${number}`, toolName: `tool_${number}` };
}

function failureType(event: PathEvent): string {
  return event === 'model fails, over budget' ? 'provider_unavailable' : event.slice('model fails: '.length);
}
