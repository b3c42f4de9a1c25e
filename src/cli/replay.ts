import { existsSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock, waitUntil } from '../clock.ts';
import { toWireEvent } from '../events.ts';
import type { Host } from '../host.ts';
import { findDivergence, openRecorded, type Recording, readRecording } from '../inspection/readRecording.ts';
import { textOf } from '../messages.ts';
import type { RecordingEntry } from '../recording.ts';
import { type SessionSnapshot, snapshotOf } from '../snapshot.ts';
import { AnswerWriter } from './answerWriter.ts';
import { describeFailure, ProgressWriter } from './progress.ts';
import { exitCodes } from './runTurn.ts';
import { readStored, type StoredStart } from './sessions/storedRecording.ts';
import { abbreviate, defaultStoreFile, findStore } from './sessions/storeFile.ts';
import type { Terminal } from './terminal.ts';

/** Of what is to be seen again. */
export interface RecordingName {
  /** A recording, or the name of a session that is kept. */
  readonly file: string;
  /** The file that the session is kept in; where it is given, no recording is meant. */
  readonly store?: string;
  /** Where the file of sessions is found, unless said otherwise. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ReplayOptions extends RecordingName {
  /** How many times as fast as it was. */
  readonly speed: number | 'max';
  /** Prints events as JSON lines instead of the answers. */
  readonly json: boolean;
  readonly terminal: Terminal;
  /** Aborts when nobody reads the output any more. */
  readonly outputClosed: AbortSignal;
  /** @default the platform's */
  readonly clock?: Clock;
}

/**
 * Plays a recording or a kept session as it was seen, and says whether the machines would go the same way today; gives
 * the exit code.
 */
export async function replay(options: ReplayOptions): Promise<number> {
  const { speed, json, terminal, outputClosed, clock = systemClock } = options;
  let recording: Played;
  try {
    recording = await findRecording(options);
  } catch (error) {
    terminal.note(error instanceof Error ? error.message : String(error), 'red');
    return exitCodes.wrongArguments;
  }
  for (const line of recording.introduction) terminal.note(line);
  const player = json ? new JsonPlayer(terminal) : new Player(terminal);
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop);
  try {
    const signal = AbortSignal.any([interrupt.signal, outputClosed]);
    await play(recording, { speed, clock, signal }, (entry) => player.take(entry));
  } finally {
    process.off('SIGINT', stop);
    terminal.endLine();
  }
  if (interrupt.signal.aborted) return exitCodes.cancelled;
  if (outputClosed.aborted) return exitCodes.completed;
  return conclude(recording, terminal);
}

/** What is played. */
interface Played {
  /** What was taken, and what of it is not there any more. */
  readonly introduction: readonly string[];
  readonly entries: readonly PlayedEntry[];
  readonly sessions: readonly Parameters<typeof findDivergence>[0][];
  /** What is missing at its end. */
  readonly gaps: readonly string[];
  /** What agrees with the machines of today where all of it does. */
  readonly compared: string;
}

type PlayedEntry = RecordingEntry | StoredStart;

/** @throws Error with a line for whoever named it */
export async function findRecording({ file, store, env }: RecordingName): Promise<Played> {
  if (store === undefined && existsSync(file)) return readFile(file);
  const kept = store ?? defaultStoreFile(env);
  const place = abbreviate(kept);
  const sessions = await findStore(kept);
  const stored = await (sessions && readStored(sessions, file));
  await sessions?.close();
  if (stored === undefined) {
    const what = store === undefined ? 'no such file, and no session of that name' : 'no session of that name';
    throw new Error(`${file}: there is ${what} in ${place}.`);
  }
  const { trimmedTurns, isUnfinished } = stored;
  return {
    ...stored,
    introduction: [
      `The session "${file}" of ${place}:`,
      ...(trimmedTurns === 0 ? [] : [`The journal of its first ${countTurns(trimmedTurns)} was trimmed.`]),
    ],
    gaps: isUnfinished ? ['Its last turn has not ended.'] : [],
    compared: 'every effect is as it was',
  };
}

