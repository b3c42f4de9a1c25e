import { createAgent, type Json, type ModelRequest } from 'turnchart';
import { describe, expect, it, vi } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { counting, textsOf } from './compactionSupport.ts';
import { endings, ofType, record } from './support.ts';
import { tool } from './toolSupport.ts';

const words = ['report', 'invoice', 'of', 'the', 'month', 'is', 'in', 'folder', 'and', 'was', 'paid'];

function prose(random: Random, chars: number): string {
  let text = '';
  while (text.length < chars) text += `${random.pick(words)} `;
  return text;
}

/** A tool whose output is as long as a page is. */
function pages(seed: number, longest: number) {
  const random = new Random(seed);
  return tool('read', (input: Json) => `${JSON.stringify(input)} ${prose(random, random.whole(1, longest))}`);
}

vi.setConfig({ testTimeout: 60_000 });

describe.each([
  ['a model that reports its usage', true],
  ['a model that reports none', false],
])('a long conversation in a small window, with %s', (_, reportsUsage) => {
  it('of one turn with 500 steps never overflows, keeps its task, and ends', async () => {
    const random = new Random(57);
    let page = 0;
    const { model, summaries, problems, overflows } = counting(
      8_000,
      ({ messages }: ModelRequest, index) => {
        expect(messages[0]).toMatchObject({ content: [{ text: 'Read every page, and tell me what is missing.' }] });
        if (index === 499) return { text: 'All read.' };
        const calls = Array.from({ length: random.whole(1, 2) }, () => {
          page += 1;
          return { name: 'read', input: { page } };
        });
        return { text: prose(random, random.whole(0, 200)), calls };
      },
      { reportsUsage },
    );
    const agent = createAgent({
      model,
      instructions: 'Read with care.',
      tools: [pages(1, 2_000)],
      limits: { maxSteps: 500 },
    });
    const session = agent.session();
    const events = record(session);
    const result = await session.send('Read every page, and tell me what is missing.').result;
    expect(result).toMatchObject({ text: 'All read.', steps: 500 });
    expect(problems).toEqual([]);
    expect(overflows).toEqual([]);
    expect(ofType(events, 'compaction.failed')).toEqual([]);
    // a compaction makes room for many steps
    const compactions = ofType(events, 'compaction.completed').length;
    expect(compactions).toBeGreaterThan(10);
    expect(compactions).toBeLessThan(150);
    expect(summaries.length).toBeLessThan(compactions);
    expect(session.messages.length).toBe(1_000);
  });

  it('of 100 turns never overflows, and keeps what it began with', async () => {
    const random = new Random(100);
    let page = 0;
    const { model, turns, problems, overflows } = counting(
      3_000,
      () => {
        page += 1;
        const calls = random.chance(0.4) ? [{ name: 'read', input: { page } }] : [];
        return { text: prose(random, random.whole(10, 800)), calls };
      },
      { reportsUsage },
    );
    const session = createAgent({ model, tools: [pages(2, 800)], limits: { maxSteps: 30 } }).session();
    const events = record(session);
    for (let turn = 0; turn < 100; turn += 1) {
      expect((await session.send(`Message ${turn}. ${prose(random, 100)}`).outcome).status).toBe('completed');
    }
    expect(endings(events)).toHaveLength(100);
    expect(problems).toEqual([]);
    expect(overflows).toEqual([]);
    expect(ofType(events, 'compaction.completed').length).toBeGreaterThan(10);
    for (const request of turns) expect(textsOf(request)[0]).toContain('Message 0.');
    expect(textsOf(turns.at(-1))[1]).toContain('Summary');
  });
});
