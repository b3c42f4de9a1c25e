import fc from 'fast-check';
import { type Compaction, type Message, toolCallsOf } from 'turnchart';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import {
  type CompactionPolicy,
  canCompact,
  defaultCompaction,
  estimateTokens,
  isMaskingEnough,
  isShorter,
  isTooLong,
  keptFrom,
  maskOutputs,
  removed,
  summarize,
} from '../../src/machines/compaction.ts';
import { append, createHistory, type History, measure, messagesOf } from '../../src/machines/history.ts';
import { messagesForModel } from '../../src/machines/modelView.ts';
import { tokensOf } from '../../src/machines/tokens.ts';
import { talkOf, toolTalk } from '../rules/compactionSupport.ts';

function policy(change: Partial<CompactionPolicy> = {}): CompactionPolicy {
  return { ...defaultCompaction, ...change };
}

const idsOf = (messages: readonly Message[]) => messages.map(({ id }) => id);
const failureNote: Message = {
  role: 'assistant',
  id: 'note',
  content: [{ type: 'text', text: 'It failed. '.repeat(40) }],
  cause: 'failure_note',
};

function compacted(change: Partial<Compaction>): { readonly compaction: Compaction } {
  return { compaction: { maskedBefore: 0, from: 0, ...change } };
}

describe('the size of the next request', () => {
  it('is what the provider counted, and an estimate of what came since', () => {
    const measured = measure(createHistory(talkOf(4)), 5_000);
    expect(estimateTokens(measured)).toBe(5_000);
    expect(estimateTokens(append(measured, ...talkOf(2, 400)))).toBe(5_000 + tokensOf(talkOf(2, 400)));
  });

  it('is an estimate of all that is shown, where no provider has counted', () => {
    const history = createHistory(talkOf(20, 400));
    expect(estimateTokens(history)).toBe(tokensOf(talkOf(20, 400)));
    const shorter = summarize(history, 10, 'So.', 's');
    expect(estimateTokens(shorter)).toBe(tokensOf(messagesForModel(shorter)));
  });

  it('has no part of what the model is not shown', () => {
    const measured = measure(createHistory(talkOf(4)), 5_000);
    expect(estimateTokens(append(measured, failureNote))).toBe(5_000);
  });

  it('keeps what is counted beside messages when these get fewer', () => {
    const messages = talkOf(40, 400);
    // 3,000 tokens of instructions and tools
    const history = measure(createHistory(messages), tokensOf(messages) + 3_000);
    const shorter = summarize(history, 30, 'So.', 's');
    expect(estimateTokens(shorter)).toBe(tokensOf(messagesForModel(shorter)) + 3_000);
  });

  it('falls in proportion where the provider counts less than the estimate', () => {
    const messages = talkOf(41, 400);
    const history = measure(createHistory(messages), 1_000);
    const shorter = summarize(history, 21, 'So.', 's');
    const part = tokensOf(messagesForModel(shorter)) / tokensOf(messages);
    expect(estimateTokens(shorter)).toBe(Math.round(1_000 * part));
  });

  it.each([
    [849, false],
    [850, false],
    [851, true],
  ])('of %i tokens is too long for 85 %% of a window of 1,000: %s', (tokens, isToo) => {
    const history = measure(createHistory(talkOf(2)), tokens);
    expect(isTooLong(history, policy({ contextWindow: 1_000 }))).toBe(isToo);
    expect(isTooLong(history, policy())).toBe(false);
  });
});

