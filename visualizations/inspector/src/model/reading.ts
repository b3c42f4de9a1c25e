import { ReplayedRun } from './replayedRun.ts';
import { cursor, grown, progress, run, runs } from './store.ts';

/** In ms: the page answers in between. */
export const slice = 50;
/** In ms: what comes at once is shown at once. */
const pause = 16;
/** In ms: how often it is said how much is read. To draw that takes time, too. */
const saidEvery = 200;

let isReading = false;

/** Reads on what has come, in slices, and shows it. */
export async function readOn(): Promise<void> {
  if (isReading) return;
  isReading = true;
  await wait(pause);
  const startedAt = performance.now();
  let [showsAt, saysAt] = [startedAt, startedAt];
  for (let isDone = false; !isDone; ) {
    const before = run.value?.partAt(cursor.value);
    nextRun()?.read(slice);
    isDone = nextRun() === undefined;
    const now = performance.now();
    if (isDone || now >= showsAt || run.value?.partAt(cursor.value) !== before) {
      grown();
      // to show what grows takes the longer the more it is, so it is done more and more seldom
      showsAt = now + (now - startedAt);
    }
    if (isDone || now >= saysAt) {
      progress.value += 1;
      saysAt = now + saidEvery;
    }
    if (!isDone) await wait(0);
  }
  isReading = false;
}

/** The one that is looked at comes first. */
function nextRun(): ReplayedRun | undefined {
  const shown = run.value;
  return [...(shown === undefined ? [] : [shown]), ...runs.value].find(
    (each): each is ReplayedRun => each instanceof ReplayedRun && !each.isRead,
  );
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
