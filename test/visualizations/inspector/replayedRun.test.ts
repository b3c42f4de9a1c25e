import { defineTool } from 'turnchart';
import { openRecorded } from 'turnchart/inspection';
import { Random, scriptedModel } from 'turnchart/testing';
import { describe, expect, test } from 'vitest';
import { type AnyActorRef, isMachineSnapshot } from 'xstate';
import { z } from 'zod';
import type { RecordingEntry } from '../../../src/recording.ts';
import { demoRecording } from '../../../visualizations/inspector/demo.ts';
import { ReplayedRun } from '../../../visualizations/inspector/src/model/replayedRun.ts';
import { type Rest, restAt, restOf } from '../../../visualizations/inspector/src/model/rests.ts';
import { type Moment, takenBy, visitsOf } from '../../../visualizations/inspector/src/model/run.ts';
import { Segments } from '../../../visualizations/inspector/src/model/segments.ts';
import { record, recordMixture, recordTurns } from './recordings.ts';

const recordings = [
  ['turns that go as most do', () => recordTurns(40)],
  ['turns that fail, ask, refuse and are shortened', recordMixture],
  ['retries, a sub-agent, steering and a cancel', demoRecording],
  ['a session that begins anew', async () => [...(await recordMixture()), ...(await recordTurns(10))]],
] as const;

describe.each(recordings)('a recording of %s', (_, recorded) => {
  test('shows a hundred moments that are not read yet as a replay of everything does', async () => {
    const entries = await recorded();
    const truth = replay(entries);
    const run = open(entries);
    const random = new Random(7);
    const indices = Array.from({ length: 100 }, () => random.whole(0, entries.length - 1));
    for (const index of indices) expect([index, machinesIn(momentOf(run, index))]).toEqual([index, truth[index]]);
    while (!run.isRead) run.read(10);
    for (const index of entries.keys())
      expect([index, machinesIn(momentOf(run, index))]).toEqual([index, truth[index]]);
    expect(run.problem).toBeUndefined();
  });

  test('comes to the same, whether moments were looked at before they were read or not', async () => {
    const entries = await recorded();
    const [straight, jumped] = [open(entries), open(entries)];
    while (!straight.isRead) straight.read(1_000);
    const random = new Random(3);
    const truth = replay(entries);
    for (const next of entries.keys()) {
      // reads on by as much as it takes
      momentOf(jumped, next);
      const index = random.whole(next, entries.length - 1);
      expect([index, machinesIn(momentOf(jumped, index))]).toEqual([index, truth[index]]);
    }
    expect(jumped.isRead).toBe(true);
    expect(countsOf(jumped)).toEqual(countsOf(straight));
  });

  test('says who works on an effect, and at what, as the machines do', async () => {
    const entries = await recorded();
    const { items } = open(entries);
    let host: ReturnType<typeof openRecorded> | undefined;
    for (const [index, entry] of entries.entries()) {
      if (entry.type === 'session') host = openRecorded(entry);
      if (entry.type !== 'row' || host === undefined) continue;
      if (entry.input.type === 'settled') {
        const { effect } = entry.input;
        const [kind, path] = [host.effects.get(effect)?.kind, pathOf(effect, host.actor, 'session')];
        expect([items[index]?.name, items[index]?.actor]).toEqual([kind, path]);
      }
      host.apply(entry.input, entry.at);
    }
  });

  test('takes what turns leave from their events only where that is all they leave', async () => {
    const entries = await recorded();
    const segments = new Segments();
    for (const entry of entries) segments.take(entry);
    let [host, start] = [openRecorded(startOf(entries)), restAt(startOf(entries))];
    for (const [index, entry] of entries.entries()) {
      const segment = segments.at(index);
      if (entry.type === 'session') [host, start] = [openRecorded(entry), restAt(entry)];
      else if (index === segments.firstOf(segment)) {
        const rest = restOf(host, start);
        // none of the machines may be asked
        const told = segments.restBefore(segment, 0);
        if (told !== undefined) expect(plain(withDefaults(told))).toEqual(plain(rest));
        segments.know(segment, rest);
      }
      if (entry.type === 'row') host.apply(entry.input, entry.at);
    }
  });
});

test('turns after a new beginning of the session are shown from there', async () => {
  const before = await recordMixture();
  const entries = [...before, ...(await recordTurns(10))];
  const run = open(entries);
  // up to there it is read, and a little on
  for (let index = 0; index <= before.length; index += 1) momentOf(run, index);
  const last = entries.length - 1;
  expect(machinesIn(momentOf(run, last))).toEqual(replay(entries)[last]);
  expect(run.isRead).toBe(false);
});

