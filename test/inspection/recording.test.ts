import { createAgent, type RecordingEntry, type Session } from 'turnchart';
import { findDivergence, type RecordedSession, readRecording } from 'turnchart/inspection';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { openai } from '../../src/adapters/openai/index.ts';
import { record } from '../rules/support.ts';

const clock = new SimulatedClock();

function chat(answers: Parameters<typeof scriptedModel>[0]) {
  const agent = createAgent({ name: 'recorded', model: scriptedModel(answers), clock });
  return agent.session({ id: 's' });
}

function recordAll(session: Pick<Session, 'record'>): RecordingEntry[] {
  const entries: RecordingEntry[] = [];
  session.record((entry) => entries.push(entry));
  return entries;
}

function toText(entries: readonly RecordingEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

async function recordedTurn(): Promise<string> {
  const session = chat([{ text: ['One, ', 'two.'] }, 'Three.']);
  const entries = recordAll(session);
  await session.send('Count').outcome;
  await session.send('Go on').outcome;
  return toText(entries);
}

function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1);
  return list[0] as T;
}

describe('a recording', () => {
  it('begins with where the session stands', async () => {
    const session = chat(['One.', 'Two.']);
    await session.send('First').outcome;
    const [start] = recordAll(session);
    expect(start).toMatchObject({
      type: 'session',
      format: 'turnchart.recording',
      version: 1,
      at: clock.now(),
      agent: 'recorded',
      sessionId: 's',
      model: { provider: 'scripted' },
      input: { history: session.messages, usage: session.usage },
    });
  });

  it('has every event, in order', async () => {
    const session = chat([{ text: ['One, ', 'two.'] }]);
    const events = record(session);
    const entries = recordAll(session);
    await session.send('Count').outcome;
    expect(entries.flatMap((entry) => (entry.type === 'event' ? [entry.event] : []))).toEqual(events);
    expect(events.at(-1)?.type).toBe('session.idle');
  });

  it('is plain JSON, also where the agent was given functions', async () => {
    const model = scriptedModel(['Hi.']);
    const agent = createAgent({ model, modelRetry: { maxAttempts: 2, decide: () => false }, clock });
    const session = agent.session();
    const entries = recordAll(session);
    await session.send('Hi').outcome;
    for (const entry of entries) expect(JSON.parse(JSON.stringify(entry))).toEqual(entry);
  });

  it('is refused while a turn runs, since it would begin in the middle', async () => {
    const session = chat(['Hi.']);
    const turn = session.send('Hi');
    expect(() => session.record(() => {})).toThrow('Session "s" is inTurn: a recording begins where a session rests.');
    await turn.outcome;
    expect(() => session.record(() => {})).not.toThrow();
  });

  it('may begin there where it is only to be read', async () => {
    const session = chat([{ text: ['One, ', 'two.'] }]);
    const turn = session.send('Count');
    const entries: RecordingEntry[] = [];
    session.record((entry) => entries.push(entry), { from: 'now' });
    await turn.outcome;
    expect(entries[0]).toMatchObject({ type: 'session', sessionId: 's', agent: 'recorded', seq: 0 });
    const settled = entries.flatMap((entry) => (entry.type === 'row' && entry.input.type === 'settled' ? [entry] : []));
    expect(only(settled).input).toMatchObject({
      result: { value: { type: 'answer', model: { provider: 'scripted', modelId: 'script' } } },
    });
    expect(entries.at(-1)).toMatchObject({ type: 'event', event: { type: 'session.idle' } });
    expect(() => session.record(() => {}, { from: 'then' } as never)).toThrow("`from` can only be 'rest' or 'now'.");
    expect(() => session.record(() => {}, { until: 1 } as never)).toThrow('the option `until` is not supported.');
  });

  it('ends with its subscription', async () => {
    const session = chat(['Hi.']);
    const entries: RecordingEntry[] = [];
    const end = session.record((entry) => entries.push(entry));
    end();
    await session.send('Hi').outcome;
    expect(entries.map(({ type }) => type)).toEqual(['session']);
  });

  it('that cannot be written ends with a diagnostic, and the turn goes on', async () => {
    const session = chat(['Hi.']);
    const events = record(session);
    let calls = 0;
    session.record(({ type }) => {
      calls += 1;
      if (type === 'row') throw new Error('disk full');
    });
    const outcome = await session.send('Hi').outcome;
    expect(outcome.status).toBe('completed');
    expect(calls).toBe(2);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'diagnostic', source: 'recorder', message: 'Error: disk full' }),
    );
  });

  it('has no key in it', async () => {
    const key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';
    const agent = createAgent({ model: openai('gpt-5', { apiKey: key, baseURL: 'http://127.0.0.1:9' }), clock });
    const session = agent.session();
    const entries = recordAll(session);
    session.cancel();
    await session.close();
    expect(toText(entries)).not.toContain(key);
  });
});

