import { createAgent, type Inspect } from 'turnchart';
import { findDivergence, readRecording } from 'turnchart/inspection';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { createActor, createMachine } from 'xstate';
import type { FeedMessage } from '../../../src/inspection/inspector/feed.ts';
import { FeedLog } from '../../../src/inspection/inspector/feedLog.ts';
import { Watch } from '../../../src/inspection/inspector/watch.ts';

function notice(text: string): FeedMessage {
  return { type: 'notice', text };
}

function kept(log: FeedLog, after = 0): FeedMessage[] {
  return log.read(after).map(({ text }) => JSON.parse(text) as FeedMessage);
}

describe('the log of a feed', () => {
  it('gives what was said after a frame, in order, or as much of it as fits', () => {
    const log = new FeedLog();
    const frames = ['a', 'b', 'c'].map((text) => log.say(notice(text)));
    expect(kept(log)).toEqual([notice('a'), notice('b'), notice('c')]);
    expect(kept(log, frames[0]?.id)).toEqual([notice('b'), notice('c')]);
    expect(log.read(frames[2]?.id ?? 0)).toEqual([]);
    expect(log.read(0, 1)).toEqual([frames[0]]);
  });

  it('has no more of what was forgotten, and takes no room for it', () => {
    const log = new FeedLog();
    const frames = Array.from({ length: 10 }, (_, index) => log.say(notice(String(index))));
    const before = log.chars;
    log.forget(frames.slice(2, 4));
    expect(kept(log, frames[0]?.id)).toEqual(['1', '4', '5', '6', '7', '8', '9'].map(notice));
    log.forget(frames.slice(4, 9));
    expect(kept(log, frames[2]?.id)).toEqual([notice('9')]);
    expect(log.chars).toBe((before / 10) * 3);
    expect(log.say(notice('10')).id).toBe(11);
  });

  it('tells at once that something was said', () => {
    const log = new FeedLog();
    let told = 0;
    const stop = log.onSay(() => {
      told += 1;
    });
    log.say(notice('a'));
    stop();
    log.say(notice('b'));
    expect(told).toBe(1);
  });
});

/** An inspector without a server, that keeps so many characters. */
function watching(maxChars: number) {
  const watch = new Watch(maxChars);
  const inspect: Inspect = { session: (session) => watch.follow(session) };
  const messages = () => kept(watch.log);
  const recordingOf = (id: string) =>
    messages()
      .flatMap((message) => (message.type === 'entry' && message.sessionId === id ? [message.entry] : []))
      .map((entry) => `${JSON.stringify(entry)}\n`)
      .join('');
  return { watch, inspect, messages, recordingOf };
}

function pieces(text: string) {
  return [{ text: Array.from({ length: 100 }, () => text) }];
}

