/** A tool call, as the rule of slots sees it. */
export interface SlotTool {
  readonly state: string;
  readonly isAlone: boolean;
}

/**
 * The rule of slots: calls start in their order, as many at a time as may run; one that runs alone waits for all that
 * run, and all that come after wait for it. A tool that waits to run again keeps its slot.
 *
 * @returns the states after everything has started that may
 */
export function startInOrder(tools: readonly SlotTool[], slots: number): readonly string[] {
  const states = tools.map(({ state }) => state);
  for (const [index, { isAlone }] of tools.entries()) {
    if (states[index] !== 'queued') continue;
    const isFirst = states.slice(0, index).every(hasStarted);
    const running = tools.filter((_, other) => isRunning(states[other]));
    const isInTheWay = running.length > 0 && (isAlone || running.some((other) => other.isAlone));
    if (isFirst && !isInTheWay && running.length < slots) states[index] = 'executing';
  }
  return states;
}

/** Whether a tool call has come to its end. */
export function hasEnded(state: string | undefined): boolean {
  return state === 'completed' || state === 'failed';
}

function isRunning(state: string | undefined): boolean {
  return state === 'executing' || state === 'retrying';
}

function hasStarted(state: string): boolean {
  return isRunning(state) || hasEnded(state);
}
