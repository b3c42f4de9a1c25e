import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect';
import { createAgent, type RecordingEntry } from 'turnchart';
import { readChart } from 'turnchart/inspection';
import { services, turnMachine, userMessage } from 'turnchart/machines';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { createActor, fromCallback, fromPromise, setup, waitFor } from 'xstate';
import { open, readFeed } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });

const lights = setup({
  actors: { count: fromPromise(async () => 3) },
  guards: { isDay: () => true },
}).createMachine({
  id: 'lights',
  context: { since: new Date(0), onChange: () => {}, seen: new Set([1n]) },
  initial: 'red',
  states: {
    red: { on: { GO: [{ guard: 'isDay', target: 'green' }, { target: 'off' }] } },
    green: { invoke: { id: 'counting', src: 'count', onDone: 'off' } },
    off: { type: 'final' },
  },
  output: { lamps: 3 },
});

async function watchLights() {
  const opened = await open();
  const actor = createActor(lights, { id: 'crossing', inspect: opened.it.inspect });
  actor.start();
  actor.send({ type: 'NOTHING' });
  actor.send({ type: 'GO' });
  await waitFor(actor, ({ status }) => status === 'done');
  const feed = await readFeed(opened);
  return feed.until((each) => each.ofType('machine').some(({ drawing }) => drawing !== undefined));
}

describe('the feed of an actor', () => {
  it('has its machine as a chart, and drawn', async () => {
    const feed = await watchLights();
    const [plain, drawn, ...others] = feed.ofType('machine');
    expect(others).toEqual([]);
    expect(plain?.chart).toEqual(JSON.parse(JSON.stringify(readChart(lights))));
    expect(drawn).toMatchObject({ machineId: plain?.machineId, drawing: { width: expect.any(Number) } });
    expect(drawn?.drawing?.boxes.length).toBeGreaterThan(2);
  });

  it('has the actors that it invokes, each with who did', async () => {
    const [root, child, ...others] = (await watchLights()).ofType('actor');
    expect(others).toEqual([]);
    expect(root).toMatchObject({ type: 'actor', name: 'crossing', machineId: expect.any(String) });
    expect(root).not.toHaveProperty('parentId');
    expect(child).toMatchObject({ name: 'counting', parentId: root?.actorId });
    expect(child).not.toHaveProperty('machineId');
  });

  it('has every event, with the transitions that it took and the state that it led to', async () => {
    const feed = await watchLights();
    const [root, child] = feed.ofType('actor').map(({ actorId }) => actorId);
    const moments = feed.ofType('moment').filter(({ actorId }) => actorId === root);
    const { transitions } = readChart(lights);
    const go = transitions.findIndex(({ guard }) => guard === 'isDay');
    const done = transitions.findIndex(({ trigger }) => trigger.kind === 'done');
    expect(moments.map(({ event, state, transitions: taken }) => [event.type, state, taken])).toEqual([
      ['xstate.init', 'red', []],
      ['NOTHING', 'red', []],
      ['GO', 'green', [go]],
      ['xstate.done.actor.counting', 'off', [done]],
    ]);
    expect(moments.at(-1)).toMatchObject({ sourceId: child, status: 'done', output: { lamps: 3 } });
    const ofChild = feed.ofType('moment').filter(({ actorId }) => actorId === child);
    expect(ofChild.at(-1)).toMatchObject({ status: 'done', output: 3 });
  });

  it('says in words what in its context is no JSON', async () => {
    const [moment] = (await watchLights()).ofType('moment');
    expect(moment?.context).toEqual({
      since: '(Date) 1970-01-01T00:00:00.000Z',
      onChange: '(function onChange)',
      seen: { '(Set of 1)': ['(1)'] },
    });
  });

  it('knows who sent an event, also where more events have come before it was taken', async () => {
    const opened = await open();
    const machine = setup({
      actors: { caller: fromCallback(({ sendBack }) => sendBack({ type: 'CALL' })) },
      actions: { goOn: ({ self }) => self.send({ type: 'NEXT' }) },
    }).createMachine({ invoke: { id: 'caller', src: 'caller' }, on: { CALL: { actions: 'goOn' }, NEXT: {} } });
    createActor(machine, { id: 'called', inspect: opened.it.inspect }).start();
    const feed = await (await readFeed(opened)).until((each) =>
      each.ofType('moment').some(({ event }) => event.type === 'NEXT'),
    );
    const [, caller] = feed.ofType('actor');
    const sources = feed
      .ofType('moment')
      .flatMap(({ event, sourceId }) => (/^[A-Z]/.test(event.type) ? [[event.type, sourceId]] : []));
    expect(sources).toEqual([
      ['CALL', caller?.actorId],
      ['NEXT', undefined],
    ]);
  });

  it('says what broke it', async () => {
    const opened = await open();
    const failing = fromPromise(() => Promise.reject(new Error('no light')));
    const actor = createActor(failing, { inspect: opened.it.inspect });
    const broken = new Promise((resolve) => actor.subscribe({ error: resolve }));
    actor.start();
    await broken;
    const feed = await (await readFeed(opened)).until((each) => each.ofType('moment').at(-1)?.status === 'error');
    expect(feed.ofType('moment').at(-1)?.error).toBe('no light');
  });

  it('may be that of a turn without a session', async () => {
    const opened = await open();
    const actor = createActor(turnMachine.provide(services({ model: scriptedModel(['Fine.']) })), {
      inspect: opened.it.inspect,
    }).start();
    actor.send({ type: 'turn.start', turnId: 't', message: userMessage('Hi', 'm'), at: 0 });
    await waitFor(actor, ({ status }) => status === 'done');
    const feed = await readFeed(opened);
    await feed.until((each) => each.ofType('moment').some(({ state }) => state === 'done'));
    expect(feed.ofType('machine')[0]?.chart.id).toBe('turn');
    const states = feed.ofType('moment').flatMap(({ state }) => (state === undefined ? [] : [JSON.stringify(state)]));
    expect(states).toContain('{"working":"callingModel"}');
  });

  it('tells of actors that were there before, and shares charts between machines of one configuration', async () => {
    const opened = await open();
    const first = createActor(lights).start();
    first.system.inspect(opened.it.inspect);
    const second = createActor(lights.provide({ guards: { isDay: () => false } }), {
      inspect: opened.it.inspect,
    }).start();
    first.send({ type: 'GO' });
    second.send({ type: 'GO' });
    const feed = await readFeed(opened);
    await feed.until((each) => each.ofType('moment').some(({ state }) => state === 'off'));
    expect(new Set(feed.ofType('machine').map(({ machineId }) => machineId)).size).toBe(1);
    const { transitions } = readChart(lights);
    const toOff = transitions.findIndex(({ guard, targets }) => guard === undefined && targets[0] === 'lights.off');
    expect(feed.ofType('moment').find(({ state }) => state === 'off')?.transitions).toEqual([toOff]);
  });
});

