import type { TurnEvent } from '../../events.ts';
import type { SessionSnapshot, ToolCallSnapshot, TurnSnapshot } from '../../snapshot.ts';

/** What the turn is at, and what it waits for: the snapshot says where it stands, events say since when. */
export class Status {
  #startedAt = 0;
  #compactingSince = 0;
  #model: 'waiting for the model' | 'reasoning' | 'answering' = 'waiting for the model';
  #modelRetry = { type: '', maxAttempts: 0 };
  readonly #tools = new Map<string, string | { readonly startedAt: number }>();

  take(event: TurnEvent): void {
    switch (event.type) {
      case 'compaction.started':
        this.#compactingSince = event.at;
        return;
      case 'turn.started':
        this.#startedAt = event.at;
        this.#tools.clear();
        return;
      case 'step.started':
        this.#model = 'waiting for the model';
        this.#tools.clear();
        return;
      case 'reasoning.delta':
        this.#model = 'reasoning';
        return;
      case 'message.delta':
        this.#model = 'answering';
        return;
      case 'model.retrying':
        this.#model = 'waiting for the model';
        this.#modelRetry = { type: event.failure.type, maxAttempts: event.maxAttempts };
        return;
      case 'tool.started':
        this.#tools.set(event.toolCallId, { startedAt: event.at });
        return;
      case 'tool.retrying':
        this.#tools.set(event.toolCallId, `attempt ${event.attempt + 1} of ${event.maxAttempts}`);
        return;
      default:
    }
  }

  /**
   * The line for a moment, part by part; nothing while nothing runs.
   *
   * @param now epoch ms
   */
  describe({ status, turn }: SessionSnapshot, now: number): readonly string[] {
    if (status === 'compacting') return [status, elapsed(now - this.#compactingSince)];
    if (turn === undefined || turn.step === 0) return [];
    return [
      turn.state,
      ...this.#waitingFor(turn, now),
      ...(turn.step > 1 ? [`step ${turn.step}`] : []),
      elapsed(now - this.#startedAt),
    ];
  }

  #waitingFor(turn: NonNullable<SessionSnapshot['turn']>, now: number): readonly string[] {
    switch (turn.state) {
      case 'callingModel':
        return [this.#model];
      case 'retrying': {
        const { type, maxAttempts } = this.#modelRetry;
        // rounded up: "again in 0 s" would be over
        const left = Math.max(0, Math.ceil(((turn.retryAt ?? now) - now) / 1_000));
        return [type, `again in ${left} s`, `attempt ${turn.attempt + 1} of ${maxAttempts}`];
      }
      case 'runningTools': {
        const running = turn.tools.flatMap((tool) => {
          const { toolCallId, toolName, state, agent } = tool;
          const since = this.#tools.get(toolCallId);
          if (state === 'executing' && typeof since === 'object')
            return [`${toolName} ${elapsed(now - since.startedAt)}`];
          const awaited = awaitedBy(tool);
          if (awaited !== undefined) return [`${toolName} waiting for ${awaited}`];
          if (agent !== undefined) return [`${toolName} ${agent.state}`];
          if (state === 'retrying' && typeof since === 'string') return [`${toolName} ${state}, ${since}`];
          return isSettled(state) ? [] : [`${toolName} ${state}`];
        });
        return running.length === 0 ? [] : [running.join(', ')];
      }
      case 'awaitingAnswers':
      case 'awaitingExtension':
      case 'awaitingResume':
        return [`waiting for ${awaitedIn(turn) ?? 'you'}`];
      default:
        return [];
    }
  }
}

/** Who is waited for, where a turn waits for somebody: people come first. */
function awaitedIn({ state, tools }: TurnSnapshot): 'you' | 'a client' | undefined {
  if (state === 'awaitingExtension' || state === 'awaitingResume') return 'you';
  const awaited = tools.map(awaitedBy);
  return awaited.includes('you') ? 'you' : awaited.find((who) => who !== undefined);
}

function awaitedBy({ state, agent }: ToolCallSnapshot): 'you' | 'a client' | undefined {
  if (state === 'awaitingApproval') return 'you';
  if (state === 'awaitingResult') return 'a client';
  return agent && awaitedIn(agent);
}

const settled: ReadonlySet<string> = new Set(['completed', 'failed', 'denied', 'interrupted', 'cancelled']);

function isSettled(state: string): boolean {
  return settled.has(state);
}

function elapsed(ms: number): string {
  return `${Math.max(0, Math.floor(ms / 1_000))} s`;
}
