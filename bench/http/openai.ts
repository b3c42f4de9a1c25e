import type { Json } from 'turnchart';
import { openai } from 'turnchart/adapters/openai';
import { bareFetch } from '../bareFetch.ts';
import type { BareTool } from '../bareLoop.ts';
import type { HttpSubject } from '../httpSubjects.ts';
import { add } from '../subjects.ts';
import { agentOf } from './agentOf.ts';

export function bare(baseURL: string): HttpSubject {
  const tools = new Map<string, BareTool>([['add', { name: 'add', execute: (input: Json) => add(input) }]]);
  return (text, onText) => bareFetch(baseURL, tools, text, onText);
}

export function turnchart(baseURL: string): HttpSubject {
  return agentOf(openai('bench', { baseURL, apiKey: 'none', api: 'chat' }));
}