describe('what stays', () => {
  it.each<[string, readonly Message[], number, number]>([
    ['nothing', [], 10, 0],
    ['fewer messages than are kept', talkOf(4), 10, 0],
    ['as many', talkOf(10), 10, 0],
    ['more', talkOf(30), 10, 20],
    ['a result whose call would go', toolTalk(10, 9), 5, 15],
    ['a call and its result', toolTalk(10, 9), 6, 15],
    ['only the last', talkOf(30), 1, 29],
    ['only the last, a result', toolTalk(10, 9), 1, 19],
  ])('of %s begins where it has to', (_, messages, keepMessages, from) => {
    expect(keptFrom(createHistory(messages), policy({ keepMessages }))).toBe(from);
  });

  it('never begins before where it began', () => {
    expect(keptFrom(createHistory(talkOf(30), compacted({ from: 25 })), policy())).toBe(25);
  });

  it('is no part of what goes, nor are system messages, the first user message, and what no model is shown', () => {
    const system: Message = { role: 'system', id: 'sys', content: 'Be brief.' };
    const [first, ...others] = talkOf(8);
    const messages = [system, ...(first ? [first] : []), { ...system, id: 'sys2' }, failureNote, ...others];
    const history = createHistory(messages);
    expect(idsOf(removed(history, 8))).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(idsOf(removed(createHistory(messages, compacted({ from: 6 })), 8))).toEqual(['m3', 'm4']);
    expect(removed(history, 2)).toEqual([]);
  });

  it('goes as the model was shown it last', () => {
    const history = maskOutputs(createHistory(toolTalk(10, 400)), 11);
    const outputs = removed(history, 15).flatMap((message) =>
      message.role === 'tool' ? message.content.map(({ output }) => output.value) : [],
    );
    expect(outputs.map((output) => String(output).slice(0, 6))).toEqual([
      ...Array.from({ length: 5 }, () => '[The o'),
      'page 5',
      'page 6',
    ]);
  });
});

describe('whether a conversation can be shortened', () => {
  it.each<[string, History, boolean]>([
    ['with messages that can go', createHistory(talkOf(12)), true],
    ['with only one that is kept anyway', createHistory(talkOf(11)), false],
    ['with a call that can go', createHistory(toolTalk(6, 400), compacted({ from: 1 })), true],
    [
      'with one whose output is replaced already',
      createHistory(toolTalk(6, 400), compacted({ maskedBefore: 3 })),
      true,
    ],
    ['with nothing since the last time', createHistory(toolTalk(6, 400), compacted({ from: 3 })), false],
    ['with nothing but failure notes that could go', createHistory([...talkOf(1), failureNote, ...talkOf(10)]), false],
  ])('%s', (_, history, can) => {
    expect(canCompact(history, policy())).toBe(can);
  });

  it('is seen by what a model is shown, whatever was measured', () => {
    const history = measure(createHistory(talkOf(12)), 1);
    expect(isShorter(summarize(history, 4, 'So.', 's'), history)).toBe(true);
    expect(isShorter(summarize(history, 2, 'So it was. '.repeat(10), 's'), history)).toBe(false);
    expect(isShorter(history, history)).toBe(false);
  });
});

describe('whether it is enough to replace old outputs', () => {
  const tight = policy({ contextWindow: 2_000 });
  const long = createHistory(toolTalk(20, 400));

  it.each([
    ['of a conversation of outputs', 'threshold', toolTalk(20, 400), 2_300, true],
    ['of a conversation without', 'threshold', talkOf(40, 120), 2_300, false],
    ['where that leaves it just below the threshold', 'threshold', toolTalk(20, 400), 2_700, false],
    ['after an overflow, of which one does not know by how much', 'overflow', toolTalk(20, 400), 2_300, false],
    ['where somebody asks for a compaction', 'manual', toolTalk(20, 400), 2_300, false],
  ] as const)('%s', (_, reason, messages, tokens, isEnough) => {
    const history = measure(createHistory(messages), tokens);
    expect(estimateTokens(history)).toBe(tokens);
    expect(isMaskingEnough(history, tight, reason)).toBe(isEnough);
  });

  it('is not known without a window', () => {
    expect(isMaskingEnough(long, policy(), 'threshold')).toBe(false);
  });
});

/** Something that happens to a conversation. */
type Happening =
  | { readonly type: 'say'; readonly chars: number }
  | { readonly type: 'system' }
  | { readonly type: 'answer'; readonly calls: readonly number[] }
  | { readonly type: 'fail' }
  | { readonly type: 'mask' | 'summarize' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('say' as const), chars: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'system' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'fail' as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('answer' as const),
      calls: fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.constantFrom({ type: 'mask' as const }, { type: 'summarize' as const }) },
);

