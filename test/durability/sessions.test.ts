import { createAgent, defineTool, isTerminal, type Message, type Model, type Session, type TurnEvent } from 'turnchart';
import { memoryStore, SessionLockedError, type Store } from 'turnchart/durability';
import { SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { record, typesOf } from '../rules/support.ts';
import { bound, fragileStore } from './fragileStore.ts';

/** What tools have done in the world outside, which no crash takes back. */
function world() {
  const did: string[] = [];
  const act = (name: string, idempotent: boolean) =>
    defineTool({
      name,
      idempotent,
      input: z.object({ what: z.string() }),
      execute: async ({ what }, { idempotencyKey }) => {
        did.push(`${name} ${what} ${idempotencyKey}`);
        return `${what} done`;
      },
    });
  return { did, tools: [act('pay', false), act('look', true)] };
}

/** Two steps with tools, then the answer: it follows from the conversation alone, whoever asks. */
function bookkeeper(): Model & { readonly asked: number } {
  const model = scriptedModel(({ messages }) => {
    const results = messages.filter(({ role }) => role === 'tool').length;
    if (results === 0) {
      return {
        text: 'Let me see. ',
        calls: [call('pay', 'rent', 1), call('look', 'account', 2), call('pay', 'tax', 3)],
      };
    }
    if (results === 1) return { calls: [call('look', 'letters', 4)] };
    return { text: ['All ', 'paid.'] };
  });
  return Object.assign(model, {
    get asked() {
      return model.requests.length;
    },
  });
}

function call(name: string, what: string, id: number) {
  return { name, input: { what }, id: `call_${id}` };
}

async function settle(session: Session): Promise<void> {
  await Promise.all(session.turns.map(({ outcome }) => outcome));
}

function durable(events: readonly TurnEvent[]): readonly TurnEvent[] {
  return events.filter(({ n }) => n === undefined);
}

function callsIn(messages: readonly Message[]): readonly string[] {
  return messages.flatMap(({ role, content }) =>
    role === 'assistant' && typeof content !== 'string'
      ? content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))
      : [],
  );
}

