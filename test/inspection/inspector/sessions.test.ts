import { createAgent, type RecordingEntry } from 'turnchart';
import { findDivergence, readRecording } from 'turnchart/inspection';
import { inspector } from 'turnchart/inspector';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { start } from '../../rules/durableSupport.ts';
import { open, readFeed } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });

const pay = { name: 'pay', approval: true, input: z.object({}), execute: () => 'paid' } as const;

function toText(entries: readonly RecordingEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

describe('the feed of a session', () => {
  it('is the recording of the session, from its opening on', async () => {
    const opened = await open();
    const session = createAgent({ model: scriptedModel([{ text: ['One, ', 'two.'] }]), inspect: opened.it }).session({
      id: 's',
    });
    const recorded: RecordingEntry[] = [];
    session.record((entry) => recorded.push(entry));
    const feed = await readFeed(opened);
    await session.send('Count').result;
    await feed.untilIdle('s');
    expect(feed.messages[0]).toMatchObject({ type: 'hello', version: 1, commands: false });
    expect(feed.messages[1]).toEqual({ type: 'session', sessionId: 's', agent: 'agent', isOpen: true });
    const [start, ...others] = feed.entries('s');
    expect(start).toMatchObject({ ...recorded[0], at: expect.any(Number) });
    expect(others).toEqual(recorded.slice(1));
  });

  it('is told whole to those who come late', async () => {
    const opened = await open();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.']), inspect: opened.it }).session({ id: 's' });
    await session.send('First').result;
    const early = await (await readFeed(opened)).untilIdle('s');
    await session.send('Second').result;
    await early.untilIdle('s', 2);
    const late = await (await readFeed(opened)).untilIdle('s', 2);
    expect(late.messages.slice(1)).toEqual(early.messages.slice(1));
  });

  it('goes on where a reader was that comes again', async () => {
    const opened = await open();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.']), inspect: opened.it }).session({ id: 's' });
    const before = await readFeed(opened);
    await session.send('First').result;
    await before.untilIdle('s');
    await before.close();
    await session.send('Second').result;
    const after = await (await readFeed(opened, before.lastId)).untilIdle('s');
    const whole = await (await readFeed(opened)).untilIdle('s', 2);
    expect(after.messages[0]?.type).toBe('hello');
    expect([...before.messages, ...after.messages.slice(1)]).toEqual([before.messages[0], ...whole.messages.slice(1)]);
  });

  it('has the sessions of all agents that share the inspector, those of run() too', async () => {
    const opened = await open();
    const one = createAgent({ name: 'one', model: scriptedModel(['Hi.']), inspect: opened.it });
    const two = createAgent({ name: 'two', model: scriptedModel(['Hi.']), inspect: opened.it });
    await Promise.all([one.run('Hi'), two.run('Hi')]);
    const feed = await (await readFeed(opened)).until((each) => each.ofType('session').length === 4);
    expect(
      feed
        .ofType('session')
        .map(({ agent, isOpen }) => `${agent} ${isOpen}`)
        .sort(),
    ).toEqual(['one false', 'one true', 'two false', 'two true']);
  });

  it('says when a session is closed', async () => {
    const opened = await open();
    const session = createAgent({ model: scriptedModel([]), inspect: opened.it }).session({ id: 's' });
    const feed = await readFeed(opened);
    await session.close();
    await feed.until((each) => each.ofType('session').length === 2);
    expect(feed.messages.at(-1)).toEqual({ type: 'session', sessionId: 's', agent: 'agent', isOpen: false });
  });

  it('follows the session that was opened last under an id', async () => {
    const opened = await open();
    const make = (name: string) => createAgent({ name, model: scriptedModel(['Hi.']), inspect: opened.it });
    const first = make('first').session({ id: 's' });
    await first.send('Hi').result;
    const second = make('second').session({ id: 's', messages: first.messages });
    await first.close();
    await second.send('And now?').result;
    const feed = await (await readFeed(opened)).untilIdle('s', 2);
    expect(feed.ofType('session').map(({ agent, isOpen }) => [agent, isOpen])).toEqual([
      ['first', true],
      ['second', true],
    ]);
    const { sessions } = readRecording(toText(feed.entries('s')));
    expect(sessions).toHaveLength(2);
    expect(sessions.map(findDivergence)).toEqual([undefined, undefined]);
  });

  it('has what happened before in a turn that goes on after the end of its process', async () => {
    const first = await start([{ text: 'I pay.', calls: [{ name: 'pay', id: 'a' }] }], { tools: [pay] });
    first.session.send('Pay');
    await first.clock.advance(0);
    expect(first.events.at(-1)?.type).toBe('tool.approvalRequested');
    const opened = await open();
    const next = await start(['It is paid.'], { tools: [pay], inspect: opened.it }, await first.crash());
    expect(next.session.approve('a')).toEqual({ accepted: true });
    await next.clock.advance(0);
    const feed = await (await readFeed(opened)).untilIdle('talk');
    const [recording, ...others] = readRecording(toText(feed.entries('talk'))).sessions;
    expect(others).toEqual([]);
    expect(recording?.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['turn.started', 'tool.approvalRequested', 'tool.completed', 'turn.completed']),
    );
    expect(recording && findDivergence(recording)).toBeUndefined();
  });

  it('is read at the pace of its reader', async () => {
    const opened = await open();
    const text = 'x'.repeat(1_000_000);
    const session = createAgent({ model: scriptedModel(Array(8).fill(text)), inspect: opened.it }).session({ id: 's' });
    const feed = await readFeed(opened);
    for (let turn = 0; turn < 8; turn += 1) await session.send('More').result;
    await feed.untilIdle('s', 8);
    expect(
      feed.entries('s').filter((entry) => entry.type === 'event' && entry.event.type === 'turn.completed'),
    ).toHaveLength(8);
  });
});

