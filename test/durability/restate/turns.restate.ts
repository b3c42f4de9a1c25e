import { connect } from '@restatedev/restate-sdk-clients';
import { createAgent, defineTool, type Model, type TurnEvent, type TurnOutcome } from 'turnchart';
import {
  localBus,
  RestateError,
  type RestateServicesOptions,
  restateServices,
  restateSessions,
} from 'turnchart/durability/restate';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Endpoint } from './endpoint.ts';
import { freePort, RestateServer } from './restateServer.ts';

let server: RestateServer;
beforeAll(async () => {
  server = await RestateServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

type AgentOptions = Parameters<typeof createAgent>[0];
type Services = Omit<RestateServicesOptions, 'agent' | 'bus'>;

let agents = 0;

/** An agent of which nobody knows, its services, and a session of it. */
async function arrange({ services = {}, ...options }: AgentOptions & { readonly services?: Services }) {
  const stack = new AsyncDisposableStack();
  const agent = createAgent({ ...options, name: `agent${++agents}` });
  const bus = localBus();
  const endpoint = stack.use(await Endpoint.start(restateServices({ agent, bus, ...services })));
  await server.register(endpoint.uri);
  const sessions = restateSessions({ agent, ingress: server.ingress, bus, pollMs: 50 });
  const session = stack.use(await sessions.open('talk'));
  const events: TurnEvent[] = [];
  session.on('*', (event) => events.push(event));
  return {
    agent,
    endpoint,
    sessions,
    session,
    events,
    /** Resolves when an event of that type was told. */
    told: (type: TurnEvent['type']) => expect.poll(() => typesOf(events)).toContain(type),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const any = z.object({});
const call = (name: string): Script => ({ calls: [{ name }] });

describe('a session on Restate', () => {
  it('is there once it is made or spoken to, and is made once', async () => {
    await using talk = await arrange({ model: scriptedModel(['One.', 'Two.']) });
    const { sessions } = talk;
    expect(await sessions.has('talk')).toBe(false);
    await (await talk.session.send('First.')).result;
    expect(await sessions.has('talk')).toBe(true);
    expect(await sessions.create('talk')).toBe(false);
    expect(await Promise.all([sessions.create('other'), sessions.create('other')])).toContain(false);
    expect(await sessions.has('other')).toBe(true);
    using other = await sessions.open('other');
    expect((await (await other.send('Second.')).result).text).toBe('Two.');
    expect((await sessions.events('other')).map(({ seq }) => seq)[0]).toBe(1);
  });

  it('has a turn from the moment that its message was taken', async () => {
    await using talk = await arrange({ model: scriptedModel([{ hangs: true }]) });
    for (let message = 1; message <= 3; message += 1) {
      await talk.session.send('Go.');
      const seen = await talk.session.look();
      expect(seen?.turns).toHaveLength(message);
      expect([seen?.snapshot.status, seen?.snapshot.queued]).toEqual(
        seen?.snapshot.turn === undefined ? ['idle', message] : ['inTurn', message - 1],
      );
    }
    await talk.sessions.delete('talk');
  });

  it('is deleted with all that runs and waits in it; turns of which nobody knows any more have failed', async () => {
    await using talk = await arrange({ model: scriptedModel([{ hangs: true }, 'One.']) });
    const clock = new SimulatedClock();
    const away = createAgent({ model: scriptedModel([]), name: talk.agent.name, clock });
    using far = await restateSessions({ agent: away, ingress: server.ingress }).open('talk');
    const turns = [await far.send('Go.'), await far.send('Go on.')];
    await talk.told('step.started');
    await talk.sessions.delete('talk');
    expect(await talk.sessions.has('talk')).toBe(false);
    expect(await server.query(`select key from state where service_name like '${talk.agent.name}.%'`)).toEqual([]);
    // nothing was heard there before time goes on
    const outcomes: TurnOutcome[] = [];
    for (const turn of turns) void turn.outcome.then((outcome) => outcomes.push(outcome));
    const goOn = async () => {
      await clock.advance(500);
      return outcomes;
    };
    await expect.poll(goOn).toHaveLength(2);
    expect(outcomes.map((outcome) => outcome.status === 'failed' && outcome.failure.code)).toEqual([
      'outcome_lost',
      'outcome_lost',
    ]);
    // what was deleted is not what comes after it
    await talk.sessions.create('talk');
    using anew = await talk.sessions.open('talk');
    expect((await (await anew.send('Again.')).result).text).toBe('One.');
    expect((await talk.sessions.events('talk'))[0]?.seq).toBe(1);
  });

  it('that was deleted is seen to be by those who have it open', async () => {
    await using talk = await arrange({ model: scriptedModel([]) });
    await talk.sessions.create('brief');
    using brief = await talk.sessions.open('brief');
    expect(await brief.look()).toMatchObject({ messages: [], turns: [] });
    await talk.sessions.delete('brief');
    expect(await brief.look()).toBeUndefined();
    await talk.sessions.create('brief');
    expect(await brief.look()).toBeUndefined();
  });

  it('cannot be reached where nobody has registered its agent, or no server is there', async () => {
    const agent = createAgent({ model: scriptedModel([]), name: 'unheard' });
    await expect(restateSessions({ agent, ingress: server.ingress }).open()).rejects.toThrow(
      new RestateError(
        'Restate knows no service "unheard.session": register the address where restateServices() are served.',
      ),
    );
    const nowhere = connect({ url: `http://127.0.0.1:${await freePort()}` });
    await expect(restateSessions({ agent, ingress: nowhere }).has('talk')).rejects.toThrow(
      /^Restate cannot be reached: connect ECONNREFUSED/,
    );
  });
});

describe('a turn on Restate', () => {
  it('gives its events as they come, deltas between them, and its outcome', async () => {
    const tools = [defineTool({ name: 'look', input: any, execute: () => 'seen' })];
    await using talk = await arrange({ model: scriptedModel([call('look'), { text: ['Hel', 'lo'] }]), tools });
    const turn = await talk.session.send('Hi.');
    const types: string[] = [];
    for await (const { type } of turn) types.push(type);
    expect(types).toEqual([
      ...['turn.started', 'message.added', 'step.started', 'message.started', 'message.completed'],
      ...['tool.called', 'tool.started', 'tool.completed', 'messages.updated', 'step.finished'],
      ...['step.started', 'message.started', 'message.delta', 'message.delta', 'message.completed'],
      ...['step.finished', 'turn.completed'],
    ]);
    const result = await turn.result;
    expect(result.text).toBe('Hello');
    expect(result.messages).toEqual(await talk.session.messages());
    expect(await talk.session.usage()).toEqual(result.usage);
    expect(await talk.session.snapshot()).toEqual({ status: 'idle', queued: 0 });
  });

  it('is followed by clients that open the session later, or while it waits', async () => {
    const tools = [defineTool({ name: 'pay', input: any, approval: true, execute: () => 'paid' })];
    await using talk = await arrange({ model: scriptedModel([call('pay'), 'Done.']), tools });
    await talk.session.send('Pay.');
    await talk.told('tool.approvalRequested');
    // the bus may be ahead of what is kept
    await expect
      .poll(() => talk.session.snapshot())
      .toMatchObject({ status: 'inTurn', turn: { tools: [{ state: 'awaitingApproval' }] } });

    using other = await talk.sessions.open('talk');
    const later: TurnEvent[] = [];
    other.on('*', (event) => later.push(event));
    expect(await other.approve('call_1')).toEqual({ accepted: true });
    expect(await other.approve('call_1')).toMatchObject({ accepted: false });
    await expect.poll(() => typesOf(later)).toContain('session.idle');
    expect(later[0]?.type).toBe('tool.approvalResolved');
    expect(later.map(({ seq }) => seq)).toEqual(talk.events.slice(-later.length).map(({ seq }) => seq));

    using afterwards = await talk.sessions.open('talk', { after: 0 });
    const all: TurnEvent[] = [];
    afterwards.on('*', (event) => all.push(event));
    await expect.poll(() => typesOf(all)).toContain('session.idle');
    expect(typesOf(all)).toEqual(typesOf(talk.events.filter(({ n }) => n === undefined)));
  });

  it('is put aside at every wait, and goes on where it was', async () => {
    let looks = 0;
    const tools = [
      defineTool({ name: 'look', input: any, execute: () => `seen ${++looks} times` }),
      defineTool({ name: 'pay', input: any, approval: true, execute: () => 'paid' }),
    ];
    const script: Script[] = [call('look'), call('pay'), { text: ['Do', 'ne.'] }];
    await using talk = await arrange({ model: scriptedModel(script), tools, services: { inactivityTimeoutMs: 0 } });
    const turn = await talk.session.send('Pay.');
    await talk.told('tool.approvalRequested');
    const name = `${talk.agent.name}.session`;
    const suspended = `select id from sys_invocation where target_service_name = '${name}' and status = 'suspended'`;
    await expect.poll(() => server.query(suspended)).toHaveLength(1);
    await talk.session.approve('call_2');
    expect((await turn.result).text).toBe('Done.');
    expect(looks).toBe(1);
    expect(transcriptProblems(await talk.session.messages())).toEqual([]);
    expect(typesOf(talk.events)).not.toContain('diagnostic');
  });

  it('finds the tool that it runs again, where only the connection to Restate broke', async () => {
    const opened = Promise.withResolvers<string>();
    let runs = 0;
    const slow = () => {
      runs += 1;
      return opened.promise;
    };
    const tools = [defineTool({ name: 'slow', input: any, execute: slow })];
    await using talk = await arrange({ model: scriptedModel([call('slow'), 'Done.']), tools });
    const turn = await talk.session.send('Go.');
    await expect.poll(() => runs).toBe(1);
    for (let time = 0; time < 3; time += 1) {
      talk.endpoint.disconnect();
      // what is asked afterwards shows that the turn is there again
      expect(await talk.session.approve('nothing')).toMatchObject({ accepted: false });
    }
    opened.resolve('opened');
    expect((await turn.result).text).toBe('Done.');
    expect(runs).toBe(1);
    expect(talk.events.find(({ type }) => type === 'tool.completed')).toMatchObject({ output: { value: 'opened' } });
  });

  it('keeps the text that it has streamed, where the connection broke and it is cancelled then', async () => {
    await using talk = await arrange({
      model: scriptedModel([{ text: ['Hel', 'lo'], hangs: true }]),
      cancelNotes: false,
    });
    const turn = await talk.session.send('Go.');
    await talk.told('message.delta');
    talk.endpoint.disconnect();
    await turn.cancel('Enough.');
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'Enough.' });
    expect((await talk.session.messages()).at(-1)).toMatchObject({
      role: 'assistant',
      partial: true,
      content: [{ type: 'text', text: 'Hello' }],
    });
  });

  it('goes the same way again, where a message came while it streamed and then the connection broke', async () => {
    const more = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const model: Model = {
      provider: 'test',
      modelId: 'slow',
      async *stream() {
        yield { type: 'text-delta', text: 'Hel' };
        await more.promise;
        yield { type: 'text-delta', text: 'lo' };
        await end.promise;
        yield { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } };
      },
    };
    await using talk = await arrange({ model, services: { maxAttempts: 3 } });
    const turn = await talk.session.send('Go.');
    await talk.told('message.delta');
    const next = await talk.session.send('And?');
    // it has been taken
    expect(await talk.session.approve('nothing')).toMatchObject({ accepted: false });
    more.resolve();
    await expect.poll(() => talk.events.filter(({ type }) => type === 'message.delta')).toHaveLength(2);
    talk.endpoint.disconnect();
    expect(await talk.session.approve('nothing')).toMatchObject({ accepted: false });
    end.resolve();
    expect((await turn.result).text).toBe('Hello');
    expect((await next.result).text).toBe('Hello');
    expect(transcriptProblems(await talk.session.messages())).toEqual([]);
  });

  it('goes on elsewhere where its replica stops, once the tool there has ended', async () => {
    const opened = Promise.withResolvers<string>();
    const ran: string[] = [];
    const model = scriptedModel([call('slow'), 'Done.']);
    const replica = (name: string) =>
      createAgent({
        name: 'leaving',
        model,
        tools: [
          defineTool({
            name: 'slow',
            input: any,
            execute: () => {
              ran.push(name);
              return opened.promise;
            },
          }),
        ],
      });
    const first = restateServices({ agent: replica('first') });
    await using endpoint = await Endpoint.start(first);
    await server.register(endpoint.uri);
    using session = await restateSessions({ agent: replica('asking'), ingress: server.ingress, pollMs: 20 }).open();
    const turn = await session.send('Go.');
    await expect.poll(() => ran).toEqual(['first']);
    const drained = first.drain({ graceMs: 60_000 });
    opened.resolve('opened');
    expect(await drained).toEqual({ unfinished: 0 });
    endpoint.serve(restateServices({ agent: replica('second') }));
    const { messages } = await turn.result;
    expect(ran).toEqual(['first']);
    expect(JSON.stringify(messages)).toContain('opened');
    expect(transcriptProblems(messages)).toEqual([]);
  });

  it('is cancelled while a tool runs, which is told, and the session takes the next message', async () => {
    let isAborted = false;
    const endless = (_: object, { signal }: { signal: AbortSignal }) =>
      new Promise<string>(() => signal.addEventListener('abort', () => (isAborted = true)));
    const tools = [defineTool({ name: 'endless', input: any, execute: endless })];
    await using talk = await arrange({ model: scriptedModel([call('endless'), 'Again.']), tools });
    const controller = new AbortController();
    const turn = await talk.session.send('Go.', { signal: controller.signal });
    await talk.told('tool.started');
    controller.abort('Enough.');
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'Enough.' });
    await expect.poll(() => isAborted).toBe(true);
    expect((await (await talk.session.send('And?')).result).text).toBe('Again.');
    expect(transcriptProblems(await talk.session.messages())).toEqual([]);
  });

  it('fails, with a valid transcript, where another agent takes its place that goes another way', async () => {
    const pay = defineTool({ name: 'pay', input: any, approval: true, execute: () => 'paid' });
    const options = { model: scriptedModel([call('pay'), 'Again.']), tools: [pay] };
    await using talk = await arrange({ ...options, services: { inactivityTimeoutMs: 0, maxAttempts: 3 } });
    const turn = await talk.session.send('Pay.');
    await talk.told('tool.approvalRequested');
    // under the same name, and at the same address
    const changed = createAgent({ ...options, name: talk.agent.name, prepareStep: () => undefined });
    talk.endpoint.serve(restateServices({ agent: changed }));
    expect(await talk.session.approve('call_1')).toMatchObject({ accepted: false });
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { code: 'journal_diverged' } });
    await talk.told('turn.failed');
    const seqs = talk.events.filter(({ n }) => n === undefined).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(transcriptProblems(await talk.session.messages())).toEqual([]);
    expect((await (await talk.session.send('And?')).result).text).toBe('Again.');
  });

  it('fails, with a valid transcript, where somebody kills its invocation', async () => {
    const pay = defineTool({ name: 'pay', input: any, approval: true, execute: () => 'paid' });
    await using talk = await arrange({ model: scriptedModel([call('pay'), 'Again.']), tools: [pay] });
    const turn = await talk.session.send('Pay.');
    const next = await talk.session.send('And?');
    await talk.told('tool.approvalRequested');
    const name = `${talk.agent.name}.session`;
    const [run] = await server.query(
      `select id from sys_invocation where target_service_name = '${name}' and target_handler_name = 'run'`,
    );
    await server.killInvocation(String(run?.id));
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { code: 'invocation_ended' } });
    expect((await next.result).text).toBe('Again.');
    expect(transcriptProblems(await talk.session.messages())).toEqual([]);
  });

  it('survives the end of the server', async () => {
    const opened = Promise.withResolvers<string>();
    const tools = [defineTool({ name: 'slow', input: any, execute: () => opened.promise })];
    await using talk = await arrange({ model: scriptedModel([call('slow'), 'Done.']), tools });
    const turn = await talk.session.send('Go.');
    await talk.told('tool.started');
    await server.kill();
    opened.resolve('opened');
    await server.begin();
    expect((await turn.result).text).toBe('Done.');
    expect(transcriptProblems(await talk.session.messages())).toEqual([]);
  });

  it('refuses an agent whose name is no name of a service, and what is no agent', () => {
    const agent = createAgent({ model: scriptedModel([]), name: 'my agent' });
    expect(() => restateServices({ agent })).toThrow('letters, digits');
    const stranger = { name: 'agent', close: async () => {} };
    expect(() => restateServices({ agent: stranger })).toThrow('restateServices(): `agent` is no agent');
  });
});

function typesOf(events: readonly TurnEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}
