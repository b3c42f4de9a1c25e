import { createAgent, defineTool, type Model } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deferred, endings, linesOf, ofType, overloaded, record } from './support.ts';

describe('29. Cancel before the first model call: no model call is made. During backoff: the wait ends at once. Between tools: the finished result is kept and the next tool never starts. After the last model answer but before the turn has ended: cancelled, not completed.', () => {
  describe('before the first model call', () => {
    function open() {
      const clock = new SimulatedClock();
      const model = scriptedModel(['Hello.']);
      const session = createAgent({ model, clock }).session();
      return { clock, model, session, events: record(session) };
    }

    it('makes no model call where cancel comes right after send()', async () => {
      const { clock, model, session, events } = open();
      session.send('Hi');
      session.cancel();
      await clock.advance(0);
      expect(model.requests).toEqual([]);
      expect(endings(events)).toEqual(['turn.cancelled']);
      expect(ofType(events, 'step.started')).toEqual([]);
    });

    it.each([
      'turn.started',
      'message.added',
      'step.started',
    ] as const)('makes no model call where a listener of %s cancels', async (type) => {
      const { clock, model, session, events } = open();
      const stop = session.on(type, () => {
        stop();
        session.cancel();
      });
      session.send('Hi');
      await clock.advance(0);
      expect(model.requests).toEqual([]);
      expect(endings(events)).toEqual(['turn.cancelled']);
    });
  });

  describe('during backoff', () => {
    it('ends the wait at once, and never calls the model again', async () => {
      const clock = new SimulatedClock();
      const model = scriptedModel([{ failure: overloaded({ retryAfterMs: 50_000 }) }, 'Hello.']);
      const session = createAgent({ model, clock }).session();
      const events = record(session);
      const turn = session.send('Hi');
      await clock.advance(20_000);
      expect(session.snapshot.turn?.retryAt).toBeGreaterThan(clock.now());
      session.cancel();
      expect(endings(events)).toEqual(['turn.cancelled']);
      expect(clock.pending).toBe(0);
      expect(ofType(events, 'turn.cancelled')[0]).toMatchObject({ durationMs: 20_000, at: clock.now() });
      await clock.advance(100_000);
      expect(model.requests).toHaveLength(1);
      expect((await turn.outcome).status).toBe('cancelled');
    });

    it('ends the wait of a tool at once, and never runs it again', async () => {
      const clock = new SimulatedClock();
      let runs = 0;
      const flaky = defineTool({
        name: 'flaky',
        input: z.object({}),
        retry: { maxAttempts: 3 },
        execute: () => {
          runs += 1;
          throw new Error('flaked');
        },
      });
      const model = scriptedModel([{ calls: [{ name: 'flaky' }] }]);
      const session = createAgent({ model, tools: [flaky], clock }).session();
      const events = record(session);
      session.send('Hi');
      await clock.advance(0);
      session.cancel();
      expect(clock.pending).toBe(0);
      await clock.advance(100_000);
      expect(runs).toBe(1);
      expect(endings(events)).toEqual(['turn.cancelled']);
    });
  });

  describe('between tools', () => {
    function open(script: Script) {
      const clock = new SimulatedClock();
      const ran: string[] = [];
      const checked = deferred<boolean>();
      const tools = [
        defineTool({
          name: 'one',
          input: z.object({}),
          repeatable: true,
          execute: () => {
            ran.push('one');
            return 'the first result';
          },
        }),
        defineTool({
          name: 'two',
          input: z.object({}).refine(() => checked.promise),
          execute: () => {
            ran.push('two');
            return 'the second result';
          },
        }),
      ] as const;
      const model = scriptedModel([script, 'Again.']);
      const session = createAgent({ model, tools, clock, limits: { maxParallelTools: 1 } }).session();
      return { clock, model, session, events: record(session), ran, checked };
    }

    it('keeps the finished result, and never starts the next tool', async () => {
      const { clock, model, session, events, ran, checked } = open({ calls: [{ name: 'one' }, { name: 'two' }] });
      session.send('Go.');
      await clock.advance(0);
      expect(session.snapshot.turn?.tools.map(({ state }) => state)).toEqual(['completed', 'preparing']);
      session.cancel();
      checked.resolve(true);
      await clock.advance(0);
      expect(ran).toEqual(['one']);
      expect(ofType(events, 'tool.completed').map(({ toolCallId }) => toolCallId)).toEqual(['call_1']);
      expect(ofType(events, 'tool.cancelled')).toMatchObject([{ toolCallId: 'call_2', started: false }]);
      expect(ofType(events, 'tool.started').map(({ toolCallId }) => toolCallId)).toEqual(['call_1']);
      expect(linesOf(session.messages).slice(0, 3)).toEqual([
        'user: Go.',
        'assistant: (one) (two)',
        'tool: "the first result" not_started',
      ]);
      await session.send('And?').result;
      const seen = model.requests[1]?.messages ?? [];
      expect(linesOf(seen)).toContain('tool: "the first result" not_started');
      expect(transcriptProblems(seen)).toEqual([]);
    });

    it('never runs the next tool where a listener of tool.completed cancels', async () => {
      const { clock, session, events, ran } = open({ calls: [{ name: 'one' }, { name: 'one' }, { name: 'one' }] });
      session.on('tool.completed', () => {
        session.cancel();
      });
      session.send('Go.');
      await clock.advance(0);
      expect(ran).toEqual(['one']);
      expect(ofType(events, 'tool.completed').map(({ toolCallId }) => toolCallId)).toEqual(['call_1']);
      expect(ofType(events, 'tool.cancelled').map(({ toolCallId }) => toolCallId)).toEqual(['call_2', 'call_3']);
      expect(linesOf(session.messages)[2]).toMatch(/^tool: "the first result" /);
    });
  });

  describe('after the last model answer', () => {
    it('cancels a turn whose answer has arrived whole but has not ended the turn', async () => {
      const clock = new SimulatedClock();
      const model: Model = {
        provider: 'scripted',
        modelId: 'one-read',
        async *stream() {
          yield [
            { type: 'text-delta', text: 'The whole answer.' },
            { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } },
          ];
        },
      };
      const session = createAgent({ model, clock }).session();
      const events = record(session);
      session.on('message.delta', () => {
        session.cancel();
      });
      const turn = session.send('Hi');
      await clock.advance(0);
      expect(endings(events)).toEqual(['turn.cancelled']);
      expect((await turn.outcome).status).toBe('cancelled');
      expect(ofType(events, 'message.completed')).toEqual([]);
      expect(session.messages[1]).toMatchObject({ partial: true, content: [{ text: 'The whole answer.' }] });
    });

    it('cancels a turn whose stream has ended but whose end has not been read', async () => {
      const clock = new SimulatedClock();
      const gate = deferred();
      const model: Model = {
        provider: 'scripted',
        modelId: 'slow-end',
        async *stream() {
          yield { type: 'text-delta', text: 'The whole answer.' };
          await gate.promise;
          yield { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } };
        },
      };
      const session = createAgent({ model, clock }).session();
      const events = record(session);
      session.send('Hi');
      await clock.advance(0);
      gate.resolve();
      session.cancel();
      await clock.advance(0);
      expect(endings(events)).toEqual(['turn.cancelled']);
    });
  });
});
