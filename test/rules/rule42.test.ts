import { defineTool } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, gate, tool } from './toolSupport.ts';

describe('42. Approval: `approval: true | (input, run) => boolean` parks the call in `awaitingApproval`; all prompts of a step are asked at once, in call order; a parked call holds no slot, and calls that need no approval run meanwhile; the answer may come minutes or a restart later; `remember: "session"` approves the tool for the session. Denied is a result, not a failure. `approval.timeoutMs` gives a distinct result (`tool.denied`, synthesized `timed_out`); a late or second answer is refused. Waiting does not count towards `maxDurationMs`.', () => {
  const ran: string[] = [];
  const erase = tool('erase', () => void ran.push('erase'), { approval: true });
  const look = tool('look', () => 'seen');

  it('waits until somebody approves, then runs', async () => {
    const talk = converse([{ calls: [{ name: 'erase', input: { file: 'a' } }] }, 'Erased.'], { tools: [erase] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.approvalRequested')).toMatchObject([
      { toolCallId: 'call_1', toolName: 'erase', input: { file: 'a' } },
    ]);
    expect(talk.of('tool.started')).toEqual([]);
    expect(talk.session.snapshot.turn).toMatchObject({
      state: 'awaitingAnswers',
      tools: [{ toolCallId: 'call_1', state: 'awaitingApproval' }],
    });
    expect(talk.session.approve('call_1')).toEqual({ accepted: true });
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', result: { text: 'Erased.' } });
    expect(talk.of('tool.approvalResolved')).toMatchObject([{ decision: 'approved', by: 'user' }]);
    expect(ran).toEqual(['erase']);
  });

  it('tells the model of a denial, with its reason, and goes on', async () => {
    const talk = converse([{ calls: [{ name: 'erase' }, { name: 'look' }] }, 'Then not.'], { tools: [erase, look] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    talk.session.deny('call_1', 'It is the only copy.');
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    expect(talk.of('tool.denied')).toMatchObject([{ toolCallId: 'call_1', reason: 'It is the only copy.' }]);
    expect(talk.of('tool.failed')).toEqual([]);
    expect(talk.results()[0]).toMatchObject({
      synthesized: 'denied',
      output: { type: 'error', value: expect.stringContaining('It is the only copy.') },
    });
  });

  it('asks for all at once, in the order of the calls, whatever order their checks end in', async () => {
    const slowCheck = gate<boolean>();
    const first = tool('first', undefined, { approval: () => slowCheck.promise });
    const second = tool('second', undefined, { approval: true });
    const talk = converse([{ calls: [{ name: 'first' }, { name: 'second' }] }, 'Done.'], { tools: [first, second] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.approvalRequested')).toEqual([]);
    slowCheck.open(true);
    await talk.clock.advance(0);
    expect(talk.of('tool.approvalRequested').map(({ toolName }) => toolName)).toEqual(['first', 'second']);
    talk.session.approve('call_2');
    talk.session.approve('call_1');
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    expect(talk.results().map(({ toolName }) => toolName)).toEqual(['first', 'second']);
  });

  it('runs what needs no approval meanwhile, even where there is one slot', async () => {
    const talk = converse([{ calls: [{ name: 'erase' }, { name: 'look' }] }, 'Done.'], {
      tools: [erase, look],
      limits: { maxParallelTools: 1 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.completed').map(({ toolName }) => toolName)).toEqual(['look']);
    talk.session.approve('call_1');
    await talk.outcomeOf(turn);
  });

  it('remembers for the session: the same tool is not asked about again, in this turn and the next', async () => {
    const talk = converse(
      [
        { calls: [{ name: 'erase' }, { name: 'erase', input: { n: 2 } }] },
        'Done.',
        { calls: [{ name: 'erase' }] },
        'Again.',
      ],
      { tools: [erase] },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    talk.session.approve('call_1', { remember: 'session' });
    await talk.outcomeOf(turn);
    await talk.say('and again');
    expect(talk.of('tool.approvalRequested')).toHaveLength(2);
    expect(talk.of('tool.approvalResolved').map(({ by }) => by)).toEqual(['user', 'session']);
    expect(talk.of('tool.completed')).toHaveLength(3);
  });

  it('takes no answer for a no once the time is over, and refuses the one that comes late', async () => {
    const talk = converse([{ calls: [{ name: 'erase' }] }, 'Nobody was there.'], {
      tools: [erase],
      approval: { timeoutMs: 60_000 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    const [{ expiresAt, at } = { at: 0, expiresAt: 0 }] = talk.of('tool.approvalRequested');
    expect(expiresAt).toBe(at + 60_000);
    await talk.clock.advance(60_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    expect(talk.of('tool.approvalResolved')).toMatchObject([{ decision: 'timed_out', by: 'timeout' }]);
    expect(talk.of('tool.denied')).toHaveLength(1);
    expect(talk.results()[0]).toMatchObject({ synthesized: 'timed_out' });
    expect(talk.session.approve('call_1')).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('call_1'),
    });
  });

  it('refuses a second answer, and one for a call that needs none', async () => {
    const talk = converse([{ calls: [{ name: 'erase' }, { name: 'look' }] }, 'Done.'], { tools: [erase, look] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.session.approve('call_2')).toEqual({
      accepted: false,
      reason: 'Tool call "call_2" (look) is not waiting for approval: it is completed.',
    });
    talk.session.on('tool.approvalResolved', () => {
      expect(talk.session.deny('call_1')).toMatchObject({ accepted: false });
    });
    talk.session.approve('call_1');
    await talk.outcomeOf(turn);
    expect(talk.of('tool.denied')).toEqual([]);
  });

  it('does not count the waiting towards `maxDurationMs`', async () => {
    const working = gate<string>();
    const slow = tool('slow', () => working.promise, { approval: true });
    const talk = converse([{ calls: [{ name: 'slow' }] }, 'never'], {
      tools: [slow],
      limits: { maxDurationMs: 1_000 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    await talk.clock.advance(3_600_000);
    expect(talk.of('turn.failed')).toEqual([]);
    talk.session.approve('call_1');
    await talk.clock.advance(0);
    await talk.clock.advance(999);
    expect(talk.of('turn.failed')).toEqual([]);
    await talk.clock.advance(1);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'timeout' } });
  });

  it('is cancelled with the turn, and says that it waited', async () => {
    const talk = converse([{ calls: [{ name: 'erase' }] }], { tools: [erase] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    talk.session.cancel();
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
    expect(talk.of('tool.cancelled')).toMatchObject([{ toolCallId: 'call_1', started: false }]);
    expect(talk.results()[0]).toMatchObject({ synthesized: 'cancelled' });
  });

  it.each<[string, () => boolean | Promise<boolean>, boolean]>([
    ['a function says yes', () => true, true],
    ['a function says no', () => false, false],
    ['a function says so later', async () => true, true],
    [
      'a function throws',
      () => {
        throw new Error('no idea');
      },
      true,
    ],
    ['a function throws later', async () => Promise.reject(new Error('no idea')), true],
  ])('asks where %s', async (_what, approval, asks) => {
    const talk = converse([{ calls: [{ name: 'maybe' }] }, 'Done.'], {
      tools: [tool('maybe', undefined, { approval })],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.approvalRequested')).toHaveLength(asks ? 1 : 0);
    if (asks) talk.session.approve('call_1');
    await talk.outcomeOf(turn);
  });

  it('does not count it either where a call is held back by the one that waits', async () => {
    const alone = tool('alone', undefined, { approval: true, sequential: true });
    const talk = converse([{ calls: [{ name: 'alone' }, { name: 'look' }] }, 'Done.'], {
      tools: [alone, look],
      limits: { maxDurationMs: 1_000 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.started')).toEqual([]);
    expect(talk.session.snapshot.turn?.state).toBe('awaitingAnswers');
    await talk.clock.advance(60_000);
    talk.session.approve('call_1');
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(['alone', 'look']);
  });

  it('does not count it either where the client is asked only afterwards', async () => {
    const pick = defineTool({ name: 'pick', input: { jsonSchema: { type: 'object' } } });
    const talk = converse([{ calls: [{ name: 'erase' }, { name: 'pick' }] }, 'Done.'], {
      tools: [erase, pick],
      limits: { maxDurationMs: 1_000 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.resultRequested')).toEqual([]);
    expect(talk.session.snapshot.turn?.state).toBe('awaitingAnswers');
    await talk.clock.advance(60_000);
    talk.session.deny('call_1');
    expect(talk.of('tool.resultRequested')).toHaveLength(1);
    await talk.clock.advance(60_000);
    talk.session.resolveTool('call_2', 'picked');
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
  });

  it('leaves a sequential tool its place: it waits for calls before it that wait for approval', async () => {
    const commit = tool('commit', undefined, { sequential: true });
    const talk = converse([{ calls: [{ name: 'erase' }, { name: 'commit' }] }, 'Done.'], { tools: [erase, commit] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.started')).toEqual([]);
    talk.session.approve('call_1');
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(['erase', 'commit']);
  });
});
