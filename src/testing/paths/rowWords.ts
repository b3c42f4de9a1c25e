import type { Host, HostInput } from '../../host.ts';
import type { CallModelOutput, ExecuteToolOutput, PrepareToolOutput } from '../../machines/contracts.ts';
import type { SessionContext } from '../../machines/sessionMachine.ts';
import type { TurnContext } from '../../machines/turnMachine.ts';
import { eventOfTimer } from './hostWords.ts';
import {
  type ApplicationEvent,
  asksFor,
  failureEvents,
  modelEvents,
  type PathEvent,
  type ToolHappening,
  toolHappenings,
} from './pathEvent.ts';

/**
 * What a row of a recording may be called, the best word first; then every other, since it may be all the same to the
 * machines.
 */
export function candidatesFor(input: HostInput, { actor, effects, turn }: Host): readonly PathEvent[] {
  switch (input.type) {
    case 'fired':
      return [eventOfTimer(input.timer)];
    case 'reported':
      return ['model streams'];
    case 'command':
      return commandCandidates(input.command, actor.getSnapshot().context, turn?.getSnapshot().context);
    case 'settled': {
      const { value, error } = input.result;
      const { kind = '' } = effects.get(input.effect) ?? {};
      if (kind === 'callModel') {
        return [error === undefined ? modelWord(value as CallModelOutput) : 'model call breaks', ...modelEvents];
      }
      const words = applicationWords[kind];
      if (words !== undefined) return words;
      const [, index] = /\.tool\.(\d+)\./.exec(input.effect) ?? [];
      const number = Number(index) + 1;
      const first = error === undefined ? toolWord(value as PrepareToolOutput | ExecuteToolOutput) : 'breaks';
      return [first, ...toolHappenings].map((word): PathEvent => `tool ${number} ${word}`);
    }
  }
}

/** What effects may come to of which paths know nothing but how they lead on. */
const applicationWords: Readonly<Record<string, readonly ApplicationEvent[]>> = {
  prepareStep: ['step is prepared', 'step is prepared, message rewritten', 'input is denied', 'preparation fails'],
  checkOutput: ['output is accepted', 'output is rejected', 'output check breaks'],
  summarize: ['summary comes', 'summary fails'],
};

function commandCandidates(
  command: (HostInput & { type: 'command' })['command'],
  { queue }: SessionContext,
  turn: TurnContext | undefined,
): readonly PathEvent[] {
  const ofTool = (toolCallId: string, happening: ToolHappening): readonly PathEvent[] => {
    const index = turn?.calls.findIndex(({ call }) => call.toolCallId === toolCallId) ?? -1;
    return index === -1 ? [] : [`tool ${index + 1} ${happening}`];
  };
  switch (command.type) {
    case 'session.send':
      return ['user sends'];
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

function modelWord(output: CallModelOutput): PathEvent {
  if (output.type === 'denied') return 'answer is denied';
  if (output.type === 'trouble') {
    const { type } = output.failure;
    const own = failureEvents.find((word) => word === `model fails: ${type}`);
    return own ?? 'model fails: unknown';
  }
  const calls = countCalls(output);
  const { unified } = output.finishReason;
  if (unified === 'content-filter') return 'model refuses';
  if (calls > 0 && unified === 'length') return 'model is cut off in a tool call';
  if (calls === 1 && unified === 'pause') return 'model pauses in a tool call';
  if (calls > 0) return asksFor(calls);
  if (unified === 'pause') return 'model pauses';
  return output.content.length === 0 ? 'model answers nothing' : 'model answers';
}

function toolWord(output: PrepareToolOutput | ExecuteToolOutput): ToolHappening {
  switch (output.type) {
    case 'ready':
      if (output.approval !== undefined) return 'needs approval';
      if (output.isClientSide) return 'is for a client';
      if (output.agent !== undefined) return 'is for an agent';
      return output.sequential ? 'is ready, to run alone' : 'is ready';
    case 'refused':
      return output.outcome.type === 'denied' ? 'is denied by a guardrail' : 'is refused';
    case 'failed':
      return 'fails for now';
    case 'settled':
      if (output.outcome.type !== 'completed') return 'fails';
      return output.outcome.retry === true ? 'asks to be called again' : 'completes';
  }
}

/** How many tools an answer asks for. */
export function countCalls({ content }: CallModelOutput & { type: 'answer' }): number {
  return content.filter(({ type }) => type === 'tool-call').length;
}
