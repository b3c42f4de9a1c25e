import type { TurnEvent } from '../../events.ts';
import { type Agent, createAgent } from '../../index.ts';
import { textOf } from '../../messages.ts';
import type { Session } from '../../session.ts';
import type { AnyTool } from '../../tool.ts';
import type { Turn } from '../../turn.ts';
import { commandLineAgent } from '../commandLineAgent.ts';
import { type ChosenModel, chooseModel, type Environment, hintAtKeys } from '../model.ts';
import type { OpenInspector } from '../openInspector.ts';
import type { RecordingFile } from '../recordFile.ts';
import type { KeptSession } from '../sessions/keptSession.ts';
import { explainRecovery, findUnfinished, type Unfinished } from '../sessions/unfinished.ts';
import type { WaitingMessage } from './waiting.ts';

export interface ConversationOptions {
  readonly chosen: ChosenModel;
  /** The directory that the tools may look at. */
  readonly root: string;
  /** Where keys and addresses of models are read. */
  readonly env: Environment;
  /** What every session is recorded into. */
  readonly recording?: RecordingFile | undefined;
  /** Where the session is kept, and goes on from. @default nowhere */
  readonly kept?: KeptSession | undefined;
  /** Who shows it, and may speak to it. @default nobody */
  readonly inspector?: OpenInspector | undefined;
  readonly onEvent: (event: TurnEvent) => void;
}

/** Who answers and who could, and where one can watch: the first lines of a chat. */
export function introduce({ chosen, env, inspector }: Omit<ConversationOptions, 'onEvent'>): readonly string[] {
  const { notice, isSimulated } = chosen;
  const hint = isSimulated ? hintAtKeys(env) : undefined;
  return [
    hint === undefined ? notice : `${notice} ${hint}`,
    ...(inspector === undefined ? [] : [`Inspector: ${inspector.url}`]),
  ];
}

/** A session whose model can be changed: the one after it goes on with its messages, under its id. */
export class Conversation {
  readonly #options: ConversationOptions;
  #unfinished: Unfinished | undefined;
  #current: {
    readonly chosen: ChosenModel;
    readonly tools: readonly AnyTool[];
    readonly agent: Agent;
    readonly session: Session;
  };

  /** @throws StoreError where the session cannot be gone on with: another process has it, say */
  constructor(options: ConversationOptions) {
    this.#options = options;
    const { chosen, kept } = options;
    this.#current = this.#open(chosen, kept === undefined ? {} : { id: kept.name, resume: 'manual' });
  }

  get chosen(): ChosenModel {
    return this.#current.chosen;
  }

  get session(): Session {
    return this.#current.session;
  }

  get tools(): readonly AnyTool[] {
    return this.#current.tools;
  }

  /** Nothing is at work: a message that is sent begins its turn at once. */
  get isIdle(): boolean {
    const { status } = this.session.snapshot;
    return status === 'idle' || status === 'closed';
  }

  /** A turn runs, which can be steered and cancelled. */
  get isInTurn(): boolean {
    return this.session.snapshot.status === 'inTurn';
  }

  /** There is something to be cancelled: a turn, or a compaction. */
  get isAtWork(): boolean {
    return this.isInTurn || this.session.snapshot.status === 'compacting';
  }

  /** Nothing can be said any more: the session is closed, or could not be kept. */
  get isClosed(): boolean {
    return this.session.snapshot.status === 'closed';
  }

  /** What the session was at when its process ended, if it did not rest; it waits for `goOn()`. */
  async findUnfinished(): Promise<Unfinished | undefined> {
    this.#unfinished = await findUnfinished(this.session, this.tools, Date.now());
    return this.#unfinished;
  }

  /** Goes on with the turn that was unfinished; the event about it says what was found. */
  goOn(): void {
    this.session.resume();
  }

  /** The messages that wait behind the running turn. */
  get queued(): readonly WaitingMessage[] {
    const [, ...waiting] = this.session.actor.getSnapshot().context.queue;
    return waiting.map(({ turnId, message }) => ({ type: 'queued', text: textOf(message), turnId }));
  }

  /** Begins a turn, or queues it behind those that are there. */
  send(text: string): Turn {
    return this.session.send(text);
  }

  /** Shortens the conversation for the model; resolves when that is done. Gives the reason where it cannot be. */
  async compact(): Promise<string | undefined> {
    const { session } = this;
    const rested = Promise.withResolvers<void>();
    const stop = session.on('session.idle', () => rested.resolve());
    try {
      const admission = session.compact();
      if (admission.accepted) await rested.promise;
      return admission.reason;
    } finally {
      stop();
    }
  }

  /** Goes on with another model. Gives the reason where it cannot. */
  async switchModel(name: string): Promise<string | undefined> {
    const chosen = await chooseModel(name, this.#options.env);
    if ('problem' in chosen) return chosen.problem;
    // a turn may have begun while the model was loaded
    if (!this.isIdle) return 'a turn has begun; cancel it first, or wait for its end.';
    const { session, agent } = this.#current;
    const { id, messages } = session;
    if (this.#options.kept === undefined) {
      this.#current = this.#open(chosen, { id, messages });
      await session.close();
    } else {
      // it is open once at a time, and has its messages in the store
      await session.close();
      this.#current = this.#open(chosen, { id });
    }
    await agent.close();
    return undefined;
  }

  /** Cancels what runs or waits. */
  async close(): Promise<void> {
    await this.session.close();
    await this.#current.agent.close();
  }

  #open(chosen: ChosenModel, past: Parameters<Agent['session']>[0]) {
    const { kept, recording, inspector, onEvent } = this.#options;
    const options = commandLineAgent(chosen, this.#options.root);
    const agent = createAgent({
      ...options,
      ...(kept !== undefined && { store: kept.store }),
      ...(inspector !== undefined && { inspect: inspector.inspector }),
    });
    const session = agent.session(past);
    recording?.follow(session);
    session.on('*', (event) => onEvent(explainRecovery(event, this.#unfinished)));
    return { chosen, tools: options.tools, agent, session };
  }
}
