import { createAgent, defineTool, isEphemeral, type Model, type ModelPart, type ToolRun } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { afterEnding, deferred, endings, readAll, record } from './support.ts';

const finish: ModelPart = {
  type: 'finish',
  finishReason: { unified: 'stop' },
  usage: { inputTokens: 1, outputTokens: 1 },
};

/** A model that goes on talking, whatever its signal says. */
function deafModel(gate: Promise<void>, last: ModelPart = finish): Model {
  return {
    provider: 'scripted',
    modelId: 'deaf',
    async *stream() {
      yield { type: 'text-delta', text: 'before' };
      await gate;
      yield [
        { type: 'text-delta', text: 'late' },
        { type: 'reasoning-delta', text: 'late' },
      ];
      yield { type: 'text-delta', text: 'late' };
      yield last;
    },
  };
}

describe('33. No delta and no `tool.progress` reaches listeners after a terminal event.', () => {
  it.each([{ cancels: true }, { cancels: false }])('holds for a model that goes on talking ($cancels)', async ({
    cancels,
  }) => {
    const clock = new SimulatedClock();
    const gate = deferred();
    // not cancelled, the turn runs out of time
    const limits = cancels ? {} : { maxDurationMs: 100 };
    const session = createAgent({ model: deafModel(gate.promise), clock, limits }).session();
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(50);
    if (cancels) session.cancel();
    await clock.advance(100);
    gate.resolve();
    await clock.advance(100);
    expect(endings(events)).toEqual([cancels ? 'turn.cancelled' : 'turn.failed']);
    expect(afterEnding(events).filter(isEphemeral)).toEqual([]);
    expect(JSON.stringify([events, session.messages])).not.toContain('late');
    expect((await readAll(turn)).at(-1)?.type).toBe(cancels ? 'turn.cancelled' : 'turn.failed');
  });

  it('holds for a model that goes on talking after its last part', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([
      [
        { type: 'text-delta', text: 'Hello.' },
        [finish, { type: 'text-delta', text: 'late' }],
        { type: 'text-delta', text: 'late' },
      ],
    ]);
    const session = createAgent({ model, clock }).session();
    const events = record(session);
    expect((await session.send('Hi').result).text).toBe('Hello.');
    await clock.advance(1_000);
    expect(endings(events)).toEqual(['turn.completed']);
    expect(JSON.stringify(events)).not.toContain('late');
  });

  it('holds where a listener cancels in the middle of one read', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([
      [
        [
          { type: 'text-delta', text: 'one' },
          { type: 'reasoning-delta', text: 'two' },
          { type: 'text-delta', text: 'three' },
        ],
        { type: 'text-delta', text: 'four' },
        finish,
      ],
    ]);
    const session = createAgent({ model, clock }).session();
    const events = record(session);
    session.on('message.delta', () => {
      session.cancel();
    });
    session.send('Hi');
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(afterEnding(events).filter(isEphemeral)).toEqual([]);
    expect(JSON.stringify(events)).not.toContain('four');
  });

  it.each([
    'cancelled',
    'failed',
    'completed',
  ])('holds for a tool that goes on reporting when the turn has %s', async (how) => {
    const clock = new SimulatedClock();
    let run: ToolRun | undefined;
    const chatty = defineTool({
      name: 'chatty',
      input: z.object({}),
      execute: (_, given) => {
        run = given;
        given.progress('before');
        return how === 'completed' ? 'done' : new Promise<string>(() => {});
      },
    });
    const limits = how === 'failed' ? { maxDurationMs: 100 } : {};
    const model = scriptedModel([{ calls: [{ name: 'chatty' }] }, 'Done.']);
    const session = createAgent({ model, tools: [chatty], clock, limits }).session();
    const events = record(session);
    session.send('Hi');
    await clock.advance(50);
    if (how === 'cancelled') session.cancel();
    await clock.advance(100);
    expect(endings(events)).toEqual([`turn.${how}`]);
    const told = events.length;
    run?.progress('late');
    await clock.advance(100);
    expect(events).toHaveLength(told);
    expect(JSON.stringify(events)).toContain('before');
  });

  it('holds for a listener of the terminal event that reports on behalf of the tool', async () => {
    const clock = new SimulatedClock();
    let run: ToolRun | undefined;
    const chatty = defineTool({
      name: 'chatty',
      input: z.object({}),
      execute: (_, given) => {
        run = given;
        return new Promise<string>(() => {});
      },
    });
    const model = scriptedModel([{ calls: [{ name: 'chatty' }] }]);
    const session = createAgent({ model, tools: [chatty], clock }).session();
    const events = record(session);
    for (const type of ['tool.cancelled', 'turn.cancelled'] as const) session.on(type, () => run?.progress('late'));
    session.send('Hi');
    await clock.advance(0);
    session.cancel();
    await clock.advance(0);
    expect(afterEnding(events).filter(isEphemeral)).toEqual([]);
    expect(endings(events)).toEqual(['turn.cancelled']);
  });

  it('holds while the next turn runs', async () => {
    const clock = new SimulatedClock();
    const gate = deferred();
    const deaf = deafModel(gate.promise);
    const answers: Model[] = [deaf, scriptedModel([{ text: 'Hel', hangs: true }])];
    const model: Model = {
      provider: 'scripted',
      modelId: 'both',
      stream: (request, options) => (answers.shift() ?? deaf).stream(request, options),
    };
    const session = createAgent({ model, clock }).session();
    const events = record(session);
    const first = session.send('One');
    await clock.advance(0);
    first.cancel();
    session.send('Two');
    await clock.advance(0);
    gate.resolve();
    await clock.advance(0);
    expect(session.snapshot.status).toBe('inTurn');
    expect(JSON.stringify(events)).not.toContain('late');
  });
});
