import { effect } from '@preact/signals';
import { cursor, goTo, isAtEnd, isPlaying, run, speed } from './store.ts';

/** In ms: what follows at once is seen all the same, and nobody waits for long. */
const [shortest, longest] = [25, 1500];

/** Goes from moment to moment as it was, while that is wanted. */
export function startPlayer(): void {
  effect(() => {
    if (!isPlaying.value) return;
    if (isAtEnd.value) {
      isPlaying.value = false;
      return;
    }
    const { items } = run.value ?? { items: [] };
    const [now, next] = [items[cursor.value], items[cursor.value + 1]];
    const tookMs = (next?.at ?? 0) - (now?.at ?? 0);
    const pause = Math.max(shortest, Math.min(tookMs, longest)) / speed.value;
    const timer = setTimeout(() => goTo(cursor.value + 1), pause);
    return () => clearTimeout(timer);
  });
}

export function togglePlaying(): void {
  if (!isPlaying.value && isAtEnd.value) goTo(0);
  isPlaying.value = !isPlaying.value;
}
