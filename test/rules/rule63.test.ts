import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { asks, start, workers } from './durableSupport.ts';
import { ofType } from './support.ts';
import { resultsIn } from './toolSupport.ts';

describe('63. A tool call whose result is stored is never executed again. A call that had started without a result is executed again only if the tool is `idempotent`; otherwise the model is told it was interrupted.', () => {
  /** A process that ends while some of its tools run, and those that come after it. */
  async function crashWith(running: readonly string[], finished: readonly string[]) {
    const before = workers(...finished, ...running);
    const first = await start([asks(...finished, ...running)], { tools: before.tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    for (const name of finished) before.finish(name);
    await first.clock.advance(0);
    expect(before.ran).toEqual([...finished, ...running]);
    const found = await first.crash();

    const after = workers(...finished, ...running);
    const second = await start(['Well.'], { tools: after.tools }, found);
    await second.clock.advance(0);
    for (const name of running) after.finish(name);
    await second.clock.advance(0);
    return { ran: after.ran, first, second };
  }

  it('does not run a tool again whose result is stored', async () => {
    const { ran, second } = await crashWith(['look'], ['pay', 'lookUp']);
    expect(ran).toEqual(['look']);
    expect(resultsIn(second.session.messages).map(({ output }) => output.value)).toEqual([
      'pay is done',
      'lookUp is done',
      'look is done',
    ]);
  });

  it('runs an idempotent tool again that had started', async () => {
    const { ran, second } = await crashWith(['look', 'lookUp'], []);
    expect(ran).toEqual(['look', 'lookUp']);
    expect(resultsIn(second.session.messages).map(({ synthesized }) => synthesized)).toEqual([undefined, undefined]);
  });

  it('gives it the idempotency key that it had before', async () => {
    const keys: string[] = [];
    const [tool] = workers('look').tools;
    if (tool === undefined) expect.fail('There is no tool.');
    const tools = [
      {
        ...tool,
        execute: (_: unknown, { idempotencyKey }: { readonly idempotencyKey: string }) => {
          keys.push(idempotencyKey);
          return keys.length === 1 ? new Promise(() => {}) : 'done';
        },
      },
    ];
    const first = await start([asks('look')], { tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    const second = await start(['Well.'], { tools }, await first.crash());
    await second.clock.advance(0);
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(keys[0]);
  });

  it('tells the model that any other tool was interrupted, and to check before it repeats it', async () => {
    const { ran, second } = await crashWith(['pay'], ['lookUp']);
    expect(ran).toEqual([]);
    const [, result] = resultsIn(second.model.requests[0]?.messages ?? []);
    expect(result).toMatchObject({
      toolName: 'pay',
      synthesized: 'interrupted',
      output: { type: 'error', value: expect.stringMatching(/Interrupted.*may have taken effect.*check before/) },
    });
    expect(ofType(second.events, 'tool.failed')).toMatchObject([{ toolName: 'pay', failure: { code: 'interrupted' } }]);
    expect(second.session.snapshot.status).toBe('idle');
    expect(transcriptProblems(second.session.messages)).toEqual([]);
  });

  it('says what becomes of each that had started', async () => {
    const { second } = await crashWith(['pay', 'look'], []);
    expect(ofType(second.events, 'diagnostic')).toMatchObject([
      {
        source: 'recovery',
        message:
          'The process before this one ended in the middle of a turn: ' +
          'the tool "pay" was interrupted, which the model is told, the tool "look" is run again.',
      },
    ]);
  });

  it('tells it so of a tool that is not there any more', async () => {
    const before = workers('lookUp');
    const first = await start([asks('lookUp')], { tools: before.tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    const second = await start(['Well.'], {}, await first.crash());
    await second.clock.advance(0);
    expect(resultsIn(second.session.messages)).toMatchObject([{ synthesized: 'interrupted' }]);
  });

  it('keeps to it wherever in its writing the process ends', async () => {
    const script = [asks('pay', 'look', 'payTwice'), 'Well.'];
    const names = ['pay', 'look', 'payTwice'];
    const whole = workers(...names);
    const first = await start(script, { tools: whole.tools });
    first.session.send('Go.');
    for (const name of names) {
      await first.clock.advance(0);
      whole.finish(name);
    }
    await first.clock.advance(0);
    expect(first.session.snapshot.status).toBe('idle');
    for (let count = 1; count <= first.changes(); count += 1) {
      const found = await first.crashAfter(count);
      const rows = (await found.read('talk'))?.rows.map((row) => JSON.parse(row)) ?? [];
      const began: string[] = rows.flatMap((row) => row.began.filter((id: string) => id.includes('.execute.')));
      const after = workers(...names);
      const isAnswered = rows.some(({ input }) => input.type === 'settled' && input.result.value.type === 'answer');
      const second = await start(isAnswered ? script.slice(1) : script, { tools: after.tools }, found);
      for (let round = 0; round < 5; round += 1) {
        await second.clock.advance(0);
        for (const name of names) after.finish(name);
      }
      const ranAnew = names.filter((name, index) => {
        const hadBegun = began.some((id) => id.includes(`.${index}.execute.`));
        return hadBegun && name !== 'look' && after.ran.includes(name);
      });
      expect(ranAnew, `after ${count} changes`).toEqual([]);
      expect(new Set(after.ran).size).toBe(after.ran.length);
      expect(second.session.snapshot.status).toBe('idle');
      expect(transcriptProblems(second.session.messages)).toEqual([]);
    }
  });
});