test('ordinary turns are told by their events', async () => {
  const segments = new Segments();
  for (const entry of await recordTurns(5)) segments.take(entry);
  expect(segments.restBefore(4, 0)?.input.history.length).toBe(4 * 4);
});

test('a moment in the middle of very much work is there once it is read', async () => {
  let calls = 0;
  const count = defineTool({
    name: 'count',
    description: 'Counts',
    input: z.object({ to: z.number() }),
    execute: ({ to }) => to,
  });
  const model = scriptedModel(() => {
    calls += 1;
    return calls <= 400 ? { calls: [{ name: 'count', input: { to: calls } }] } : 'That is all.';
  });
  const entries = await record(model, ['Count.'], { tools: [count], limits: { maxSteps: 500 } });
  const run = open(entries);
  const last = entries.length - 1;
  expect(run.partAt(last)).toBeUndefined();
  expect(run.items[last]?.moment.actors).toEqual([]);
  while (!run.isRead) run.read(1_000);
  expect(machinesIn(momentOf(run, last))).toEqual({ session: { value: 'idle', messages: 802 } });
});

function open(entries: readonly RecordingEntry[]): ReplayedRun {
  const run = new ReplayedRun(startOf(entries), {});
  for (const entry of entries) run.add(entry);
  return run;
}

function startOf([start]: readonly RecordingEntry[]): Extract<RecordingEntry, { type: 'session' }> {
  if (start?.type === 'session') return start;
  throw new Error('The recording does not begin with its session.');
}

function momentOf(run: ReplayedRun, index: number): Moment {
  const item = run.items[index];
  if (item === undefined || run.partAt(index) === undefined) throw new Error(`There is no moment ${index}.`);
  return item.moment;
}

/** What the machines that are at work are in, and how long the conversation is to them, by path. */
type Machines = Readonly<Record<string, unknown>>;

function machinesIn({ actors }: Moment): Machines {
  const working = actors.filter(({ track, status }) => track.machine !== undefined && isShown(track.path, status));
  return Object.fromEntries(working.map(({ track, value, context }) => [track.path, whereIs(value, context)]));
}

function whereIs(value: unknown, context: unknown) {
  const { history } = context as { readonly history?: { readonly length: number } };
  return { value, messages: history?.length };
}

/** Turns that have ended stay to be looked at. */
function isShown(path: string, status: string): boolean {
  return path === 'session' || !path.startsWith('session/turn') || status === 'active';
}

/** After each entry, by machines that were given all of them in order. */
function replay(entries: readonly RecordingEntry[]): readonly Machines[] {
  let host: ReturnType<typeof openRecorded> | undefined;
  return entries.map((entry) => {
    if (entry.type === 'session') host = openRecorded(entry);
    if (entry.type === 'row') host?.apply(entry.input, entry.at);
    return host === undefined ? {} : machinesAt(host.actor, 'session');
  });
}

function machinesAt(actor: AnyActorRef, path: string): Machines {
  const snapshot: unknown = actor.getSnapshot();
  if (!isMachineSnapshot(snapshot)) return {};
  const inner = childrenOf(actor).map(([id, child]) => machinesAt(child, `${path}/${id}`));
  const own = isShown(path, snapshot.status) ? { [path]: whereIs(snapshot.value, snapshot.context) } : {};
  return Object.assign(own, ...inner) as Machines;
}

function childrenOf(actor: AnyActorRef): readonly (readonly [string, AnyActorRef])[] {
  const children = Object.entries((actor.getSnapshot() as { children?: Record<string, AnyActorRef> }).children ?? {});
  return children.filter(([, child]) => child !== undefined);
}

function pathOf(effect: string, actor: AnyActorRef, path: string): string | undefined {
  if ((actor.getSnapshot() as { input?: { id?: string } }).input?.id === effect) return path;
  for (const [id, child] of childrenOf(actor)) {
    const found = pathOf(effect, child, `${path}/${id}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of every actor, how often it was in which state, and which transitions it has taken. */
function countsOf(run: ReplayedRun) {
  const last = run.items.at(-1);
  if (last === undefined) throw new Error('The run is empty.');
  return run.whole.tracks.map((track) => [track.path, visitsOf(track, last), takenBy(run, track, last)]);
}

function withDefaults({ input, ...rest }: Rest): Rest {
  return { ...rest, input: { approvedTools: [], ...input } };
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
