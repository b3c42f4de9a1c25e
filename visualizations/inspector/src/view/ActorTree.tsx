import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ToolCallContext } from '../../../../src/machines/toolCallMachine.ts';
import type { TurnContext } from '../../../../src/machines/turnContext.ts';
import type { ActorMoment, Item, Stay } from '../model/run.ts';
import { actor, connection, isAtEnd, isLive, item, moment, path } from '../model/store.ts';
import { duration } from '../model/time.ts';
import { stateText } from './ChartPanel.tsx';
import { kindOf } from './kinds.ts';

/** Who is at work at this moment, and who invoked whom. */
export function ActorTree() {
  const now = item.value;
  if (now === undefined) return null;
  return (
    <nav class="actors" aria-label="Actors">
      <h2>Actors</h2>
      <ul>
        {moment.value.actors.map((each) => (
          <li key={each.track.key} style={{ '--depth': each.track.path.split('/').length - 1 }}>
            <ActorRow shown={each} now={now} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

function ActorRow({ shown, now }: { shown: ActorMoment; now: Item }) {
  const { track } = shown;
  const state = stateText(shown);
  const stay = track.stays.findLast(({ item: index }) => index <= now.index);
  const isChosen = actor.value?.track === track;
  return (
    <button
      type="button"
      class={`actor ${track.isEffect ? 'effect' : ''}`}
      aria-current={isChosen ? 'true' : undefined}
      onClick={() => {
        path.value = track.path;
      }}
    >
      <span class="actor-name">{track.title}</span>
      {!track.isEffect && <span class={`pill kind-${kindOf(state)}`}>{state}</span>}
      <span class="since">
        {stay === undefined || shown.status !== 'active' ? (
          ''
        ) : (
          <Since from={stay.from} now={now} retryAt={retryOf(shown, stay)} />
        )}
      </span>
      {track.machine === 'toolCall' && <Strip shown={shown} />}
    </button>
  );
}

const clock = signal(Date.now());

/** How long it is there already; or, while a retry is waited for, how long it still waits. */
function Since({ from, now, retryAt }: { from: number; now: Item; retryAt: number | undefined }) {
  const ticks = isLive.value && isAtEnd.value;
  useEffect(() => {
    if (!ticks) return;
    const timer = setInterval(() => {
      clock.value = Date.now();
    }, 200);
    return () => clearInterval(timer);
  }, [ticks]);
  const at = ticks ? Math.max(now.at, clock.value + (connection.value?.ahead ?? 0)) : now.at;
  if (retryAt !== undefined && retryAt > at) return <span>again in {duration(retryAt - at)}</span>;
  return at - from < 1 ? null : <span>{duration(at - from)}</span>;
}

/** Actors may be anybody's, and so may be what they know. */
function retryOf({ context }: ActorMoment, { leaf, from }: Stay): number | undefined {
  if (typeof context !== 'object' || context === null) return undefined;
  const { current, retryDelayMs } = context as Partial<TurnContext & ToolCallContext>;
  return leaf === 'retrying' && retryDelayMs !== undefined ? from + retryDelayMs : current?.retryAt;
}

const way = ['preparing', 'queued', 'executing', 'completed'] as const;

/** Where a tool call is on its way. */
function Strip({ shown }: { shown: ActorMoment }) {
  const state = stateText(shown);
  const at = { awaitingApproval: 1, awaitingResult: 2, delegating: 2, retrying: 2, failed: 3, denied: 3 }[state];
  const place = at ?? way.indexOf(state as (typeof way)[number]);
  return (
    <span class="strip" aria-hidden="true">
      {way.map((step, index) => (
        <i key={step} class={index === place ? `kind-${kindOf(state)}` : index < place ? 'past' : ''} />
      ))}
    </span>
  );
}
