import { agentTool, createAgent, type Inspect, type InspectedSession, type RecordingEntry } from 'turnchart';
import { findDivergence, readRecording } from 'turnchart/inspection';
import { scriptedModel } from 'turnchart/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Recorders } from '../src/recorders.ts';
import { start } from './rules/durableSupport.ts';
import { ofType, record } from './rules/support.ts';

afterEach(() => vi.restoreAllMocks());

/** One who watches, and writes down what is told. */
function watcher() {
  const sessions: InspectedSession[] = [];
  const entries: RecordingEntry[] = [];
  const inspect: Inspect = {
    session: (session) => {
      sessions.push(session);
      return (entry) => entries.push(entry);
    },
  };
  return { inspect, sessions, entries };
}

describe('whoever watches an agent', () => {
  it('is told of every session as it opens, and all about it', async () => {
    const { inspect, sessions, entries } = watcher();
    const agent = createAgent({ model: scriptedModel(['One.', 'Two.']), inspect });
    const session = agent.session({ id: 'a' });
    expect(sessions).toEqual([session]);
    expect(entries.map(({ type }) => type)).toEqual(['session']);
    await session.send('Hi').result;
    expect(entries.at(-1)).toMatchObject({ type: 'event', event: { type: 'session.idle' } });
    await agent.run('Hi');
    expect(sessions).toHaveLength(2);
  });

  it('is told nothing of sub-agents that their callers do not say', async () => {
    const inner = watcher();
    const outer = watcher();
    const helper = createAgent({ name: 'helper', model: scriptedModel(['Done.']), inspect: inner.inspect });
    const help = agentTool({ name: 'help', description: 'Helps', agent: helper });
    const model = scriptedModel([{ calls: [{ name: 'help', input: { prompt: 'Go' } }] }, 'Fine.']);
    await createAgent({ model, tools: [help], inspect: outer.inspect }).run('Go');
    expect(inner.sessions).toEqual([]);
    expect(outer.entries.some((entry) => entry.type === 'event' && entry.event.type === 'agent.event')).toBe(true);
  });

  it('may throw: that becomes a diagnostic, and the turn goes on', async () => {
    const inspect: Inspect = {
      session: () => {
        throw new Error('no screen');
      },
    };
    const session = createAgent({ model: scriptedModel(['Hi.']), inspect }).session();
    const events = record(session);
    const said = new Promise((resolve) => session.on('diagnostic', resolve));
    expect((await session.send('Hi').result).text).toBe('Hi.');
    await said;
    expect(ofType(events, 'diagnostic')).toMatchObject([{ source: 'inspector', message: 'Error: no screen' }]);
  });

  it('may give something that throws: it is told no more, and the turn goes on', async () => {
    let told = 0;
    const inspect: Inspect = {
      session: () => (entry) => {
        told += 1;
        if (entry.type === 'row') throw new Error('disk full');
      },
    };
    const session = createAgent({ model: scriptedModel(['Hi.']), inspect }).session();
    const events = record(session);
    expect((await session.send('Hi').result).text).toBe('Hi.');
    expect(told).toBe(2);
    expect(ofType(events, 'diagnostic')).toMatchObject([{ source: 'recorder', message: 'Error: disk full' }]);
  });

  it('may speak to the session as it opens', async () => {
    const { inspect, entries } = watcher();
    const eager: Inspect = {
      session: (session) => {
        session.send('I was here first.');
        return inspect.session(session);
      },
    };
    const session = createAgent({ model: scriptedModel(['Hi.']), inspect: eager }).session();
    const events = record(session);
    await session.turns[0]?.outcome;
    expect(ofType(events, 'turn.completed')).toHaveLength(1);
    const { sessions } = readRecording(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    expect(sessions.map(findDivergence)).toEqual([undefined]);
    expect(sessions[0]?.rows).toHaveLength(3);
  });

  it('of a turn that another process began is told how it came there, before anything else', async () => {
    const first = await start([{ text: 'So far', hangs: true }]);
    first.session.send('Go');
    await first.clock.advance(0);
    const { inspect, entries } = watcher();
    const next = await start(['All of it.'], { inspect }, await first.crash());
    const told = entries.map((entry) => (entry.type === 'event' ? entry.event.type : entry.type));
    expect(told).toEqual(['session', 'row', 'row', 'turn.started', 'message.added', 'step.started']);
    expect(entries[0]).toMatchObject({ at: entries[1]?.type === 'row' ? entries[1].at : 0, input: { history: [] } });
    await next.clock.advance(0);
    expect(entries.at(-1)).toMatchObject({ type: 'event', event: { type: 'session.idle' } });
  });

  it('costs nothing where nobody does: nothing is recorded', async () => {
    const add = vi.spyOn(Recorders.prototype, 'add');
    await createAgent({ model: scriptedModel(['Hi.']) }).run('Hi');
    expect(add).not.toHaveBeenCalled();
    await createAgent({ model: scriptedModel(['Hi.']), inspect: watcher().inspect }).run('Hi');
    expect(add).toHaveBeenCalledOnce();
  });
});
