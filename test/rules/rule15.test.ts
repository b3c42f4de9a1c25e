import { AgentError, createAgent, defineTool, type Model, type TurnEvent } from 'turnchart';
import { services, turnMachine, userMessage } from 'turnchart/machines';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { type About, networkFailure, type ProviderError, toFailure } from '../../src/adapters/failures.ts';
import { Driver } from '../../src/driver.ts';
import { Host, type Row } from '../../src/host.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { record } from './support.ts';

const canary = 'sk-canary-0123456789abcdefghijklmnop';
/** A key like any other word: only its adapter can know that it is one. */
const plainCanary = 'swordfish canary';
const headers = { authorization: `Bearer ${canary}`, 'x-api-key': plainCanary };
const leaky = {
  error: {
    message: `No luck with API key: ${canary}. You sent Authorization: Bearer ${canary} and ${plainCanary}.`,
    code: 'server_error',
    request: { headers, url: `https://example.com/v1?key=${canary}` },
    echoed: [canary, plainCanary],
  },
};

const about: About = { provider: 'acme', model: 'large', secrets: [canary, plainCanary] };

const errors: readonly (readonly [string, ProviderError | Error])[] = [
  ['a body as JSON', { status: 500, body: leaky }],
  ['a body as text', { status: 500, body: JSON.stringify(leaky) }],
  ['words that are no JSON', { status: 500, body: `key ${canary}, ${plainCanary}` }],
  ['a message of an SDK', { status: 500, message: leaky.error.message, name: canary }],
  ['an error object of an SDK', { body: Object.assign(new Error(canary), { config: { headers }, error: leaky }) }],
  ['headers', { status: 500, headers: { ...headers, 'x-request-id': canary } }],
  ['an error of the connection', new TypeError(`cannot reach https://example.com/?key=${canary} with ${plainCanary}`)],
];

describe('15. No API key or authorization header ever appears in a failure, event, journal or log (tested with a canary key).', () => {
  it.each(errors)('takes the key out of events, outcome and error: %s', async (_, error) => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: leaking(error), clock }).session();
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(60_000);
    const outcome = await turn.outcome;
    expect(outcome.status).toBe('failed');
    const thrown: unknown = await turn.result.catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(AgentError);
    const { message, failure, cause, stack } = thrown as AgentError;
    expect(events.map(({ type }) => type)).toContain('model.retrying');
    expectNoKey({
      events,
      outcome,
      messages: session.messages,
      snapshot: session.snapshot,
      machine: session.actor.getSnapshot(),
      thrown: { message, failure, cause, stack },
    });
  });

  it.each(errors)('takes the key out of the rows of the journal: %s', async (_, error) => {
    const clock = new SimulatedClock();
    const rows: Row[] = [];
    const events: TurnEvent[] = [];
    const turn = turnMachine.provide(services({ model: leaking(error) }));
    const host = new Host({
      machine: sessionMachine.provide({ actors: { turn } }),
      agent: 'agent',
      input: { sessionId: 's' },
    });
    host.onRow = (row) => rows.push(row);
    const driver = new Driver(host, {
      clock,
      context: undefined,
      onEvent: (event) => events.push(event),
      onBroken: (error) => expect.fail(String(error)),
    });
    driver.command({ type: 'session.send', turnId: 't', message: userMessage('Hi', 'm') });
    await clock.advance(60_000);
    expect(events.at(-1)?.type).toBe('session.idle');
    expect(rows.filter(({ input }) => input.type === 'settled').length).toBeGreaterThanOrEqual(3);
    expectNoKey({ rows, events });
  });

  it('takes the key out of what a model, a tool or a listener throws', async () => {
    const clock = new SimulatedClock();
    const spill = () => {
      throw new Error(`401 with authorization: Bearer ${canary}`);
    };
    const model = scriptedModel((_request, index) =>
      index === 0 ? { calls: [{ name: 'spill' }] } : Promise.reject(new Error(`refused ${canary}`)),
    );
    const tool = defineTool({ name: 'spill', input: { jsonSchema: { type: 'object' } }, execute: spill });
    const session = createAgent({ model, clock, tools: [tool] }).session();
    const events: TurnEvent[] = [];
    session.on('*', (event) => events.push(event));
    session.on('tool.failed', spill);
    const outcome = await session.send('Hi').outcome;
    await clock.advance(0);
    const types = events.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['tool.failed', 'diagnostic', 'turn.failed']));
    expectNoKey({ events, outcome, messages: session.messages, asked: model.requests });
  });
});

function leaking(error: ProviderError | Error): Model {
  return {
    provider: about.provider,
    modelId: about.model,
    async *stream() {
      yield { type: 'text-delta', text: 'Let me see' };
      const failure = error instanceof Error ? networkFailure(error, about) : toFailure(error, about);
      yield { type: 'error', failure };
    },
  };
}

function expectNoKey(everything: object): void {
  const text = JSON.stringify(everything);
  for (const secret of [canary, plainCanary]) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/sk-canary|swordfish/);
}
