import type { TurnOverrides } from '../../events.ts';
import type { Command, Host, HostInput } from '../../host.ts';
import { overspent } from '../../machines/budget.ts';
import type { CallModelOutput, ExecuteToolOutput, PrepareToolOutput } from '../../machines/contracts.ts';
import type { SessionContext } from '../../machines/sessionMachine.ts';
import type { TurnContext } from '../../machines/turnMachine.ts';
import { eventOfTimer } from './hostWords.ts';
import {
  type AnswerRead,
  type ApplicationEvent,
  answerWord,
  atNoCost,
  atSuchLength,
  failureEvents,
  forFree,
  modelEvents,
  type PathEvent,
  readyHappening,
  type ToolHappening,
} from './pathEvent.ts';

/** Whether it happens inside of the turn of a sub-agent. */
export function isInAgent(input: HostInput): boolean {
  if (input.type === 'command') return false;
  return input.type === 'fired' ? input.timer.includes('/agent') : input.effect.includes('.agent.');
}

/**
 * What a row of a recording may be in words, the best ones first, where it makes the conversation too long for the model
 * or not. Mostly it is one event; what happens to a sub-agent is
 * one thing there, and another to the call that it works on.
 */
export function waysFor(input: HostInput, host: Host, isLong: boolean): readonly (readonly PathEvent[])[] {
  const candidates = isInAgent(input) ? [] : candidatesFor(input, host);
  const words = [...new Set(isLong ? candidates.map((word) => atSuchLength(word) ?? word) : candidates)];
  const agents = (host.turn?.getSnapshot().context.calls ?? []).flatMap(({ state, outcome }, index) =>
    outcome === undefined && (state === 'executing' || state === 'awaitingAgent') ? [index + 1] : [],
  );
  const inside = agents.flatMap((number) =>
    ofAgent.map((way) => way.map((word): PathEvent => `tool ${number} ${word}`)),
  );
  if (isInAgent(input)) return inside;
  const alone = words.map((word) => [word]);
  if (input.type !== 'command' || !heardInside.has(input.command.type)) return alone;
  const said = agents.flatMap((number) => saidInside(input.command, number));
  const ways = [...alone, ...said.map((word) => [word])];
  return [...ways, ...ways.flatMap((way) => inside.map((then) => [...way, ...then]))];
}

/** What may come of something that happens to an agent. */
const endings: readonly ToolHappening[] = [
  'completes',
  'completes, for free',
  'completes, over budget',
  'fails',
  'fails, for free',
  'fails, over budget',
];
const ofAgent: readonly (readonly ToolHappening[])[] = [
  ['waits for people'],
  ['goes on'],
  ...endings.map((ending) => [ending]),
  ...endings.map((ending) => ['goes on', ending] as const),
  ['goes on', 'waits for people'],
];

const heardInside: ReadonlySet<string> = new Set([
  'session.approve',
  'session.deny',
  'session.resolveTool',
  'session.extend',
  'session.resume',
]);

function saidInside({ type }: Command, number: number): readonly PathEvent[] {
  switch (type) {
    case 'session.approve':
      return [`tool ${number} is approved`];
    case 'session.deny':
      return [`tool ${number} is denied`];
    case 'session.resolveTool':
      return [`tool ${number} is answered by its client`];
    default:
      return [];
  }
}

/** What a row may be called, the best word first; then others, since it may be all the same to the machines. */
function candidatesFor(input: HostInput, { actor, effects, turn }: Host): readonly PathEvent[] {
  switch (input.type) {
    case 'fired':
      return [eventOfTimer(input.timer)];
    case 'reported': {
      const number = toolNumber(input.effect);
      return [number === undefined ? 'model streams' : `tool ${number} reports`];
    }
    case 'command':
      return commandCandidates(input.command, actor.getSnapshot().context, turn?.getSnapshot().context);
    case 'settled': {
      const { value, error } = input.result;
      const { kind = '' } = effects.get(input.effect) ?? {};
      if (kind === 'callModel') {
        const words = error === undefined ? modelWords(value as CallModelOutput) : (['model call breaks'] as const);
        return [...words, ...words.map(atNoCost), ...modelEvents];
      }
      const words = applicationWords[kind];
      if (words !== undefined) return [...words, ...words.map(atNoCost)];
      const number = toolNumber(input.effect) ?? 0;
      const happenings =
        error === undefined ? toolWords(value as PrepareToolOutput | ExecuteToolOutput) : (['breaks'] as const);
      return happenings.map((word): PathEvent => `tool ${number} ${word}`);
    }
  }
}

/**
 * The ways in the order of what they cost, for a turn that has spent so much: in paths everything costs more than it may
 * spend without being asked, but for what is for free, and nothing more than it may spend at all, but for what says so.
 */
export function byCost(
  ways: readonly (readonly PathEvent[])[],
  turn: TurnContext | undefined,
): readonly (readonly PathEvent[])[] {
  if (turn === undefined) return ways;
  const { settings, totals } = turn;
  const { softCost } = settings.limits;
  if (overspent(settings.limits, totals.usage, totals.cost) !== undefined) return first(ways, ', over budget');
  return softCost === undefined || (totals.cost ?? 0) > softCost ? ways : first(ways, forFree);
}

