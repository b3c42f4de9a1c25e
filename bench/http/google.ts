import { GoogleGenAI } from '@google/genai';
import { google } from 'turnchart/adapters/google';
import type { HttpSubject } from '../httpSubjects.ts';
import { agentOf } from './agentOf.ts';

/** What one writes with the SDK, where there are no tools. */
export function bare(baseUrl: string): HttpSubject {
  const { models } = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl } });
  return async (text, onText) => {
    const chunks = await models.generateContentStream({ model: 'bench', contents: text });
    for await (const chunk of chunks) onText(chunk.text ?? '');
  };
}

export function turnchart(baseURL: string): HttpSubject {
  return agentOf(google('bench', { baseURL, apiKey: 'none' }));
}
