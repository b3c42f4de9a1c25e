import { createAgent, defineTool, type ToolRun } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { converse, forever, tool } from './toolSupport.ts';

describe('46. Tools get `run` with `{ context, signal, toolCallId, idempotencyKey, sessionId, turnId, step, messages, progress(text) }`. The idempotency key is the same on every attempt and after a restart.', () => {
  it('gives a tool exactly that, matching what the events say', async () => {
    const { talk, runs } = keepingRuns([
      { calls: [{ name: 'keep' }] },
      { calls: [{ name: 'keep', id: 'own_id' }] },
      'done',
    ]);
    await talk.say('go');
    const [first, second] = runs;
    expect(Object.keys(first ?? {}).sort()).toEqual(
      [
        'context',
        'signal',
        'toolCallId',
        'idempotencyKey',
        'sessionId',
        'turnId',
        'step',
        'messages',
        'progress',
      ].sort(),
    );
    const { turnId } = talk.of('turn.started')[0] ?? {};
    expect(first).toMatchObject({ toolCallId: 'call_1', sessionId: talk.session.id, turnId, step: 1 });
    expect(second).toMatchObject({ toolCallId: 'own_id', sessionId: talk.session.id, turnId, step: 2 });
    expect(first?.signal).toBeInstanceOf(AbortSignal);
  });

  describe('context', () => {
    const context = { user: 'ada', db: new Map() };
    const wanting = (seen: unknown[]) =>
      defineTool({
        name: 'wanting',
        input: z.object({}),
        execute: (_, run: ToolRun<typeof context>) => {
          seen.push(run.context);
          return 'ok';
        },
      });
    const model = () => scriptedModel([{ calls: [{ name: 'wanting' }] }, 'done']);

    it('is the very object given to session()', async () => {
      const seen: unknown[] = [];
      const session = createAgent({ model: model(), tools: [wanting(seen)] }).session({ context });
      await session.send('go').result;
      expect(seen[0]).toBe(context);
    });

    it('is the very object given to run()', async () => {
      const seen: unknown[] = [];
      await createAgent({ model: model(), tools: [wanting(seen)] }).run('go', { context });
      expect(seen[0]).toBe(context);
    });

    it('is undefined where nobody gave one', async () => {
      const { talk, runs } = keepingRuns([{ calls: [{ name: 'keep' }] }, 'done']);
      await talk.say('go');
      expect(runs[0]?.context).toBeUndefined();
    });

    it('appears in no event, message or request', async () => {
      const secret = { token: 'canary-4711' };
      const { talk } = keepingRuns([{ calls: [{ name: 'keep' }] }, 'done'], { context: secret });
      await talk.say('go');
      const said = JSON.stringify([talk.events, talk.session.messages, talk.model.requests, talk.session.snapshot]);
      expect(said).not.toContain('canary-4711');
    });
  });

  describe('messages', () => {
    it('is the conversation so far, up to the answer that made the call', async () => {
      const { talk, runs } = keepingRuns(['Hello.', { text: 'Let me see.', calls: [{ name: 'keep' }] }, 'done']);
      await talk.say('hi');
      await talk.say('go');
      const messages = runs[0]?.messages ?? [];
      expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
      expect(messages).toEqual(talk.session.messages.slice(0, 4));
    });

    it('stays as it was when the conversation goes on', async () => {
      const { talk, runs } = keepingRuns([{ calls: [{ name: 'keep' }] }, 'done', 'and more']);
      await talk.say('go');
      await talk.say('go on');
      expect(talk.session.messages).toHaveLength(6);
      expect(runs[0]?.messages).toHaveLength(2);
    });

    it('shows calls of one step the same, whatever ended before', async () => {
      const { talk, runs } = keepingRuns([{ calls: [{ name: 'keep' }, { name: 'keep', input: { n: 2 } }] }, 'done'], {
        limits: { maxParallelTools: 1 },
      });
      await talk.say('go');
      expect(runs[1]?.messages).toEqual(runs[0]?.messages);
    });
  });

  describe('progress', () => {
    it('becomes tool.progress events, in order, between tool.started and the end of the call', async () => {
      const working = tool('working', async (_, { progress }) => {
        progress('one');
        await Promise.resolve();
        progress('two');
        progress('three');
        return 'ok';
      });
      const talk = converse([{ calls: [{ name: 'working' }] }, 'done'], { tools: [working] });
      await talk.say('go');
      expect(talk.of('tool.progress').map(({ toolCallId, toolName, text }) => [toolCallId, toolName, text])).toEqual([
        ['call_1', 'working', 'one'],
        ['call_1', 'working', 'two'],
        ['call_1', 'working', 'three'],
      ]);
      const types = talk.events.map(({ type }) => type);
      expect(types.slice(types.indexOf('tool.started'), types.indexOf('tool.completed') + 1)).toEqual([
        'tool.started',
        'tool.progress',
        'tool.progress',
        'tool.progress',
        'tool.completed',
      ]);
    });

    it('is emitted while the tool runs, also what it says before it first waits', async () => {
      const talk = converse([{ calls: [{ name: 'working' }] }, 'done'], {
        tools: [
          tool('working', async (_, { progress }) => {
            progress('begun');
            await forever;
          }),
        ],
      });
      talk.session.send('go');
      await talk.clock.advance(0);
      expect(talk.of('tool.progress').map(({ text }) => text)).toEqual(['begun']);
    });

    it('is ephemeral: it takes no number of its own', async () => {
      const talk = converse([{ calls: [{ name: 'working' }] }, 'done'], {
        tools: [
          tool('working', (_, { progress }) => {
            progress('one');
            progress('two');
          }),
        ],
      });
      await talk.say('go');
      const started = talk.of('tool.started')[0];
      expect(talk.of('tool.progress').map(({ seq, n }) => [seq, n])).toEqual([
        [started?.seq, 1],
        [started?.seq, 2],
      ]);
    });

    it('is dropped once the call has ended', async () => {
      const { talk, runs } = keepingRuns([{ calls: [{ name: 'keep' }] }, 'done']);
      await talk.say('go');
      runs[0]?.progress('too late');
      await talk.clock.advance(0);
      expect(talk.of('tool.progress')).toEqual([]);
    });
  });

  describe('signal', () => {
    it('aborts when the turn is cancelled', async () => {
      const { talk, runs } = keepingRuns([{ calls: [{ name: 'keep' }] }], {}, () => forever);
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      expect(runs[0]?.signal.aborted).toBe(false);
      turn.cancel();
      expect(runs[0]?.signal.aborted).toBe(true);
    });

    it('aborts also where the tool itself cancels the turn before it first waits, and no other call begins', async () => {
      const ran: string[] = [];
      const signals: AbortSignal[] = [];
      const talk = converse([{ calls: [{ name: 'first' }, { name: 'stop' }, { name: 'after' }] }], {
        tools: [
          tool('first', async () => ran.push('first'), { sequential: true }),
          tool('stop', async (_, { signal }) => {
            ran.push('stop');
            signals.push(signal);
            talk.session.cancel('enough');
            await forever;
          }),
          tool('after', () => ran.push('after')),
        ],
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled', reason: 'enough' });
      expect(ran).toEqual(['first', 'stop']);
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    });

    it('stays quiet where the call ends by itself', async () => {
      const { talk, runs } = keepingRuns([{ calls: [{ name: 'keep' }] }, 'done']);
      await talk.say('go');
      expect(runs[0]?.signal.aborted).toBe(false);
    });
  });

  describe('idempotencyKey', () => {
    it('is the same on every attempt', async () => {
      let attempts = 0;
      const { talk, runs } = keepingRuns(
        [{ calls: [{ name: 'keep' }] }, 'done'],
        {},
        () => (++attempts < 3 ? Promise.reject(new Error('no')) : 'ok'),
        { retry: { maxAttempts: 3, initialDelayMs: 10, jitter: 0 } },
      );
      const turn = talk.session.send('go');
      await talk.clock.advance(1_000);
      await talk.outcomeOf(turn);
      expect(runs).toHaveLength(3);
      expect(new Set(runs.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
      expect(runs[0]?.idempotencyKey).toEqual(expect.stringMatching(/./));
    });

    it('is another for every call: of a step, of a turn, of a session, and of another session', async () => {
      const script = [
        { calls: [{ name: 'keep' }, { name: 'keep' }] },
        { calls: [{ name: 'keep', id: 'call_1', input: { n: 2 } }] },
        'done',
        { calls: [{ name: 'keep', id: 'call_1' }] },
        'done',
      ];
      const keys: string[] = [];
      for (let session = 0; session < 2; session += 1) {
        const { talk, runs } = keepingRuns(script);
        await talk.say('go');
        await talk.say('go');
        keys.push(...runs.map(({ idempotencyKey }) => idempotencyKey));
      }
      expect(keys).toHaveLength(8);
      expect(new Set(keys).size).toBe(8);
    });
  });

  it('may be taken apart', async () => {
    const talk = converse([{ calls: [{ name: 'apart' }] }, 'done'], {
      tools: [
        tool('apart', (_, { progress, signal, messages, ...rest }) => {
          progress(`${messages.length} ${signal.aborted} ${rest.step}`);
        }),
      ],
    });
    await talk.say('go');
    expect(talk.of('tool.progress').map(({ text }) => text)).toEqual(['2 false 1']);
  });
});

/** A tool that keeps what it is told. */
function keepingRuns(
  script: Parameters<typeof converse>[0],
  options: Parameters<typeof converse>[1] = {},
  execute: () => unknown = () => 'ok',
  toolOptions: Parameters<typeof tool>[2] = {},
) {
  const runs: ToolRun[] = [];
  const keep = tool(
    'keep',
    (_, run) => {
      runs.push(run);
      return execute();
    },
    toolOptions,
  );
  return { talk: converse(script, { ...options, tools: [keep] }), runs };
}
