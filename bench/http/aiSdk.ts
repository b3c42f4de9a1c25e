import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';
import { aiSdk } from 'turnchart/adapters/ai-sdk';
import type { HttpSubject } from '../httpSubjects.ts';
import { agentOf } from './agentOf.ts';

/** What one writes with the AI SDK, where there are no tools. */
export function bare(baseURL: string): HttpSubject {
  const model = modelAt(baseURL);
  return async (prompt, onText) => {
    for await (const text of streamText({ model, prompt }).textStream) onText(text);
  };
}

export function turnchart(baseURL: string): HttpSubject {
  return agentOf(aiSdk(modelAt(baseURL)));
}

function modelAt(baseURL: string) {
  return createOpenAI({ baseURL, apiKey: 'none' }).chat('bench');
}
