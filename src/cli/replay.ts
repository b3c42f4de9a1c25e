import { readFileSync } from 'node:fs';
import { type Clock, systemClock, waitUntil } from '../clock.ts';
import { toWireEvent } from '../events.ts';
import type { Host } from '../host.ts';
import { findDivergence, openRecorded, type Recording, readRecording } from '../inspection/readRecording.ts';
import { textOf } from '../messages.ts';
import type { RecordingEntry } from '../recording.ts';
import { snapshotOf } from '../snapshot.ts';
import { AnswerWriter } from './answerWriter.ts';
import { ProgressWriter } from './progress.ts';
import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

export interface ReplayOptions {
  readonly file: string;
  /** How many times as fast as it was. */
  readonly speed: number | 'max';
  /** Prints events as JSON lines instead of the answers. */
  readonly json: boolean;
  readonly terminal: Terminal;
  /** @default the platform's */
  readonly clock?: Clock;
}

/** Plays a recording as it was seen, and says whether the machines would go the same way today; gives the exit code. */
export async function replayFile({ file, speed, json, terminal, clock = systemClock }: ReplayOptions): Promise<number> {
  let recording: Recording;
  try {
    recording = readRecording(readFileSync(file, 'utf8'));
  } catch (error) {
    terminal.note(`${file}: ${error instanceof Error ? error.message : String(error)}`, 'red');
    return exitCodes.wrongArguments;
  }
  const player = json ? new JsonPlayer(terminal) : new Player(terminal);
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop);
  try {
    await play(recording, { speed, clock, signal: interrupt.signal }, (entry) => player.take(entry));
  } finally {
    process.off('SIGINT', stop);
    terminal.endLine();
  }
  if (interrupt.signal.aborted) return exitCodes.cancelled;
  return conclude(recording, terminal);
}

interface Pace extends Required<Pick<ReplayOptions, 'speed' | 'clock'>> {
  readonly signal: AbortSignal;
}

async function play({ entries }: Recording, pace: Pace, show: (entry: RecordingEntry) => void): Promise<void> {
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
  if (tookMs <= 0 || speed === 'max') return undefined;
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

function conclude({ sessions, isTorn }: Recording, terminal: Terminal): number {
  if (isTorn) terminal.note('The last line is cut off, as by a process that was killed: it was left out.', 'yellow');
  for (const session of sessions) {
    const divergence = findDivergence(session);
    if (divergence === undefined) continue;
    terminal.note(`The machines go another way today. ${divergence}`, 'red');
    return exitCodes.failed;
  }
  terminal.note('The machines go the same way today: every effect and every event is as it was.', 'green');
  return exitCodes.completed;
}

class JsonPlayer {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  take(entry: RecordingEntry): void {
    if (entry.type === 'event') this.#terminal.write(`${JSON.stringify(toWireEvent(entry.event))}\n`);
  }
}

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

  take(entry: RecordingEntry): void {
    switch (entry.type) {
      case 'session': {
        const { at, agent, model, sessionId, input } = entry;
        const said = input.history.length === 0 ? '' : `, after ${input.history.length} messages`;
        this.#terminal.note(
          `${sessionId} of ${agent} with ${model.provider}/${model.modelId}, ${new Date(at).toISOString()}${said}`,
        );
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
        if (this.#host !== undefined) this.#progress.take(entry.event, snapshotOf(this.#host));
    }
  }
}
