import { createAgent, createFailure, type ModelRequest, type TurnEvent } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { talkOf, textsOf, tooLarge, toolTalk, windowed } from './compactionSupport.ts';
import { ofType, overloaded, record, typesOf } from './support.ts';

const notice = 'Earlier messages of this conversation are left out here for lack of space.';

describe("61. Stages, cheapest first: replace old tool outputs by a marker; then summarize with a model call (`compaction.model` or the turn's own; `request.purpose: 'summary'`; one attempt; its usage counts); if the summary fails or is empty, drop the oldest exchanges behind a built-in notice (`compaction.failed`, and the turn goes on).", () => {
  describe('old outputs of tools', () => {
    it('are replaced by a marker, and no model is asked where that is enough', async () => {
      const { model, turns, summaries } = windowed(['Done.'], 4_000);
      const session = createAgent({ model }).session({ messages: toolTalk(30, 500) });
      const events = record(session);
      await session.send('go').result;
      expect(ofType(events, 'compaction.completed')).toMatchObject([{ reason: 'threshold', removed: 0 }]);
      expect(summaries).toEqual([]);
      const results = textsOf(turns[0]).filter((text) => text.startsWith('=>'));
      expect(results).toHaveLength(30);
      const [old, latest] = [results.slice(0, 25), results.slice(25)];
      for (const text of old) expect(text).toMatch(/^=> \[The output of this earlier call is left out/);
      expect(latest.map((text) => text.slice(0, 10))).toEqual([25, 26, 27, 28, 29].map((page) => `=> page ${page}`));
    });

    it('are among the last messages as they were', async () => {
      const { model, turns } = windowed([{ failure: tooLarge() }, 'Done.'], undefined);
      await createAgent({ model, compaction: { keepMessages: 4 } })
        .session({ messages: toolTalk(30, 500) })
        .send('go').result;
      const shown = textsOf(turns[1]);
      expect(shown.slice(2)).toEqual([
        ...textsOf({ messages: toolTalk(30, 500).slice(-4) } as unknown as ModelRequest),
        'go',
      ]);
    });

    it('are cheaper than a summary only where they are what takes the room', async () => {
      const { model, turns, summaries } = windowed(['Done.'], 1_000);
      await createAgent({ model })
        .session({ messages: [...toolTalk(3, 300), ...talkOf(40, 120)] })
        .send('go').result;
      expect(summaries).toHaveLength(1);
      expect(textsOf(turns[0])[1]).toContain('They talked.');
    });
  });

  describe('the summary', () => {
    it("is asked of the turn's own model, by a request that says so", async () => {
      const { model, summaries } = windowed([{ failure: tooLarge() }, 'Done.'], undefined);
      await createAgent({ model, instructions: 'Be brief.', settings: { temperature: 1 } })
        .session({ messages: talkOf(30) })
        .send('go').result;
      expect(summaries).toMatchObject([{ purpose: 'summary', attempt: 1, tools: [], toolChoice: 'auto' }]);
      expect(summaries[0]?.instructions).not.toContain('Be brief.');
      expect(summaries[0]?.settings).toBeUndefined();
    });

    it('is asked of another model, and in other words, where there are some', async () => {
      const { model, summaries, turns } = windowed([{ failure: tooLarge() }, 'Done.'], undefined);
      const cheap = scriptedModel(['The gist.']);
      await createAgent({ model, compaction: { model: cheap, prompt: 'Say it in a line.' } })
        .session({ messages: talkOf(30) })
        .send('go').result;
      expect(summaries).toEqual([]);
      expect(cheap.requests).toMatchObject([{ purpose: 'summary', instructions: 'Say it in a line.' }]);
      expect(textsOf(turns[1])[1]).toContain('The gist.');
    });

    it('counts: in the step, in the turn, and in the session', async () => {
      const { model } = windowed(['Done.'], 500, [{ text: 'So.', usage: { inputTokens: 400, outputTokens: 60 } }]);
      const pricing = (_: unknown, { inputTokens }: { inputTokens: number }) => inputTokens / 100;
      const session = createAgent({ model, pricing }).session({ messages: talkOf(30, 120) });
      const events = record(session);
      const result = await session.send('go').result;
      const usage = { inputTokens: 410, outputTokens: 65 };
      expect(result).toMatchObject({ usage, cost: 4.1 });
      expect(ofType(events, 'step.finished')).toMatchObject([{ usage }]);
      expect(session.usage).toEqual(usage);
    });

    it('ends the turn where it uses up what the turn may', async () => {
      const usage = { inputTokens: 400, outputTokens: 60 };
      const { model, turns } = windowed(['never'], 500, [{ text: 'So.', usage }]);
      const session = createAgent({ model, limits: { maxTokens: 450 } }).session({ messages: talkOf(30, 120) });
      const events = record(session);
      expect(await session.send('go').outcome).toMatchObject({ status: 'failed', failure: { type: 'budget' }, usage });
      expect(ofType(events, 'compaction.completed')).toHaveLength(1);
      expect(turns).toEqual([]);
      // what was paid for is there for the next turn
      expect(session.compact().accepted).toBe(true);
      await session.close();
    });

    it('is given long outputs and inputs of tools shortened, and files by their names', async () => {
      const { model, summaries } = windowed([{ failure: tooLarge() }, 'Done.'], undefined);
      const image = { type: 'file' as const, mediaType: 'image/png', data: 'A'.repeat(90_000), name: 'cat.png' };
      const call = { toolCallId: 'c', toolName: 'draw' };
      const session = createAgent({ model, compaction: { keepMessages: 1 } }).session({
        messages: [
          ...toolTalk(2, 90_000),
          { role: 'user', id: 'u', content: [{ type: 'text', text: 'Look:' }, image] },
          {
            role: 'assistant',
            id: 'a',
            content: [
              { type: 'reasoning', text: 'Hm, hm.' },
              { type: 'tool-call', ...call, input: { svg: 'x'.repeat(90_000) } },
            ],
          },
          {
            role: 'tool',
            id: 'r',
            content: [{ type: 'tool-result', ...call, output: { type: 'content', value: [image] } }],
          },
        ],
      });
      await session.send('go').result;
      const [text = ''] = textsOf(summaries[0]);
      expect(text.length).toBeLessThan(10_000);
      expect(text).toContain('(calls read {"page":0})');
      expect(text).toContain('read: page 1 ..');
      expect(text).toContain('Look:\n(file cat.png)');
      expect(text).toContain('draw: (file cat.png)');
      expect(text).not.toContain('Hm, hm.');
    });

    it('is not given again what was left out of its outputs before', async () => {
      const { model, summaries } = windowed(['One.', { failure: tooLarge() }, 'Two.'], 4_000);
      const session = createAgent({ model }).session({ messages: toolTalk(30, 500) });
      await session.send('go').result;
      expect(summaries).toEqual([]);
      await session.send('go on').result;
      expect(textsOf(summaries[0]).join()).not.toContain('page 0 ..');
      expect(textsOf(summaries[0]).join()).toContain('read: [The output of this earlier call is left out');
    });
  });

  describe('without a summary', () => {
    const failures = [
      ['the model fails', { failure: createFailure({ type: 'auth', message: 'No.' }) }, 'auth'],
      ['it fails in a way that a turn would retry', { failure: overloaded() }, 'provider_unavailable'],
      ['the summary itself is too large', { failure: tooLarge() }, 'context_overflow'],
      ['the summary is empty', '', 'unknown'],
      ['the summary is blank', ' \n', 'unknown'],
      ['the answer breaks off', [{ type: 'text-delta' as const, text: 'They' }], 'provider_unavailable'],
      ['the model refuses', { text: 'I cannot help with that.', finish: 'content-filter' }, 'unknown'],
      ['the model calls a tool instead', { calls: [{ name: 'read' }] }, 'unknown'],
    ] as const;

    it.each(failures)('drops the oldest messages behind a notice: %s', async (_, answer, type) => {
      const { model, turns, summaries } = windowed([{ failure: tooLarge() }, 'Done.'], undefined, [answer, 'never']);
      const session = createAgent({ model }).session({ messages: talkOf(30) });
      const events = record(session);
      expect((await session.send('go').result).text).toBe('Done.');
      expect(ofType(events, 'compaction.failed')).toMatchObject([
        { reason: 'overflow', removed: 20, failure: { type } },
      ]);
      expect(ofType(events, 'compaction.completed')).toEqual([]);
      expect(summaries).toHaveLength(1);
      const shown = textsOf(turns[1]);
      expect(shown).toHaveLength(12);
      expect(shown[0]).toContain('question 0');
      expect(shown[1]).toContain(notice);
    });

    it('waits no longer for a silent model than for any other', async () => {
      const clock = new SimulatedClock();
      const { model, summarySignals } = windowed([{ failure: tooLarge() }, 'Done.'], undefined, [{ hangs: true }]);
      const agent = createAgent({ model, clock, limits: { stallTimeoutMs: 5_000 } });
      const session = agent.session({ messages: talkOf(30) });
      const events = record(session);
      const turn = session.send('go');
      await clock.advance(4_999);
      expect(ofType(events, 'compaction.failed')).toEqual([]);
      await clock.advance(1);
      expect((await turn.result).text).toBe('Done.');
      expect(ofType(events, 'compaction.failed')).toMatchObject([{ failure: { code: 'stream_stalled' } }]);
      expect(summarySignals[0]?.aborted).toBe(true);
    });

    it('keeps the summary before, and says once that something is missing', async () => {
      const broken = { failure: createFailure({ type: 'auth', message: 'No.' }) };
      const script = Array.from({ length: 4 }, () => [{ failure: tooLarge() }, 'Done.']).flat();
      const { model, turns, summaries } = windowed(script, undefined, ['They chose Rome.', broken, broken, 'All.']);
      const session = createAgent({ model }).session({ messages: talkOf(30, 400) });
      for (let turn = 0; turn < 4; turn += 1) await session.send(`go ${turn}`).result;
      const shown = turns.filter(({ attempt }) => attempt === 2).map((request) => textsOf(request)[1] ?? '');
      expect(shown[0]).toContain('They chose Rome.');
      expect(shown[0]).not.toContain(notice);
      for (const text of shown.slice(1, 3)) {
        expect(text).toContain('They chose Rome.');
        expect(text.split(notice)).toHaveLength(2);
      }
      // the next summary is made of all that is known
      expect(textsOf(summaries[3])[0]).toContain('They chose Rome.');
      expect(shown[3]).toContain('All.');
      expect(shown[3]).not.toContain(notice);
    });

    it('drops them where the summary is longer than what it stands for, too', async () => {
      const endless = 'They talked. '.repeat(400);
      const { model, turns } = windowed([{ failure: tooLarge() }, 'Done.'], undefined, [endless]);
      const session = createAgent({ model }).session({ messages: talkOf(30) });
      const events = record(session);
      expect((await session.send('go').result).text).toBe('Done.');
      expect(ofType(events, 'compaction.failed')).toMatchObject([{ removed: 20, failure: { code: 'nothing_saved' } }]);
      expect(textsOf(turns[1])[1]).toContain(notice);
    });

    it('says so in the events of the turn, in order', async () => {
      const { model } = windowed([{ text: 'So', failure: tooLarge() }, 'Done.'], undefined, ['']);
      const events: TurnEvent[] = [];
      const session = createAgent({ model }).session({ messages: talkOf(30) });
      session.on('*', (event) => events.push(event));
      await session.send('go').result;
      expect(typesOf(events.filter(({ n }) => n === undefined)).slice(2)).toEqual([
        'step.started',
        'message.started',
        'message.superseded',
        'compaction.started',
        'compaction.failed',
        'message.started',
        'message.completed',
        'step.finished',
        'turn.completed',
        'session.idle',
      ]);
    });
  });
});
