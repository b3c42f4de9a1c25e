import { maxIterations } from './policies.ts';
import { theEvent } from './theEvent.ts';
import {
  compactionInput,
  createContext,
  failureOf,
  stopReasonOf,
  type TurnOutput,
  turnEnd,
  withholdsTools,
} from './turnContext.ts';
import { turnSetup } from './turnSetup.ts';

export type { TurnContext, TurnMachineInput, TurnOutput } from './turnContext.ts';

/**
 * A message turn: from a user's message to exactly one of `done`, `failed`, `cancelled`. Rests in `idle` until
 * `turn.start`. What it does outside itself is what its actors are provided with: `turnMachine.provide(services(…))`.
 */
export const turnMachine = turnSetup.createMachine({
  id: 'turn',
  description: 'One user message up to its terminal event.',
  options: { maxIterations },
  context: ({ input }) => createContext(input),
  initial: 'idle',
  output: ({ event }) => (event as unknown as { output: TurnOutput }).output,
  states: {
    idle: {
      description: 'Waits for its message.',
      on: {
        'turn.start': [
          {
            guard: { type: 'wasCancelledBefore', params: theEvent },
            target: 'cancelled',
            actions: [
              { type: 'beginTurn', params: theEvent },
              { type: 'keepCancel', params: ({ event }) => ({ ...event.cancelled, at: event.at }) },
            ],
          },
          { target: 'working', actions: { type: 'beginTurn', params: theEvent } },
        ],
        'turn.steer': { actions: { type: 'keepSteering', params: theEvent } },
      },
    },
    working: {
      description: 'Step by step: a model call, then the tools it asked for.',
      initial: 'choosing',
      on: {
        'turn.cancel': { target: 'cancelled', actions: { type: 'keepCancel', params: theEvent } },
        'turn.timeout': { target: 'failed', actions: 'failWithTimeout' },
        'turn.steer': { actions: { type: 'keepSteering', params: theEvent } },
      },
      states: {
        choosing: {
          description: 'Decides whether another step may begin.',
          always: [
            { guard: 'areRetriesSpent', target: '#turn.failed', actions: 'failWithRetries' },
            { guard: 'hasTooManyToolErrors', target: '#turn.failed', actions: 'failWithToolErrors' },
            { guard: 'needsExtension', target: 'awaitingExtension' },
            { guard: 'isOutOfSteps', target: '#turn.failed', actions: 'failWithMaxSteps' },
            { guard: 'needsLeaveToSpend', target: 'awaitingResume' },
            { target: 'beginning', actions: 'beginStep' },
          ],
        },
        beginning: {
          description: 'The step begins: is the conversation too long, does anything have to be made ready?',
          always: [
            { guard: 'cannotAffordStep', target: '#turn.failed', actions: 'failWithBudget' },
            { guard: 'needsCompaction', target: 'compacting' },
            { guard: 'needsPreparation', target: 'preparing' },
            { target: 'callingModel' },
          ],
        },
        compacting: {
          description: 'The conversation is too long for the model: it is shortened.',
          entry: 'tellCompacting',
          invoke: {
            id: 'compaction',
            src: 'compaction',
            input: ({ context }) => compactionInput(context),
            onDone: { target: 'beginning', actions: { type: 'keepCompaction', params: theEvent } },
            onError: { target: '#turn.failed', actions: { type: 'failWithInternal', params: theEvent } },
          },
        },
        awaitingExtension: {
          description:
            'All steps are taken, and the model wants more; somebody may allow them. The clock stands still.',
          entry: ['tellPaused', 'pauseClock'],
          on: {
            'turn.extend': {
              target: 'choosing',
              actions: [{ type: 'keepExtension', params: theEvent }, 'resumeClock'],
            },
          },
        },
        awaitingResume: {
          description: 'More is spent than softCost says; somebody may allow to go on. The clock stands still.',
          entry: ['tellPaused', 'pauseClock'],
          on: {
            'turn.resume': {
              target: 'choosing',
              actions: [{ type: 'liftSoftCost', params: theEvent }, 'resumeClock'],
            },
          },
        },
        preparing: {
          description:
            "The application's own functions see the step before the model does: guardrails, instructions, plan.",
          invoke: {
            id: 'prepareStep',
            src: 'prepareStep',
            input: ({ context }) => ({
              id: `${context.turnId}.${context.step}.prepare`,
              sessionId: context.settings.sessionId,
              turnId: context.turnId,
              step: context.step,
              history: context.history,
              unseen: context.unseen,
            }),
            onDone: [
              {
                guard: { type: 'isPrepared', params: theEvent },
                target: 'callingModel',
                actions: [
                  { type: 'keepGuarded', params: theEvent },
                  { type: 'keepPlan', params: theEvent },
                ],
              },
              {
                guard: { type: 'isInputDenied', params: theEvent },
                target: '#turn.failed',
                actions: [
                  { type: 'keepGuarded', params: theEvent },
                  { type: 'failWithDeniedInput', params: theEvent },
                ],
              },
              {
                target: '#turn.failed',
                actions: [
                  { type: 'keepGuarded', params: theEvent },
                  { type: 'failWithPreparation', params: theEvent },
                ],
              },
            ],
          },
        },
        callingModel: {
          description: 'The model answers; its text is passed on as it arrives.',
          entry: 'beginAttempt',
          invoke: {
            id: 'callModel',
            src: 'callModel',
            input: ({ context }) => ({
              id: `${context.turnId}.${context.step}.model.${context.current.attempt}`,
              sessionId: context.settings.sessionId,
              turnId: context.turnId,
              step: context.step,
              attempt: context.current.attempt,
              tries: context.current.tries,
              requestId: `${context.turnId}.${context.step}.${context.current.request}`,
              history: context.history,
              ...(context.current.plan !== undefined && { plan: context.current.plan }),
              ...(context.settings.output?.schema !== undefined && { outputSchema: context.settings.output.schema }),
              ...(withholdsTools(context) && { withholdsTools: true as const }),
              stallTimeoutMs: context.settings.limits.stallTimeoutMs,
            }),
            onDone: [
              {
                guard: { type: 'cannotAffordRetry', params: theEvent },
                target: '#turn.failed',
                actions: [{ type: 'keepTrouble', params: theEvent }, 'failWithBudget'],
              },
              {
                guard: { type: 'canRetry', params: theEvent },
                target: 'retrying',
                actions: [
                  { type: 'keepTrouble', params: theEvent },
                  { type: 'planRetry', params: theEvent },
                ],
              },
              {
                guard: { type: 'mayCompact', params: theEvent },
                target: 'compacting',
                actions: [
                  { type: 'keepTrouble', params: theEvent },
                  { type: 'keepOverflow', params: theEvent },
                  'repeatStep',
                ],
              },
              {
                guard: { type: 'isAnswerDenied', params: theEvent },
                target: '#turn.failed',
                actions: { type: 'failWithDeniedAnswer', params: theEvent },
              },
              {
                guard: { type: 'hasFailed', params: theEvent },
                target: '#turn.failed',
                actions: { type: 'keepTrouble', params: theEvent },
              },
              {
                guard: { type: 'withholdsOutput', params: theEvent },
                target: '#turn.failed',
                actions: [{ type: 'keepAnswer', params: theEvent }, 'failWithWithheldOutput'],
              },
              {
                guard: { type: 'wasRefused', params: theEvent },
                target: '#turn.done',
                actions: { type: 'keepAnswer', params: theEvent },
              },
              {
                guard: { type: 'cannotGoOn', params: theEvent },
                target: '#turn.failed',
                actions: [{ type: 'keepAnswer', params: theEvent }, 'failWithBudget'],
              },
              {
                guard: { type: 'repeatsTooOften', params: theEvent },
                target: '#turn.failed',
                actions: [{ type: 'keepAnswer', params: theEvent }, 'failWithRepeatedCalls'],
              },
              {
                guard: { type: 'asksForTools', params: theEvent },
                target: 'usingTools',
                actions: { type: 'keepAnswer', params: theEvent },
              },
              {
                guard: { type: 'pausesTooOften', params: theEvent },
                target: '#turn.failed',
                actions: [{ type: 'keepAnswer', params: theEvent }, 'failWithNoProgress'],
              },
              {
                guard: { type: 'hasPaused', params: theEvent },
                target: 'callingModel',
                reenter: true,
                actions: [{ type: 'keepAnswer', params: theEvent }, 'repeatStep'],
              },
              {
                guard: 'needsCheck',
                target: 'checkingOutput',
                actions: { type: 'keepAnswer', params: theEvent },
              },
              { target: '#turn.done', actions: { type: 'keepAnswer', params: theEvent } },
            ],
            onError: {
              target: '#turn.failed',
              actions: { type: 'failWithInternal', params: theEvent },
            },
          },
          on: {
            'model.parts': { actions: { type: 'followParts', params: theEvent } },
          },
        },
        retrying: {
          description: 'The model call failed; the same request goes out again after a delay.',
          after: { retryDelay: 'callingModel' },
        },
        checkingOutput: {
          description: 'The answer is read in the form that was asked for, and checked.',
          invoke: {
            id: 'checkOutput',
            src: 'checkOutput',
            input: ({ context }) => ({
              id: `${context.turnId}.${context.step}.output`,
              sessionId: context.settings.sessionId,
              turnId: context.turnId,
              step: context.step,
              text: context.text,
              ...(context.settings.output?.schema !== undefined && { schema: context.settings.output.schema }),
              history: context.history,
            }),
            onDone: [
              {
                guard: { type: 'isOutputAccepted', params: theEvent },
                target: '#turn.done',
                actions: { type: 'keepOutput', params: theEvent },
              },
              {
                guard: { type: 'mayAskAgain', params: theEvent },
                target: 'choosing',
                actions: [{ type: 'askAgain', params: theEvent }, 'tellStepFinished'],
              },
              {
                guard: { type: 'isOutputRejected', params: theEvent },
                target: '#turn.failed',
                actions: { type: 'failWithInvalidOutput', params: theEvent },
              },
              { target: '#turn.failed', actions: { type: 'failWithUncheckedOutput', params: theEvent } },
            ],
          },
        },
        usingTools: {
          description: 'What the model asked for, up to a result for every call.',
          initial: 'runningTools',
          entry: 'spawnTools',
          exit: 'stopTools',
          on: {
            'tool.prepared': { actions: [{ type: 'takePrepared', params: theEvent }, 'askPeople'] },
            'tool.approved': { actions: [{ type: 'takeApproved', params: theEvent }, 'grantSlots', 'askPeople'] },
            'tool.began': { actions: 'grantSlots' },
            'tool.progressed': { actions: { type: 'tellProgress', params: theEvent } },
            'tool.attemptFailed': { actions: { type: 'tellRetry', params: theEvent } },
            'xstate.done.actor.tool.*': {
              actions: [{ type: 'keepSettled', params: theEvent }, 'askPeople', 'grantSlots'],
            },
            'tool.agentWaits': { actions: { type: 'keepWaiting', params: theEvent } },
            'tool.agentGoesOn': { actions: { type: 'keepWaiting', params: theEvent } },
            'tool.remembered': { actions: { type: 'keepRemembered', params: theEvent } },
            'tool.emitted': { actions: { type: 'tellAgent', params: theEvent } },
            'turn.approve': {
              actions: [
                { type: 'passApproval', params: theEvent },
                { type: 'passToAgents', params: theEvent },
              ],
            },
            'turn.deny': {
              actions: [
                { type: 'passDenial', params: theEvent },
                { type: 'passToAgents', params: theEvent },
              ],
            },
            'turn.resolveTool': {
              actions: [
                { type: 'passResult', params: theEvent },
                { type: 'passToAgents', params: theEvent },
              ],
            },
            'turn.extend': { actions: { type: 'passToAgents', params: theEvent } },
            'turn.resume': { actions: { type: 'passToAgents', params: theEvent } },
          },
          always: {
            guard: 'areAllToolsSettled',
            target: 'choosing',
            actions: ['countToolErrors', 'closeCalls', 'tellStepFinished'],
          },
          states: {
            runningTools: {
              description: 'Tools run side by side, as far as slots allow.',
              always: { guard: 'waitsForPeople', target: 'awaitingAnswers' },
            },
            awaitingAnswers: {
              description:
                'Nothing goes on before somebody approves a call, or runs one outside. The clock stands still.',
              entry: 'pauseClock',
              exit: 'resumeClock',
              always: { guard: 'waitsForNobody', target: 'runningTools' },
              on: {
                'turn.steer': {
                  guard: 'waitsForClients',
                  actions: [{ type: 'keepSteering', params: theEvent }, 'giveUpResults'],
                },
              },
            },
          },
        },
      },
    },
    done: {
      type: 'final',
      description: 'The model gave its final answer.',
      entry: ['closeCalls', 'tellStepFinished', 'tellCompleted'],
      output: ({ context }): TurnOutput => ({
        status: 'completed',
        text: context.text,
        ...(context.output !== undefined && { output: context.output }),
        ...turnEnd(context, stopReasonOf(context.current.finishReason)),
      }),
    },
    failed: {
      type: 'final',
      description: 'The turn cannot go on; the failure says why.',
      entry: ['withdrawUnseen', 'closeCalls', 'tellFailed'],
      output: ({ context }): TurnOutput => {
        const failure = failureOf(context);
        return {
          status: 'failed',
          failure,
          ...turnEnd(context, failure.type === 'max_steps' ? 'max_steps' : 'failed'),
        };
      },
    },
    cancelled: {
      type: 'final',
      description: 'Somebody stopped the turn.',
      entry: ['withdrawUnseen', 'closeCalls', 'keepPartial', 'tellCancelled'],
      output: ({ context }): TurnOutput => ({
        status: 'cancelled',
        reason: context.cancelReason,
        ...turnEnd(context, 'cancelled'),
      }),
    },
  },
});
