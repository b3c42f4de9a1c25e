import {
  type CheckpointChange,
  type ListOptions,
  type MaybePromise,
  type RowsChange,
  SessionLockedError,
  type SessionState,
  type Store,
  StoreClosedError,
  StoreConflictError,
  type StoredSession,
} from '../durability/store.ts';
import type { Message, UserMessage } from '../messages.ts';
import type { TestRunner } from './contractExchange.ts';

/** A kind of store, as the contract opens it. */
export interface StoreSubject {
  /**
   * Opens the store of a name: with what was written under the name before, empty the first time. It is also asked for
   * a name that is open, as another process would.
   */
  open(name: string): MaybePromise<Store>;
  /** Whether it is a store of one process that forgets everything with it, as `memoryStore()` is. @default false */
  readonly forgets?: boolean;
}

/**
 * The sentences that every store must satisfy, each a test. Runs in any test runner that is given to it. That what was
 * written survives a power cut is not among them: that takes a cut.
 *
 * @param name of the store, as the tests are to call it
 * @example
 * ```ts
 * import { storeContract } from 'turnchart/testing';
 * import { describe, expect, it } from 'vitest';
 *
 * storeContract('mine', { open: (name) => myStore({ bucket: `test-${name}` }) }, { describe, it, expect });
 * ```
 */
