import { defineTool } from 'turnchart';
import { httpApp } from 'turnchart/http';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventTypes, problemKinds } from '../../../src/hosts/http/protocol.ts';
import { routes } from '../../../src/hosts/http/routes.ts';
import * as schemas from '../../../src/hosts/http/schemas.ts';
import { answer, subject } from './support.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}
interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: { readonly $ref: string } }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

const { app, get } = subject(scriptedModel([]));
const document = await answer<Document>(await get('/v1/openapi.json'));
const described = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ route: `${method} ${path}`, path, operation })),
);

describe('the API document', () => {
  it('has every route of the app, and no other', () => {
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' || !path.endsWith('/*'))
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(':id', '{id}')}`);
    expect(described.map(({ route }) => route).toSorted()).toEqual(served.toSorted());
    expect(served).toHaveLength(18);
  });

  it('names each operation differently, and each parameter that its path has', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(new Set(described.map(({ operation }) => operation.operationId)).size).toBe(described.length);
    for (const { path, operation } of described) {
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
    }
  });

  it('has schemas that are those which requests are checked with', () => {
    const named = Object.keys(document.components.schemas);
    expect(named.length).toBeGreaterThan(12);
    for (const [name, schema] of Object.entries(schemas)) {
      const id = schema instanceof z.ZodType ? schemas.components.get(schema)?.id : undefined;
      if (id === undefined) expect(['components', 'eventsQuery', 'sessionsQuery']).toContain(name);
      else expect(named).toContain(id);
    }
    expect(document.components.schemas.CreateMessage).toMatchObject({
      type: 'object',
      required: ['content'],
      additionalProperties: false,
      properties: {
        content: { $ref: '#/components/schemas/Content' },
        delivery: { enum: ['queue', 'steer', 'reject'] },
      },
    });
    expect(document.components.schemas.Event).toMatchObject({ properties: { type: { enum: eventTypes } } });
    for (const { operation } of routes) {
      const body = document.paths[operation.path]?.[operation.method]?.requestBody?.content['application/json'];
      const id = operation.body && schemas.components.get(operation.body)?.id;
      expect(body?.schema.$ref).toBe(id && `#/components/schemas/${id}`);
    }
  });

  it('refers only to what it has', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(refs.length).toBeGreaterThan(20);
    for (const [, id = ''] of refs) expect(document.components.schemas).toHaveProperty(id);
    expect(JSON.stringify(document).match(/"\$ref":"(?!#\/components\/schemas\/)/g)).toBeNull();
  });

  it('has every kind of problem under its status, but for that of routes which it does not have', () => {
    const text = JSON.stringify(document.paths);
    const missing = Object.keys(problemKinds).filter((code) => !text.includes(`\`${code}\``));
    expect(missing).toEqual(['route_not_found']);
    for (const { operation } of described) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json']);
      }
    }
  });

  it('describes what is answered', async () => {
    const look = defineTool({ name: 'look', description: 'Looks', input: z.object({}) });
    const ask = defineTool({ name: 'ask', description: 'Asks', input: z.object({}), approval: true });
    const script = scriptedModel([
      { calls: [{ name: 'look' }, { name: 'ask' }] },
      'Done.',
      { text: 'On', hangs: true },
    ]);
    const served = subject(script, { tools: [look, ask] });
    const checked = new Set<string>();
    const check = async (id: string, response: Response) => {
      if (checked.has(id) && id !== 'cancelTurn') throw new Error(`${id} was checked before.`);
      const { operation } = routes.find((route) => route.operation.id === id) ?? {};
      const found = operation?.answers.find(({ status }) => status === response.status);
      expect(found, `${id} answers with ${response.status}`).toBeDefined();
      const text = await response.text();
      if (found?.stream === 'chunks') expect(text).toMatch(/^data: \{"type":"start",.*\n\ndata: \[DONE]\n\n$/s);
      else if (found?.schema === undefined) expect(text).toBe('');
      else found.schema.parse(JSON.parse(text));
      checked.add(id);
    };
    const json = { accept: 'application/json' };
    await check('createSession', await served.post('/v1/sessions', { id: 's' }));
    await check('createMessage', await served.post('/v1/sessions/s/messages', { content: 'Hi' }));
    const stream = await served.events('/v1/sessions/s');
    await stream.until('tool.approvalRequested');
    await check('getSnapshot', await served.get('/v1/sessions/s/snapshot'));
    const deny = { tool_call_id: 'call_2', decision: 'deny' };
    await check('createApproval', await served.post('/v1/sessions/s/approvals', deny));
    const result = { tool_call_id: 'call_1', output: 'seen' };
    await check('createToolResult', await served.post('/v1/sessions/s/tool-results', result));
    await stream.until('session.idle');
    await check('streamEvents', await served.get('/v1/sessions/s/events?since_id=0', json));
    await check('listMessages', await served.get('/v1/sessions/s/messages'));
    await check('steerTurn', await served.post('/v1/sessions/s/steer', { content: 'On!' }));
    await stream.until('message.started');
    await check('getSession', await served.get('/v1/sessions/s'));
    await check('listSessions', await served.get('/v1/sessions'));
    await check('cancelTurn', await served.post('/v1/sessions/s/cancel'));
    await check('cancelTurn', await served.post('/v1/sessions/s/cancel'));
    await check('deleteSession', await served.app.request('/v1/sessions/s', { method: 'DELETE' }));
    const see = defineTool({ name: 'see', description: 'Sees', input: z.object({}), execute: () => 'seen' });
    const pausing = subject(scriptedModel([{ calls: [{ name: 'see' }] }, { calls: [{ name: 'see' }] }, 'Done.']), {
      tools: [see],
      limits: { maxSteps: 1, lastStep: 'ask', softCost: 1 },
      pricing: () => 1,
      compaction: { keepMessages: 1 },
    });
    const paused = await pausing.open('p');
    await pausing.send(paused, 'Go!');
    const states = await pausing.events(paused);
    await states.until('turn.paused');
    await check('extendTurn', await pausing.post(`${paused}/extend`, { steps: 5 }));
    await states.until('turn.paused');
    await check('resumeTurn', await pausing.post(`${paused}/resume`));
    await states.until('session.idle');
    await check('compactSession', await pausing.post(`${paused}/compact`));
    await states.close();
    const message = { id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hi' }] };
    await check('chat', await pausing.post('/v1/chat', { id: 'c', messages: [message] }));
    await check('resumeChat', await pausing.get('/v1/chat/c/stream'));
    expect([...checked].toSorted()).toEqual(routes.map(({ operation }) => operation.id).toSorted());
    await stream.close();
  });

  it('is the same whatever app is made before it', async () => {
    const again = httpApp({ agent: served() });
    expect(await (await again.request('/v1/openapi.json')).json()).toEqual(document);
  });
});

function served() {
  return subject(scriptedModel([])).agent;
}