describe('an inspector', () => {
  it('shows what was recorded', async () => {
    const entries: RecordingEntry[] = [];
    const session = createAgent({ name: 'past', model: scriptedModel(['Hi.']) }).session({ id: 's' });
    session.record((entry) => entries.push(entry));
    await session.send('Hi').result;
    const opened = await open();
    opened.it.show(entries);
    const feed = await (await readFeed(opened)).untilIdle('s');
    expect(feed.ofType('session')).toEqual([{ type: 'session', sessionId: 's', agent: 'past', isOpen: false }]);
    expect(feed.entries('s')).toEqual(entries);
  });

  it('listens when the first session opens, and says where', async () => {
    const told = Promise.withResolvers<string>();
    const it = inspector({ onListen: told.resolve });
    const session = createAgent({ model: scriptedModel([]), inspect: it }).session();
    const url = await told.promise;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{24}$/);
    expect(await it.listen()).toBe(url);
    await session.close();
    await it.close();
  });

  it('that is closed has told all until then, and holds nothing up', async () => {
    const opened = await open();
    const agent = createAgent({ model: scriptedModel(['One.', 'Two.']), inspect: opened.it });
    const session = agent.session({ id: 's' });
    const feed = await readFeed(opened);
    await session.send('First').result;
    await Promise.all([opened.it.close(), feed.untilIdle('s')]);
    await expect(fetch(opened.origin)).rejects.toThrow();
    expect((await session.send('Second').result).text).toBe('Two.');
    await expect(opened.it.listen()).rejects.toThrow('closed');
  });

  it('says why it cannot listen', async () => {
    const opened = await open();
    const port = Number(new URL(opened.origin).port);
    await expect(inspector({ port }).listen()).rejects.toThrow(
      `The inspector cannot listen on 127.0.0.1:${port}: something else listens there: choose another \`port\`.`,
    );
  });

  it.each([
    [{ port: -1 }, '`port` must be a whole number from 0 to 65535'],
    [{ host: '' }, '`host` must be a text'],
    [{ commands: 'yes' }, '`commands` must be true or false'],
    [{ onListen: 1 }, '`onListen` must be a function'],
    [{ open: true }, 'there is no option `open`'],
  ])('refuses %j', (options, problem) => {
    expect(() => inspector(options as Parameters<typeof inspector>[0])).toThrow(problem);
  });
});
