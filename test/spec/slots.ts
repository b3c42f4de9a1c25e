/** A tool call, as the rules of going on see it. */
export interface WaitingTool {
  readonly state: string;
  readonly isAlone: boolean;
  /** Somebody has to be asked first. */
  readonly isUnapproved?: boolean;
  readonly isForClient?: boolean;
  readonly isForAgent?: boolean;
}

/**
 * What goes on by itself: once none is being prepared, people are asked about all that need it; calls start where they
 * may; and once nothing else is left, clients are asked for results.
 *
 * @returns the states after everything has gone on that may
 */
export function goOn(tools: readonly WaitingTool[], slots: number): readonly string[] {
  const isPreparing = tools.some(({ state }) => state === 'preparing');
  const asked = tools.map((tool) =>
    tool.isUnapproved && tool.state === 'queued' && !isPreparing ? { ...tool, state: 'awaitingApproval' } : tool,
  );
  const started = startInOrder(asked, slots);
  const isClient = (state: string, index: number) => tools[index]?.isForClient === true && isWaiting(state);
  const isOnlyClients = started.every((state, index) => hasEnded(state) || isClient(state, index));
  return started.map((state, index) => (isOnlyClients && isClient(state, index) ? 'awaitingResult' : state));
}

function isWaiting(state: string): boolean {
  return state === 'queued' || state === 'awaitingResult';
}

/**
 * The rule of slots: calls start in their order, as many at a time as may run; one that runs alone waits for all that
 * run, and all that come after wait for it. A tool that waits to run again keeps its slot. One that waits for people
 * has none, and is in nobody's way.
 */
export function startInOrder(tools: readonly WaitingTool[], slots: number): readonly string[] {
  const states = tools.map(({ state }) => state);
  for (const [index, { isAlone, isForAgent, ...tool }] of tools.entries()) {
    if (states[index] !== 'queued' || waitsForPeople(tool)) continue;
    const isFirst = tools.every(
      (other, place) => place >= index || hasStarted(states[place]) || isAside(other, isAlone),
    );
    const running = tools.filter((_, other) => isRunning(states[other]));
    const isInTheWay = running.length > 0 && (isAlone || running.some((other) => other.isAlone));
    if (isFirst && !isInTheWay && running.length < slots) states[index] = isForAgent ? 'delegating' : 'executing';
  }
  return states;
}

/** Whether a tool call has come to its end. */
export function hasEnded(state: string | undefined): boolean {
  return state === 'completed' || state === 'failed' || state === 'denied' || state === 'cancelled';
}

function waitsForPeople({ isUnapproved, isForClient }: Omit<WaitingTool, 'isAlone'>): boolean {
  return isUnapproved === true || isForClient === true;
}

/** Whether a call behind it need not wait for it: for what people are asked about only those wait that run alone. */
function isAside({ state, isAlone, isUnapproved, isForClient }: WaitingTool, isOtherAlone: boolean): boolean {
  if (state === 'preparing') return false;
  return isUnapproved ? !isAlone && !isOtherAlone : isForClient === true;
}

function isRunning(state: string | undefined): boolean {
  return state === 'executing' || state === 'delegating' || state === 'retrying';
}

function hasStarted(state: string | undefined): boolean {
  return isRunning(state) || hasEnded(state);
}
