import {
  type AgentOptions,
  type AnyTool,
  createAgent,
  defineTool,
  type Json,
  type Message,
  type Model,
  type Schema,
  type Session,
  type Tool,
  type ToolResultPart,
  type ToolRun,
  type Turn,
  type TurnEvent,
  type TurnEventType,
  type TurnOutcome,
} from 'turnchart';
import { type Script, type ScriptedModel, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { expect } from 'vitest';

type EventOf<T extends TurnEventType> = Extract<TurnEvent, { type: T }>;

/** A session on a clock of the test, with all it said and all its model was asked. */
export interface Conversation {
  readonly clock: SimulatedClock;
  readonly model: ScriptedModel;
  readonly session: Session<unknown>;
  /** All events so far. */
  readonly events: readonly TurnEvent[];
  /** Those of one type. */
  of<T extends TurnEventType>(type: T): readonly EventOf<T>[];
  /** Their types, without what streams. */
  types(): readonly TurnEventType[];
  /** Sends a message, and gives how its turn ended. The whole transcript is checked on the way. */
  say(text: string): Promise<TurnOutcome<unknown>>;
  /** How a turn ended; every request of the model and the history after it must be valid transcripts. */
  outcomeOf(turn: Turn<unknown>): Promise<TurnOutcome<unknown>>;
  /** The tool results of the whole conversation, in the order of the history. */
  results(): readonly ToolResultPart[];
}

type Options = Omit<AgentOptions<readonly AnyTool[], Schema | undefined>, 'model' | 'clock'> & {
  readonly context?: unknown;
};

/** Opens a session with a model that says what is written here. */
export function converse(
  script: readonly Script[] | Parameters<typeof scriptedModel>[0],
  options: Options = {},
  clock = new SimulatedClock(),
): Conversation {
  const model = scriptedModel(script);
  return { ...converseWith(model, options, clock), model };
}

/** Opens a session with any model. */
export function converseWith(
  model: Model,
  { context, ...options }: Options = {},
  clock = new SimulatedClock(),
): Omit<Conversation, 'model'> {
  const problems: string[] = [];
  const checked: Model = {
    provider: model.provider,
    modelId: model.modelId,
    stream(request, streamOptions) {
      problems.push(...transcriptProblems(request.messages));
      return model.stream(request, streamOptions);
    },
  };
  const session = createAgent({ ...options, model: checked, clock }).session({ context });
  const events: TurnEvent[] = [];
  session.on('*', (event) => events.push(event));
  const of = <T extends TurnEventType>(type: T) => events.filter((event): event is EventOf<T> => event.type === type);
  const outcomeOf = async (turn: Turn<unknown>) => {
    const outcome = await turn.outcome;
    expect(problems).toEqual([]);
    expect(transcriptProblems(session.messages)).toEqual([]);
    // an id may come back in a later answer
    expect(events.filter(isToolEnd).map(idOf).sort()).toEqual(of('tool.called').map(idOf).sort());
    return outcome;
  };
  return {
    clock,
    session,
    events,
    of,
    types: () => events.filter(({ n }) => n === undefined).map(({ type }) => type),
    say: (text) => outcomeOf(session.send(text)),
    outcomeOf,
    results: () => resultsIn(session.messages),
  };
}

const toolEnds = ['tool.completed', 'tool.failed', 'tool.denied', 'tool.cancelled'] as const;

function isToolEnd(event: TurnEvent): event is EventOf<(typeof toolEnds)[number]> {
  return (toolEnds as readonly string[]).includes(event.type);
}

function idOf({ toolCallId }: { readonly toolCallId: string }): string {
  return toolCallId;
}

/** All tool results of a conversation, in order. */
export function resultsIn(messages: readonly Message[]): readonly ToolResultPart[] {
  return messages.flatMap((message) => (message.role === 'tool' ? message.content : []));
}

/** A tool that takes any object. */
export function tool(
  name: string,
  execute: (input: Json, run: ToolRun) => unknown = () => `${name} is done`,
  options: Partial<Omit<AnyTool, 'name' | 'execute' | 'approval'>> & Pick<Tool, 'approval'> = {},
): AnyTool {
  return defineTool({
    input: { jsonSchema: { type: 'object' } },
    ...options,
    name,
    execute: (input, run) => execute(input as Json, run),
  });
}

/** A promise that a test settles. */
export interface Gate<T = unknown> {
  readonly promise: Promise<T>;
  open(value: T): void;
  fail(error: unknown): void;
}

export function gate<T = unknown>(): Gate<T> {
  let open: (value: T) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Never settles: what a tool, schema or model looks like that ignores its signal. */
export const forever: Promise<never> = new Promise(() => {});

/** Resolves after a while of simulated time. */
export function later(clock: SimulatedClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, ms));
}
