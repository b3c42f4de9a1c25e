import { appendFileSync, closeSync, openSync, rmSync } from 'node:fs';
import type { Unsubscribe } from '../listeners.ts';
import type { Session } from '../session.ts';
import { cannotMake } from './newFile.ts';

/** A file that sessions are recorded into. */
export interface RecordingFile {
  /** Records a session from now on, or from when it rests; and the one before it no more. */
  follow(session: Pick<Session, 'record' | 'snapshot' | 'on'>): void;
  /** Gives the reason where the file is not whole. Where nothing was recorded, it leaves none. */
  close(): string | undefined;
}

/**
 * Begins a recording in a new file. Every entry is handed to the system as it comes, so that a killed process leaves
 * all of them.
 *
 * @throws Error with one line for whoever named the file, where it is there already or cannot be made
 */
export function openRecording(file: string): RecordingFile {
  const descriptor = open(file);
  let end: Unsubscribe | undefined;
  let problem: string | undefined;
  let isEmpty = true;
  const write = (line: string) => {
    try {
      isEmpty = false;
      appendFileSync(descriptor, line);
    } catch (error) {
      problem = `${file} is not whole: ${error instanceof Error ? error.message : String(error)}.`;
      throw error;
    }
  };
  return {
    follow(session) {
      // what a session says belongs to the start that was written last
      end?.();
      const begin = () => {
        if (problem === undefined) end = session.record((entry) => write(`${JSON.stringify(entry)}\n`));
      };
      if (session.snapshot.status === 'idle') begin();
      else {
        end = session.on('session.idle', () => {
          end?.();
          begin();
        });
      }
    },
    close() {
      end?.();
      closeSync(descriptor);
      if (isEmpty) rmSync(file);
      return problem;
    },
  };
}

function open(file: string): number {
  try {
    return openSync(file, 'wx');
  } catch (error) {
    throw cannotMake('The recording', file, error);
  }
}
