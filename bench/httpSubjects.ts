import type { SubjectName } from './subjects.ts';

/** One turn in a conversation of its own, with a model behind HTTP. */
export type HttpSubject = (text: string, onText: (text: string) => void) => Promise<unknown>;

/** The same work over HTTP, made in two ways: given the address of the server. */
type HttpSubjects = Readonly<Record<SubjectName, (baseURL: string) => HttpSubject>>;

export type Provider = 'openai' | 'anthropic' | 'google' | 'aiSdk';

/** By provider, whose SDK is loaded only where it is measured. */
export const httpSubjects: Readonly<Record<Provider, () => Promise<HttpSubjects>>> = {
  openai: () => import('./http/openai.ts'),
  anthropic: () => import('./http/anthropic.ts'),
  google: () => import('./http/google.ts'),
  aiSdk: () => import('./http/aiSdk.ts'),
};
