import { assign, emit, enqueueActions, sendTo, setup } from 'xstate';
import type {
  Payload,
  SessionApprove,
  SessionCancel,
  SessionDeny,
  SessionDiagnose,
  SessionExtend,
  SessionInput,
  SessionResolveTool,
  SessionResume,
  SessionSend,
  SessionStart,
  SessionSteer,
  TurnOverrides,
} from '../events.ts';
import type { Message, UserMessage } from '../messages.ts';
import { addUsage, noUsage, type Usage } from '../model.ts';
import { addCost } from './budget.ts';
import { defaultCompaction } from './compaction.ts';
import {
  type CompactionMachineInput,
  type CompactionOutput,
  compactionEnded,
  compactionMachine,
} from './compactionMachine.ts';
import { append, createHistory, emptyHistory, type History, type HistoryState } from './history.ts';
import { notesAfter } from './notes.ts';
import { defaultLimits, maxIterations } from './policies.ts';
import { theEvent } from './theEvent.ts';
import type { TurnOptions } from './turnContext.ts';
import { type TurnOutput, turnMachine } from './turnMachine.ts';

/** What a session is given when it is made. */
export interface SessionMachineInput extends HistoryState {
  readonly sessionId: string;
  /** The conversation so far. @default none */
  readonly history?: History | readonly Message[];
  /** What every turn is given; its history is the session's. */
  readonly turn?: TurnOptions;
  /** Tools that nobody has to be asked about any more. @default none */
  readonly approvedTools?: readonly string[];
  /** Whether a cancelled turn leaves notes that tell the model so. @default true */
  readonly cancelNotes?: boolean;
  /** Of the turns before. @default none */
  readonly usage?: Usage;
  readonly cost?: number | undefined;
}

/** A turn that waits, or rests before its start. */
export interface QueuedTurn {
  readonly turnId: string;
  readonly message: UserMessage;
  readonly options?: TurnOverrides;
  readonly cancelled?: { readonly reason?: string };
}

/** A message that steers a turn, with the id of the turn that it becomes if no step takes it. */
interface Steering {
  readonly turnId: string;
  readonly message: UserMessage;
}

export interface SessionContext {
  readonly sessionId: string;
  readonly turn: TurnOptions;
  readonly cancelNotes: boolean;
  readonly history: History;
  /** The turn that runs, or is about to, comes first while the session is in a turn. */
  readonly queue: readonly QueuedTurn[];
  /** All that was said to the first turn of the queue while it rested or ran. */
  readonly steering: readonly Steering[];
  /** Tools that nobody has to be asked about any more. */
  readonly approvedTools: readonly string[];
  readonly usage: Usage;
  readonly cost: number | undefined;
}

export interface Compacted {
  readonly output: CompactionOutput;
}

export interface Ended {
  readonly output: TurnOutput;
}

/**
 * One conversation: its history, the turns that wait, and one turn at a time. Stays open after any turn.
 * Provide it with a turn: `sessionMachine.provide({ actors: { turn: turnMachine.provide(services(…)) } })`.
 */