/** The history after something has happened; compactions do what the machine does. */
function happen(history: History, what: Happening, number: number, keepMessages: number): History {
  const id = `m${number}`;
  switch (what.type) {
    case 'say':
      return append(history, { role: 'user', id, content: [{ type: 'text', text: 'x'.repeat(what.chars + 1) }] });
    case 'system':
      return append(history, { role: 'system', id, content: 'Be brief.' });
    case 'fail':
      return append(history, { ...failureNote, id } as Message);
    case 'answer': {
      const calls = what.calls.map((_, index) => ({ toolCallId: `${id}.${index}`, toolName: 'read' }));
      const answered = append(history, {
        role: 'assistant',
        id,
        content: calls.map((call) => ({ type: 'tool-call', ...call, input: {} })),
      });
      if (calls.length === 0) return measure(answered, 0);
      const results = calls.map((call, index) => ({
        type: 'tool-result' as const,
        ...call,
        output: { type: 'text' as const, value: 'y'.repeat(what.calls[index] ?? 0) },
      }));
      return append(measure(answered, 0), { role: 'tool', id: `${id}.results`, content: results });
    }
    default: {
      const from = keptFrom(history, policy({ keepMessages }));
      if (!canCompact(history, policy({ keepMessages }))) return history;
      if (what.type === 'mask' || removed(history, from).length === 0) return maskOutputs(history, from);
      return summarize(history, from, `Summary of ${idsOf(removed(history, from))}`, `${id}.summary`);
    }
  }
}

describe('a conversation that is shortened again and again', () => {
  const conversations = fc.record({
    happenings: fc.array(happening, { maxLength: 60 }),
    keepMessages: fc.integer({ min: 1, max: 8 }),
  });

  it('is a valid transcript whenever a model is shown it, with every id once, and with what has to stay', () => {
    fc.assert(
      fc.property(conversations, ({ happenings, keepMessages }) => {
        let history = createHistory([]);
        for (const [number, what] of happenings.entries()) {
          const before = history;
          history = happen(history, what, number, keepMessages);
          const shown = messagesForModel(history);
          expect(transcriptProblems(shown)).toEqual([]);
          expect(new Set(idsOf(shown)).size).toBe(shown.length);
          // a call is there with its result, or not at all
          const called = shown.flatMap(toolCallsOf).map(({ toolCallId }) => toolCallId);
          const answered = shown.flatMap((message) =>
            message.role === 'tool' ? message.content.map(({ toolCallId }) => toolCallId) : [],
          );
          expect(answered).toEqual(called);
          const all = messagesOf(history);
          const first = all.find(({ role }) => role === 'user');
          const kept = all.filter((message) => message.role === 'system' || message === first);
          for (const message of kept) expect(shown).toContain(message);
          if (history === before || !['mask', 'summarize'].includes(what.type)) continue;
          // not shortened, and not replaced: the very same messages
          const last = messagesForModel(createHistory(all.slice(-keepMessages)));
          for (const message of last) expect(shown).toContain(message);
          expect(tokensOf(shown)).toBeLessThanOrEqual(tokensOf(messagesForModel(before)) + 40);
        }
      }),
    );
  });

  it('loses no message: each is shown, or was in one summary', () => {
    fc.assert(
      fc.property(conversations, ({ happenings, keepMessages }) => {
        let history = createHistory([]);
        const gone: string[] = [];
        for (const [number, what] of happenings.entries()) {
          const next = happen(history, what, number, keepMessages);
          if (what.type === 'summarize' || what.type === 'mask') {
            gone.push(...idsOf(removed(history, next.compaction?.from ?? 0)));
          }
          history = next;
        }
        const shown = messagesForModel(history).filter(({ id }) => !id.endsWith('.summary'));
        const everyone = messagesForModel(createHistory(messagesOf(history)));
        expect([...gone, ...idsOf(shown)].sort()).toEqual(idsOf(everyone).sort());
      }),
    );
  });
});