describe('reading a recording', () => {
  it('gives back its sessions, rows and events', async () => {
    const { sessions, entries, isTorn } = readRecording(await recordedTurn());
    const { start, rows, events } = only(sessions);
    expect(start.sessionId).toBe('s');
    expect(rows.length + events.length + 1).toBe(entries.length);
    expect(isTorn).toBe(false);
  });

  it('leaves out a last line that was cut', async () => {
    const text = await recordedTurn();
    const whole = readRecording(text);
    const torn = readRecording(text.slice(0, -20));
    expect(torn).toMatchObject({ isTorn: true });
    expect(torn.entries).toEqual(whole.entries.slice(0, -1));
  });

  it.each([
    ['', 'The recording is empty.'],
    ['{"type":"event","event":{}}\n', 'Line 1 of the recording does not begin a recording'],
    ['hello\nworld\n', 'Line 1 of the recording is no JSON object.'],
    [
      '{"type":"session","format":"turnchart.recording","version":9}\n',
      'Line 1 of the recording has version 9 of the format; this reader knows 1.',
    ],
    ['{"type":"session","format":"turnchart.recording","version":1}\n', 'Line 1 of the recording names no session.'],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => readRecording(text)).toThrow(message);
  });

  it('names the line in the middle that is no entry', async () => {
    const lines = (await recordedTurn()).split('\n');
    lines[2] = '{"type":"raw"}';
    expect(() => readRecording(lines.join('\n'))).toThrow('Line 3 of the recording is no entry');
    lines[2] = lines[1]?.slice(0, 9) ?? '';
    expect(() => readRecording(lines.join('\n'))).toThrow('Line 3 of the recording is no JSON object.');
  });
});

describe('what was recorded, compared with the machines', () => {
  async function recorded(): Promise<RecordedSession> {
    return only(readRecording(await recordedTurn()).sessions);
  }

  it('is the same', async () => {
    expect(findDivergence(await recorded())).toBeUndefined();
  });

  it('is the same where something came between the deltas of an answer', async () => {
    const session = chat([{ text: 'One, ', hangs: true }, 'Three.']);
    const entries = recordAll(session);
    const turn = session.send('Count');
    await clock.advance(0);
    session.steer('Faster');
    turn.cancel();
    await turn.outcome;
    await clock.advance(0);
    await session.close();
    expect(findDivergence(only(readRecording(toText(entries)).sessions))).toBeUndefined();
  });

  it('is not, where another effect began', async () => {
    const session = await recorded();
    const rows = session.rows.map((row, index) => (index === 1 ? { ...row, began: ['t.1.model.7'] } : row));
    expect(findDivergence({ ...session, rows })).toMatch(/^Row 2 \(command\): it began \[t\.1\.model\.7\], now it /);
  });

  it('is not, where an event is another', async () => {
    const session = await recorded();
    const events = session.events.map((event) =>
      event.type === 'turn.completed' ? { ...event, text: 'Four.' } : event,
    );
    expect(findDivergence({ ...session, events })).toMatch(/^Event \d+: it was .*"Four\."/);
  });

  it('is not, where an event is missing, or there that nothing says any more', async () => {
    const session = await recorded();
    const { events } = session;
    expect(findDivergence({ ...session, events: events.toSpliced(1, 1) })).toMatch(/^Event 3: it was .*, now it is/);
    const last = events.at(-1);
    if (last === undefined) expect.fail('there are no events');
    const more = { ...last, seq: last.seq + 1 };
    expect(findDivergence({ ...session, events: [...events, more] })).toMatch(/, now it is not there\.$/);
  });

  it('is the same where a killed process has left the last rows without their events', async () => {
    const session = await recorded();
    expect(findDivergence({ ...session, events: session.events.slice(0, -3) })).toBeUndefined();
  });

  it('is the same where a process was killed in the middle of an answer', async () => {
    const session = chat([{ text: ['One, ', 'two, '], hangs: true }]);
    const entries = recordAll(session);
    for await (const { type } of session.send('Count')) if (type === 'message.delta') break;
    const { events, ...rest } = only(readRecording(toText(entries)).sessions);
    await session.close();
    expect(events.map(({ type }) => type)).toContain('message.started');
    expect(findDivergence({ ...rest, events })).toBeUndefined();
    // what came before is compared all the same
    expect(findDivergence({ ...rest, events: events.toSpliced(1, 1) })).toMatch(/^Event 3: it was .*, now it is/);
  });
});
