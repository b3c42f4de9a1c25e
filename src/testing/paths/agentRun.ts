import { assembleSession } from '../../agent.ts';
import type { Clock } from '../../clock.ts';
import { type RunningEffect, runEffect, type StartedEffect } from '../../effects.ts';
import type { Payload } from '../../events.ts';
import { type Command, Host, type HostInput } from '../../host.ts';
import type { CallModelInput, PrepareStepInput } from '../../machines/contracts.ts';
import { messagesOf } from '../../machines/history.ts';
import { messagesForModel } from '../../machines/modelView.ts';
import type { TurnContext } from '../../machines/turnMachine.ts';
import type { Model } from '../../model.ts';
import { type AnyTool, Retry, type ToolRun } from '../../tool.ts';
import type { PathAgentOptions } from './agentLimits.ts';
import type { AgentSubjectSettings } from './agentSubject.ts';
import { isInSession } from './alphabet.ts';
import { contextWindow, historyBefore, lengthy } from './bounds.ts';
import { hostState, isAbout, timerFor } from './hostWords.ts';
import { Instructions } from './instructions.ts';
import type { ModelVoice } from './modelVoice.ts';
import type { Observation, PathRun, SeenEffect } from './observation.ts';
import type { TurnPath } from './path.ts';
import { isAtLength, type PathEvent, readSending, readToolEvent, type ToolHappening } from './pathEvent.ts';
import { childrenOf, compactionState, dotted, toolStates, turnSnapshot } from './pathState.ts';
import { agentResult, saidMessage } from './results.ts';
import { impossible } from './rig.ts';
import { agentReport, askedCall, withStandIns } from './standIn.ts';

/** An effect that has begun to run. */
interface Work {
  readonly running: RunningEffect;
  /** Told when it reports, and when it settles. */
  onReport: () => void;
  onSettled: () => void;
}

const timed: ReadonlySet<ToolHappening | undefined> = new Set(['runs again', 'is not approved in time']);

/** What a tool is told to do next. */
type ToolInstructions = Instructions<ToolHappening>;

/** A path on an agent: the outside is arranged for each event, and then the real work is done. */
export class AgentRun implements PathRun {
  readonly #settings: AgentSubjectSettings;
  readonly #voice: ModelVoice;
  readonly #host: Host;
  readonly #works = new Map<string, Work>();
  /** By the key that all attempts of a call have in common. */
  readonly #tools = new Map<string, ToolInstructions>();
  readonly #started: SeenEffect[] = [];
  readonly #aborted: SeenEffect[] = [];
  /** What the turn of the path says; of a session, its host keeps everything. */
  readonly #emitted: Payload[] = [];
  /** Of a path that is about one turn: this one. */
  readonly #turn: Host['turn'];
  #index = -1;
  #messages = 0;
  #at = 1_000_000;

