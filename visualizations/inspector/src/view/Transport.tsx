import { togglePlaying } from '../model/play.ts';
import { cursor, goTo, isAtEnd, isLive, isPlaying, item, length, run, speed } from '../model/store.ts';
import { duration } from '../model/time.ts';

const speeds = [0.25, 0.5, 1, 2, 4, 16];

/** Goes through time. */
export function Transport() {
  const now = item.value;
  const start = run.value?.items[0]?.at ?? 0;
  return (
    <div class="transport" role="toolbar" aria-label="Time travel">
      <button type="button" aria-label="To the start" onClick={() => goTo(0)} disabled={cursor.value === 0}>
        <Icon d="M2 2h2v10H2zM12 2v10L5 7z" />
      </button>
      <button
        type="button"
        aria-label="One event back"
        onClick={() => goTo(cursor.value - 1)}
        disabled={cursor.value === 0}
      >
        <Icon d="M10 2v10L3 7z" />
      </button>
      <button type="button" class="play" aria-label={isPlaying.value ? 'Pause' : 'Play'} onClick={togglePlaying}>
        <Icon d={isPlaying.value ? 'M3 2h3v10H3zM8 2h3v10H8z' : 'M3 2v10l8-5z'} />
      </button>
      <button type="button" aria-label="One event on" onClick={() => goTo(cursor.value + 1)} disabled={isAtEnd.value}>
        <Icon d="M4 2v10l7-5z" />
      </button>
      <button type="button" aria-label="To the end" onClick={() => goTo(length.value - 1)} disabled={isAtEnd.value}>
        <Icon d="M2 2v10l7-5zM10 2h2v10h-2z" />
      </button>
      <select
        aria-label="Speed"
        value={String(speed.value)}
        onChange={(event) => (speed.value = Number(event.currentTarget.value))}
      >
        {speeds.map((each) => (
          <option key={each} value={String(each)}>
            {each}×
          </option>
        ))}
      </select>
      <input
        type="range"
        aria-label="Event"
        min={0}
        max={Math.max(0, length.value - 1)}
        value={cursor.value}
        onInput={(event) => {
          isPlaying.value = false;
          goTo(Number(event.currentTarget.value));
        }}
      />
      <span class="position">
        {cursor.value + 1} / {length.value}
        {now !== undefined && <span class="faint"> {duration(now.at - start)}</span>}
        {isLive.value && isAtEnd.value && <span class="now">now</span>}
      </span>
    </div>
  );
}

function Icon({ d }: { d: string }) {
  return (
    <svg viewBox="0 0 14 14" aria-hidden="true">
      <path d={d} />
    </svg>
  );
}