export function storeContract(name: string, subject: StoreSubject, runner: TestRunner): void {
  const { describe, it, expect } = runner;
  const sentence = (words: string, run: (store: Store, again: () => Promise<Store>) => Promise<void>) =>
    it(words, async () => {
      const opened: Store[] = [];
      const name = `contract-${crypto.randomUUID()}`;
      const open = async () => {
        const store = await subject.open(name);
        opened.push(store);
        return store;
      };
      try {
        await run(await open(), open);
      } finally {
        for (const store of opened) await store.close();
      }
    });
  const refuses = async (
    run: () => MaybePromise<unknown>,
    kind: abstract new (...args: never[]) => Error,
    ...words: readonly string[]
  ) => {
    const error = await thrownBy(run);
    if (!(error instanceof kind)) {
      throw new Error(`This must throw a ${kind.name} of turnchart/durability, and ${describeThrown(error)}.`, {
        cause: error,
      });
    }
    for (const word of words) expect(error.message).toContain(word);
    return error;
  };

  describe(`the store ${name}`, () => {
    describe('writes and reads', () => {
      sentence('knows nothing of a session that was never written', async (store) => {
        expect(await store.read('none')).toBe(undefined);
        expect(await store.journal('none')).toEqual([]);
        expect(await store.list()).toEqual([]);
      });

      sentence('makes a session with its first checkpoint', async (store) => {
        const state = { ...stateOf(0), cost: 0.25 };
        await store.write([checkpoint('s', { at: 10, messages: [user('Hello there')], state })]);
        expect(await store.read('s')).toEqual({
          summary: {
            id: 's',
            agent: 'clerk',
            createdAt: 10,
            updatedAt: 10,
            title: 'Hello there',
            turns: 0,
            status: 'idle',
          },
          messages: [user('Hello there')],
          state,
          rowIndex: 0,
          rows: [],
          warnings: [],
        });
      });

      sentence('keeps the whole state of a checkpoint, whatever later versions put into it', async (store) => {
        const state = {
          ...stateOf(0),
          cost: 0.25,
          approvedTools: ['erase'],
          compaction: { maskedBefore: 2, from: 2, summary: user('They talked.') },
          measured: { tokens: 120, length: 3 },
          later: { than: ['now'] },
        };
        await store.write([checkpoint('s', { messages: [user('Hello there')], state })]);
        expect((await store.read('s'))?.state).toEqual(state);
        const [first] = await store.journal('s');
        expect(first).toMatchObject({ state });
      });

      sentence('gives the rows after the last checkpoint, as they were written', async (store) => {
        const odd = '{"text":"\\u0000 \\ud800 “ß” 😀\\n", "n": 1.50}';
        await store.write([checkpoint('s', {}), rows('s', 0, [row(0), odd])]);
        await store.write([rows('s', 2, [row(2)])]);
        expect(pick(await store.read('s'))).toEqual({ rowIndex: 0, rows: [row(0), odd, row(2)], status: 'inTurn' });
      });

      sentence('sums rows up with a checkpoint, and appends its messages', async (store) => {
        await store.write([checkpoint('s', { messages: [user('One')] }), rows('s', 0, [row(0), row(1), row(2)])]);
        await store.write([checkpoint('s', { at: 30, rows: 2, first: 1, messages: [answer('Two')], turns: 1 })]);
        const stored = await store.read('s');
        expect(pick(stored)).toEqual({ rowIndex: 2, rows: [row(2)], status: 'inTurn' });
        expect(stored?.messages).toEqual([user('One'), answer('Two')]);
        expect(stored?.state).toEqual(stateOf(1));
        await store.write([checkpoint('s', { at: 40, rows: 3, first: 2, turns: 2 })]);
        expect(pick(await store.read('s'))).toEqual({ rowIndex: 3, rows: [], status: 'idle' });
      });

      sentence('keeps every kind of message and part', async (store) => {
        await store.write([checkpoint('s', { messages: everyMessage })]);
        expect((await store.read('s'))?.messages).toEqual(everyMessage);
      });

      sentence('keeps apart the sessions of one write', async (store) => {
        await store.write([checkpoint('a', {}), checkpoint('b', {}), rows('a', 0, [row(1)]), rows('b', 0, [row(2)])]);
        expect((await store.read('a'))?.rows).toEqual([row(1)]);
        expect((await store.read('b'))?.rows).toEqual([row(2)]);
      });

      sentence('takes any text as the id of a session', async (store) => {
        const ids = ['a/b', '../a', 'A', 'a', 'ä', "'; --", '%', 'x'.repeat(500), '😀'];
        for (const id of ids) await store.write([checkpoint(id, {}), rows(id, 0, [JSON.stringify(id)])]);
        for (const id of ids) expect((await store.read(id))?.rows).toEqual([JSON.stringify(id)]);
      });

      sentence('does not change what it gave when more is written', async (store) => {
        await store.write([checkpoint('s', { messages: [user('One')] }), rows('s', 0, [row(0)])]);
        const stored = await store.read('s');
        const before = JSON.stringify(stored);
        await store.write([rows('s', 1, [row(1)]), checkpoint('s', { rows: 2, first: 1, messages: [answer('Two')] })]);
        expect(JSON.stringify(stored)).toBe(before);
      });

      sentence('takes an empty write', async (store) => {
        await store.write([]);
        expect(await store.list()).toEqual([]);
      });
    });

    describe('refuses what does not follow on what is there', () => {
      const begun = async (store: Store) => {
        await store.write([checkpoint('s', { messages: [user('One')] }), rows('s', 0, [row(0), row(1)])]);
        await store.write([checkpoint('s', { rows: 1, first: 1 })]);
      };
      const cases: readonly (readonly [string, RowsChange | CheckpointChange])[] = [
        ['rows that leave a gap', rows('s', 3, [row(3)])],
        ['rows that are there already', rows('s', 1, [row(1)])],
        ['rows of a session that is not there', rows('none', 0, [row(0)])],
        ['a checkpoint that sums up more rows than there are', checkpoint('s', { rows: 3, first: 1 })],
        ['a checkpoint that sums up fewer rows than the last', checkpoint('s', { rows: 0, first: 1 })],
        ['messages that leave a gap', checkpoint('s', { rows: 2, first: 2, messages: [answer('Two')] })],
        ['messages that are there already', checkpoint('s', { rows: 2, first: 0, messages: [answer('Two')] })],
      ];
      for (const [what, change] of cases) {
        sentence(what, async (store) => {
          await begun(store);
          const before = await everything(store);
          await refuses(() => store.write([change]), StoreConflictError, `"${change.sessionId}"`);
          expect(await everything(store)).toEqual(before);
        });
      }

      sentence('a title for a session that is not there', async (store) => {
        await refuses(
          () => store.write([{ type: 'title', sessionId: 'none', title: 'Name' }]),
          StoreConflictError,
          '"none"',
        );
      });

      sentence('and makes none of the changes of that write, of other sessions neither', async (store) => {
        await begun(store);
        const before = await everything(store);
        const changes = [
          checkpoint('new', {}),
          rows('s', 2, [row(2)]),
          checkpoint('s', { rows: 3, first: 1, messages: [answer('Two')] }),
          rows('s', 9, [row(9)]),
        ];
        await refuses(() => store.write(changes), StoreConflictError, '"s"');
        expect(await everything(store)).toEqual(before);
        expect(await store.read('new')).toBe(undefined);
        // and goes on from there
        await store.write([rows('s', 2, [row(2)])]);
      });
    });

    describe('lists sessions', () => {
      const fill = async (store: Store) => {
        const talk = (id: string, at: number, ...messages: readonly Message[]) => checkpoint(id, { at, messages });
        await store.write([
          talk('a', 10, user('Where is the Käse?'), answer('In the larder, third shelf.')),
          talk('b', 20, user('Third time lucky')),
          talk('c', 30, user('Nothing of interest')),
          talk('d', 30, user('Nothing else')),
          rows('b', 0, [row(0)], 25),
        ]);
      };
      const idsOf = async (store: Store, options?: ListOptions) => (await store.list(options)).map(({ id }) => id);

      sentence('the one last written first', async (store) => {
        await fill(store);
        expect(await idsOf(store)).toEqual(['d', 'c', 'b', 'a']);
        await store.write([rows('a', 0, [row(0)], 40)]);
        expect(await idsOf(store)).toEqual(['a', 'd', 'c', 'b']);
      });

      sentence('as `read` sums them up', async (store) => {
        await fill(store);
        for (const summary of await store.list()) expect((await store.read(summary.id))?.summary).toEqual(summary);
      });

      sentence('by their status', async (store) => {
        await fill(store);
        expect(await idsOf(store, { status: 'inTurn' })).toEqual(['b']);
        expect(await idsOf(store, { status: 'idle' })).toEqual(['d', 'c', 'a']);
      });

      sentence('page by page, of which none is missed and none comes twice', async (store) => {
        await fill(store);
        const first = await store.list({ limit: 1 });
        const [last] = first;
        const rest = await store.list({ limit: 10, ...(last !== undefined && { before: last }) });
        expect([...first, ...rest].map(({ id }) => id)).toEqual(['d', 'c', 'b', 'a']);
        const c = rest[0];
        expect(await idsOf(store, { limit: 1, ...(c !== undefined && { before: c }) })).toEqual(['b']);
      });

      sentence('by words of one message, whatever their case, of which the beginning is enough', async (store) => {
        await fill(store);
        expect(await idsOf(store, { search: 'THIRD' })).toEqual(['b', 'a']);
        expect(await idsOf(store, { search: 'käs' })).toEqual(['a']);
        expect(await idsOf(store, { search: 'shelf, larder' })).toEqual(['a']);
        expect(await idsOf(store, { search: 'third "luck' })).toEqual(['b']);
        expect(await idsOf(store, { search: 'larder lucky' })).toEqual([]);
        // one word of the question, one of the answer
        expect(await idsOf(store, { search: 'where larder' })).toEqual([]);
        expect(await idsOf(store, { search: 'third', status: 'idle', limit: 5 })).toEqual(['a']);
        expect(await idsOf(store, { search: ' *? ' })).toEqual(['d', 'c', 'b', 'a']);
      });

      sentence('by words of their title', async (store) => {
        await fill(store);
        await store.write([{ type: 'title', sessionId: 'c', title: 'Rent of March' }]);
        expect(await idsOf(store, { search: 'march rent' })).toEqual(['c']);
      });
    });

    describe('names sessions', () => {
      const titleOf = async (store: Store) => (await store.read('s'))?.summary.title;

      sentence('after the first words of the user, not those of the system', async (store) => {
        const system: Message = { role: 'system', id: 'm', content: 'You are a clerk.' };
        await store.write([checkpoint('s', { messages: [system] })]);
        expect(await titleOf(store)).toBe(undefined);
        await store.write([checkpoint('s', { first: 1, messages: [user('  What is\n17*23? '), answer('391')] })]);
        expect(await titleOf(store)).toBe('What is 17*23?');
        await store.write([checkpoint('s', { first: 3, messages: [user('And 2+3?')] })]);
        expect(await titleOf(store)).toBe('What is 17*23?');
      });

      sentence('shortly', async (store) => {
        await store.write([checkpoint('s', { messages: [user('😀 word '.repeat(1_000))] })]);
        expect([...((await titleOf(store)) ?? '')].length).toBeLessThan(200);
      });

      sentence('as they are told to, and does not count that as written', async (store) => {
        await store.write([checkpoint('s', { at: 10, messages: [user('Hi')] })]);
        await store.write([{ type: 'title', sessionId: 's', title: 'Greetings' }]);
        await store.write([checkpoint('s', { at: 20, first: 1, messages: [user('What else?')] })]);
        expect(await titleOf(store)).toBe('Greetings');
        await store.write([{ type: 'title', sessionId: 's', title: 'Salutations' }]);
        expect((await store.read('s'))?.summary).toMatchObject({ title: 'Salutations', createdAt: 10, updatedAt: 20 });
      });
    });

    describe('keeps a journal', () => {
      const twoTurns = async (store: Store) => {
        await store.write([checkpoint('s', { at: 10, messages: [user('Hi')] }), rows('s', 0, [row(0), row(1)], 11)]);
        await store.write([checkpoint('s', { at: 20, rows: 2, first: 1, messages: [answer('Ho')], turns: 1 })]);
        await store.write([rows('s', 2, [row(2)], 21), checkpoint('s', { at: 30, rows: 3, first: 2, turns: 2 })]);
        await store.write([rows('s', 3, [row(3)], 31)]);
      };
      const at = (index: number) => ({ type: 'row', index, row: row(index) });
      const mark = (time: number, count: number, messages: number, turns: number) => ({
        type: 'checkpoint',
        at: time,
        rows: count,
        messages,
        state: stateOf(turns),
      });

      sentence('of rows and checkpoints in the order of writing, those of ended turns included', async (store) => {
        await twoTurns(store);
        expect(await store.journal('s')).toEqual([
          mark(10, 0, 1, 0),
          at(0),
          at(1),
          mark(20, 2, 2, 1),
          at(2),
          mark(30, 3, 2, 2),
          at(3),
        ]);
      });

      sentence('from any index on', async (store) => {
        await twoTurns(store);
        expect(await store.journal('s', { from: 2 })).toEqual([mark(20, 2, 2, 1), at(2), mark(30, 3, 2, 2), at(3)]);
        expect(await store.journal('s', { from: 4 })).toEqual([]);
      });

      sentence('which can be trimmed of ended turns, and nothing else changes', async (store) => {
        await twoTurns(store);
        const before = await store.read('s');
        // at 20 the first turn had just ended, and not before
        expect(await store.trim({ endedBefore: 20 })).toBe(0);
        expect(await store.trim({ endedBefore: 21 })).toBe(2);
        expect(await store.journal('s')).toEqual([mark(20, 2, 2, 1), at(2), mark(30, 3, 2, 2), at(3)]);
        expect(await store.trim({ endedBefore: 1_000 })).toBe(1);
        expect(await store.journal('s')).toEqual([mark(30, 3, 2, 2), at(3)]);
        expect(await store.trim({ endedBefore: 1_000 })).toBe(0);
        expect(await store.read('s')).toEqual(before);
      });

      sentence('whose rows are never counted anew', async (store) => {
        await twoTurns(store);
        await store.write([checkpoint('s', { at: 40, rows: 4, first: 2, turns: 3 })]);
        expect(await store.trim({ endedBefore: 1_000 })).toBe(4);
        await refuses(() => store.write([rows('s', 0, [row(0)])]), StoreConflictError);
        await store.write([rows('s', 4, [row(4)])]);
        expect(pick(await store.read('s'))).toEqual({ rowIndex: 4, rows: [row(4)], status: 'inTurn' });
      });
    });

    describe('reserves sessions', () => {
      sentence('once, until they are released', async (store) => {
        const lock = await store.lock('s');
        const error = await refuses(() => store.lock('s'), SessionLockedError, '"s"');
        expect(error).toMatchObject({ sessionId: 's' });
        await (await store.lock('other')).release();
        await lock.release();
        await (await store.lock('s')).release();
      });

      sentence('so that a lock which was released twice frees nobody else’s', async (store) => {
        const first = await store.lock('s');
        await first.release();
        const second = await store.lock('s');
        await first.release();
        await refuses(() => store.lock('s'), SessionLockedError);
        await second.release();
      });

      sentence('against removal', async (store) => {
        await store.write([checkpoint('s', {})]);
        const lock = await store.lock('s');
        await refuses(() => store.delete('s'), SessionLockedError, '"s"');
        expect((await store.read('s'))?.summary.id).toBe('s');
        await lock.release();
      });
    });

    describe('removes sessions', () => {
      sentence('with all that belongs to them, and leaves the others', async (store) => {
        await store.write([checkpoint('s', { messages: [user('Secret')] }), rows('s', 0, [row(0)])]);
        await store.write([checkpoint('t', { messages: [user('Public')] })]);
        const other = await store.read('t');
        await store.delete('s');
        expect(await store.read('s')).toBe(undefined);
        expect(await store.journal('s')).toEqual([]);
        expect(await store.list({ search: 'secret' })).toEqual([]);
        expect((await store.list()).map(({ id }) => id)).toEqual(['t']);
        expect(await store.read('t')).toEqual(other);
      });

      sentence('whose ids can be used again', async (store) => {
        await store.write([checkpoint('s', { messages: [user('Old')] }), rows('s', 0, [row(0)])]);
        await store.delete('s');
        await store.write([checkpoint('s', { at: 90, messages: [user('New')] }), rows('s', 0, [row(1)], 91)]);
        const stored = await store.read('s');
        expect(stored?.messages).toEqual([user('New')]);
        expect(stored?.rows).toEqual([row(1)]);
        expect(stored?.summary).toMatchObject({ createdAt: 90, title: 'New' });
      });

      sentence('that are not there, too', async (store) => {
        await store.delete('none');
      });
    });

    describe('closes', () => {
      sentence('once and again, and refuses what is asked afterwards', async (store) => {
        const lock = await store.lock('s');
        await store.close();
        await store.close();
        const asked: readonly (() => MaybePromise<unknown>)[] = [
          () => store.lock('s'),
          () => store.read('s'),
          () => store.write([checkpoint('s', {})]),
          () => store.list(),
          () => store.journal('s'),
          () => store.trim({ endedBefore: 1 }),
          () => store.delete('s'),
        ];
        for (const ask of asked) await refuses(ask, StoreClosedError);
        // whoever still has one may give it back
        await lock.release();
      });
    });

    if (subject.forgets === true) return;

    describe('opened again', () => {
      const fill = async (store: Store) => {
        await store.write([checkpoint('s', { messages: [user('Hi there')] }), rows('s', 0, [row(0)])]);
        await store.write([checkpoint('s', { at: 20, rows: 1, first: 1, messages: [answer('Ho')], turns: 1 })]);
        await store.write([rows('s', 1, [row(1), row(2)], 30)]);
      };

      sentence('has everything that was written, and goes on', async (store, again) => {
        await fill(store);
        const before = await everything(store);
        await store.close();
        const later = await again();
        expect(await everything(later)).toEqual(before);
        expect((await later.list({ search: 'there' })).length).toBe(1);
        await later.write([rows('s', 3, [row(3)])]);
        expect((await later.read('s'))?.rows).toEqual([row(1), row(2), row(3)]);
      });

      sentence('has it also when the first was never closed', async (store, again) => {
        await fill(store);
        expect(await everything(await again())).toEqual(await everything(store));
      });

      sentence('has no lock of one that was closed', async (store, again) => {
        await store.lock('s');
        await store.close();
        await (await (await again()).lock('s')).release();
      });

      sentence('knows what was removed and trimmed', async (store, again) => {
        await fill(store);
        await store.write([checkpoint('t', { messages: [user('Gone')] })]);
        await store.delete('t');
        await store.trim({ endedBefore: 1_000 });
        const before = await everything(store);
        await store.close();
        const later = await again();
        expect(await everything(later)).toEqual(before);
        expect(await later.read('t')).toBe(undefined);
      });
    });

    describe('open twice', () => {
      sentence('sees what the other wrote', async (store, again) => {
        const other = await again();
        await store.write([checkpoint('s', {})]);
        await other.write([rows('s', 0, [row(0)])]);
        await store.write([rows('s', 1, [row(1)])]);
        expect((await other.read('s'))?.rows).toEqual([row(0), row(1)]);
      });

      sentence('lets one have a session at a time', async (store, again) => {
        const other = await again();
        await store.write([checkpoint('s', {})]);
        const lock = await store.lock('s');
        await refuses(() => other.lock('s'), SessionLockedError, '"s"');
        await refuses(() => other.delete('s'), SessionLockedError, '"s"');
        await (await other.lock('t')).release();
        await lock.release();
        await (await other.lock('s')).release();
      });

      sentence('gives a session to one of many who ask at once', async (store, again) => {
        const stores = [store, await again(), await again()];
        const asked = stores.flatMap((each) => [each, each]);
        // as a promise each, though a store may throw at once
        const answers = await Promise.allSettled(asked.map(async (each) => each.lock('s')));
        expect(answers.filter(({ status }) => status === 'fulfilled').length).toBe(1);
      });

      sentence('takes a row from one of many who write it at once', async (store, again) => {
        const stores = [store, await again(), await again()];
        await store.write([checkpoint('s', {})]);
        const answers = await Promise.allSettled(
          stores.map(async (each, n) => each.write([rows('s', 0, [row(n)]), rows('s', 1, [row(n)])])),
        );
        const winner = answers.findIndex(({ status }) => status === 'fulfilled');
        expect(answers.filter(({ status }) => status === 'fulfilled').length).toBe(1);
        expect((await store.read('s'))?.rows).toEqual([row(winner), row(winner)]);
      });
    });
  });
}