  constructor(options: PathAgentOptions, settings: AgentSubjectSettings, path: TurnPath, voice: ModelVoice) {
    this.#settings = settings;
    this.#voice = voice;
    const tools = (options.tools ?? []).map((tool) => this.#script(tool));
    const model = isShortened(path) ? withWindow(voice.model) : voice.model;
    const { machine, input } = assembleSession({ ...options, tools, model });
    const { inspect } = settings;
    this.#host = new Host({
      machine: withStandIns(machine),
      input: { ...input, sessionId: 'session', history: historyBefore(path.bounds) },
      agent: options.name ?? 'agent',
      ...(inspect !== undefined && { inspect }),
    });
    this.#host.onAbort = (effect) => this.#abort(effect);
    if (isInSession(path.machine)) return;
    this.#command(this.#send());
    this.#turn = this.#host.turn;
    this.#turn?.on('*', (payload) => this.#emitted.push(payload as Payload));
  }

  async apply(event: PathEvent): Promise<void> {
    this.#index += 1;
    this.#at += 1;
    await this.#enter(event);
    if (this.#host.error !== undefined) {
      throw new Error(`The machines broke on "${event}".`, { cause: this.#host.error });
    }
  }

  observe(): Observation {
    const host = this.#host;
    const turn = (this.#turn ?? host.turn)?.getSnapshot();
    const running = [...host.effects.values()];
    const call = running.find(({ kind }) => kind === 'callModel')?.input as CallModelInput | undefined;
    const { history } = (turn?.context as TurnContext | undefined) ?? host.actor.getSnapshot().context;
    const events = this.#turn === undefined ? host.events : this.#emitted;
    return {
      state:
        this.#turn === undefined
          ? hostState(host, events)
          : {
              turn: dotted(this.#turn.getSnapshot().value),
              tools: toolStates(turnSnapshot(this.#turn)),
              compaction: compactionState(this.#turn, events),
            },
      events: [...events],
      started: [...this.#started],
      running,
      aborted: [...this.#aborted],
      children: childrenOf(turn),
      messages: messagesOf(history),
      asked: call && messagesForModel(call.history),
    };
  }

  async end(): Promise<void> {
    this.#host.stop();
    await this.#voice.close();
  }

  async #enter(event: PathEvent): Promise<void> {
    const commands = this.#commandsOf(event);
    if (commands !== undefined) {
      for (const command of commands) this.#command(command);
      return;
    }
    const tool = readToolEvent(event);
    if (event === 'retry is due' || event === 'time is up' || timed.has(tool?.happening)) {
      this.#fire(event);
      return;
    }
    const effect = [...this.#host.effects.values()].find((each) => isAbout(event, each));
    if (effect === undefined) throw impossible(event, this.observe().state);
    if (effect.kind === 'prepareStep') {
      const { input } = this.#settings.denied ?? {};
      const isDenied = event === 'input is denied' && input !== undefined;
      await this.#work(isDenied ? telling(effect, input) : effect, () => {}, false);
    } else if (tool === undefined) {
      const index = this.#index;
      await this.#work(effect, () => this.#voice.say(index), event === 'model streams');
    } else if (effect.kind === 'prepareTool') {
      // what comes of it follows from what the model has called
      await this.#work(effect, () => {}, false);
    } else if (effect.kind === 'agentTurn') {
      this.#playAgent(effect.id, tool.happening, event);
    } else {
      const key = effect.id.replace(/\.execute\.\d+$/, '');
      await this.#work(effect, () => this.#instructionsOf(key).give(tool.happening), tool.happening === 'reports');
    }
  }

  #commandsOf(event: PathEvent): readonly Command[] | undefined {
    const { queue } = this.#host.actor.getSnapshot().context;
    const tool = readToolEvent(event);
    if (tool !== undefined) return this.#answerTo(tool);
    const options = readSending(event);
    if (options !== undefined) return [{ ...this.#send(isAtLength(event)), options }];
    switch (event) {
      case 'turn starts':
        return [{ type: 'session.start' }];
      case 'turn starts, cancelled before':
        return [{ type: 'session.cancel', reason: 'Too late.' }, { type: 'session.start' }];
      case 'user steers':
      case 'user steers, at length': {
        const { turnId, message } = this.#send(isAtLength(event));
        return [{ type: 'session.steer', turnId, message: { ...message, cause: 'steering' } }];
      }
      case 'user cancels':
        return [{ type: 'session.cancel', reason: 'Enough.' }];
      case 'user cancels the waiting turn': {
        const turnId = queue.at(-1)?.turnId;
        return [{ type: 'session.cancel', ...(turnId !== undefined && { turnId }) }];
      }
      case 'user extends':
        return [{ type: 'session.extend', steps: 1 }];
      case 'user resumes':
        return [{ type: 'session.resume' }];
      case 'user compacts':
        return [{ type: 'session.compact', id: `compaction-${this.#index}` }];
      case 'session closes':
        return [{ type: 'session.close' }];
      case 'listener throws':
        return [{ type: 'session.diagnose', source: 'listener', message: 'It threw.' }];
      default:
        return undefined;
    }
  }

  /** What goes on inside of the turn of another agent is the business of paths on that agent. */
  #playAgent(effect: string, happening: ToolHappening, event: PathEvent): void {
    const report = agentReport(happening, this.#at);
    const result = agentResult(happening, this.#at);
    if (report !== undefined) this.#input({ type: 'reported', effect, report });
    else if (result !== undefined) this.#input({ type: 'settled', effect, result });
    else throw impossible(event, this.observe().state);
  }

  /** What people say of a tool call, or of a call of its agent. */
  #answerTo({ number, happening }: NonNullable<ReturnType<typeof readToolEvent>>): readonly Command[] | undefined {
    const record = this.#host.turn?.getSnapshot().context.calls[number - 1];
    const toolCallId = record === undefined ? '' : askedCall(record);
    switch (happening) {
      case 'is approved':
        return [{ type: 'session.approve', toolCallId }];
      case 'is approved for the session':
        return [{ type: 'session.approve', toolCallId, remember: 'session' }];
      case 'is denied':
        return [{ type: 'session.deny', toolCallId, reason: 'No.' }];
      case 'is answered by its client':
        return [{ type: 'session.resolveTool', toolCallId, output: { type: 'text', value: 'Done.' } }];
      case 'cannot be run by its client':
        return [{ type: 'session.resolveTool', toolCallId, output: { type: 'error', value: 'It is gone.' } }];
      default:
        return undefined;
    }
  }

  #send(isLong = false) {
    this.#messages += 1;
    const message = saidMessage(this.#messages, isLong);
    return { type: 'session.send' as const, turnId: `turn-${this.#messages}`, message };
  }

  #command(command: Command): void {
    this.#input({ type: 'command', command });
  }

  #fire(event: PathEvent): void {
    const timer = timerFor(event, this.#host);
    if (timer === undefined) throw impossible(event, this.observe().state);
    this.#at = Math.max(this.#at, this.#host.timers.get(timer)?.dueAt ?? 0);
    this.#input({ type: 'fired', timer });
  }

  #input(input: HostInput): void {
    this.#host.apply(input, this.#at);
    this.#started.push(...this.#host.takeBegun());
  }

  /** Lets an effect run, if it does not yet, tells it what to do, and waits until it has reported or settled. */
  async #work(effect: StartedEffect, tell: () => void, isReport: boolean): Promise<void> {
    const { id } = effect;
    tell();
    await new Promise<void>((resolve) => {
      const known = this.#works.get(id);
      const heard = { onReport: isReport ? resolve : () => {}, onSettled: resolve };
      if (known !== undefined) {
        Object.assign(known, heard);
        return;
      }
      const clock: Clock = { now: () => this.#at, setTimeout: () => undefined, clearTimeout: () => {} };
      runEffect(
        effect,
        { clock, context: this.#settings.context },
        {
          begin: (running) => this.#works.set(id, { running, ...heard }),
          report: (report) => {
            this.#input({ type: 'reported', effect: id, report });
            this.#works.get(id)?.onReport();
          },
          settle: (result) => {
            const work = this.#works.get(id);
            this.#works.delete(id);
            this.#input({ type: 'settled', effect: id, result });
            work?.onSettled();
          },
        },
      );
    });
  }

  #abort(effect: StartedEffect): void {
    this.#aborted.push(effect);
    this.#works.get(effect.id)?.running.stop();
    this.#works.delete(effect.id);
  }

  #instructionsOf(key: string): ToolInstructions {
    const known = this.#tools.get(key) ?? new Instructions();
    this.#tools.set(key, known);
    return known;
  }

  /** The tool with everything of its own but what it does. */
  #script(tool: AnyTool): AnyTool {
    const { execute } = tool;
    if (execute === undefined) return tool;
    return {
      ...tool,
      execute: async (input: never, run: ToolRun<never>) => {
        for (;;) {
          const happening = await this.#instructionsOf(run.idempotencyKey).next(run.signal);
          switch (happening) {
            case 'reports':
              run.progress('So far, so good.');
              break;
            case 'asks to be called again':
              throw new Retry('Once more, please.');
            case 'fails for now':
              throw new Error('It threw.');
            case 'fails':
              // the one failure that no tool is run again for: what it returned has no JSON form
              return 0n;
            case 'completes at length':
              return lengthy;
            default:
              if (this.#settings.execute === 'real') return execute(input, run);
              return this.#settings.outputs?.[tool.name] ?? 'Done.';
          }
        }
      },
    };
  }
}

function isShortened({ bounds }: TurnPath): boolean {
  return bounds.features.includes('compaction');
}

/** The model, with as little room as models have on paths. */
function withWindow(model: Model): Model {
  const { provider, modelId } = model;
  return { provider, modelId, contextWindow, stream: (request, scope) => model.stream(request, scope) };
}

/** The same with another text in place of what somebody has said. */
function telling(effect: StartedEffect, text: string): StartedEffect {
  const { unseen, ...input } = effect.input as PrepareStepInput;
  const said = unseen.map((message) => ({ ...message, content: [{ type: 'text' as const, text }] }));
  const told: PrepareStepInput = { ...input, unseen: said };
  return { ...effect, input: told };
}
