import type { TurnEvent } from '../../events.ts';
import { type Agent, createAgent } from '../../index.ts';
import type { Session } from '../../session.ts';
import type { AnyTool } from '../../tool.ts';
import type { Turn } from '../../turn.ts';
import { type ChosenModel, chooseModel, type Environment, hintAtKeys } from '../model.ts';
import type { RecordingFile } from '../recordFile.ts';
import { commandLineTools } from '../tools/commandLineTools.ts';

export interface ConversationOptions {
  readonly chosen: ChosenModel;
  /** The directory that the tools may look at. */
  readonly root: string;
  /** Where keys and addresses of models are read. */
  readonly env: Environment;
  /** What every session is recorded into. */
  readonly recording?: RecordingFile | undefined;
  readonly onEvent: (event: TurnEvent) => void;
}

/** Who answers, and who could: the first line of a chat. */
export function introduce({ notice, isSimulated }: ChosenModel, env: Environment): string {
  const hint = isSimulated ? hintAtKeys(env) : undefined;
  return hint === undefined ? notice : `${notice} ${hint}`;
}

/** A session whose model can be changed: the one after it goes on with its messages, under its id. */
export class Conversation {
  readonly #options: ConversationOptions;
  #current: { readonly chosen: ChosenModel; readonly agent: Agent; readonly session: Session };

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#current = this.#open(options.chosen, {});
  }

  get chosen(): ChosenModel {
    return this.#current.chosen;
  }

  get session(): Session {
    return this.#current.session;
  }

  get tools(): readonly AnyTool[] {
    return this.#toolsFor(this.chosen);
  }

  get isIdle(): boolean {
    return this.session.snapshot.status !== 'inTurn';
  }

  /** Begins a turn, or queues it behind those that are there. */
  send(text: string): Turn {
    return this.session.send(text);
  }

  /** Goes on with another model. Gives the reason where it cannot. */
  async switchModel(name: string): Promise<string | undefined> {
    const chosen = await chooseModel(name, this.#options.env);
    if ('problem' in chosen) return chosen.problem;
    // a turn may have begun while the model was loaded
    if (!this.isIdle) return 'a turn has begun; cancel it first, or wait for its end.';
    const { session, agent } = this.#current;
    this.#current = this.#open(chosen, { id: session.id, messages: session.messages });
    await session.close();
    await agent.close();
    return undefined;
  }

  /** Cancels what runs or waits. */
  async close(): Promise<void> {
    await this.session.close();
    await this.#current.agent.close();
  }

  #open(chosen: ChosenModel, past: Parameters<Agent['session']>[0]) {
    const agent = createAgent({ name: 'turnchart', model: chosen.model, tools: this.#toolsFor(chosen) });
    const session = agent.session(past);
    this.#options.recording?.follow(session);
    session.on('*', this.#options.onEvent);
    return { chosen, agent, session };
  }

  #toolsFor({ isSimulated }: ChosenModel) {
    return commandLineTools({ root: this.#options.root, isLocal: isSimulated });
  }
}
