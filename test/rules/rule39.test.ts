import fc from 'fast-check';
import type { AnyTool, StandardSchema } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, type Gate, gate, tool } from './toolSupport.ts';

describe('39. Calls of one step run in parallel up to `maxParallelTools` (8); calls start in call order, and a tool marked `sequential` is a barrier both ways; results go to the model in the order of the calls whatever the order of finishing; one failure does not cancel its siblings.', () => {
  it('runs the calls of a step side by side', async () => {
    const { talk, running, open } = held(['a', 'b', 'c']);
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(running()).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) await open(name);
    expect((await talk.outcomeOf(turn)).steps).toBe(2);
  });

  it('runs 8 at a time by default, and starts the next as soon as one has ended', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `tool_${index}`);
    const { talk, running, open } = held(names);
    talk.session.send('go');
    await talk.clock.advance(0);
    expect(running()).toEqual(names.slice(0, 8));
    await open('tool_3');
    expect(running()).toEqual([...names.slice(0, 3), ...names.slice(4, 9)]);
    await open('tool_8');
    await open('tool_0');
    expect(running()).toEqual(['tool_1', 'tool_2', 'tool_4', 'tool_5', 'tool_6', 'tool_7', 'tool_9', 'tool_10']);
  });

  it('runs one after the other with maxParallelTools: 1', async () => {
    const { talk, running, open } = held(['a', 'b', 'c'], { maxParallelTools: 1 });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    for (const name of ['a', 'b', 'c']) {
      expect(running()).toEqual([name]);
      await open(name);
    }
    await talk.outcomeOf(turn);
  });

  it('starts calls in call order, also where the input of an earlier one takes longer to check', async () => {
    const { talk, opened } = slowlyChecked();
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(['a']);
    opened();
    await talk.outcomeOf(turn);
    expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(['a', 'b', 'c']);
  });

  it('runs the tools themselves in that order too, where a schema is asynchronous', async () => {
    const { talk, opened, ran } = slowlyChecked();
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    opened();
    await talk.outcomeOf(turn);
    expect(ran).toEqual(['a', 'b', 'c']);
  });

  it('does not let a call that is refused hold up those after it', async () => {
    const { talk, running } = held(['a', 'b'], {}, [
      { name: 'nobody' },
      { name: 'a' },
      { name: 'b', rawInput: '{' },
      { name: 'b' },
    ]);
    talk.session.send('go');
    await talk.clock.advance(0);
    expect(running()).toEqual(['a', 'b']);
  });

  it('lets a sequential tool wait for the calls before it, and those after it wait for the sequential tool', async () => {
    const { talk, running, open } = held(['a', 'b', 'alone!', 'c', 'd']);
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(running()).toEqual(['a', 'b']);
    await open('b');
    expect(running()).toEqual(['a']);
    await open('a');
    expect(running()).toEqual(['alone!']);
    await open('alone!');
    expect(running()).toEqual(['c', 'd']);
    await open('d');
    await open('c');
    await talk.outcomeOf(turn);
  });

  it('runs two sequential tools one after the other', async () => {
    const { talk, running, open } = held(['one!', 'two!', 'c']);
    talk.session.send('go');
    await talk.clock.advance(0);
    expect(running()).toEqual(['one!']);
    await open('one!');
    expect(running()).toEqual(['two!']);
    await open('two!');
    expect(running()).toEqual(['c']);
  });

  it('lets nothing pass a sequential tool while that waits to be run again', async () => {
    let attempts = 0;
    const alone = tool('alone', () => (++attempts === 1 ? Promise.reject(new Error('not yet')) : 'ok'), {
      sequential: true,
      retry: { maxAttempts: 2, initialDelayMs: 500, jitter: 0 },
    });
    const talk = converse([{ calls: [{ name: 'alone' }, { name: 'after' }] }, 'done'], {
      tools: [alone, tool('after')],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(499);
    expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(['alone']);
    await talk.clock.advance(1);
    await talk.outcomeOf(turn);
    expect(talk.results().map(({ output }) => output.value)).toEqual(['ok', 'after is done']);
  });

  it('lets a sequential tool that fails end like any other, and goes on', async () => {
    const { talk, running, fail } = held(['alone!', 'c']);
    talk.session.send('go');
    await talk.clock.advance(0);
    await fail('alone!');
    expect(running()).toEqual(['c']);
  });

  it('gives the model the results in the order of the calls, whatever the order of finishing', async () => {
    const names = ['a', 'b', 'c', 'd'];
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(names, { minLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (order, maxParallelTools) => {
          const { talk, running, open } = held(names, { maxParallelTools });
          const turn = talk.session.send('go');
          await talk.clock.advance(0);
          const finished: string[] = [];
          while (finished.length < names.length) {
            const next = order.find((name) => running().includes(name));
            if (next === undefined) throw new Error('Nothing runs.');
            finished.push(next);
            await open(next);
          }
          await talk.outcomeOf(turn);
          expect(talk.of('tool.completed').map(({ toolName }) => toolName)).toEqual(finished);
          expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(names);
          const toolMessage = talk.model.requests[1]?.messages.at(-1);
          expect(toolMessage?.role === 'tool' && toolMessage.content.map(({ toolName }) => toolName)).toEqual(names);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('keeps to slots, order and barriers for any calls and any order of finishing', async () => {
    const call = fc.record({ sequential: fc.boolean(), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat()),
        async (calls, maxParallelTools, picks) => {
          const names = calls.map(({ sequential }, index) => `tool_${index}${sequential ? '!' : ''}`);
          const { talk, running, started, open, fail } = held(names, { maxParallelTools });
          const turn = talk.session.send('go');
          await talk.clock.advance(0);
          while (running().length > 0) {
            const now = running();
            expect(now.length).toBeLessThanOrEqual(maxParallelTools);
            if (now.some((name) => name.endsWith('!'))) expect(now).toHaveLength(1);
            expect(started()).toEqual(names.slice(0, started().length));
            const name = now[Number(picks.next().value) % now.length] ?? '';
            await (calls[names.indexOf(name)]?.fails ? fail(name) : open(name));
          }
          await talk.outcomeOf(turn);
          expect(started()).toEqual(names);
          expect(talk.results().map(({ output }) => output.type)).toEqual(
            calls.map(({ fails }) => (fails ? 'error' : 'text')),
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  it('cancels no sibling where one fails', async () => {
    const { talk, running, open, fail, signals } = held(['a', 'b', 'c']);
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    await fail('b');
    expect(running()).toEqual(['a', 'c']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
    await open('a');
    await open('c');
    await talk.outcomeOf(turn);
    expect(talk.results().map(({ output }) => output.type)).toEqual(['text', 'error', 'text']);
    expect(talk.of('tool.cancelled')).toEqual([]);
  });

  it('runs one tool several times at once', async () => {
    let running = 0;
    let most = 0;
    const ends = gate<void>();
    const same = tool('same', async () => {
      running += 1;
      most = Math.max(most, running);
      await ends.promise;
    });
    const talk = converse(
      [{ calls: [{ name: 'same' }, { name: 'same', input: { n: 2 } }, { name: 'same', input: { n: 3 } }] }, 'done'],
      {
        tools: [same],
      },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    ends.open();
    await talk.outcomeOf(turn);
    expect(most).toBe(3);
  });

  it('makes the next model call when all calls have ended, not before', async () => {
    const { talk, open } = held(['a', 'b']);
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    await open('b');
    expect(talk.model.requests).toHaveLength(1);
    await open('a');
    await talk.outcomeOf(turn);
    expect(talk.model.requests).toHaveLength(2);
  });

  it('runs the first 128 calls of an answer, and gives those beyond an error result', async () => {
    const inputs: unknown[] = [];
    const count = tool('count', (input) => {
      inputs.push(input);
      return 'counted';
    });
    const calls = Array.from({ length: 130 }, (_, n) => ({ name: 'count', input: { n } }));
    const talk = converse([{ calls }, 'done'], { tools: [count] });
    const outcome = await talk.say('go');
    expect(inputs).toEqual(calls.slice(0, 128).map(({ input }) => input));
    const results = talk.results();
    expect(results).toHaveLength(130);
    expect(results.slice(0, 128).every(({ output }) => output.value === 'counted')).toBe(true);
    for (const { output } of results.slice(128)) {
      expect(output).toEqual({ type: 'error', value: expect.stringMatching(/128/) });
    }
    expect(talk.of('tool.called')).toHaveLength(130);
    expect(outcome.status).toBe('completed');
  });
});

/** Three calls, of which the second has an input that takes long to check. */
function slowlyChecked() {
  const checked = gate<void>();
  const describe = () => ({});
  const schema: StandardSchema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async (value) => {
        await checked.promise;
        return { value };
      },
      jsonSchema: { input: describe, output: describe },
    },
  };
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(name);
  const talk = converse([{ calls: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }, 'done'], {
    tools: [tool('a', note('a')), tool('b', note('b'), { input: schema }), tool('c', note('c'))],
  });
  return { talk, ran, opened: () => checked.open() };
}

/** Tools that run until the test ends them; a name with `!` is a sequential tool. */
function held(
  names: readonly string[],
  limits: { readonly maxParallelTools?: number } = {},
  calls: readonly { readonly name: string; readonly rawInput?: string }[] = names.map((name) => ({
    name: plain(name),
  })),
) {
  const gates = new Map<string, Gate<string>>(names.map((name) => [name, gate<string>()]));
  const running: string[] = [];
  const started: string[] = [];
  const signals: AbortSignal[] = [];
  const tools: readonly AnyTool[] = names.map((name) =>
    tool(
      plain(name),
      async (_, { signal }) => {
        running.push(name);
        started.push(name);
        signals.push(signal);
        try {
          return await gates.get(name)?.promise;
        } finally {
          running.splice(running.indexOf(name), 1);
        }
      },
      { sequential: name.endsWith('!') },
    ),
  );
  const talk = converse([{ calls }, 'done'], { tools, limits });
  return {
    talk,
    signals,
    running: () => [...running],
    started: () => [...started],
    open: async (name: string) => {
      gates.get(name)?.open(name);
      await talk.clock.advance(0);
    },
    fail: async (name: string) => {
      gates.get(name)?.fail(new Error(name));
      await talk.clock.advance(0);
    },
  };
}

function plain(name: string): string {
  return name.replace('!', '');
}
