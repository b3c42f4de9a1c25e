import { describe, expect, it } from 'vitest';
import { open } from './providerSupport.ts';
import { linesOf, ofType, readAll, typesOf } from './support.ts';

const half = { text: 'The ans', error: { body: { error: { type: 'overloaded_error', message: 'Overloaded' } } } };

describe("21. Partial output, then a retryable failure: `message.superseded` is emitted before the retry, and the final message has only the new attempt's text. With `retryAfterOutput: false` the turn fails instead.", () => {
  it('withdraws what was shown before it tries again', async () => {
    const { clock, session, events } = open([half, 'The answer is 4.']);
    const turn = session.send('2 + 2?');
    await clock.advance(10_000);
    expect((await turn.result).text).toBe('The answer is 4.');
    expect(typesOf(events).filter((type) => /^(message\.[^a]|model)/.test(type))).toEqual([
      'message.started',
      'message.delta',
      'message.superseded',
      'model.retrying',
      'message.started',
      'message.delta',
      'message.completed',
    ]);
    const [first] = ofType(events, 'message.started');
    expect(ofType(events, 'message.superseded')).toMatchObject([{ messageId: first?.messageId, attempt: 1 }]);
    expect(linesOf(session.messages)).toEqual(['user: 2 + 2?', 'assistant: The answer is 4.']);
  });

  it('leaves whoever renders the events with the text of the last attempt', async () => {
    const { clock, session } = open([half, { ...half, text: 'Well, ' }, 'The answer is 4.']);
    const turn = session.send('2 + 2?');
    const reading = readAll(turn);
    await clock.advance(10_000);
    let shown = '';
    for (const event of await reading) {
      if (event.type === 'message.superseded') shown = '';
      if (event.type === 'message.delta') shown += event.text;
    }
    expect(shown).toBe('The answer is 4.');
  });

  it('withdraws nothing where nothing was shown', async () => {
    const { clock, session, events } = open([half.error, 'The answer is 4.']);
    session.send('2 + 2?');
    await clock.advance(10_000);
    expect(ofType(events, 'message.superseded')).toEqual([]);
    expect(ofType(events, 'model.retrying')).toHaveLength(1);
  });

  it('fails instead with retryAfterOutput: false', async () => {
    const { clock, askedAt, session, events } = open([half, 'The answer is 4.'], { retryAfterOutput: false });
    const turn = session.send('2 + 2?');
    await clock.advance(10_000);
    expect(await turn.outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'provider_unavailable', code: 'overloaded' },
    });
    expect(askedAt).toHaveLength(1);
    expect(ofType(events, 'model.retrying')).toEqual([]);
    expect(JSON.stringify(session.messages)).not.toContain('The ans');
  });

  it('retries with retryAfterOutput: false what failed before any output', async () => {
    const { clock, session } = open([half.error, 'The answer is 4.'], { retryAfterOutput: false });
    const turn = session.send('2 + 2?');
    await clock.advance(10_000);
    expect((await turn.result).text).toBe('The answer is 4.');
  });
});
