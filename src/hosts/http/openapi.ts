import { z } from 'zod';
import type { HttpLimits } from './limits.ts';
import type { Operation } from './operation.ts';
import { type ProblemCode, problemKinds } from './protocol.ts';
import { components, problem } from './schemas.ts';

interface JsonObject {
  readonly [key: string]: unknown;
}

/** What every route may refuse, by whether it takes a body. */
const problemsOfAll: readonly ProblemCode[] = ['invalid_request', 'unauthorized', 'internal', 'sessions_unavailable'];
const problemsOfBodies: readonly ProblemCode[] = ['body_too_large', 'unsupported_media_type'];

export interface DocumentOptions {
  readonly agent: string;
  readonly limits: HttpLimits;
  /** Whether requests are asked for a token. */
  readonly needsToken: boolean;
}

/** The OpenAPI document of routes. */
export function openApiDocument(operations: readonly Operation[], options: DocumentOptions): JsonObject {
  const { agent, limits, needsToken } = options;
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    paths[operation.path] = path;
    path[operation.method] = describeOperation(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `Sessions of ${agent}`,
      version: '1',
      description: `Bodies have at most ${limits.maxBodyBytes} bytes.`,
    },
    paths,
    ...(needsToken && { security: [{ bearer: [] }] }),
    components: {
      schemas: namedSchemas(),
      ...(needsToken && { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}

function describeOperation(operation: Operation): JsonObject {
  const { id, summary, body, isBodyOptional } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: isBodyOptional !== true, content: { 'application/json': { schema: refTo(body) } } },
    }),
    responses: responsesOf(operation),
  };
}

function parametersOf({ path, query, isIdempotent, answers }: Operation): readonly JsonObject[] {
  const hasCursor = answers.some(({ stream }) => stream === 'events');
  const text = { type: 'string' };
  return [
    ...(path.includes('{id}') ? [{ name: 'id', in: 'path', required: true, schema: text }] : []),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => {
      const { description, ...rest } = toSchema(schema);
      return { name, in: 'query', required: false, description, schema: rest };
    }),
    ...(hasCursor ? [{ name: 'Last-Event-ID', in: 'header', required: false, schema: text }] : []),
    ...(isIdempotent
      ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { ...text, maxLength: 255 } }]
      : []),
  ];
}

function responsesOf({ answers, problems, body }: Operation): JsonObject {
  const responses: Record<string, JsonObject> = {};
  for (const { status, description, schema, stream } of answers) {
    const content = {
      ...(schema !== undefined && { 'application/json': { schema: refTo(schema) } }),
      ...(stream !== undefined && {
        'text/event-stream': { schema: { type: 'string', description: streamed[stream] } },
      }),
    };
    responses[status] = { description, ...(Object.keys(content).length > 0 && { content }) };
  }
  const codes = [...problemsOfAll, ...(body === undefined ? [] : problemsOfBodies), ...problems];
  for (const [status, kinds] of Map.groupBy(codes, (code) => problemKinds[code].status)) {
    responses[status] = {
      description: kinds.map((code) => `\`${code}\`: ${problemKinds[code].title}`).join('; '),
      content: { 'application/problem+json': { schema: refTo(problem) } },
    };
  }
  return responses;
}

const streamed = {
  events: 'The `data` of each is an `Event` as JSON',
  chunks: 'The `data` of each is a chunk of the UI message stream protocol of the AI SDK, version 1',
};

function refTo(schema: z.ZodType): JsonObject {
  const id = components.get(schema)?.id;
  if (id === undefined) throw new Error('A schema of a route has no name.');
  return { $ref: uriOf(id) };
}

function uriOf(id: string): string {
  return `#/components/schemas/${id}`;
}

function namedSchemas(): JsonObject {
  const { schemas } = z.toJSONSchema(components, { uri: uriOf, io: 'input' });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]));
}

function toSchema(schema: z.core.$ZodType): JsonObject & { readonly description?: string } {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
