import { closeSync, openSync, writeSync } from 'node:fs';
import type { Session } from '../session.ts';

/** A file that sessions are recorded into. */
export interface RecordingFile {
  /** Records a session from now on; it must be idle. */
  follow(session: Pick<Session, 'record'>): void;
  close(): Promise<void>;
}

/**
 * Begins a recording in a new file. Every entry is handed to the system as it comes, so that a killed process leaves
 * all of them.
 *
 * @throws Error with one line for whoever named the file, where it is there already or cannot be made
 */
export function openRecording(file: string): RecordingFile {
  const descriptor = open(file);
  const endings: (() => void)[] = [];
  return {
    follow(session) {
      endings.push(session.record((entry) => writeSync(descriptor, `${JSON.stringify(entry)}\n`)));
    },
    async close() {
      for (const end of endings) end();
      closeSync(descriptor);
    },
  };
}

function open(file: string): number {
  try {
    return openSync(file, 'wx');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') throw new Error(`${file} is there already; nothing is overwritten. Name another file.`);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The recording cannot be written: ${reason}.`);
  }
}
