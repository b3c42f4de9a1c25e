import { transcriptProblems } from '../../transcript.ts';
import { eventOracles } from './eventOracles.ts';
import { featureOracles } from './featureOracles.ts';
import type { Observation, PathMoment, SeenEffect } from './observation.ts';
import type { TurnPath } from './path.ts';
import { readReady, readSending, readToolEvent } from './pathEvent.ts';

/** Knows something about turns that it has not from the machines, and says what is wrong after a step. */
export interface Oracle {
  /** What it holds to be true, as a sentence. */
  readonly name: string;
  /** @returns what is wrong; nothing where nothing is */
  check(moment: PathMoment): string | undefined;
}

/** What holds in every turn, whatever happens; the states of a path are checked beside these. */
export const oracles: readonly Oracle[] = [
  {
    name: 'a turn ends with exactly one terminal event, and says nothing more',
    check({ before, after }) {
      const [was, is] = [endsIn(before), endsIn(after)];
      const starts = after.events.filter(({ type }) => type === 'turn.started').length;
      const isUnderWay = isWorking(after);
      const expected = isUnderWay ? starts - 1 : starts;
      if (is !== expected) return `${starts} turns have started, and ${is} terminal events were emitted.`;
      if (was < is || isUnderWay || isResting(after)) return undefined;
      return newEvents(before, after).some(({ type }) => type.startsWith('tool.') || type.startsWith('message.delta'))
        ? 'Something was said after the terminal event.'
        : undefined;
    },
  },
  {
    name: 'whatever is unfinished when a turn ends is aborted',
    check({ before, after }) {
      if (!isWorking(before) || isWorking(after)) return undefined;
      const { running } = after;
      return running.length === 0 ? undefined : `Still running: ${running.map(({ id }) => id).join(', ')}.`;
    },
  },
  {
    name: 'cancelling ends a turn at once, and starts nothing',
    check({ event, before, after }) {
      if (event !== 'user cancels' || !isWorking(before)) return undefined;
      if (isWorking(after)) return 'The turn goes on.';
      const started = after.started.slice(before.started.length);
      return started.length === 0 ? undefined : `It started ${started.map(({ id }) => id).join(', ')}.`;
    },
  },
  {
    name: 'an effect is started once',
    check({ after }) {
      const ids = after.started.map(({ id }) => id);
      const again = ids.find((id, index) => ids.indexOf(id) !== index);
      return again === undefined ? undefined : `${again} was started twice.`;
    },
  },
  {
    name: 'only what was started and has not ended can be aborted',
    check({ after }) {
      const ids = new Set(after.started.map(({ id }) => id));
      const unknown = after.aborted.find(({ id }) => !ids.has(id));
      return unknown === undefined ? undefined : `${unknown.id} was aborted, and never started.`;
    },
  },
  {
    name: 'a step calls the model as often as attempts and pauses allow, and a turn has as many steps as it may',
    check({ path, index, after }) {
      const { attempts } = path.bounds;
      // somebody may give it more
      const extended = path.steps.slice(0, index + 1).filter(({ event }) => event === 'user extends').length;
      for (const [turn, ids] of callsByTurn(after)) {
        const numbers = new Set(ids.map(([step]) => step));
        const steps = stepsOf(turn, path) + extended;
        if (numbers.size > steps) return `${turn} has ${numbers.size} steps, and may have ${steps}.`;
        // a pause asks again, an overflow once, and each request has its attempts
        const most = attempts * (path.bounds.steps + 1);
        for (const step of numbers) {
          const calls = ids.filter(([each]) => each === step).length;
          if (calls > most) return `Step ${step} of ${turn} called the model ${calls} times, and may ${most} times.`;
        }
      }
      return undefined;
    },
  },
  {
    name: 'a tool runs as often as its attempts allow, and never more at a time than may',
    check({ path, after }) {
      const { toolAttempts, parallelTools } = path.bounds;
      const attempts = after.started.map(({ id }) => Number(/\.execute\.(\d+)$/.exec(id)?.[1] ?? 0));
      if (Math.max(0, ...attempts) > toolAttempts) return `A tool was run ${Math.max(...attempts)} times.`;
      const running = after.running.filter(runsTool).length;
      return running > parallelTools ? `${running} tools run at the same time.` : undefined;
    },
  },
  {
    name: 'a tool that runs alone runs beside no other',
    check({ path, index, after }) {
      const alone = new Set<number>();
      for (const { event } of path.steps.slice(0, index + 1)) {
        const tool = readToolEvent(event);
        const ready = tool && readReady(tool.happening);
        if (tool === undefined || ready === undefined) continue;
        if (ready.runsAlone) alone.add(tool.number);
        else alone.delete(tool.number);
      }
      const running = after.running.filter(runsTool).map(({ id }) => Number(/\.tool\.(\d+)\./.exec(id)?.[1]) + 1);
      return running.length > 1 && running.some((number) => alone.has(number))
        ? `Tools ${running.join(' and ')} run side by side.`
        : undefined;
    },
  },
  {
    name: 'a model is only asked with a conversation in which every call has its result',
    check: ({ after }) => after.asked && transcriptProblems(after.asked)[0],
  },
  {
    name: 'a turn that has ended leaves a conversation that can be gone on with',
    check: ({ after }) => (isWorking(after) ? undefined : transcriptProblems(after.messages)[0]),
  },
  {
    name: 'a turn has the actors that its state needs, and no others',
    check({ path, index, after }) {
      const { turn, tools } = after.state;
      const asked = path.steps.slice(0, index + 1).findLast(({ event }) => event.startsWith('model '));
      // a call that repeats itself is refused before it has an actor
      const calls = asked?.event === 'model repeats a call' ? tools.slice(0, -1) : tools;
      const expected = actorsIn[turn]?.(calls) ?? [];
      return expected.join() === after.children.join()
        ? undefined
        : `In ${turn} it has [${after.children.join(', ')}], and needs [${expected.join(', ')}].`;
    },
  },
  {
    name: 'every tool that was called comes to one end, and says so',
    check({ after }) {
      if (isWorking(after)) return undefined;
      const called = after.events.filter(({ type }) => type === 'tool.called').length;
      const ended = after.events.filter(({ type }) => toolEndings.has(type)).length;
      return called === ended ? undefined : `${called} tools were called, and ${ended} ended.`;
    },
  },
  {
    name: 'text that a retry makes stale is called so before the retry',
    check({ before, after }) {
      const told = newEvents(before, after);
      const retry = told.findIndex(({ type }) => type === 'model.retrying');
      if (retry === -1) return undefined;
      const wasShown = before.events.findLastIndex(({ type }) => type === 'message.started');
      const wasSettled = before.events.findLastIndex(({ type }) => messageEndings.has(type));
      const isStale = wasShown > wasSettled || told.slice(0, retry).some(({ type }) => type === 'message.started');
      const isSaid = told.slice(0, retry).some(({ type }) => type === 'message.superseded');
      if (isStale === isSaid) return undefined;
      return isSaid ? 'Nothing was shown, and it is called stale.' : 'What was shown is not called stale.';
    },
  },
  ...eventOracles,
  ...featureOracles,
];

