import { anthropic } from 'turnchart/adapters/anthropic';
import type { HttpSubject } from '../httpSubjects.ts';
import { agentOf } from './agentOf.ts';
import { anthropicFetch } from './anthropicFetch.ts';

export function bare(baseURL: string): HttpSubject {
  return (text, onText) => anthropicFetch(baseURL, text, onText);
}

export function turnchart(baseURL: string): HttpSubject {
  return agentOf(anthropic('bench', { baseURL, apiKey: 'none' }));
}