export const sessionMachine = setup({
  types: {
    context: {} as SessionContext,
    input: {} as SessionMachineInput,
    events: {} as SessionInput,
    emitted: {} as Payload,
    children: {} as { turn: 'turn'; compaction: 'compaction' },
  },
  actors: { turn: turnMachine, compaction: compactionMachine },
  guards: {
    isAimed: (_, { turnId }: SessionCancel) => turnId !== undefined,
    isForRunningTurn: ({ context }, { turnId }: SessionCancel) =>
      turnId === undefined || turnId === context.queue[0]?.turnId,
    isAnyWaiting: ({ context }) => context.queue.length > 0,
    isAnotherWaiting: ({ context }, { output }: Ended) =>
      context.queue.length > 1 || leftover(context, output).length > 0,
  },
  actions: {
    enqueueTurn: assign(({ context }, event: SessionSend | SessionSteer) => ({
      queue: [...context.queue, queuedTurn(event)],
    })),
    keepSteering: assign(({ context }, { turnId, message }: SessionSteer) => ({
      steering: [...context.steering, { turnId, message }],
    })),
    passSteering: sendTo('turn', (_, { message, at }: SessionSteer) => ({ type: 'turn.steer' as const, message, at })),
    passExtension: sendTo('turn', (_, { steps, at }: SessionExtend) => ({ type: 'turn.extend' as const, steps, at })),
    passResume: sendTo('turn', (_, { at }: SessionResume) => ({ type: 'turn.resume' as const, at })),
    passApproval: sendTo('turn', (_, { type: _type, ...answer }: SessionApprove) => ({
      type: 'turn.approve' as const,
      ...answer,
    })),
    passDenial: sendTo('turn', (_, { type: _type, ...answer }: SessionDeny) => ({
      type: 'turn.deny' as const,
      ...answer,
    })),
    passResult: sendTo('turn', (_, { type: _type, ...answer }: SessionResolveTool) => ({
      type: 'turn.resolveTool' as const,
      ...answer,
    })),
    startTurn: enqueueActions(({ context, enqueue }, { at }: SessionStart) => {
      const next = context.queue[0];
      if (next === undefined) return;
      const steering = context.steering.map(({ message }) => message);
      const { options: _, ...turn } = next;
      enqueue.sendTo('turn', { type: 'turn.start', ...turn, steering, at });
    }),
    cancelTurn: sendTo('turn', (_, { reason, at }: Pick<SessionCancel, 'reason' | 'at'>) => ({
      type: 'turn.cancel' as const,
      ...(reason !== undefined && { reason }),
      at,
    })),
    cancelWaiting: assign(({ context }, cancel: Pick<SessionCancel, 'turnId' | 'reason'>) => ({
      queue: context.queue.map((turn, index) => {
        const isMeant = cancel.turnId === undefined ? index === 0 : turn.turnId === cancel.turnId;
        return isMeant && turn.cancelled === undefined ? cancelledTurn(turn, cancel.reason) : turn;
      }),
    })),
    cancelAll: assign(({ context }) => ({
      queue: context.queue.map((turn) => (turn.cancelled === undefined ? cancelledTurn(turn, closing) : turn)),
      steering: [],
    })),
    keepTurn: enqueueActions(({ context, enqueue }, { output }: Ended) => {
      const notes = notesAfter(output, context.cancelNotes);
      const left = leftover(context, output);
      const [first] = left;
      const next = first === undefined ? [] : [{ turnId: first.turnId, message: asInput(first.message) }];
      enqueue.assign({
        history: append(output.history, ...notes.map(({ message }) => message)),
        queue: [...next, ...context.queue.slice(1)],
        steering: left.slice(1),
        approvedTools: output.approvedTools,
        usage: addUsage(context.usage, output.usage),
        cost: addCost(context.cost, output.cost),
      });
      for (const note of notes) enqueue.emit({ type: 'message.added', ...note });
    }),
    keepCompaction: enqueueActions(({ context, enqueue }, { output }: Compacted) => {
      enqueue.assign({
        history: output.history,
        usage: addUsage(context.usage, output.usage),
        cost: addCost(context.cost, output.cost),
      });
      enqueue.emit(compactionEnded(output));
    }),
    tellCompacting: emit({ type: 'compaction.started' as const, reason: 'manual' as const }),
    tellCompactionCancelled: emit({ type: 'compaction.cancelled' as const, reason: 'manual' as const }),
    tellIdle: emit(({ context }) => ({
      type: 'session.idle' as const,
      usage: context.usage,
      ...(context.cost !== undefined && { cost: context.cost }),
    })),
    tellDiagnostic: emit((_, { source, message }: SessionDiagnose) => ({
      type: 'diagnostic' as const,
      source,
      message,
    })),
  },
}).createMachine({
  id: 'session',
  description: 'One conversation, many turns.',
  options: { maxIterations },
  context: ({ input }) => ({
    sessionId: input.sessionId,
    turn: input.turn ?? {},
    cancelNotes: input.cancelNotes ?? true,
    history: toHistory(input),
    queue: [],
    steering: [],
    approvedTools: input.approvedTools ?? [],
    usage: input.usage ?? noUsage,
    cost: input.cost,
  }),
  initial: 'idle',
  on: {
    'session.diagnose': { actions: { type: 'tellDiagnostic', params: theEvent } },
  },
  states: {
    idle: {
      description: 'No turn runs, and none waits.',
      on: {
        'session.send': { target: 'inTurn', actions: { type: 'enqueueTurn', params: theEvent } },
        'session.steer': { target: 'inTurn', actions: { type: 'enqueueTurn', params: theEvent } },
        'session.compact': 'compacting',
        'session.close': 'closed',
      },
    },
    compacting: {
      description: 'Between turns, the conversation is shortened for the model. Messages wait.',
      entry: 'tellCompacting',
      invoke: {
        id: 'compaction',
        src: 'compaction',
        input: ({ context, event }) => compactionInput(context, event.type === 'session.compact' ? event.id : ''),
        onDone: [
          {
            guard: 'isAnyWaiting',
            target: 'inTurn',
            actions: { type: 'keepCompaction', params: theEvent },
          },
          {
            target: 'idle',
            actions: [{ type: 'keepCompaction', params: theEvent }, 'tellIdle'],
          },
        ],
      },
      on: {
        'session.send': { actions: { type: 'enqueueTurn', params: theEvent } },
        'session.steer': [
          { guard: 'isAnyWaiting', actions: { type: 'keepSteering', params: theEvent } },
          { actions: { type: 'enqueueTurn', params: theEvent } },
        ],
        'session.cancel': [
          {
            guard: { type: 'isAimed', params: theEvent },
            actions: { type: 'cancelWaiting', params: theEvent },
          },
          { guard: 'isAnyWaiting', target: 'inTurn.following', actions: 'tellCompactionCancelled' },
          { target: 'idle', actions: ['tellCompactionCancelled', 'tellIdle'] },
        ],
        'session.close': [
          { guard: 'isAnyWaiting', target: 'inTurn', actions: ['tellCompactionCancelled', 'cancelAll'] },
          { target: 'idle', actions: ['tellCompactionCancelled', 'tellIdle'] },
        ],
      },
    },
    inTurn: {
      description: 'One turn runs or is about to; messages steer it or wait for a turn of their own.',
      initial: 'starting',
      invoke: {
        id: 'turn',
        src: 'turn',
        input: ({ context }) => ({
          ...turnInput(context),
          sessionId: context.sessionId,
          history: context.history,
          approvedTools: context.approvedTools,
        }),
        onDone: [
          {
            guard: { type: 'isAnotherWaiting', params: theEvent },
            target: '.following',
            reenter: true,
            actions: { type: 'keepTurn', params: theEvent },
          },
          {
            target: 'idle',
            actions: [{ type: 'keepTurn', params: theEvent }, 'tellIdle'],
          },
        ],
      },
      on: {
        'session.send': { actions: { type: 'enqueueTurn', params: theEvent } },
      },
      states: {
        starting: {
          description: 'The turn rests until the driver starts it, after `send()` has returned.',
          tags: 'starting',
          on: {
            'session.start': { target: 'running', actions: { type: 'startTurn', params: theEvent } },
            'session.steer': { actions: { type: 'keepSteering', params: theEvent } },
            'session.cancel': { actions: { type: 'cancelWaiting', params: theEvent } },
            'session.close': { actions: 'cancelAll' },
          },
        },
        following: {
          description:
            'A turn has ended or a compaction, and the next turn rests: who cancels now means what was before.',
          tags: 'starting',
          on: {
            'session.start': { target: 'running', actions: { type: 'startTurn', params: theEvent } },
            'session.steer': { actions: { type: 'keepSteering', params: theEvent } },
            'session.cancel': {
              guard: { type: 'isAimed', params: theEvent },
              actions: { type: 'cancelWaiting', params: theEvent },
            },
            'session.close': { actions: 'cancelAll' },
          },
        },
        running: {
          description: 'The turn is at work.',
          on: {
            'session.cancel': [
              {
                guard: { type: 'isForRunningTurn', params: theEvent },
                actions: { type: 'cancelTurn', params: theEvent },
              },
              { actions: { type: 'cancelWaiting', params: theEvent } },
            ],
            'session.steer': {
              actions: [
                { type: 'keepSteering', params: theEvent },
                { type: 'passSteering', params: theEvent },
              ],
            },
            'session.extend': { actions: { type: 'passExtension', params: theEvent } },
            'session.resume': { actions: { type: 'passResume', params: theEvent } },
            'session.approve': { actions: { type: 'passApproval', params: theEvent } },
            'session.deny': { actions: { type: 'passDenial', params: theEvent } },
            'session.resolveTool': { actions: { type: 'passResult', params: theEvent } },
            'session.close': {
              actions: [
                'cancelAll',
                { type: 'cancelTurn', params: ({ event }) => ({ reason: closing, at: event.at }) },
              ],
            },
          },
        },
      },
    },
    closed: {
      type: 'final',
      description: 'Takes no more messages.',
    },
  },
});