function readFile(file: string): Played {
  let recording: Recording;
  try {
    recording = readRecording(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return {
    ...recording,
    introduction: [`The recording ${file}:`],
    gaps: recording.isTorn ? ['The last line is cut off, as by a process that was killed: it was left out.'] : [],
    compared: 'every effect and every event is as it was',
  };
}

function countTurns(count: number): string {
  return count === 1 ? 'turn' : `${count} turns`;
}

interface Pace extends Required<Pick<ReplayOptions, 'speed' | 'clock'>> {
  readonly signal: AbortSignal;
}

async function play({ entries }: Played, pace: Pace, show: (entry: PlayedEntry) => void): Promise<void> {
  let last: number | undefined;
  for (const entry of entries) {
    const at = entry.type === 'event' ? entry.event.at : entry.at;
    await pause(at - (last ?? at), pace);
    if (pace.signal.aborted) return;
    // a row that sums up what was reported has the time of its first report
    last = Math.max(at, last ?? at);
    show(entry);
  }
}

/** Waits as long as it took, at that speed; or until the signal aborts. */
function pause(tookMs: number, { speed, clock, signal }: Pace): Promise<void> | undefined {
  // whoever stops it or reads it has a turn, too
  if (speed === 'max') return setImmediate();
  if (tookMs <= 0) return undefined;
  return new Promise((resolve) => {
    const timer = waitUntil(clock, clock.now() + tookMs / speed, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    const stop = () => {
      timer.cancel();
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}

function conclude({ sessions, gaps, compared }: Played, terminal: Terminal): number {
  for (const gap of gaps) terminal.note(gap, 'yellow');
  if (sessions.every(({ rows }) => rows.length === 0)) {
    terminal.note('There is nothing to play.');
    return exitCodes.completed;
  }
  for (const session of sessions) {
    const divergence = findDivergence(session);
    if (divergence === undefined) continue;
    terminal.note(`The machines go another way today. ${divergence}`, 'red');
    return exitCodes.failed;
  }
  terminal.note(`The machines go the same way today: ${compared}.`, 'green');
  return exitCodes.completed;
}

class JsonPlayer {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  take(entry: PlayedEntry): void {
    if (entry.type === 'event') this.#terminal.write(`${JSON.stringify(toWireEvent(entry.event))}\n`);
  }
}

const stateless: SessionSnapshot = { status: 'inTurn', queued: 0 };

/** Shows a recording like the run that it was; the states are those of the machines, which take the inputs again. */
class Player {
  readonly #terminal: Terminal;
  #answer: AnswerWriter;
  #progress: ProgressWriter;
  #host: Host | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#answer = new AnswerWriter(terminal);
    this.#progress = new ProgressWriter(terminal);
  }

  take(entry: PlayedEntry): void {
    switch (entry.type) {
      case 'session': {
        const { at, agent, sessionId, input } = entry;
        const who = 'model' in entry ? `${agent} with ${entry.model.provider}/${entry.model.modelId}` : agent;
        const said = input.history.length === 0 ? '' : `, after ${input.history.length} messages`;
        this.#terminal.note(`${sessionId} of ${who}, ${new Date(at).toISOString()}${said}`);
        this.#host = openRecorded(entry);
        this.#answer = new AnswerWriter(this.#terminal);
        this.#progress = new ProgressWriter(this.#terminal);
        return;
      }
      case 'row': {
        const { input, at } = entry;
        if (input.type === 'command' && 'message' in input.command && typeof input.command.message === 'object') {
          this.#terminal.note(`> ${textOf(input.command.message)}`, 'bold');
        }
        this.#host?.apply(input, at);
        return;
      }
      case 'event':
        this.#answer.take(entry.event);
        this.#progress.take(entry.event, this.#host === undefined ? stateless : snapshotOf(this.#host));
        if (entry.event.type === 'turn.failed') this.#terminal.note(describeFailure(entry.event.failure), 'red');
        if (entry.event.type === 'turn.cancelled') this.#terminal.note('cancelled', 'yellow');
    }
  }
}
