import fc from 'fast-check';
import { createAgent, type Message } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { counting, talkOf, textsOf, tooLarge, toolTalk, windowed } from './compactionSupport.ts';
import { ofType, record } from './support.ts';
import { tool } from './toolSupport.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('62. System messages, the first user message and the last `keepMessages` (10) survive; the summary keeps decisions, open tasks and names of files and things; a call and its result are kept or removed together; the stored history keeps everything, only what the model sees shrinks.', () => {
  const overflow = { failure: tooLarge() };

  it.each([
    undefined,
    1,
    3,
    25,
  ])('keeps system messages, the first user message and the last %s', async (keepMessages) => {
    const { model, turns } = windowed([overflow, 'Here.'], undefined, ['So.']);
    const talk = talkOf(30);
    const messages: Message[] = [
      { role: 'system', id: 's1', content: 'Speak Latin.' },
      ...talk.slice(0, 3),
      { role: 'system', id: 's2', content: 'Speak Greek.' },
      ...talk.slice(3),
    ];
    const compaction = keepMessages === undefined ? {} : { keepMessages };
    await createAgent({ model, compaction }).session({ messages }).send('go').result;
    const all = [...messages, ...(turns[0]?.messages.slice(-1) ?? [])];
    const kept = all.slice(-(keepMessages ?? 10));
    const [shown] = turns.slice(1);
    expect(shown?.messages.filter(({ role }) => role === 'system')).toHaveLength(2);
    expect(textsOf(shown)[1]).toContain('question 0');
    expect(shown?.messages.slice(-kept.length)).toEqual(kept);
    expect(shown?.messages).toHaveLength(kept.length + 4);
  });

  it('keeps the first user message of the session, not that of the turn', async () => {
    const { model, turns } = windowed([`One. ${'So it was. '.repeat(20)}`, overflow, 'Two.'], undefined);
    const session = createAgent({ model, compaction: { keepMessages: 1 } }).session();
    await session.send('The task.').result;
    await session.send('More.').result;
    expect(textsOf(turns[2])).toEqual(['The task.', expect.stringContaining('They talked.'), 'More.']);
  });

  it('gives the summarizer exactly what is removed, and asks to keep decisions, open tasks, and names of files and things', async () => {
    const { model } = windowed([overflow, 'Here.'], undefined);
    const summarizer = scriptedModel(['So.']);
    await createAgent({ model, compaction: { model: summarizer, keepMessages: 3 } })
      .session({ messages: [...talkOf(4, 12), ...toolTalk(2, 9)] })
      .send('go').result;
    const [request] = summarizer.requests;
    expect(textsOf(request)[0]?.split('\n\n')).toEqual([
      '[assistant]\nanswer 1 ...',
      '[user]\nquestion 2 .',
      '[assistant]\nanswer 3 ...',
      '[user]\nthe task',
      '[assistant]\n(calls read {"page":0})',
      '[tool results]\nread: page 0 ..',
    ]);
    for (const words of ['decided', 'still to be done', 'names of files, people and things']) {
      expect(request?.instructions).toContain(words);
    }
  });

  it('makes the next summary of the one before and of what is removed since', async () => {
    const { model, turns, summaries } = windowed(
      [overflow, 'One.', overflow, 'Two.', overflow, 'Three.'],
      undefined,
      (_, index) => `Summary ${index}.`,
    );
    const session = createAgent({ model, compaction: { keepMessages: 2 } }).session({ messages: talkOf(6, 12) });
    for (const text of ['a', 'b', 'c']) await session.send(text).result;
    const asked = summaries.map((request) => textsOf(request)[0]?.split('\n\n'));
    const heading = 'Summary of the conversation so far, whose messages are left out here:';
    expect(asked[0]).toHaveLength(4);
    expect(asked[1]).toEqual([`[user]\n${heading}\nSummary 0.`, '[assistant]\nanswer 5 ...', '[user]\na']);
    expect(asked[2]).toEqual([`[user]\n${heading}\nSummary 1.`, '[assistant]\nOne.', '[user]\nb']);
    expect(textsOf(turns[5])).toEqual(['question 0 .', `${heading}\nSummary 2.`, 'Two.', 'c']);
    const ids = turns.flatMap(({ messages }) => messages.filter(({ id }) => id.endsWith('.summary')));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(3);
  });

  it.each([1, 2, 3, 4, 5, 6])('keeps a call with its result, with keepMessages: %i', async (keepMessages) => {
    const { model, turns } = windowed([overflow, 'Here.'], undefined);
    await createAgent({ model, compaction: { keepMessages } })
      .session({ messages: toolTalk(6, 9) })
      .send('go').result;
    const shown = textsOf(turns[1]).slice(2, -1);
    const calls = Math.ceil((keepMessages - 1) / 2);
    const pages = [0, 1, 2, 3, 4, 5].slice(6 - calls);
    expect(shown).toEqual(pages.flatMap((page) => [`read(${page})`, `=> page ${page} ..`]));
  });

  it('stores everything', async () => {
    const { model } = windowed([overflow, 'Here.'], undefined);
    const session = createAgent({ model }).session({ messages: toolTalk(20, 900) });
    const events = record(session);
    await session.send('go').result;
    expect(ofType(events, 'compaction.completed')[0]?.removed).toBeGreaterThan(20);
    expect(session.messages.slice(0, 41)).toEqual(toolTalk(20, 900));
    expect(session.messages.slice(41).map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(ofType(events, 'messages.updated')).toEqual([]);
  });

  it('gives tools the whole conversation', async () => {
    const seen: number[] = [];
    const look = tool('look', (_, { messages }) => seen.push(messages.length));
    const { model } = windowed([overflow, { calls: [{ name: 'look' }] }, 'Here.'], undefined);
    const session = createAgent({ model, tools: [look] }).session({ messages: talkOf(30) });
    const { messages } = await session.send('go').result;
    expect(seen[0]).toBeGreaterThanOrEqual(31);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  it('holds for any conversation, with any window', async () => {
    const step = fc.array(fc.integer({ min: 1, max: 1_500 }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 5 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 300, max: 4_000 }),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        async (turnsToTake, contextWindow, keepMessages, reportsUsage) => {
          let [turn, at] = [0, 0];
          const { model, turns, problems } = counting(
            contextWindow,
            () => {
              const outputs = turnsToTake[turn]?.[at];
              at += 1;
              if (outputs === undefined) return { text: 'Done.' };
              return { text: 'Well. ', calls: outputs.map((chars) => ({ name: 'read', input: { chars } })) };
            },
            { reportsUsage },
          );
          const read = tool('read', (input) => 'z'.repeat((input as { chars: number }).chars), { repeatable: true });
          const session = createAgent({ model, tools: [read], compaction: { keepMessages } }).session();
          for (turn = 0; turn < turnsToTake.length; turn += 1) {
            at = 0;
            await session.send(`Task ${turn}`).outcome;
          }
          expect(problems).toEqual([]);
          for (const { messages } of turns) {
            expect(messages[0]).toMatchObject({ content: [{ text: 'Task 0' }] });
            expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
          }
          expect(new Set(session.messages.map(({ id }) => id)).size).toBe(session.messages.length);
          expect(JSON.stringify(session.messages)).not.toContain('"cause":"summary"');
        },
      ),
      { numRuns: 50 },
    );
  });
});
