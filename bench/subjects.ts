import { createAgent, defineTool, type Json, type Message, type Model, userMessage } from 'turnchart';
import { type BareTool, bareLoop } from './bareLoop.ts';

/** What is measured: the same agent, made in two ways. */
export interface Subject {
  /** One turn in a conversation of its own. */
  run(text: string, onText: (text: string) => void): Promise<unknown>;
  /** A conversation of many turns that has these messages already. */
  open(messages: readonly Message[], listeners: Listeners): Conversation;
}

export interface Listeners {
  readonly onText: (text: string) => void;
  /** The turn has ended, however it did. */
  readonly onEnd?: () => void;
}

export interface Conversation {
  send(text: string): Sent;
}

export interface Sent {
  /** Resolves when the turn has ended, however it did. */
  readonly ended: Promise<unknown>;
  cancel(): void;
}

export const subjects = { bare, turnchart } as const;
export type SubjectName = keyof typeof subjects;

// a schema that comes as JSON is not checked here, so neither subject spends time on that
const input = { jsonSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } } };
export const add = async (value: Json) => {
  const { a, b } = value as { readonly a: number; readonly b: number };
  return { sum: a + b };
};

export const addTool = defineTool({ name: 'add', description: 'Adds two numbers', input, execute: add });

function turnchart(model: Model): Subject {
  const agent = createAgent({
    model,
    tools: [addTool],
    limits: { maxSteps: 20, maxParallelTools: 16 },
  });
  return {
    run: (text, onText) =>
      agent.run(text, {
        onEvent: (event) => {
          if (event.type === 'message.delta') onText(event.text);
        },
      }),
    open(messages, { onText, onEnd }) {
      const session = agent.session({ messages });
      session.on('message.delta', (event) => onText(event.text));
      if (onEnd !== undefined) {
        session.on('turn.completed', onEnd);
        session.on('turn.cancelled', onEnd);
      }
      return {
        send(text) {
          const turn = session.send(text);
          return { ended: turn.outcome, cancel: () => turn.cancel() };
        },
      };
    },
  };
}

function bare(model: Model): Subject {
  const tools = new Map<string, BareTool>([['add', { name: 'add', execute: add }]]);
  return {
    run: (text, onText) =>
      bareLoop(model, tools, [userMessage(text, 'input')], { signal: new AbortController().signal, onText }),
    open(past, { onText, onEnd }) {
      const messages = [...past];
      return {
        send(text) {
          const controller = new AbortController();
          messages.push(userMessage(text, 'input'));
          const ended = bareLoop(model, tools, messages, { signal: controller.signal, onText }).then(onEnd);
          return { ended, cancel: () => controller.abort() };
        },
      };
    },
  };
}
