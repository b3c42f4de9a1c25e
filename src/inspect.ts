import type { UserInput } from './messages.ts';
import type { Recorder } from './recorders.ts';
import type { Session } from './session.ts';
import type { Turn } from './turn.ts';

/** Who watches the sessions of an agent: `inspector()` of `turnchart/inspector`, or whatever has this one method. */
export interface Inspect {
  /**
   * A session opens. What this gives is told everything about it, as by `session.record()`; of a session that goes on in
   * the middle of a turn, also what happened in that turn before. What is thrown becomes a `diagnostic` event.
   */
  session(session: InspectedSession): Recorder;
}

/** A session as those see it who watch it: they may speak to it, but not close it. */
export interface InspectedSession
  extends Pick<
    Session,
    | 'id'
    | 'snapshot'
    | 'record'
    | 'steer'
    | 'cancel'
    | 'approve'
    | 'deny'
    | 'resolveTool'
    | 'extend'
    | 'resume'
    | 'compact'
  > {
  send(input: UserInput): Pick<Turn, 'id'>;
}
