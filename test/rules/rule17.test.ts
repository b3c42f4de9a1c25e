import { ModelCallError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { open } from './providerSupport.ts';
import { endings, linesOf, ofType } from './support.ts';

const limited = { status: 429, body: { error: { message: 'Slow down.' } } };

describe('17. A provider that always answers 429 is called `maxAttempts` times, then `turn.failed` with `rate_limit` / `rate_limit_exceeded`, with the history intact so that sending again continues.', () => {
  it.each([
    ['by default', undefined, 3],
    ['once', 1, 1],
    ['five times', 5, 5],
  ])('calls it %s', async (_, maxAttempts, calls) => {
    const { clock, askedAt, session, events } = open([limited], maxAttempts === undefined ? {} : { maxAttempts });
    const turn = session.send('Hi');
    const thrown = expect(turn.result).rejects.toBeInstanceOf(ModelCallError);
    await clock.advance(120_000);
    await thrown;
    expect(askedAt).toHaveLength(calls);
    expect(ofType(events, 'model.retrying')).toHaveLength(calls - 1);
    expect(endings(events)).toEqual(['turn.failed']);
    expect(ofType(events, 'turn.failed')).toMatchObject([
      { failure: { type: 'rate_limit', code: 'rate_limit_exceeded', status: 429, attempt: calls } },
    ]);
  });

  it('leaves the history as it was, so that sending again continues', async () => {
    const { clock, session } = open(['Hello.', limited, limited, limited, 'Here I am.']);
    await session.send('Hi').result;
    const failed = session.send('Are you there?');
    await clock.advance(10_000);
    expect((await failed.outcome).status).toBe('failed');
    const lines = ['user: Hi', 'assistant: Hello.', 'user: Are you there?'];
    expect(linesOf(session.messages.slice(0, 3))).toEqual(lines);
    expect(session.messages.slice(3)).toMatchObject([{ role: 'assistant', cause: 'failure_note' }]);
    const { text } = await session.send('Still?').result;
    expect(text).toBe('Here I am.');
    expect(session.snapshot).toMatchObject({ status: 'idle' });
  });
});
