/** What a state is to whoever watches: its colour. */
export type StateKind =
  | 'model'
  | 'tool'
  | 'agent'
  | 'person'
  | 'retry'
  | 'compaction'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'quiet'
  | 'other';

const kinds: Readonly<Record<string, StateKind>> = {
  callingModel: 'model',
  runningTools: 'tool',
  executing: 'tool',
  delegating: 'agent',
  awaitingApproval: 'person',
  awaitingResult: 'person',
  awaitingAnswers: 'person',
  awaitingExtension: 'person',
  awaitingResume: 'person',
  retrying: 'retry',
  compacting: 'compaction',
  summarizing: 'compaction',
  done: 'done',
  completed: 'done',
  failed: 'failed',
  denied: 'failed',
  cancelled: 'cancelled',
  stopped: 'cancelled',
  idle: 'quiet',
  closed: 'quiet',
  running: 'quiet',
  starting: 'quiet',
  following: 'quiet',
  preparing: 'quiet',
  queued: 'quiet',
  choosing: 'quiet',
  beginning: 'quiet',
  checkingOutput: 'quiet',
};

/** Of the key of a state. */
export function kindOf(leaf: string): StateKind {
  return kinds[leaf] ?? 'other';
}

/** In words, for a legend. */
export const kindNames: Readonly<Partial<Record<StateKind, string>>> = {
  model: 'model',
  tool: 'tools',
  agent: 'sub-agent',
  person: 'waits for people',
  retry: 'waits to retry',
  compaction: 'compaction',
};
