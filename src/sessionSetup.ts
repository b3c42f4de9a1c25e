import type { Clock } from './clock.ts';
import type { HostOptions, SessionLogic } from './host.ts';
import type { Inspect } from './inspect.ts';
import { historyState, messagesOf } from './machines/history.ts';
import type { SessionMachineInput } from './machines/sessionMachine.ts';
import { recordingFormat, recordingVersion, type SessionEntry } from './recording.ts';
import type { Past } from './reopening.ts';
import type { OutputSchemas } from './services/checkOutput.ts';

/** What sessions of one agent share. */
export interface SessionSetup {
  readonly agent: string;
  readonly machine: SessionLogic;
  readonly input: Omit<SessionMachineInput, 'sessionId' | 'history'>;
  readonly model: SessionEntry['model'];
  readonly clock: Clock;
  /** A longer output of a client-side tool is cut in the middle. */
  readonly maxOutputChars: number;
  /** Whether the cost of a turn can be known. */
  readonly hasPricing: boolean;
  /** Where turns leave their schemas that have one of their own. */
  readonly outputs: OutputSchemas;
  /** Told when the session begins to work, and when it rests or is closed. */
  readonly onBusy: (session: { close(): Promise<void> }, isBusy: boolean) => void;
  /** Who watches. @default nobody */
  readonly inspect?: Inspect;
}

/** What the machines of a session are built from. */
export function hostOptions(
  { machine, input, agent }: SessionSetup,
  sessionId: string,
  { seq, ...past }: Past,
): HostOptions {
  return { machine, input: { ...input, ...past, sessionId }, agent, seq };
}

/** The same as the first entry of a recording. */
export function startEntry(
  { agent, model, input }: SessionSetup,
  sessionId: string,
  at: number,
  { history, usage, cost, approvedTools = [], seq }: Past,
): SessionEntry {
  return {
    type: 'session',
    format: recordingFormat,
    version: recordingVersion,
    at,
    agent,
    sessionId,
    model,
    seq,
    input: {
      ...input,
      history: messagesOf(history),
      ...(usage !== undefined && { usage }),
      ...(cost !== undefined && { cost }),
      ...(approvedTools.length > 0 && { approvedTools }),
      ...historyState(history),
    },
  };
}

const setups = new WeakMap<object, SessionSetup>();

/** @internal Makes known what the sessions of an agent are made of. */
export function registerSetup(agent: object, setup: SessionSetup): void {
  setups.set(agent, setup);
}

/** What the sessions of an agent are made of; nothing for what `createAgent()` did not make. */
export function setupOf(agent: object): SessionSetup | undefined {
  return setups.get(agent);
}
