import known from 'virtual:known';
import { readRecording } from '../../../../src/inspection/readRecording.ts';
import type { RecordingEntry } from '../../../../src/recording.ts';
import type { Coverage } from '../../../../src/testing/paths/coverage.ts';
import type { TurnPath } from '../../../../src/testing/paths/path.ts';
import { PathRun } from './pathRun.ts';
import { readOn, slice } from './reading.ts';
import { ReplayedRun } from './replayedRun.ts';
import type { Run } from './run.ts';
import { coverage, openRun, runs, say, tab } from './store.ts';

/** Opens what somebody has dropped or chosen: a recording, paths of tests, or what these cover. */
export async function openFile(file: File): Promise<void> {
  try {
    openText(await file.text());
  } catch (error) {
    say(`${file.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A session that comes with the page. */
export function openExample(): void {
  replay(known.demo);
}

function openText(text: string): void {
  const found = readCoverage(text);
  if (found !== undefined) {
    coverage.value = found;
    tab.value = 'coverage';
    return;
  }
  const paths = readPaths(text);
  if (paths.length > 0) {
    const walked = paths.map((path, index) => new PathRun(path, index + 1));
    addRuns(walked);
    openRun(walked[0]?.id ?? '');
    return;
  }
  const { entries, isTorn } = readRecording(text);
  if (isTorn) say('The last line is cut off, as by a process that was killed: it was left out.');
  replay(entries);
}

function readCoverage(text: string): Coverage | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isCoverage =
      typeof value === 'object' && value !== null && 'machines' in value && Array.isArray(value.machines);
    return isCoverage ? (value as Coverage) : undefined;
  } catch {
    // several lines are a recording
    return undefined;
  }
}

/** As `turnchart paths --json` prints them: a line of JSON each. */
function readPaths(text: string): readonly TurnPath[] {
  const lines = text.trimStart().split('\n');
  try {
    // the first line says what all of them are
    if (lines[0] === undefined || !isPath(JSON.parse(lines[0]))) return [];
    return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as TurnPath);
  } catch {
    return [];
  }
}

function isPath(value: unknown): value is TurnPath {
  return (
    typeof value === 'object' && value !== null && 'bounds' in value && 'steps' in value && Array.isArray(value.steps)
  );
}

function replay(entries: readonly RecordingEntry[]): void {
  const found: ReplayedRun[] = [];
  let current: ReplayedRun | undefined;
  for (const entry of entries) {
    if (entry.type === 'session' && current?.id !== entry.sessionId) {
      current = found.find(({ id }) => id === entry.sessionId);
      if (current === undefined) {
        current = new ReplayedRun(entry, known.drawings);
        found.push(current);
      }
    }
    current?.add(entry);
  }
  // most are read by then
  found[0]?.read(slice);
  addRuns(found);
  openRun(found[0]?.id ?? '');
  void readOn();
}

/** A run takes the place of the one that was opened as the same before. */
function addRuns(found: readonly Run[]): void {
  const ids = new Set(found.map(({ id }) => id));
  runs.value = [...runs.value.filter(({ id }) => !ids.has(id)), ...found];
}