function row(n: number): string {
  return JSON.stringify({ at: n, input: { type: 'command', n } });
}

function rows(sessionId: string, index: number, texts: readonly string[], at = 15): RowsChange {
  return { type: 'rows', sessionId, at, index, rows: texts };
}

interface CheckpointParts {
  readonly at?: number;
  readonly rows?: number;
  /** Index of the first message. */
  readonly first?: number;
  readonly messages?: readonly Message[];
  readonly turns?: number;
  readonly state?: SessionState;
}

function checkpoint(sessionId: string, parts: CheckpointParts): CheckpointChange {
  const { at = 10, rows: count = 0, first = 0, messages = [], turns = 0, state = stateOf(turns) } = parts;
  return { type: 'checkpoint', sessionId, at, rows: count, messages: { index: first, added: messages }, state };
}

function stateOf(turns: number): SessionState {
  return {
    agent: 'clerk',
    seq: turns * 8,
    usage: { inputTokens: turns * 10, outputTokens: turns * 5, cachedInputTokens: 1 },
    turns,
    machineVersion: 'of the test',
  };
}

function user(text: string): UserMessage {
  return { role: 'user', id: `user ${text}`, content: [{ type: 'text', text }] };
}

function answer(text: string): Message {
  return { role: 'assistant', id: `answer ${text}`, content: [{ type: 'text', text }], phase: 'final_answer' };
}

