import { createRequire } from 'node:module';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { agentErrorSchema } from 'turnchart/acp';

const require = createRequire(import.meta.url);
const schema = require('@agentclientprotocol/sdk/schema/v1/schema.json') as {
  readonly $defs: Readonly<Record<string, { readonly 'x-side'?: string; readonly 'x-method'?: string }>>;
};

const ajv = new Ajv2020({ strict: false, validateFormats: false, discriminator: false, allErrors: true });
ajv.addSchema(schema, 'acp');
const isAgentError = ajv.compile(agentErrorSchema);

/** A message as it travels. */
export interface Wire {
  readonly jsonrpc: string;
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: { readonly update?: { readonly sessionUpdate?: string } };
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/**
 * What is wrong with the messages of one side, by the published schema of the protocol: each message by the type of its
 * method and direction, since the schema as a whole lets any extension through.
 */
export function schemaProblems(sent: readonly Wire[], received: readonly Wire[]): readonly string[] {
  const methods = new Map(received.flatMap(({ id, method }) => (method === undefined ? [] : [[id, method] as const])));
  return sent.flatMap((message) => {
    if (message.jsonrpc !== '2.0') return [`no JSON-RPC: ${JSON.stringify(message)}`];
    if (message.params?.update?.sessionUpdate === 'agent_error') return problems(isAgentError, message.params.update);
    if (message.method !== undefined) {
      const kind = message.id === undefined ? 'Notification' : 'Request';
      return problems(validator(message.method, kind), message.params);
    }
    if (message.error !== undefined) return problems(definition('Error'), message.error);
    return problems(validator(methods.get(message.id) ?? '', 'Response'), message.result);
  });
}

function problems(validate: ValidateFunction, value: unknown): readonly string[] {
  if (validate(value)) return [];
  return [`${JSON.stringify(value)}: ${ajv.errorsText(validate.errors)}`];
}

/** The type of what a method takes, or answers. */
function validator(method: string, kind: 'Request' | 'Response' | 'Notification'): ValidateFunction {
  const [name] =
    Object.entries(schema.$defs).find(([name, { 'x-method': known }]) => known === method && name.endsWith(kind)) ?? [];
  if (name === undefined) throw new Error(`The protocol has no ${kind} of ${method}.`);
  return definition(name);
}

function definition(name: string): ValidateFunction {
  const found = ajv.getSchema(`acp#/$defs/${name}`);
  if (found === undefined) throw new Error(`The schema has no ${name}.`);
  return found as ValidateFunction;
}
