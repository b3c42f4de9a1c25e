import { type ActorMoment, type Item, type Step, takenBy, visitsOf } from '../model/run.ts';
import { coverage, growth, isUnread, item, machine, run, stepsOf, tab } from '../model/store.ts';
import { Chart, type ChartMarks } from './Chart.tsx';
import { kindOf } from './kinds.ts';

/** What stands in the place of a moment that is not known yet. */
export const stillReading = 'This moment is still being read.';

/** The chart of the actor that is looked at, at this moment. */
export function ChartPanel() {
  growth.value;
  const now = item.value;
  const shown = machine.value;
  if (isUnread.value) return <p class="empty">{stillReading}</p>;
  if (now === undefined || shown === undefined) return <p class="empty">Nothing runs at this moment.</p>;
  const drawing = run.value?.drawingOf(shown.track.machine ?? '');
  const marks = marksOf(shown, now);
  return (
    <div class="chart-panel">
      {drawing === undefined ? (
        <StateList shown={shown} marks={marks} />
      ) : (
        <Chart drawing={drawing} marks={marks} label={`Statechart of ${shown.track.title}, in ${stateText(shown)}`} />
      )}
      <Caption shown={shown} now={now} />
    </div>
  );
}

export function marksOf(shown: ActorMoment, now: Item): ChartMarks {
  const { track } = shown;
  const source = run.value;
  const report =
    tab.value === 'coverage' ? coverage.value?.machines.find(({ machine }) => machine === track.machine) : undefined;
  const chart = source?.chartOf(track.machine ?? '');
  return {
    active: new Set(report === undefined ? shown.states : []),
    taken: new Set(report === undefined ? stepsOf(now, shown).map(({ transition }) => transition) : []),
    visits: report === undefined ? visitsOf(track, now) : new Map(),
    counts: report !== undefined || source === undefined ? new Map() : takenBy(source, track, now),
    ...(report !== undefined && {
      hits: {
        states: new Map([[chart?.states[0]?.id ?? '', 1], ...report.states.map(({ id, hits }) => [id, hits] as const)]),
        transitions: report.transitions.map(({ hits }) => hits),
      },
    }),
  };
}

/** A chart that nobody has drawn. */
function StateList({ shown, marks }: { shown: ActorMoment; marks: ChartMarks }) {
  const chart = run.value?.chartOf(shown.track.machine ?? '');
  return (
    <ul class="states" aria-label={`States of ${shown.track.title}`}>
      {chart?.states.slice(1).map(({ id, path }) => (
        <li key={id} style={{ '--depth': path.length - 1 }}>
          <strong class={marks.active.has(id) ? `pill kind-${kindOf(path.at(-1) ?? '')}` : ''}>{path.at(-1)}</strong>
          <ul>
            {chart.transitions.map((transition, index) =>
              transition.source === id ? (
                // biome-ignore lint/suspicious/noArrayIndexKey: it is what names a transition
                <li key={index} class={marks.taken.has(index) ? 'taken' : 'faint'}>
                  {stepText({ track: shown.track, transition: index })}
                </li>
              ) : null,
            )}
          </ul>
        </li>
      ))}
    </ul>
  );
}

function Caption({ shown, now }: { shown: ActorMoment; now: Item }) {
  const taken = stepsOf(now, shown);
  // of what happened at once, that which led elsewhere says more
  const moves = taken.filter(isMove);
  const steps = [...new Set((moves.length > 0 ? moves : taken).map(stepText))];
  return (
    <p class="caption">
      <strong>{shown.track.title}</strong> is in <span class="state-name">{stateText(shown)}</span>
      {steps.length > 0 && (
        <>
          {' '}
          after <span class="took">{steps.join(', ')}</span>
        </>
      )}
    </p>
  );
}

function isMove({ track, transition }: Step): boolean {
  return (run.value?.chartOf(track.machine ?? '')?.transitions[transition]?.targets.length ?? 0) > 0;
}

/** A transition on one line: from where, by what, if what. */
export function stepText({ track, transition }: Step): string {
  const found = run.value?.chartOf(track.machine ?? '')?.transitions[transition];
  if (found === undefined) return '';
  const { trigger, guard, source, targets } = found;
  const name =
    trigger.kind === 'always'
      ? 'always'
      : trigger.kind === 'after'
        ? `after ${trigger.delay}`
        : 'of' in trigger
          ? `${trigger.kind}: ${trigger.of}`
          : trigger.event;
  const to = targets.length === 0 ? '' : ` → ${targets.map(lastKey).join(', ')}`;
  return `${name}${guard === undefined ? '' : ` [${guard}]`}: ${lastKey(source)}${to}`;
}

export function stateText({ states, status }: ActorMoment): string {
  return states.length === 0 ? status : lastKey(states.at(-1) ?? '');
}

function lastKey(id: string): string {
  return id.slice(id.lastIndexOf('.') + 1);
}