describe('a session in a store', () => {
  it('is gone on with by its id, with its conversation and its usage', async () => {
    const store = memoryStore();
    const first = createAgent({ model: scriptedModel(['One.']), store });
    const session = first.session({ id: 'talk' });
    const earlier = record(session);
    await session.send('First').outcome;
    await session.close();

    const model = scriptedModel(['Two.']);
    const again = createAgent({ model, store }).session({ id: 'talk' });
    const events = record(again);
    expect(again.messages).toEqual(session.messages);
    expect(again.usage).toEqual(session.usage);
    await again.send('Second').outcome;
    expect(model.requests[0]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    // the numbers go on where they were
    expect(events[0]?.seq).toBe((earlier.at(-1)?.seq ?? 0) + 1);
    expect(await store.list()).toMatchObject([{ id: 'talk', turns: 2, status: 'idle', title: 'First' }]);
    await again.close();
  });

  it('is written only once something is said', async () => {
    const store = memoryStore();
    await createAgent({ model: scriptedModel([]), store })
      .session({ id: 'quiet' })
      .close();
    expect(await store.list()).toEqual([]);
  });

  it('that begins with messages keeps these too', async () => {
    const store = memoryStore();
    const messages: Message[] = [
      { role: 'user', id: 'u', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', id: 'a', content: [{ type: 'text', text: 'Hello.' }] },
    ];
    const session = createAgent({ model: scriptedModel(['Well.']), store }).session({ id: 'talk', messages });
    await session.send('How are you?').outcome;
    await session.close();
    expect((await store.read('talk'))?.messages).toEqual(session.messages);
    const agent = createAgent({ model: scriptedModel([]), store });
    expect(() => agent.session({ id: 'talk', messages })).toThrow(/the store has "talk" already/);
    // and it is free again
    await agent.session({ id: 'talk' }).close();
  });

  it('is open once: the second gets a clear error, and none after the first is closed', async () => {
    const store = memoryStore();
    const agent = createAgent({ model: scriptedModel([]), store });
    const session = agent.session({ id: 'talk' });
    expect(() => agent.session({ id: 'talk' })).toThrow(SessionLockedError);
    await expect(agent.open({ id: 'talk' })).rejects.toThrow(/Session "talk" is in use by this process since/);
    await session.close();
    await agent.session({ id: 'talk' }).close();
  });

  it('is opened with open() where the store answers later', async () => {
    const inner = bound(memoryStore());
    const store: Store = { ...inner, lock: async (id) => inner.lock(id), read: async (id) => inner.read(id) };
    const agent = createAgent({ model: scriptedModel(['Fine.']), store });
    expect(() => agent.session({ id: 'talk' })).toThrow('this store answers later: use `await agent.open(…)`');
    const session = await agent.open({ id: 'talk2' });
    expect((await session.send('Hi').result).text).toBe('Fine.');
    await session.close();
  });

  it('starts no effect before its row is safe', async () => {
    const inner = bound(memoryStore());
    let release: () => void = () => {};
    const model = scriptedModel(['Fine.']);
    const store: Store = {
      ...inner,
      write: async (changes) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        await inner.write(changes);
      },
    };
    const clock = new SimulatedClock();
    const session = await createAgent({ model, store, clock }).open();
    const turn = session.send('Hi');
    await clock.advance(10);
    expect(session.snapshot.turn?.state).toBe('callingModel');
    expect(model.requests).toHaveLength(0);
    let isOver = false;
    turn.outcome.then(() => {
      isOver = true;
    });
    release();
    await clock.advance(0);
    expect(model.requests).toHaveLength(1);
    // the answer is there, but nobody is told how the turn ended before that is safe
    expect(session.snapshot.status).toBe('idle');
    expect(isOver).toBe(false);
    release();
    await clock.advance(0);
    expect(isOver).toBe(true);
    const closing = session.close();
    await clock.advance(0);
    await closing;
  });

  it('writes for many sessions at once', async () => {
    const { store, writes } = fragileStore();
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    await Promise.all(Array.from({ length: 20 }, () => agent.run('Hi')));
    expect(writes.length).toBeLessThan(20);
    expect(await store.list()).toHaveLength(20);
  });
});

describe('a process that ends at any moment', () => {
  it('leaves sessions that are gone on with: no result is lost, and nothing is done twice', async () => {
    const { store, changes, until } = fragileStore();
    const before = world();
    const session = createAgent({ model: bookkeeper(), tools: before.tools, store }).session({ id: 's' });
    const undisturbed = await session.send('Do the books.').outcome;
    await session.close();
    expect(undisturbed.status).toBe('completed');
    expect(changes.length).toBeGreaterThan(8);

    // the last one says that the turn is over
    for (let count = 1; count < changes.length - 1; count += 1) {
      const found = await until(count);
      const rows = (await found.read('s'))?.rows.map((row) => JSON.parse(row)) ?? [];
      const began: string[] = rows.flatMap(({ began }) => began);
      const settled: string[] = rows.flatMap(({ input }) => (input.type === 'settled' ? [input.effect] : []));
      const { did, tools } = world();
      const agent = createAgent({ model: bookkeeper(), tools, store: found });
      const [reopened] = await agent.recover();
      if (rows.length === 0) {
        expect(reopened).toBeUndefined();
        continue;
      }
      if (reopened === undefined) expect.fail(`after ${count} changes nothing is recovered`);
      const events = record(reopened);
      await settle(reopened);
      await reopened.close();

      expect(reopened.messages.at(-1), `after ${count} changes`).toMatchObject({ content: [{ text: 'All paid.' }] });
      expect(transcriptProblems(reopened.messages)).toEqual([]);
      expect(callsIn(reopened.messages)).toEqual(callsIn(session.messages));
      // what had begun and is not idempotent is not done again, and what has a result never is
      for (const deed of did) {
        const [name, , key] = deed.split(' ');
        const effect = began.find((id) => id.startsWith(`${key}.execute.`));
        if (effect === undefined) continue;
        expect(name).toBe('look');
        expect(settled).not.toContain(effect);
      }
      // one terminal event, and no gap in the numbers
      expect(events.filter(isTerminal)).toHaveLength(1);
      const numbers = durable(events).map(({ seq }) => seq);
      expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    }
  });

  it('during the recovery of another loses nothing either', async () => {
    const { store, changes, until } = fragileStore();
    const session = createAgent({ model: bookkeeper(), tools: world().tools, store }).session({ id: 's' });
    await session.send('Do the books.').outcome;
    await session.close();
    const first = await until(Math.floor(changes.length / 2));
    const again = fragileStore();
    await copy(first, again.store);
    const [second] = await createAgent({ model: bookkeeper(), tools: world().tools, store: again.store }).recover();
    if (second === undefined) expect.fail('nothing was recovered');
    await settle(second);
    await second.close();
    for (let count = 1; count <= again.changes.length; count += 1) {
      const [third] = await createAgent({
        model: bookkeeper(),
        tools: world().tools,
        store: await again.until(count),
      }).recover();
      if (third === undefined) continue;
      await settle(third);
      await third.close();
      expect(third.messages.at(-1)).toMatchObject({ content: [{ text: 'All paid.' }] });
      expect(transcriptProblems(third.messages)).toEqual([]);
    }
  });
});

describe('a reopened session', () => {
  /** A session whose process ended while the model answered. */
  async function interrupted() {
    const { store, until, changes } = fragileStore();
    const session = createAgent({ model: scriptedModel([{ text: 'So far', hangs: true }]), store }).session({
      id: 's',
    });
    const turn = session.send('Hi');
    for await (const { type } of turn) if (type === 'message.delta') break;
    return { found: await until(changes.length), end: () => session.close() };
  }

  it('says what it found, calls shown text stale, and asks the model anew', async () => {
    const { found, end } = await interrupted();
    const model = scriptedModel(['Fine.']);
    const session = createAgent({ model, store: found }).session({ id: 's' });
    const events = record(session);
    const [turn] = session.turns;
    expect((await turn?.result)?.text).toBe('Fine.');
    expect(typesOf(durable(events))).toEqual([
      'diagnostic',
      'message.started',
      'message.superseded',
      'model.retrying',
      'message.started',
      'message.completed',
      'step.finished',
      'turn.completed',
      'session.idle',
    ]);
    expect(events[0]).toMatchObject({
      source: 'recovery',
      message: 'The process before this one ended in the middle of a turn: the model is asked anew.',
    });
    expect(model.requests).toMatchObject([{ attempt: 2 }]);
    await session.close();
    await end();
  });

  it('uses up no attempt for that', async () => {
    const { found, end } = await interrupted();
    const agent = createAgent({ model: scriptedModel(['Fine.']), modelRetry: { maxAttempts: 1 }, store: found });
    const session = agent.session({ id: 's' });
    expect((await session.turns[0]?.outcome)?.status).toBe('completed');
    await session.close();
    await end();
  });

  it('waits for resume() where it is told to', async () => {
    const { found, end } = await interrupted();
    const model = scriptedModel(['Fine.']);
    const clock = new SimulatedClock();
    const session = createAgent({ model, store: found, clock }).session({ id: 's', resume: 'manual' });
    await clock.advance(100);
    expect(session.snapshot).toMatchObject({ status: 'inTurn', turn: { state: 'callingModel' } });
    expect(model.requests).toHaveLength(0);
    expect(session.resume()).toEqual({ accepted: true });
    await clock.advance(100);
    expect(session.snapshot.status).toBe('idle');
    expect(session.resume()).toEqual({ accepted: false, reason: 'Session "s" has no turn to be resumed.' });
    await session.close();
    await end();
  });

  it('can be cancelled instead', async () => {
    const { found, end } = await interrupted();
    const model = scriptedModel(['Fine.']);
    const session = createAgent({ model, store: found }).session({ id: 's', resume: 'manual' });
    const [turn] = session.turns;
    session.cancel('Not any more.');
    expect(await turn?.outcome).toMatchObject({ status: 'cancelled', reason: 'Not any more.' });
    expect(model.requests).toHaveLength(0);
    await session.close();
    expect((await found.read('s'))?.rows).toEqual([]);
    await end();
  });
});

describe('a turn that cannot be gone on with', () => {
  it('ends with no_progress after the third recovery in vain, and the session goes on', async () => {
    let found = await unfinished();
    for (let recovery = 1; recovery <= 3; recovery += 1) {
      const fragile = fragileStore();
      await copy(found, fragile.store);
      const session = createAgent({ model: hanging(), store: fragile.store }).session({ id: 's' });
      for await (const { type } of session.turns[0] ?? []) if (type === 'message.delta') break;
      found = await fragile.until(fragile.changes.length);
      await session.close();
    }
    const model = scriptedModel(['Fine.']);
    const session = createAgent({ model, store: found }).session({ id: 's' });
    const events = record(session);
    await new Promise((resolve) => session.on('session.idle', resolve));
    expect(events.find(isTerminal)).toMatchObject({
      type: 'turn.failed',
      failure: { type: 'no_progress', code: 'recovered_in_vain' },
    });
    expect(model.requests).toHaveLength(0);
    expect(transcriptProblems(session.messages)).toEqual([]);
    expect((await session.send('And now?').result).text).toBe('Fine.');
    await session.close();
    expect((await found.read('s'))?.rows).toEqual([]);
  });

  it('of machines that would go another way today is closed, and the session goes on', async () => {
    const found = await unfinished((row) => row.replace('"began":["', '"began":["x'));
    const session = createAgent({ model: scriptedModel(['Fine.']), store: found }).session({ id: 's' });
    const events = record(session);
    await new Promise((resolve) => session.on('session.idle', resolve));
    expect(events.find(isTerminal)).toMatchObject({
      type: 'turn.failed',
      failure: { type: 'internal', code: 'journal_diverged', message: expect.stringContaining('now it begins') },
    });
    expect(transcriptProblems(session.messages)).toEqual([]);
    expect((await session.send('And now?').result).text).toBe('Fine.');
    await session.close();
  });
});

describe('a store that fails', () => {
  it.each([1, 2])('at write %i ends the turns with store_failed, and the session can be opened again', async (at) => {
    const inner = bound(memoryStore());
    let writes = 0;
    const store: Store = {
      ...inner,
      write(changes) {
        writes += 1;
        if (writes === at) throw new Error('no space left');
        return inner.write(changes);
      },
    };
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    const session = agent.session({ id: 's' });
    const events = record(session);
    const [turn, next] = [session.send('Hi'), session.send('And?')];
    const outcome = await turn.outcome;
    expect(outcome).toMatchObject({ status: 'failed', failure: { type: 'internal', code: 'store_failed' } });
    expect(await next.outcome).toMatchObject({ status: 'failed', failure: { code: 'store_failed' } });
    expect(events.filter(isTerminal)).toHaveLength(2);
    expect(session.snapshot.status).toBe('closed');
    expect(() => session.send('Hello?')).toThrow(/is closed/);
    const again = agent.session({ id: 's' });
    await settle(again);
    expect((await again.send('Hi again').result).text).toBe('Fine.');
    expect(transcriptProblems(again.messages)).toEqual([]);
    await again.close();
  });
});

function hanging(): Model {
  return scriptedModel([{ text: 'So far', hangs: true }]);
}

/** A store with a session whose process ended while the model answered. */
async function unfinished(change: (row: string) => string = (row) => row): Promise<Store> {
  const fragile = fragileStore();
  const session = createAgent({ model: hanging(), store: fragile.store }).session({ id: 's' });
  for await (const { type } of session.send('Hi')) if (type === 'message.delta') break;
  const found = memoryStore();
  await copy(await fragile.until(fragile.changes.length), found, change);
  await session.close();
  return found;
}

async function copy(from: Store, to: Store, change: (row: string) => string = (row) => row): Promise<void> {
  const stored = await from.read('s');
  if (stored === undefined) expect.fail('nothing was written');
  const { state, messages, rows } = stored;
  await to.write([
    { type: 'checkpoint', sessionId: 's', at: 1, rows: 0, messages: { index: 0, added: messages }, state },
    { type: 'rows', sessionId: 's', at: 2, index: 0, rows: rows.map(change) },
  ]);
}
