import type { Host, HostInput } from '../../host.ts';
import type { CallModelOutput, ExecuteToolOutput, PrepareToolOutput } from '../../machines/contracts.ts';
import type { SessionContext } from '../../machines/sessionMachine.ts';
import { eventOfTimer } from './hostWords.ts';
import {
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
export function candidatesFor(input: HostInput, { actor, effects }: Host): readonly PathEvent[] {
  switch (input.type) {
    case 'fired':
      return [eventOfTimer(input.timer)];
    case 'reported':
      return ['model streams'];
    case 'command':
      return commandCandidates(input.command, actor.getSnapshot().context);
    case 'settled': {
      const { value, error } = input.result;
      if (effects.get(input.effect)?.kind === 'callModel') {
        return [error === undefined ? modelWord(value as CallModelOutput) : 'model call breaks', ...modelEvents];
      }
      const [, index] = /\.tool\.(\d+)\./.exec(input.effect) ?? [];
      const number = Number(index) + 1;
      const first = error === undefined ? toolWord(value as PrepareToolOutput | ExecuteToolOutput) : 'breaks';
      return [first, ...toolHappenings].map((word): PathEvent => `tool ${number} ${word}`);
    }
  }
}

function commandCandidates(command: (HostInput & { type: 'command' })['command'], { queue }: SessionContext) {
  switch (command.type) {
    case 'session.send':
      return ['user sends'] as const;
    case 'session.start':
      return ['turn starts'] as const;
    case 'session.steer':
      return ['user steers'] as const;
    case 'session.close':
      return ['session closes'] as const;
    case 'session.diagnose':
      return ['listener throws'] as const;
    case 'session.cancel':
      return command.turnId === undefined || command.turnId === queue[0]?.turnId
        ? (['user cancels', 'user cancels the waiting turn'] as const)
        : (['user cancels the waiting turn', 'user cancels'] as const);
  }
}

function modelWord(output: CallModelOutput): PathEvent {
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
      return output.sequential ? 'is ready, to run alone' : 'is ready';
    case 'refused':
      return 'is refused';
    case 'failed':
      return 'fails for now';
    case 'settled':
      if (output.outcome.type === 'failed') return 'fails';
      return output.outcome.retry === true ? 'asks to be called again' : 'completes';
  }
}

/** How many tools an answer asks for. */
export function countCalls({ content }: CallModelOutput & { type: 'answer' }): number {
  return content.filter(({ type }) => type === 'tool-call').length;
}
