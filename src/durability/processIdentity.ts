import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, such that another one can find out whether it still lives. What a system does not tell is absent. */
export interface ProcessIdentity {
  readonly processId: number;
  readonly host: string;
  /** Of the machine: another one since it was started again. */
  readonly boot?: string;
  /** Where its id means this process: containers count their own. */
  readonly container?: string;
  /** When it started, in the system's words; a process that got the same id later has another. */
  readonly start?: string;
}

/** `unknown`: it is out of sight, on another machine or in another container. */
export type ProcessFate = 'alive' | 'gone' | 'unknown';

/** The process that asks. */
export function thisProcess(): ProcessIdentity {
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const container = read(() => readlinkSync('/proc/self/ns/pid'));
  const start = statusOf(process.pid)?.start;
  return {
    processId: process.pid,
    host: hostname(),
    ...(boot !== undefined && { boot }),
    ...(container !== undefined && { container }),
    ...(start !== undefined && { start }),
  };
}

/** What has become of a process, as far as this one can see. */
export function fateOf(other: ProcessIdentity, me: ProcessIdentity): ProcessFate {
  if (!isInSight(other, me)) return isOfEarlierBoot(other, me) ? 'gone' : 'unknown';
  if (!exists(other.processId)) return 'gone';
  const status = statusOf(other.processId);
  if (status === undefined) return 'alive';
  return status.isDead || (other.start !== undefined && other.start !== status.start) ? 'gone' : 'alive';
}

function isInSight(other: ProcessIdentity, me: ProcessIdentity): boolean {
  if (other.boot !== me.boot || other.container !== me.container) return false;
  // the name of a machine may change while it runs
  return me.boot !== undefined || other.host === me.host;
}

function isOfEarlierBoot(other: ProcessIdentity, me: ProcessIdentity): boolean {
  return other.host === me.host && other.boot !== undefined && me.boot !== undefined && other.boot !== me.boot;
}

function exists(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // one of another user may not be signalled, but is there
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** What Linux tells of a process. */
function statusOf(processId: number): { readonly start: string; readonly isDead: boolean } | undefined {
  const stat = read(() => readFileSync(`/proc/${processId}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // its name, which comes second, may hold blanks and brackets
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const start = fields[18];
  // one that has ended stays in the list until its parent has asked how
  return start === undefined ? undefined : { start, isDead: state === 'Z' || state === 'X' };
}

function read(get: () => string): string | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
