import type { RequestPermissionRequest } from '@agentclientprotocol/sdk';
import { isTerminal, type TurnEvent, type TurnPaused } from '../../events.ts';
import { describeError } from '../../failure.ts';
import { defaultLimits } from '../../machines/policies.ts';
import type { Editor, Update } from './editor.ts';
import type { ServedSession, ServedTurn } from './servedAgent.ts';
import type { CallReference, ToolCalls } from './toolCalls.ts';

export interface QuestionsOptions {
  readonly editor: Editor;
  readonly session: ServedSession;
  readonly turn: ServedTurn;
  readonly toolCalls: ToolCalls;
  readonly onProblem: (problem: string) => void;
}

const allowOnce = { optionId: 'allow_once', name: 'Allow', kind: 'allow_once' } as const;
const allowAlways = { optionId: 'allow_always', name: 'Always allow in this session', kind: 'allow_always' } as const;
const rejectOnce = { optionId: 'reject_once', name: 'Reject', kind: 'reject_once' } as const;
const goOn = { optionId: 'go_on', name: 'Go on', kind: 'allow_once' } as const;
const stopHere = { optionId: 'stop_here', name: 'Stop here', kind: 'reject_once' } as const;

/** How many steps a yes gives. */
const moreSteps = defaultLimits.maxSteps;

/** Why a turn ends that was not to go on, for the one who answers the prompt. */
export type StoppedBy = TurnPaused['reason'];

/** What a turn waits for somebody to say, asked of the user; and answered where nobody can be asked. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #open = new Map<string, AbortController>();
  readonly #asked = new Set<Promise<void>>();
  #stoppedBy: StoppedBy | undefined;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** The pause that the user did not want to end. */
  get stoppedBy(): StoppedBy | undefined {
    return this.#stoppedBy;
  }

  take(told: TurnEvent): void {
    const event = innermost(told);
    switch (event.type) {
      case 'tool.approvalRequested':
        this.#begin(this.#askApproval(event));
        return;
      case 'tool.approvalResolved':
      case 'tool.cancelled':
        this.#withdraw(questionId(event));
        return;
      case 'tool.resultRequested':
        this.#options.session.resolveTool(event.toolCallId, 'nobody is there who can. Go on without it.', {
          isError: true,
        });
        return;
      case 'turn.paused':
        this.#begin(this.#askToGoOn(event, `${event.turnId}.pause.${told.seq}`));
        return;
      default:
        if (isTerminal(told)) this.#withdrawAll();
    }
  }

  /** Withdraws what is still asked, and resolves when there is nothing to be said about that any more. */
  async close(): Promise<void> {
    this.#withdrawAll();
    await Promise.all(this.#asked);
  }

  #begin(asked: Promise<void>): void {
    this.#asked.add(asked);
    void asked.then(() => this.#asked.delete(asked));
  }

  async #askApproval(call: CallReference): Promise<void> {
    const { session, turn, toolCalls } = this.#options;
    const { toolCallId } = call;
    const answer = await this.#ask(questionId(call), {
      toolCall: { status: 'pending', ...toolCalls.find(call) },
      options: [allowOnce, allowAlways, rejectOnce],
    });
    switch (answer) {
      case 'withdrawn':
        return;
      case allowOnce.optionId:
        session.approve(toolCallId);
        return;
      case allowAlways.optionId:
        session.approve(toolCallId, { remember: 'session' });
        return;
      case 'cancelled':
        turn.cancel(cancelledByUser);
        return;
      case 'failed':
        session.deny(toolCallId, 'The user could not be asked.');
        return;
      default:
        session.deny(toolCallId, 'The user said no.');
    }
  }

  async #askToGoOn({ reason, spent, limit }: TurnPaused, id: string): Promise<void> {
    const { editor, session, turn } = this.#options;
    const title =
      reason === 'max_steps'
        ? `${spent} ${spent === 1 ? 'step is' : 'steps are'} taken. Go on for ${moreSteps} more?`
        : `The turn has cost ${round(spent)}, more than ${round(limit)}. Go on?`;
    const toolCall = { toolCallId: id, title, kind: 'other', status: 'pending' } as const;
    const answer = await this.#ask(
      id,
      { toolCall, options: [goOn, stopHere] },
      // a question is about a call that the editor knows
      { sessionUpdate: 'tool_call', ...toolCall },
    );
    const isYes = answer === goOn.optionId;
    const status = isYes ? 'completed' : 'failed';
    // one who is gone need not know
    await editor.tell({ sessionUpdate: 'tool_call_update', toolCallId: id, status }).catch(() => undefined);
    if (isYes && reason === 'max_steps') session.extend(moreSteps);
    else if (isYes) session.resume();
    else if (answer === 'cancelled') turn.cancel(cancelledByUser);
    else if (answer !== 'withdrawn') {
      this.#stoppedBy = reason;
      turn.cancel('The user did not want it to go on.');
    }
  }

  /** The option that was chosen, or what came of the question otherwise. */
  async #ask(id: string, request: Omit<RequestPermissionRequest, 'sessionId'>, announcement?: Update): Promise<string> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#open.set(id, controller);
    try {
      const { editor } = this.#options;
      if (announcement !== undefined) await editor.tell(announcement);
      if (signal.aborted) return 'withdrawn';
      const outcome = await editor.ask(request, signal);
      if (signal.aborted) return 'withdrawn';
      return outcome.outcome === 'selected' ? outcome.optionId : 'cancelled';
    } catch (error) {
      if (signal.aborted) return 'withdrawn';
      this.#options.onProblem(`The user could not be asked: ${describeError(error).message}`);
      return 'failed';
    } finally {
      if (this.#open.get(id) === controller) this.#open.delete(id);
    }
  }

  #withdrawAll(): void {
    for (const id of [...this.#open.keys()]) this.#withdraw(id);
  }

  #withdraw(id: string): void {
    const controller = this.#open.get(id);
    this.#open.delete(id);
    controller?.abort();
  }
}

/** The reason that is given for a cancel by `session/cancel`. */
export const cancelledByUser = 'The user cancelled it.';

function questionId({ turnId, toolCallId }: CallReference): string {
  return `${turnId}/${toolCallId}`;
}

/** What a sub-agent says counts like what the turn says. */
function innermost(told: TurnEvent): TurnEvent {
  let event = told;
  while (event.type === 'agent.event') {
    const { sessionId, seq, at } = event;
    event = { at, ...event.event, sessionId, seq };
  }
  return event;
}

function round(amount: number): number {
  return Number(amount.toPrecision(3));
}
