import { layoutOf } from '../../../../src/inspection/chartDrawing.ts';
import { writeSvg } from '../../../../src/inspection/drawPicture.ts';
import type { Arrow, Box, Line, Picture } from '../../../../src/inspection/picture.ts';
import { readRecording } from '../../../../src/inspection/readRecording.ts';
import { toMermaid } from '../../../../src/inspection/toMermaid.ts';
import { compactionMachine } from '../../../../src/machines/compactionMachine.ts';
import { sessionMachine } from '../../../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../../../src/machines/turnMachine.ts';
import { pathFromRecording } from '../../../../src/testing/paths/fromRecording.ts';
import { writeTests } from '../../../../src/testing/paths/writeTests.ts';
import { ReplayedRun } from './replayedRun.ts';
import { isFollowing, item, machine, run, say, stepsOf } from './store.ts';

/** What can be taken away from the page, as files. */
export const exports: readonly { readonly name: string; readonly save: () => void; readonly isOfSession?: true }[] = [
  { name: 'Chart at this moment (SVG)', save: saveSvg },
  { name: 'Chart at this moment (Mermaid)', save: saveMermaid, isOfSession: true },
  { name: 'Recording (JSON Lines)', save: saveRecording, isOfSession: true },
  { name: 'Path test of this run (TypeScript)', save: savePathTest, isOfSession: true },
];

const ours = { session: sessionMachine, turn: turnMachine, toolCall: toolCallMachine, compaction: compactionMachine };

function saveSvg(): void {
  const shown = machine.value;
  const drawing = run.value?.drawingOf(shown?.track.machine ?? '');
  if (shown === undefined || drawing === undefined) return;
  const taken = takenNow();
  const active = new Set(shown.states);
  const picture: Picture = {
    ...drawing.picture,
    boxes: drawing.picture.boxes.map((box) => marked(box, active, taken)),
    arrows: drawing.picture.arrows.map((arrow) => markedLines(arrow, taken)),
  };
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  save(
    `${drawing.chart.id}.svg`,
    writeSvg(picture, layoutOf(drawing, picture), isDark ? 'dark' : 'light'),
    'image/svg+xml',
  );
}

function marked(box: Box, active: ReadonlySet<string>, taken: ReadonlySet<number>): Box {
  return {
    ...box,
    lines: box.lines.map((line) => markedLine(line, taken)),
    inside: box.inside.map((each) => marked(each, active, taken)),
    ...(box.state !== undefined && active.has(box.state) && { mark: 'active' as const }),
  };
}

function markedLines(arrow: Arrow, taken: ReadonlySet<number>): Arrow {
  const lines = arrow.lines.map((line) => markedLine(line, taken));
  return arrow.transitions.some((each) => taken.has(each)) ? { ...arrow, lines, mark: 'active' } : { ...arrow, lines };
}

function markedLine(line: Line, taken: ReadonlySet<number>): Line {
  return line.transitions.some((each) => taken.has(each)) ? { ...line, mark: 'active' } : line;
}

function saveMermaid(): void {
  const shown = machine.value;
  const name = shown?.track.machine;
  if (shown === undefined || name === undefined || !(name in ours)) return;
  const highlight = {
    states: Object.fromEntries(shown.states.map((id) => [id, 'active' as const])),
    transitions: Object.fromEntries([...takenNow()].map((index) => [index, 'active' as const])),
  };
  save(`${name}.mmd`, toMermaid(ours[name as keyof typeof ours], { highlight }), 'text/plain');
}

function takenNow(): ReadonlySet<number> {
  const [now, shown] = [item.value, machine.value];
  return new Set(
    now === undefined || shown === undefined ? [] : stepsOf(now, shown).map(({ transition }) => transition),
  );
}

function saveRecording(): void {
  const source = run.value;
  if (!(source instanceof ReplayedRun)) return;
  save(`${source.id}.jsonl`, recordingOf(source, source.entries.length), 'application/jsonl');
}

/** Of a session that comes from a store it is not known who answered. */
function recordingOf({ entries }: ReplayedRun, count: number): string {
  const model = { provider: 'unknown', modelId: 'unknown' };
  const lines = entries.slice(0, count).map((entry) => (entry.type === 'session' ? { model, ...entry } : entry));
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Up to the moment that is looked at. */
function savePathTest(): void {
  const source = run.value;
  if (!(source instanceof ReplayedRun)) return;
  const count = isFollowing.value ? source.entries.length : (item.value?.index ?? 0) + 1;
  try {
    const { sessions } = readRecording(recordingOf(source, count));
    const recorded = sessions.filter(({ rows }) => rows.length > 0);
    const text = writeTests(recorded.map(pathFromRecording), { title: source.start.agent });
    save(`${source.start.agent}.test.ts`, text, 'text/plain');
  } catch (error) {
    say(`A path test cannot be made of this run: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function save(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
