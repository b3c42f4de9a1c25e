// An agent for an editor, over standard input and output. Its model reads in the prompt what it is to answer: a list of
// scripted answers, one for each step, or a list of them for the attempts of a step.
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  type AgentOptions,
  agentTool,
  createAgent,
  defineTool,
  type Message,
  type ModelRequest,
  textOf,
} from 'turnchart';
import { serveAcp } from 'turnchart/acp';
import { sqliteStore } from 'turnchart/durability';
import { type ScriptedAnswer, scriptedModel } from 'turnchart/testing';
import { z } from 'zod';

export type Script = readonly (string | ScriptedAnswer | readonly ScriptedAnswer[])[];

/** What the program is told by its argument, as JSON. */
export interface Program {
  /** The file that sessions are kept in. */
  readonly store?: string;
  /** One agent for all sessions. */
  readonly isFixed?: boolean;
}

/** What sessions are given whose folder has that name. */
const profiles: Readonly<Record<string, Pick<AgentOptions, 'limits' | 'compaction' | 'approval' | 'guardrails'>>> = {
  impatient: { approval: { timeoutMs: 1 } },
  short: { limits: { maxSteps: 1 } },
  asks: { limits: { maxSteps: 1, lastStep: 'ask' } },
  thrifty: { limits: { softCost: 0.1 } },
  poor: { limits: { maxTokens: 1 } },
  compacts: { compaction: { keepMessages: 2 } },
  guarded: {
    guardrails: {
      input: [
        (text) =>
          text.includes('secret')
            ? { action: 'rewrite', value: text.replaceAll('secret', 'gift'), reason: 'It is a secret.' }
            : { action: 'allow' },
      ],
      output: [
        (text) =>
          text.includes('Rome')
            ? { action: 'rewrite', value: text.replaceAll('Rome', 'Paris'), reason: 'Not Rome.' }
            : { action: 'allow' },
      ],
    },
  },
  uncompacted: { compaction: false },
};

const { store: file, isFixed = false }: Program = JSON.parse(process.argv[2] ?? '{}');

const model = scriptedModel(answer, { contextWindow: 10_000 });

function answer({ purpose, messages, attempt }: ModelRequest): string | ScriptedAnswer {
  if (purpose === 'summary') return JSON.stringify(messages).includes('never summarized') ? { hangs: true } : 'So far.';
  const start = messages.findLastIndex(isPrompt);
  const prompt = messages[start];
  const script = JSON.parse(prompt === undefined ? '[]' : textOf(prompt)) as Script;
  const steps = messages.slice(start).filter(({ role }) => role === 'tool').length;
  const entry = script[steps] ?? 'There is no more in the script.';
  return isList(entry) ? (entry[attempt - 1] ?? 'There are no more attempts.') : entry;
}

function isPrompt(message: Message): boolean {
  return message.role === 'user' && message.cause === undefined;
}

function isList(entry: Script[number]): entry is readonly ScriptedAnswer[] {
  return Array.isArray(entry);
}

const edit = defineTool({
  name: 'edit_file',
  input: z.object({ path: z.string(), oldText: z.string(), newText: z.string() }),
  approval: true,
  execute: ({ path }) => `${path} is changed.`,
});
const helper = createAgent({
  name: 'helper',
  model: scriptedModel(({ messages }) =>
    messages.some(({ role }) => role === 'tool')
      ? 'I have changed it.'
      : { calls: [{ id: 'call_1', name: 'edit_file', input: { path: 'b.txt', oldText: '1', newText: '2' } }] },
  ),
  tools: [edit],
});
const tools = [
  edit,
  defineTool({ name: 'echo', input: z.object({ text: z.string() }), execute: ({ text }) => text }),
  defineTool({ name: 'pick_color', input: z.object({}) }),
  defineTool({
    name: 'wait',
    input: z.object({}),
    execute: async (_input, { signal, progress }) => {
      progress('waits');
      await setTimeout(2 ** 30, undefined, { signal });
    },
  }),
  defineTool({
    name: 'break',
    input: z.object({}),
    execute: () => {
      throw new Error('It broke.');
    },
  }),
  defineTool({
    name: 'chatter',
    input: z.object({}),
    execute: () => {
      console.log('no protocol');
      return 'said';
    },
  }),
  agentTool({ name: 'ask_helper', description: 'Changes files.', agent: helper }),
];
const store = file === undefined ? undefined : sqliteStore(file);
const shared = {
  model,
  modelRetry: { initialDelayMs: 1 },
  pricing: () => 0.25,
  ...(store !== undefined && { store }),
};
const connection = serveAcp({
  info: { name: 'tests', version: '1.0.0' },
  currency: 'EUR',
  auth: {
    methods: [{ id: 'key', name: 'With a key' }],
    authenticate: (methodId) => console.error(`signed in: ${methodId}`),
  },
  ...(store !== undefined && !isFixed && { store }),
  describeTool: ({ toolName }) => (toolName === 'wait' ? { title: 'Waits', kind: 'execute' } : undefined),
  agent: isFixed
    ? createAgent({ ...shared, tools })
    : ({ cwd, mcpTools }) => createAgent({ ...shared, ...profiles[basename(cwd)], tools: [...tools, ...mcpTools] }),
});
await connection.closed;
await store?.close();
