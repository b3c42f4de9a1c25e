import { describe, expect, it } from 'vitest';
import { open } from './providerSupport.ts';
import { ofType, typesOf } from './support.ts';

describe('16. 5xx twice, then 200: the turn completes, with exactly two `model.retrying` events, each before its wait.', () => {
  it.each([
    [500, 500],
    [503, 529],
    [502, 504],
  ])('gets over %i and %i', async (first, second) => {
    const { clock, askedAt, session, events, start } = open([{ status: first }, { status: second }, 'Hello.']);
    const turn = session.send('Hi');
    await clock.advance(10_000);
    expect(await turn.outcome).toMatchObject({ status: 'completed', result: { text: 'Hello.', steps: 1 } });
    expect(ofType(events, 'model.retrying')).toMatchObject([
      { step: 1, attempt: 1, maxAttempts: 3, delayMs: 1_000, failure: { status: first } },
      { step: 1, attempt: 2, maxAttempts: 3, delayMs: 2_000, failure: { status: second } },
    ]);
    expect(askedAt).toEqual([start, start + 1_000, start + 3_000]);
  });

  it('says so before each wait, with the time at which it ends', async () => {
    const { clock, askedAt, session, events, start } = open([{ status: 500 }, { status: 500 }, 'Hello.']);
    session.send('Hi');
    await clock.advance(0);
    expect(typesOf(events).at(-1)).toBe('model.retrying');
    expect(ofType(events, 'model.retrying')).toMatchObject([{ at: start, retryAt: start + 1_000 }]);
    expect(askedAt).toHaveLength(1);
    expect(session.snapshot.turn).toMatchObject({ state: 'retrying', retryAt: start + 1_000 });
    await clock.advance(999);
    expect(askedAt).toHaveLength(1);
    await clock.advance(1);
    expect(askedAt).toHaveLength(2);
    expect(ofType(events, 'model.retrying')[1]).toMatchObject({ at: start + 1_000, retryAt: start + 3_000 });
  });

  it('shows nothing else of the failures', async () => {
    const { clock, session, events } = open([{ status: 500 }, { status: 500 }, 'Hello.']);
    session.send('Hi');
    await clock.advance(10_000);
    expect(typesOf(events).filter((type) => !type.startsWith('message.'))).toEqual([
      'turn.started',
      'step.started',
      'model.retrying',
      'model.retrying',
      'step.finished',
      'turn.completed',
      'session.idle',
    ]);
    expect(session.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });
});
