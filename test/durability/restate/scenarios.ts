import {
  type Admission,
  type AgentOptions,
  type AnyTool,
  agentTool,
  createAgent,
  defineTool,
  Retry,
  type TurnEvent,
  type TurnEventType,
} from 'turnchart';

import { type Script, scriptedModel } from 'turnchart/testing';
import { z } from 'zod';

// Conversations that are had in process, on SQLite and on Restate, and that say the same everywhere.

/** What a conversation needs of a session, wherever that runs. */
export interface Talk {
  /** All events so far. */
  readonly events: readonly TurnEvent[];
  send(text: string): Promise<{ readonly outcome: Promise<unknown>; cancel(reason?: string): unknown }>;
  steer(text: string): Admission | Promise<Admission>;
  cancel(reason?: string): Admission | Promise<Admission>;
  approve(toolCallId: string): Admission | Promise<Admission>;
  deny(toolCallId: string, reason?: string): Admission | Promise<Admission>;
  resolveTool(toolCallId: string, output: string): Admission | Promise<Admission>;
  extend(steps: number): Admission | Promise<Admission>;
  compact(): Admission | Promise<Admission>;
  /** Resolves when an event of that type was told so many times. */
  until(type: TurnEventType, count?: number): Promise<TurnEvent>;
}

export interface Scenario {
  readonly title: string;
  /** The agent, made anew wherever it is had, and what is said to it. */
  readonly arrange: () => { readonly options: Options; readonly play: (talk: Talk) => Promise<void> };
}

type Options = Omit<AgentOptions<readonly AnyTool[]>, 'output'>;

const any = z.object({});

function tool(name: string, execute: () => unknown, options: { approval?: boolean } = {}): AnyTool {
  return defineTool({ name, description: name, input: any, execute, ...options });
}

/** A tool that ends when the conversation says so. */
function gate(name: string) {
  let open: () => void = () => {};
  const opened = new Promise<string>((resolve) => {
    open = () => resolve(`${name} is open`);
  });
  return { tool: tool(name, () => opened), open };
}

const says = (script: readonly Script[]) => scriptedModel(script);
const calls = (...names: readonly string[]) => ({ calls: names.map((name) => ({ name })) });
const overloaded = {
  failure: { type: 'provider_unavailable', code: 'overloaded', message: 'Busy.', retryable: true },
} as const;

