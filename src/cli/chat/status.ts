import type { TurnEvent } from '../../events.ts';
import type { SessionSnapshot } from '../../snapshot.ts';

/** What the turn is at, and what it waits for: the snapshot says where it stands, events say since when. */
export class Status {
  #startedAt = 0;
  #model: 'waiting for the model' | 'reasoning' | 'answering' = 'waiting for the model';
  #modelRetry = { type: '', maxAttempts: 0 };
  readonly #tools = new Map<string, string | { readonly startedAt: number }>();

  take(event: TurnEvent): void {
    switch (event.type) {
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
   * The line for a moment, part by part; nothing while no turn runs.
   *
   * @param now epoch ms
   */
  describe({ turn }: SessionSnapshot, now: number): readonly string[] {
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
        const running = turn.tools.flatMap(({ toolCallId, toolName, state }) => {
          const since = this.#tools.get(toolCallId);
          if (state === 'executing' && typeof since === 'object')
            return [`${toolName} ${elapsed(now - since.startedAt)}`];
          if (state === 'retrying' && typeof since === 'string') return [`${toolName} ${state}, ${since}`];
          return isSettled(state) ? [] : [`${toolName} ${state}`];
        });
        return running.length === 0 ? [] : [running.join(', ')];
      }
      default:
        return [];
    }
  }
}

const settled: ReadonlySet<string> = new Set(['completed', 'failed', 'denied', 'interrupted', 'cancelled']);

function isSettled(state: string): boolean {
  return settled.has(state);
}

function elapsed(ms: number): string {
  return `${Math.max(0, Math.floor(ms / 1_000))} s`;
}