const closing = 'The session was closed.';

function toHistory({ history, ...state }: SessionMachineInput): History {
  if (history === undefined) return emptyHistory;
  return 'log' in history ? history : createHistory(history, state);
}

/** What the compaction between turns is given. */
function compactionInput({ sessionId, history, turn }: SessionContext, id: string): CompactionMachineInput {
  const { compaction, limits } = turn;
  return {
    id,
    sessionId,
    reason: 'manual',
    history,
    policy: { ...defaultCompaction, ...(compaction || {}) },
    stallTimeoutMs: limits?.stallTimeoutMs ?? defaultLimits.stallTimeoutMs,
  };
}

/** Steering that becomes the input of a turn is steering no longer. */
function asInput(message: UserMessage): UserMessage {
  if (message.cause !== 'steering') return message;
  const { cause: _, ...input } = message;
  return input;
}

function queuedTurn(event: SessionSend | SessionSteer): QueuedTurn {
  const { turnId, message } = event;
  const options = event.type === 'session.send' ? event.options : undefined;
  return { turnId, message: asInput(message), ...(options !== undefined && { options }) };
}

/** What the turn is given that comes first. */
function turnInput({ turn, queue }: SessionContext): SessionContext['turn'] {
  const { limits, output } = queue[0]?.options ?? {};
  return {
    ...turn,
    ...(limits !== undefined && { limits: { ...turn.limits, ...limits } }),
    ...(output !== undefined && { output }),
  };
}

function cancelledTurn(turn: QueuedTurn, reason: string | undefined): QueuedTurn {
  return { ...turn, cancelled: reason === undefined ? {} : { reason } };
}

/** Steering that the turn which has just ended did not take. */
function leftover(context: SessionContext, output: TurnOutput): readonly Steering[] {
  const untaken = new Set(output.steering.map(({ id }) => id));
  return untaken.size === 0 ? [] : context.steering.filter(({ message }) => untaken.has(message.id));
}
