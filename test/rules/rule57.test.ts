import { createAgent, type Message, type TurnEvent } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { talkOf, textsOf, windowed } from './compactionSupport.ts';
import { ofType, record, typesOf } from './support.ts';
import { tool } from './toolSupport.ts';

describe("57. Before a step, where the model's window is known and the next request is estimated above `threshold` (85 %) of the model's window (the provider's own usage of the last step, plus an estimate for what was added), the turn passes through `compacting`.", () => {
  it('compacts before the model is called', async () => {
    const { model, turns, summaries } = windowed(['Here.'], 1_000);
    const session = createAgent({ model }).session({ messages: talkOf(30, 120) });
    const events = record(session);
    const states: unknown[] = [];
    session.on('compaction.started', () => states.push(session.snapshot.turn));
    expect((await session.send('go').result).text).toBe('Here.');
    expect(typesOf(events).slice(2, 6)).toEqual([
      'step.started',
      'compaction.started',
      'compaction.completed',
      'message.started',
    ]);
    expect(states).toMatchObject([{ state: 'compacting', step: 1, attempt: 0 }]);
    const [{ tokensBefore = 0, tokensAfter = 0, ...completed } = {}] = ofType(events, 'compaction.completed');
    expect(completed).toMatchObject({ reason: 'threshold', removed: 20 });
    expect(tokensBefore).toBeGreaterThan(850);
    expect(tokensAfter).toBeLessThan(500);
    expect([turns.length, summaries.length]).toEqual([1, 1]);
    expect(turns[0]?.attempt).toBe(1);
  });

  it.each([
    ['just below 85 %', 800, 40, undefined, false],
    ['above 85 %', 800, 50, undefined, true],
    ['below a threshold of its own', 950, 30, 1, false],
    ['above a threshold of its own', 400, 50, 0.4, true],
  ])("goes by the provider's usage, and an estimate of what was added: %s", async (_, inputTokens, outputTokens, threshold, isTooLong) => {
    const usage = { inputTokens, outputTokens };
    const { model } = windowed([{ text: 'One.', usage }, 'Two.'], 1_000);
    const compaction = threshold === undefined ? {} : { threshold };
    const session = createAgent({ model, compaction }).session({ messages: talkOf(12) });
    const events = record(session);
    await session.send('First').result;
    expect(ofType(events, 'compaction.started')).toEqual([]);
    await session.send('Second').result;
    expect(ofType(events, 'compaction.started')).toHaveLength(isTooLong ? 1 : 0);
  });

  it('compacts in the middle of a turn, before the step that would be too long', async () => {
    const read = tool('read', () => 'word '.repeat(200));
    const said = (inputTokens: number) => {
      return { calls: [{ name: 'read', input: { inputTokens } }], usage: { inputTokens, outputTokens: 10 } };
    };
    const { model, turns } = windowed([said(20), said(300), said(650), 'Done.'], 1_000);
    const agent = createAgent({ model, tools: [read], compaction: { keepMessages: 2 } });
    const events: TurnEvent[] = [];
    const { steps } = await agent.run('Read all.', { onEvent: (event) => events.push(event) });
    expect(steps).toBe(4);
    const [started] = ofType(events, 'compaction.started');
    const stepsBefore = ofType(events, 'step.started').filter(({ seq }) => seq < (started?.seq ?? 0));
    expect(stepsBefore).toHaveLength(4);
    expect(textsOf(turns[3]).at(2)).toContain('=> [The output of this earlier call is left out');
    expect(textsOf(turns[3]).at(-1)).toContain('=> word word');
  });

  it('estimates everything where the model reports no usage', async () => {
    const usage = { inputTokens: 0, outputTokens: 0 };
    const { model, turns } = windowed(() => ({ text: 'word '.repeat(40), usage }), 1_000);
    const session = createAgent({ model }).session();
    const events = record(session);
    for (let index = 0; index < 20; index += 1) await session.send(`Say more, ${index}. ${'so '.repeat(20)}`).result;
    expect(ofType(events, 'compaction.completed').length).toBeGreaterThan(1);
    for (const request of turns) expect(textsOf(request).join('').length / 4).toBeLessThan(850);
  });

  it('never compacts where the window is not known', async () => {
    const usage = { inputTokens: 9_000_000, outputTokens: 5 };
    const { model, summaries } = windowed([{ text: 'One.', usage }, 'Two.'], undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30, 4_000) });
    const events = record(session);
    await session.send('First').result;
    await session.send('Second').result;
    expect(ofType(events, 'compaction.started')).toEqual([]);
    expect(summaries).toEqual([]);
  });

  it('does not compact what is short enough', async () => {
    const { model, summaries } = windowed(['Here.'], 10_000);
    const session = createAgent({ model }).session({ messages: talkOf(30, 120) });
    await session.send('go').result;
    expect(summaries).toEqual([]);
  });

  it('does not take the bytes of an image for text', async () => {
    const { model, summaries } = windowed(['A cat.'], 10_000);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const image = { type: 'file' as const, mediaType: 'image/png', data: 'A'.repeat(400_000) };
    await session.send([{ type: 'text', text: 'What is this?' }, image]).result;
    expect(summaries).toEqual([]);
  });

  it('calls the model all the same where nothing can be left out', async () => {
    const { model, turns, summaries } = windowed(['Here.'], 1_000);
    const messages: Message[] = talkOf(4, 2_000);
    expect((await createAgent({ model }).session({ messages }).send('go').result).text).toBe('Here.');
    expect([turns.length, summaries.length]).toEqual([1, 0]);
  });

  it('compacts before the step is prepared, and shows no model what no guardrail has seen', async () => {
    const { model, turns, summaries } = windowed(['Here.'], 1_000);
    const hide = (text: string) => {
      return text.includes('secret')
        ? { action: 'rewrite' as const, value: 'hidden', reason: 'It is secret.' }
        : { action: 'allow' as const };
    };
    const agent = createAgent({ model, guardrails: { input: [hide] }, compaction: { keepMessages: 1 } });
    const session = agent.session({ messages: talkOf(30, 120) });
    const events = record(session);
    const turn = session.send('the secret task');
    session.steer('a secret hint');
    session.steer('a second secret hint');
    await turn.result;
    expect(ofType(events, 'compaction.completed')).toHaveLength(1);
    expect(textsOf(summaries[0]).join()).toContain('question 28');
    expect(textsOf(summaries[0]).join()).not.toContain('secret');
    expect(textsOf(turns[0]).slice(-3)).toEqual(['hidden', 'hidden', 'hidden']);
  });
});
