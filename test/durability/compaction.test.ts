import { createAgent, isTerminal, type Session } from 'turnchart';
import type { Store } from 'turnchart/durability';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { counting, textsOf, windowed } from '../rules/compactionSupport.ts';
import { ofType, record, typesOf } from '../rules/support.ts';
import { tool } from '../rules/toolSupport.ts';
import { fragileStore } from './fragileStore.ts';

vi.setConfig({ testTimeout: 60_000 });

const lastPage = 8;

/** Reads page after page: what comes next follows from the last message, whoever asks and whatever is left of the rest. */
function reader(store: Store) {
  const { model, turns, summaries, overflows } = counting(1_600, (request) => {
    const said = textsOf(request).at(-1);
    if (said === 'Thanks.') return { text: 'Fine.' };
    const page = Number(said?.match(/^=> page (\d+)/)?.[1] ?? 0) + 1;
    return page > lastPage ? { text: 'All read.' } : { calls: [{ name: 'read', input: { page }, id: `call_${page}` }] };
  });
  const read = tool('read', (input) => `page ${(input as { page: number }).page} `.padEnd(800, '.'), {
    idempotent: true,
  });
  const agent = createAgent({
    model,
    // counted by the model alone: what it measures is more than an estimate of the messages
    instructions: 'Read. '.repeat(300),
    tools: [read],
    compaction: { keepMessages: 4 },
    limits: { maxSteps: 20 },
    store,
  });
  return { agent, turns, summaries, overflows };
}

function rest(session: Session): Promise<unknown> {
  return new Promise((resolve) => session.on('session.idle', resolve));
}

/** What a model is shown of the session by its next turn. */
async function shownNext(store: Store): Promise<readonly string[]> {
  const { model, turns } = windowed(['So.'], undefined);
  const session = createAgent({ model, store }).session({ id: 's' });
  await session.send('What now?').result;
  await session.close();
  return textsOf(turns[0]);
}

describe('a process that ends at any moment of a compaction', () => {
  it('leaves a turn that goes on as it would have', async () => {
    const { store, changes, until } = fragileStore();
    const { agent, overflows } = reader(store);
    const session = agent.session({ id: 's' });
    const undisturbed = record(session);
    await session.send('Read all pages.').result;
    const again = session.send('And once more.'.padEnd(1_200, '.'));
    await again.result;
    await session.close();
    expect(ofType(undisturbed, 'compaction.completed').length).toBeGreaterThan(3);
    // too long by what was measured in the turn before, and by no estimate
    expect(typesOf(undisturbed.filter(({ turnId }) => turnId === again.id)).slice(2, 4)).toEqual([
      'step.started',
      'compaction.started',
    ]);
    expect(overflows).toEqual([]);
    const shown = await shownNext(await until(changes.length));
    expect(shown[1]).toContain('Summary');

    let compactions = 0;
    for (let count = 1; count < changes.length; count += 1) {
      const found = await until(count);
      const [reopened] = await reader(found).agent.recover();
      // one that was over, but not summed up, is not told again
      if (reopened === undefined || reopened.snapshot.status === 'idle') {
        await reopened?.close();
        continue;
      }
      const events = record(reopened);
      await rest(reopened);
      await reopened.close();
      const [end, ...others] = events.filter(isTerminal);
      expect(end, `after ${count} changes`).toMatchObject({ type: 'turn.completed', text: 'All read.' });
      expect(others).toEqual([]);
      expect(transcriptProblems(reopened.messages)).toEqual([]);
      // but for ids, which tell the attempt
      const said = reopened.messages.map(({ role, content }) => ({ role, content }));
      expect(session.messages.slice(0, said.length)).toMatchObject(said);
      compactions += ofType(events, 'compaction.completed').length;
    }
    expect(compactions).toBeGreaterThan(0);
  });

  it('leaves a compaction that somebody asked for, which goes on', async () => {
    const { store, changes, until } = fragileStore();
    const { agent } = reader(store);
    const session = agent.session({ id: 's' });
    await session.send('Read all pages.').result;
    await session.send('Thanks.').result;
    const before = changes.length;
    expect(session.compact().accepted).toBe(true);
    await rest(session);
    await session.close();
    const shown = await shownNext(await until(changes.length));

    let recovered = 0;
    for (let count = before; count < changes.length; count += 1) {
      const found = await until(count);
      const [reopened] = await reader(found).agent.recover();
      if (reopened === undefined || reopened.snapshot.status === 'idle') {
        await reopened?.close();
        continue;
      }
      recovered += 1;
      expect(reopened.snapshot.status).toBe('compacting');
      const events = record(reopened);
      await rest(reopened);
      await reopened.close();
      expect(ofType(events, 'diagnostic').map(({ message }) => message)).toEqual([
        'The process before this one ended in the middle of a compaction: the conversation is summarized anew.',
      ]);
      expect(ofType(events, 'compaction.completed')).toMatchObject([{ reason: 'manual' }]);
      expect(reopened.messages).toEqual(session.messages);
      expect(await shownNext(found)).toEqual(shown);
    }
    expect(recovered).toBeGreaterThan(0);
  });

  it('leaves one that waits for resume(), where it is told to, and messages wait with it', async () => {
    const { store, changes, until } = fragileStore();
    const session = reader(store).agent.session({ id: 's' });
    await session.send('Read all pages.').result;
    await session.send('Thanks.').result;
    session.compact();
    while (!changes.some((change) => change.type === 'rows' && change.rows.some((row) => row.includes('compact')))) {
      await Promise.resolve();
    }
    const found = await until(changes.length);
    await session.close();

    const { agent, summaries, turns } = reader(found);
    const reopened = agent.session({ id: 's', resume: 'manual' });
    const events = record(reopened);
    const turn = reopened.send('Thanks.');
    expect(reopened.snapshot).toEqual({ status: 'compacting', queued: 1 });
    expect(reopened.resume()).toEqual({ accepted: true });
    expect((await turn.result).text).toBe('Fine.');
    expect(
      typesOf(events)
        .filter((type) => type !== 'diagnostic')
        .slice(0, 2),
    ).toEqual(['compaction.completed', 'turn.started']);
    expect([summaries.length, turns.length]).toEqual([1, 1]);
    await reopened.close();
  });
});