const everyMessage: readonly Message[] = [
  { role: 'system', id: '1', content: 'Be brief.' },
  {
    role: 'user',
    id: '2',
    content: [
      { type: 'text', text: 'Look: \u0000 \ud800 😀' },
      { type: 'file', mediaType: 'image/png', data: 'AAAA', name: 'dot.png' },
    ],
  },
  {
    role: 'assistant',
    id: '3',
    content: [
      { type: 'reasoning', text: 'A dot.', providerMetadata: { signature: 'abc' } },
      { type: 'opaque', provider: 'some', data: { deep: [1, null, { more: true }] } },
      { type: 'tool-call', toolCallId: 'call', toolName: 'look', input: { at: [1.5, -0.25, 1e21] } },
    ],
  },
  {
    role: 'tool',
    id: '4',
    content: [
      { type: 'tool-result', toolCallId: 'call', toolName: 'look', output: { type: 'json', value: { dots: 1 } } },
    ],
  },
  { role: 'assistant', id: '5', content: [{ type: 'text', text: 'One d' }], partial: true },
];

/** What a resume begins with. */
function pick(stored: StoredSession | undefined) {
  if (stored === undefined) return undefined;
  return { rowIndex: stored.rowIndex, rows: stored.rows, status: stored.summary.status };
}

/** All that a store tells of its sessions. */
async function everything(store: Store): Promise<unknown> {
  const sessions = await store.list();
  const stored = [];
  for (const { id } of sessions) stored.push([await store.read(id), await store.journal(id)]);
  return { sessions, stored };
}

const nothing = Symbol('nothing');

async function thrownBy(run: () => MaybePromise<unknown>): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return nothing;
}

function describeThrown(error: unknown): string {
  return error === nothing ? 'throws nothing' : `throws ${error}`;
}