/** The actors that a turn has in a state, by their ids; in others it has none. */
const actorsIn: Readonly<Record<string, (tools: readonly string[]) => readonly string[]>> = {
  'working.preparing': () => ['prepareStep'],
  'working.compacting': () => ['compaction'],
  'working.callingModel': () => ['callModel'],
  'working.checkingOutput': () => ['checkOutput'],
  'working.usingTools.runningTools': toolActors,
  'working.usingTools.awaitingAnswers': toolActors,
};

function toolActors(tools: readonly string[]): readonly string[] {
  return tools.map((_, index) => `tool.${index}`);
}

function runsTool({ kind }: SeenEffect): boolean {
  return kind === 'executeTool' || kind === 'agentTurn';
}

const turnEndings: ReadonlySet<string> = new Set(['turn.completed', 'turn.failed', 'turn.cancelled']);
const toolEndings: ReadonlySet<string> = new Set(['tool.completed', 'tool.failed', 'tool.denied', 'tool.cancelled']);
/** What was shown when a turn failed or was cancelled is no concern of the next one. */
const messageEndings: ReadonlySet<string> = new Set(['message.completed', 'message.superseded', ...turnEndings]);

function isWorking({ state }: Observation): boolean {
  return state.turn.startsWith('working');
}

function isResting({ state }: Observation): boolean {
  return state.turn === 'idle' || state.turn === 'none';
}

function endsIn({ events }: Observation): number {
  return events.filter(({ type }) => turnEndings.has(type)).length;
}

function newEvents(before: Observation, after: Observation) {
  return after.events.slice(before.events.length);
}

/** Step and attempt of every model call, by turn. */
/** The steps that a turn may take: of the path, or its own. */
function stepsOf(turnId: string, { steps, bounds }: TurnPath): number {
  const messages = steps.filter(({ event }) => event.startsWith('user sends') || event.startsWith('user steers'));
  const first = messages[Number(turnId.replace('turn-', '')) - 1]?.event;
  const own = first === undefined ? undefined : readSending(first)?.limits?.maxSteps;
  return own === undefined ? bounds.steps : Number(own);
}

function callsByTurn({
  started,
}: Observation): ReadonlyMap<string, readonly (readonly [step: number, attempt: number])[]> {
  const calls = new Map<string, [number, number][]>();
  for (const { id } of started) {
    const [, turn, step, attempt] = /^(.+)\.(\d+)\.model\.(\d+)$/.exec(id) ?? [];
    if (turn !== undefined) calls.set(turn, [...(calls.get(turn) ?? []), [Number(step), Number(attempt)]]);
  }
  return calls;
}