export const scenarios: readonly Scenario[] = [
  {
    title: 'an answer in pieces',
    arrange: () => ({
      options: { model: says([{ reasoning: 'Hm.', text: ['Hel', 'lo', '.'] }]) },
      play: async (talk) => void (await (await talk.send('Hi.')).outcome),
    }),
  },
  {
    title: 'two tools at once, and one after them',
    arrange: () => {
      const { tool: two, open } = gate('two');
      const tools = [tool('one', () => ({ one: 1 })), two, tool('three', () => undefined)];
      return {
        options: { model: says([calls('two', 'one'), calls('three'), 'Done.']), tools },
        play: async (talk) => {
          const turn = await talk.send('Go.');
          await talk.until('tool.completed');
          open();
          await turn.outcome;
        },
      };
    },
  },
  {
    title: 'a model that is asked again, and a tool that throws',
    arrange: () => ({
      options: {
        model: says([{ text: 'Hm', ...overloaded }, overloaded, calls('breaks'), calls('unknown'), 'Done.']),
        tools: [
          tool('breaks', () => {
            throw new Error('It broke.');
          }),
        ],
        modelRetry: { initialDelayMs: 20, jitter: 0 },
      },
      play: async (talk) => void (await (await talk.send('Go.')).outcome),
    }),
  },
  {
    title: 'approved, denied, and answered by a client',
    arrange: () => ({
      options: {
        model: says([calls('pay', 'delete'), calls('browse'), 'Done.']),
        tools: [
          tool('pay', () => 'paid', { approval: true }),
          tool('delete', () => 'deleted', { approval: true }),
          defineTool({ name: 'browse', description: 'In the browser', input: any }),
        ],
      },
      play: async (talk) => {
        const turn = await talk.send('Go.');
        await talk.until('tool.approvalRequested', 2);
        await talk.approve('call_9');
        await talk.approve('call_1');
        await talk.until('tool.completed');
        await talk.deny('call_2', 'No.');
        await talk.until('tool.resultRequested');
        await talk.resolveTool('call_3', 'A page.');
        await turn.outcome;
      },
    }),
  },
  {
    title: 'cancelled while a tool runs, and gone on with',
    arrange: () => {
      const { tool: endless } = gate('endless');
      return {
        options: { model: says([calls('endless'), 'Again.']), tools: [endless] },
        play: async (talk) => {
          const turn = await talk.send('Go.');
          await talk.until('tool.started');
          await talk.cancel('Enough.');
          await turn.outcome;
          await (await talk.send('And?')).outcome;
        },
      };
    },
  },
  {
    title: 'cancelled while text streams',
    arrange: () => ({
      options: { model: says([{ text: ['Hel', 'lo'], hangs: true }, 'Again.']), cancelNotes: false },
      play: async (talk) => {
        const turn = await talk.send('Go.');
        await talk.until('message.delta', 2);
        await turn.cancel();
        await turn.outcome;
        await (await talk.send('And?')).outcome;
      },
    }),
  },
  {
    title: 'steered while a tool runs, with a turn that waits behind',
    arrange: () => {
      const { tool: slow, open } = gate('slow');
      return {
        options: { model: says([calls('slow'), 'One.', 'Two.', 'Three.']), tools: [slow] },
        play: async (talk) => {
          const first = await talk.send('Go.');
          await talk.until('tool.started');
          await talk.steer('Quickly.');
          const second = await talk.send('And then?');
          const third = await talk.send('And last?');
          open();
          await Promise.all([first.outcome, second.outcome, third.outcome]);
        },
      };
    },
  },
  {
    title: 'steering that no step takes becomes a turn',
    arrange: () => {
      const answer = Promise.withResolvers<Script>();
      return {
        options: { model: scriptedModel((_, index) => (index === 0 ? answer.promise : 'More.')) },
        play: async (talk) => {
          await talk.send('Go.');
          await talk.until('step.started');
          await talk.steer('Also this.');
          await talk.steer('And this.');
          answer.resolve('Done.');
          await talk.until('turn.completed', 2);
        },
      };
    },
  },
  {
    title: 'no step left: more are given, then it is cancelled',
    arrange: () => ({
      options: {
        model: says([calls('look'), calls('look'), 'Again.']),
        tools: [
          defineTool({ name: 'look', description: 'Looks', input: any, repeatable: true, execute: () => 'seen' }),
        ],
        limits: { maxSteps: 1, lastStep: 'ask' },
      },
      play: async (talk) => {
        const turn = await talk.send('Go.');
        await talk.until('turn.paused');
        await talk.extend(1);
        await talk.until('turn.paused', 2);
        await turn.cancel('Too long.');
        await turn.outcome;
        await (await talk.send('And?')).outcome;
      },
    }),
  },
  {
    title: 'an answer that is refused, and a tool that asks to be called again',
    arrange: () => ({
      options: {
        model: says([calls('picky'), 'Wrong.', 'Right.', 'Wrong.']),
        tools: [
          tool('picky', () => {
            throw new Retry('Say please.');
          }),
        ],
        retries: 2,
        validateOutput: (output) => {
          if (output === 'Wrong.') throw new Retry('That is wrong.');
          return output;
        },
      },
      play: async (talk) => {
        await (await talk.send('Go.')).outcome;
        await (await talk.send('And?')).outcome;
      },
    }),
  },
  {
    title: 'guardrails, and a step that is prepared',
    arrange: () => ({
      options: {
        model: says([calls('look'), 'A secret.', 'Fine.']),
        tools: [tool('look', () => 'seen')],
        prepareStep: ({ step }) => (step > 1 ? { instructions: 'Be brief.' } : undefined),
        guardrails: {
          input: [
            (text) => (JSON.stringify(text).includes('evil') ? { action: 'deny', reason: 'No.' } : { action: 'allow' }),
          ],
          output: [
            (text) => (text.includes('secret') ? { action: 'deny', reason: 'It is secret.' } : { action: 'allow' }),
          ],
        },
      },
      play: async (talk) => {
        await (await talk.send('Be evil.')).outcome;
        await (await talk.send('Go.')).outcome;
        await (await talk.send('And?')).outcome;
      },
    }),
  },
  {
    title: 'a sub-agent, interrupted by steering',
    arrange: () => {
      const inner = Promise.withResolvers<Script>();
      const researcher = createAgent({
        name: 'researcher',
        model: scriptedModel((_, index) => (index === 0 ? calls('look') : inner.promise)),
        tools: [tool('look', () => 'seen')],
      });
      return {
        options: {
          model: says([{ calls: [{ name: 'research', input: { prompt: 'Find it.' } }] }, 'Done.']),
          tools: [agentTool({ name: 'research', description: 'Looks things up', agent: researcher })],
        },
        play: async (talk) => {
          const turn = await talk.send('Go.');
          await talk.until('tool.started');
          await talk.steer('Quickly.');
          inner.resolve({ text: ['Found', ' it.'] });
          await turn.outcome;
        },
      };
    },
  },
  {
    title: 'a conversation that is shortened between turns',
    arrange: () => ({
      options: { model: says(['One.', 'Two.', 'In short.', 'Three.']), compaction: { keepMessages: 1 } },
      play: async (talk) => {
        await talk.compact();
        await (await talk.send(`First. ${'And so on. '.repeat(60)}`)).outcome;
        await (await talk.send(`Second. ${'And so on. '.repeat(60)}`)).outcome;
        await talk.compact();
        await talk.until('compaction.completed');
        await (await talk.send('Third.')).outcome;
      },
    }),
  },
  {
    title: 'a turn that takes too long',
    arrange: () => {
      const { tool: endless } = gate('endless');
      return {
        options: { model: says([calls('endless'), 'Again.']), tools: [endless], limits: { maxDurationMs: 300 } },
        play: async (talk) => {
          await (await talk.send('Go.')).outcome;
        },
      };
    },
  },
];