/** Stately's inspector, with what it would send to its page. */
function statelyInspector() {
  const sent: StatelyInspectionEvent[] = [];
  return { sent, stately: createInspector({ send: (event) => sent.push(event) }) };
}

describe('the inspector of Stately', () => {
  it('can look at an actor at the same time', async () => {
    const { sent, stately } = statelyInspector();
    const opened = await open();
    const actor = createActor(lights, { inspect: stately.inspect });
    actor.system.inspect(opened.it.inspect);
    actor.start();
    actor.send({ type: 'GO' });
    await waitFor(actor, ({ status }) => status === 'done');
    const feed = await (await readFeed(opened)).until((each) =>
      each.ofType('moment').some(({ status }) => status === 'done'),
    );
    expect(feed.ofType('moment').map(({ event }) => event.type)).toContain('GO');
    expect(
      sent.filter(({ type }) => type === '@xstate.event').map((each) => ('event' in each ? each.event.type : '')),
    ).toContain('GO');
  });

  it('can look at a session at the same time', async () => {
    const { sent, stately } = statelyInspector();
    const opened = await open();
    const session = createAgent({ model: scriptedModel(['Hi.']), inspect: opened.it }).session({ id: 's' });
    const recorded: RecordingEntry[] = [];
    session.record((entry) => recorded.push(entry));
    session.actor.system.inspect(stately.inspect);
    await session.send('Hi').result;
    const feed = await (await readFeed(opened)).untilIdle('s');
    expect(feed.entries('s')).toHaveLength(recorded.length);
    const actors = sent.flatMap((each) => (each.type === '@xstate.actor' ? [each.name] : []));
    expect(actors).toContain('turn');
    const events = sent.flatMap((each) => (each.type === '@xstate.event' ? [each.event.type] : []));
    expect(events).toEqual(expect.arrayContaining(['session.send', 'turn.start', 'effect.settled']));
  });
});