describe('what is watched', () => {
  it('is kept whole while there is room', async () => {
    const { inspect, messages } = watching(1_000_000);
    await createAgent({ model: scriptedModel(pieces('Hm. ')), inspect }).run('Hi');
    const deltas = messages().filter(
      (message) => message.type === 'entry' && JSON.stringify(message).includes('message.delta'),
    );
    expect(deltas).toHaveLength(100);
  });

  it('loses the pieces of whole texts first, and still goes the same way', async () => {
    const { watch, inspect, recordingOf } = watching(20_000);
    const session = createAgent({ model: scriptedModel(pieces('Hm. ')), inspect }).session({ id: 's' });
    await session.send('Hi').result;
    expect(watch.log.chars).toBeLessThan(20_000);
    const { sessions } = readRecording(recordingOf('s'));
    expect(sessions).toHaveLength(1);
    expect(sessions[0]?.events.map(({ type }) => type)).not.toContain('message.delta');
    expect(sessions[0]?.events[0]?.type).toBe('turn.started');
    expect(sessions.map(findDivergence)).toEqual([undefined]);
  });

  it('loses closed sessions next, the oldest first', async () => {
    const { inspect, messages } = watching(12_000);
    const model = scriptedModel(() => 'x'.repeat(500));
    const agent = createAgent({ model, inspect });
    for (const id of ['a', 'b', 'c']) {
      const session = agent.session({ id });
      await session.send('Hi').result;
      await session.close();
    }
    const forgotten = messages().flatMap((message) => (message.type === 'forgotten' ? [message.id] : []));
    expect(forgotten[0]).toBe('a');
    expect(forgotten).not.toContain('c');
    expect(messages().some((message) => message.type === 'entry' && message.sessionId === 'a')).toBe(false);
    expect(messages().some((message) => message.type === 'entry' && message.sessionId === 'c')).toBe(true);
  });

  it('begins anew where a session rests, and goes on from there', async () => {
    const { watch, inspect, recordingOf } = watching(30_000);
    const session = createAgent({ model: scriptedModel(() => 'x'.repeat(100)), inspect }).session({ id: 's' });
    for (let turn = 0; turn < 20; turn += 1) await session.send(`Turn ${turn}`).result;
    expect(watch.log.chars).toBeLessThan(40_000);
    const { sessions } = readRecording(recordingOf('s'));
    expect(sessions).toHaveLength(1);
    expect(sessions[0]?.start.seq).toBeGreaterThan(0);
    expect(sessions.map(findDivergence)).toEqual([undefined]);
  });

  it('lets go of sessions that rest, but not of the one that rested last', async () => {
    const { watch, inspect, messages } = watching(4_000);
    const agent = createAgent({ model: scriptedModel(() => 'x'.repeat(300)), inspect });
    const first = agent.session({ id: 'a' });
    await first.send('Hi').result;
    for (const id of ['b', 'c', 'd']) await agent.session({ id }).send('Hi').result;
    expect(watch.openSession('a')).toBeUndefined();
    expect(watch.openSession('d')?.id).toBe('d');
    const before = messages().length;
    await first.send('Still there?').result;
    expect(messages().length).toBe(before);
  });

  it('keeps a turn whole that runs', async () => {
    const { inspect, recordingOf, watch } = watching(2_000);
    const session = createAgent({ model: scriptedModel([{ text: 'x'.repeat(3_000), hangs: true }]), inspect }).session({
      id: 's',
    });
    const shown = new Promise<void>((resolve) => {
      session.on('message.delta', () => resolve());
    });
    const turn = session.send('Hi');
    await shown;
    expect(readRecording(recordingOf('s')).sessions[0]?.events.map(({ type }) => type)).toContain('message.delta');
    expect(watch.log.chars).toBeGreaterThan(2_000);
    turn.cancel();
    await turn.outcome;
  });

  it('loses actors that are over, then the oldest moments of others', () => {
    const watch = new Watch(20_000);
    const machine = createMachine({ id: 'm', on: { TELL: {} } });
    const inspect = watch.take.bind(watch);
    const over = createActor(machine, { inspect }).start();
    over.stop();
    const actor = createActor(machine, { inspect }).start();
    for (let index = 0; index < 200; index += 1) actor.send({ type: 'TELL', index });
    expect(watch.log.chars).toBeLessThan(20_000);
    const messages = kept(watch.log);
    expect(messages.filter(({ type }) => type === 'forgotten')).toEqual([
      { type: 'forgotten', what: 'actor', id: 'actor.1' },
    ]);
    expect(messages.filter(({ type }) => type === 'actor')).toHaveLength(1);
    expect(messages.at(-1)).toMatchObject({ type: 'moment', event: { type: 'TELL', index: 199 } });
  });

  it('never fails the actor that it looks at', () => {
    const watch = new Watch(1_000_000);
    const broken = createMachine({ id: 'broken', initial: 'nowhere', states: { here: {} } } as never);
    const actor = createActor(createMachine({ id: 'm' }), { inspect: watch.take.bind(watch) }).start();
    watch.take({ type: '@xstate.actor', actorRef: { ...actor, logic: broken, id: 'b' } as never, rootId: 'r' });
    watch.take({
      type: '@xstate.snapshot',
      actorRef: actor,
      event: { type: 'X' },
      snapshot: null as never,
      rootId: 'r',
    });
    const notices = kept(watch.log).flatMap((message) => (message.type === 'notice' ? [message.text] : []));
    expect(notices).toEqual([
      expect.stringContaining('The machine "broken" has no chart.'),
      expect.stringContaining('The inspector has missed something.'),
    ]);
  });
});
