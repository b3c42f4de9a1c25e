/** What is needed of a tool call to decide whether it may start. */
export interface WaitingCall {
  /**
   * `undecided` and `awaitingApproval` wait for a person, `clientSide` and `awaitingResult` for a client, and
   * `awaitingAgent` for whoever a sub-agent waits for; it keeps its slot.
   */
  readonly state:
    | 'preparing'
    | 'undecided'
    | 'awaitingApproval'
    | 'clientSide'
    | 'awaitingResult'
    | 'queued'
    | 'executing'
    | 'awaitingAgent'
    | 'settled';
  readonly sequential: boolean;
}

/**
 * The calls that may start now. Calls start in their order, so one that still prepares holds back those after it; a
 * sequential one starts when nothing runs, and nothing starts beside it. One that waits for approval holds no slot, and
 * back only what must not run beside it: what is sequential, or all where it is sequential itself.
 */
export function grantable(calls: readonly WaitingCall[], maxParallelTools: number): readonly number[] {
  const granted: number[] = [];
  let running = 0;
  let alone = false;
  let isAnyUndecided = false;
  for (const call of calls) {
    if (call.state !== 'executing' && call.state !== 'awaitingAgent') continue;
    running += 1;
    alone ||= call.sequential;
  }
  for (const [index, call] of calls.entries()) {
    if (!waiting.has(call.state)) continue;
    if (call.state === 'preparing' || alone || running >= maxParallelTools) break;
    if (call.sequential && (running > 0 || isAnyUndecided || call.state !== 'queued')) break;
    if (call.state !== 'queued') {
      isAnyUndecided = true;
      continue;
    }
    granted.push(index);
    running += 1;
    alone = call.sequential;
  }
  return granted;
}

const waiting: ReadonlySet<WaitingCall['state']> = new Set(['preparing', 'undecided', 'awaitingApproval', 'queued']);