/** Those ways first in which something ends like that. */
function first(ways: readonly (readonly PathEvent[])[], end: string): readonly (readonly PathEvent[])[] {
  const isSuch = (way: readonly PathEvent[]) => way.some((event) => event.endsWith(end));
  return [...ways.filter(isSuch), ...ways.filter((way) => !isSuch(way))];
}

/** The number of the tool that an effect is about. */
function toolNumber(effect: string): number | undefined {
  const [, index] = /\.tool\.(\d+)\./.exec(effect) ?? [];
  return index === undefined ? undefined : Number(index) + 1;
}

/** What effects may come to of which paths know nothing but how they lead on. */
const applicationWords: Readonly<Record<string, readonly ApplicationEvent[]>> = {
  prepareStep: ['step is prepared', 'step is prepared, message rewritten', 'input is denied', 'preparation fails'],
  checkOutput: ['output is accepted', 'output is rejected', 'output check breaks'],
  summarize: ['summary comes', 'summary comes, over budget', 'summary fails', 'summary fails, over budget'],
};

function commandCandidates(
  command: Command,
  { queue }: SessionContext,
  turn: TurnContext | undefined,
): readonly PathEvent[] {
  const ofTool = (toolCallId: string, happening: ToolHappening): readonly PathEvent[] => {
    const index = turn?.calls.findIndex(({ call }) => call.toolCallId === toolCallId) ?? -1;
    return index === -1 ? [] : [`tool ${index + 1} ${happening}`];
  };
  switch (command.type) {
    case 'session.send':
      return [sendingWord(command.options)];
    case 'session.start':
      return ['turn starts'];
    case 'session.steer':
      return ['user steers'];
    case 'session.close':
      return ['session closes'];
    case 'session.diagnose':
      return ['listener throws'];
    case 'session.extend':
      return ['user extends'];
    case 'session.resume':
      return ['user resumes'];
    case 'session.compact':
      return ['user compacts'];
    case 'session.approve':
      return ofTool(command.toolCallId, command.remember === undefined ? 'is approved' : 'is approved for the session');
    case 'session.deny':
      return ofTool(command.toolCallId, 'is denied');
    case 'session.resolveTool':
      return ofTool(
        command.toolCallId,
        command.output.type === 'error' ? 'cannot be run by its client' : 'is answered by its client',
      );
    case 'session.cancel':
      return command.turnId === undefined || command.turnId === queue[0]?.turnId
        ? ['user cancels', 'user cancels the waiting turn']
        : ['user cancels the waiting turn', 'user cancels'];
  }
}

/** The word for a message, with the limits and the form of its own turn. */
function sendingWord({ limits, output }: TurnOverrides = {}): PathEvent {
  const form = output === undefined ? '' : ', for an output';
  const { maxSteps } = limits ?? {};
  return maxSteps === undefined ? `user sends${form}` : `user sends, for ${maxSteps as number} steps at most${form}`;
}

/** What came of a model call, the best word first; then every other, since it may be all the same to the machines. */
function modelWords(output: CallModelOutput): readonly PathEvent[] {
  if (output.type === 'denied') return ['answer is denied'];
  if (output.type === 'trouble') {
    const { type } = output.failure;
    const own = failureEvents.find((word) => word === `model fails: ${type}`);
    return [own ?? 'model fails: unknown', ...failureEvents, 'model fails, over budget'];
  }
  const read: AnswerRead = {
    finish: readFinish(output),
    calls: countCalls(output),
    isEmpty: output.content.length === 0,
    isOverBudget: false,
    isLong: false,
  };
  return [answerWord(read), answerWord({ ...read, isOverBudget: true })];
}

function readFinish({ finishReason: { unified } }: CallModelOutput & { type: 'answer' }): AnswerRead['finish'] {
  if (unified === 'length' || unified === 'content-filter' || unified === 'pause') return unified;
  return 'stop';
}

function toolWords(output: PrepareToolOutput | ExecuteToolOutput): readonly ToolHappening[] {
  switch (output.type) {
    case 'ready': {
      const isNoted = (output.reports ?? []).length > 0;
      const runner = output.isClientSide ? 'client' : output.agent === undefined ? 'turn' : 'agent';
      const runsAlone = output.sequential;
      return [readyHappening({ needsApproval: output.approval !== undefined, runner, runsAlone, isNoted })];
    }
    case 'refused': {
      if (output.outcome.type === 'denied') return ['is denied by a guardrail'];
      return [(output.reports ?? []).length > 0 ? 'is refused, noted by a guardrail' : 'is refused'];
    }
    case 'failed':
      return ['fails for now', 'fails'];
    case 'settled':
      if (output.outcome.type !== 'completed') return ['fails', 'fails for now'];
      return output.outcome.retry === true ? ['asks to be called again', 'completes'] : ['completes'];
  }
}

/** How many tools an answer asks for. */
export function countCalls({ content }: CallModelOutput & { type: 'answer' }): number {
  return content.filter(({ type }) => type === 'tool-call').length;
}
