import { togglePlaying } from '../model/play.ts';
import { cursor, goTo, isPlaying, item, length, pinned, type Tab, tab } from '../model/store.ts';

export const keyNames: readonly (readonly [string, string])[] = [
  ['← →', 'one event back, one event on'],
  ['Home End', 'to the start, to the end'],
  ['Space', 'play, pause'],
  ['↑ ↓', 'in the list: the event above, the one below'],
  ['/', 'filter events'],
  ['p', 'pin this moment, to compare others with it'],
  ['1 – 6', 'chart, events, conversation, state, usage, coverage'],
  ['+ − 0', 'in the chart: zoom, show all'],
  ['?', 'these keys'],
];

const tabsByKey: readonly Tab[] = ['chart', 'events', 'conversation', 'state', 'usage', 'coverage'];

/** @returns what ends that */
export function listenToKeys(showHelp: () => void): () => void {
  const listen = (event: KeyboardEvent) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target instanceof HTMLElement && target.closest('input, select, textarea, dialog') !== null) return;
    // a button that has the focus is what Space is for
    if (event.key === ' ' && target instanceof HTMLElement && target.closest('button, summary') !== null) return;
    if (press(event.key, showHelp)) event.preventDefault();
  };
  document.addEventListener('keydown', listen);
  return () => document.removeEventListener('keydown', listen);
}

function press(key: string, showHelp: () => void): boolean {
  const byKey = tabsByKey[Number(key) - 1];
  if (byKey !== undefined) {
    tab.value = byKey;
    return true;
  }
  switch (key) {
    case 'ArrowLeft':
      return go(cursor.value - 1);
    case 'ArrowRight':
      return go(cursor.value + 1);
    case 'Home':
      return go(0);
    case 'End':
      return go(length.value - 1);
    case ' ':
      togglePlaying();
      return true;
    case '/':
      tab.value = 'events';
      requestAnimationFrame(() => document.getElementById('filter')?.focus());
      return true;
    case 'p':
      pinned.value = pinned.value === item.value?.index ? undefined : item.value?.index;
      return true;
    case '?':
      showHelp();
      return true;
    default:
      return false;
  }
}

function go(index: number): true {
  isPlaying.value = false;
  goTo(index);
  return true;
}
