import { createAgent, type Json } from 'turnchart';
import { openai } from 'turnchart/adapters/openai';
import { bareFetch } from './bareFetch.ts';
import type { BareTool } from './bareLoop.ts';
import { add, addTool } from './subjects.ts';

/** One turn in a conversation of its own, with a model behind HTTP. */
export type HttpSubject = (text: string, onText: (text: string) => void) => Promise<unknown>;

/** The same work over HTTP, made in two ways: given the address of the server. */
export const httpSubjects = { bare, turnchart } as const;

function bare(baseURL: string): HttpSubject {
  const tools = new Map<string, BareTool>([['add', { name: 'add', execute: (input: Json) => add(input) }]]);
  return (text, onText) => bareFetch(baseURL, tools, text, onText);
}

function turnchart(baseURL: string): HttpSubject {
  const agent = createAgent({
    model: openai('bench', { baseURL, apiKey: 'none', api: 'chat' }),
    tools: [addTool],
    limits: { maxSteps: 20, maxParallelTools: 16 },
  });
  return (text, onText) =>
    agent.run(text, {
      onEvent: (event) => {
        if (event.type === 'message.delta') onText(event.text);
      },
    });
}
