import { allTurns, type TurnSnapshot } from '../../../snapshot.ts';

const awaited: ReadonlySet<string> = new Set(['awaitingApproval', 'awaitingResult']);

/** Whether that turn can go on only when a call of it is approved, or answered by a client. */
export function waitsForAnswers(turn: TurnSnapshot | undefined, turnId: string): boolean {
  if (turn?.id !== turnId || turn.state !== 'awaitingAnswers') return false;
  return allTurns(turn).some(({ tools }) => tools.some(({ state }) => awaited.has(state)));
}
