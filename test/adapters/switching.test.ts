import { createAnthropic } from '@ai-sdk/anthropic';
import { type AssistantPart, createAgent, defineTool, type Message, type Model } from 'turnchart';
import { aiSdk } from 'turnchart/adapters/ai-sdk';
import { anthropic } from 'turnchart/adapters/anthropic';
import { google } from 'turnchart/adapters/google';
import { openai } from 'turnchart/adapters/openai';
import {
  anthropicMessages,
  type Dialect,
  type FaultRequest,
  faultServer,
  googleGemini,
  openaiResponses,
  transcriptProblems,
} from 'turnchart/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { read, request, user } from './support.ts';

interface Adapter {
  readonly dialect: Dialect;
  model(baseURL: string): Model;
}

const apiKey = 'key-of-a-test';
const adapters: Readonly<Record<string, Adapter>> = {
  'openai()': { dialect: openaiResponses, model: (baseURL) => openai('gpt-5', { baseURL, apiKey, api: 'responses' }) },
  'anthropic()': {
    dialect: anthropicMessages,
    model: (baseURL) => anthropic('claude-sonnet-5-5', { baseURL, apiKey }),
  },
  // of the models that insist on signatures
  'google()': { dialect: googleGemini, model: (baseURL) => google('gemini-3-pro', { baseURL, apiKey }) },
  'aiSdk()': {
    dialect: anthropicMessages,
    model: (baseURL) => aiSdk(createAnthropic({ baseURL: `${baseURL}/v1`, apiKey }).messages('claude-sonnet-4-5')),
  },
};

const switches = Object.keys(adapters).flatMap((first) =>
  Object.keys(adapters).flatMap((second) => (first === second ? [] : [[first, second] as const])),
);

/** A server whose marks begin with that number, so that no two servers give the same. */
function serverOf({ dialect }: Adapter, firstMark: number) {
  return faultServer({
    ...dialect,
    events: (answer, about, deviation) =>
      dialect.events(answer, { ...about, index: about.index + firstMark }, deviation),
  });
}

/** The answers whose signatures, sealed reasoning or ids of items a request brings back. */
function marksIn({ body }: FaultRequest): readonly number[] {
  const found = JSON.stringify(body).matchAll(/(?:"sealed-|c2lnbmVk|"(?:rs|msg|fc)_)(\d+)/g);
  return [...new Set([...found].map(([, index]) => Number(index)))].sort((a, b) => a - b);
}

/** The first call of each answer. */
function firstCallsOf(messages: readonly Message[]) {
  return messages.flatMap((message) => {
    const call = message.role === 'assistant' ? message.content.find((part) => part.type === 'tool-call') : undefined;
    return call === undefined ? [] : [call];
  });
}

const look = defineTool({
  name: 'look',
  description: 'Looks something up',
  input: z.object({ word: z.string() }),
  execute: ({ word }) => `${word} is a word`,
});

describe('a conversation that changes its provider in the middle of a turn', () => {
  test.each(switches)('goes from %s to %s and back, and each gets what is its own', async (first, second) => {
    const [one, two] = [adapters[first], adapters[second]];
    if (one === undefined || two === undefined) throw new Error('There is no such adapter.');
    await using firstServer = await serverOf(one, 0);
    await using secondServer = await serverOf(two, 50);
    const asks = (who: string, ...words: readonly string[]) => ({
      reasoning: [`${who} thinks `, 'hard.'],
      text: `${who} looks.`,
      calls: words.map((word) => ({ name: 'look', input: { word } })),
    });
    firstServer.enqueue(asks('One', 'a', 'b'), asks('One again', 'c'), { text: 'The end.' });
    secondServer.enqueue(asks('Two', 'd', 'e'), { reasoning: 'Two is done.', text: 'Well.' });
    const models = [one.model(firstServer.url), two.model(secondServer.url)] as const;
    const agent = createAgent({
      model: models[0],
      instructions: 'Look things up.',
      tools: [look],
      prepareStep: ({ step }) => ({ model: models[step % 2 === 1 ? 0 : 1] }),
    });
    const session = agent.session();
    expect((await session.send('Begin.').result).text).toBe('Well.');
    expect((await session.send('And now?').result).text).toBe('The end.');
    await session.close();

    const requests = [firstServer, secondServer].map(({ requests }) => requests);
    // its own comes back to whoever made it, and nothing of the other
    expect(requests.map((some) => some.map(marksIn))).toEqual([
      [[], [0], [0, 1]],
      [[], [50]],
    ]);
    const seen = [one, two].map(({ dialect }, index) =>
      (requests[index] ?? []).map(({ body, path }) => dialect.read(body, path.slice(dialect.basePath.length)).messages),
    );
    expect(seen.flat().map(transcriptProblems)).toEqual([[], [], [], [], []]);
    // Gemini 3 refuses a step whose first call is not signed
    const toGoogle = [one, two].flatMap(({ dialect }, index) => (dialect === googleGemini ? (seen[index] ?? []) : []));
    expect(firstCallsOf(toGoogle.flat()).filter(({ providerMetadata }) => providerMetadata === undefined)).toEqual([]);
    // no call and no text is lost on the way
    const lastSeen = seen[0]?.[2] ?? [];
    const answered = lastSeen.flatMap(({ role, content }) => (role === 'assistant' ? content : []));
    expect(answered.flatMap((part) => (part.type === 'tool-call' ? [part.input] : []))).toEqual(
      ['a', 'b', 'd', 'e', 'c'].map((word) => ({ word })),
    );
    expect(answered.flatMap((part) => (part.type === 'text' && part.text !== '' ? [part.text] : []))).toEqual([
      'One looks.',
      'Two looks.',
      'One again looks.',
      'Well.',
    ]);
    expect(JSON.stringify(lastSeen)).not.toContain('Two thinks');
  });
});

/** What only its provider understands, as each adapter keeps it. */
const kept: readonly AssistantPart[] = [
  { type: 'opaque', provider: 'openai', data: { type: 'web_search_call', id: 'ws_openai()', status: 'completed' } },
  { type: 'opaque', provider: 'anthropic', data: { type: 'redacted_thinking', data: 'of anthropic()' } },
  { type: 'opaque', provider: 'google', data: { inlineData: { mimeType: 'image/png', data: 'of google()' } } },
  {
    type: 'reasoning',
    text: '',
    providerMetadata: {
      aiSdk: { provider: 'anthropic.messages', options: { anthropic: { redactedData: 'of aiSdk()' } } },
    },
  },
];

test.each(
  Object.entries(adapters),
)('what only its provider understands goes to %s where it is its own, and nowhere else', async (name, adapter) => {
  await using server = await serverOf(adapter, 0);
  server.enqueue({ text: 'Yes.' });
  const asked: readonly Message[] = [
    user('Begin.'),
    { role: 'assistant', id: 'a', content: [...kept, { type: 'text', text: 'So much for that.' }] },
    user('And?'),
  ];
  const parts = await read(adapter.model(server.url), request(asked));
  expect(parts.at(-1)?.type).toBe('finish');
  const sent = JSON.stringify(server.requests[0]?.body);
  expect(Object.keys(adapters).filter((other) => sent.includes(other))).toEqual([name]);
});
