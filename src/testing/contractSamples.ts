import type { ModelFailureType } from '../failure.ts';
import type { Message } from '../messages.ts';
import type { ModelRequest, ModelSettings, ToolSpec } from '../model.ts';
import type { FaultAnswer } from './faults.ts';

/** What the contract of adapters asks with and is answered. */
export const plainRequest: ModelRequest = {
  messages: [user('Hi')],
  tools: [],
  toolChoice: 'auto',
  purpose: 'turn',
  requestId: 'request-1',
  attempt: 1,
};
export const weather: ToolSpec = {
  name: 'weather',
  description: 'Current weather of a city',
  inputSchema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
export const clock: ToolSpec = {
  name: 'clock',
  description: 'The time',
  inputSchema: { type: 'object', properties: {}, required: [], additionalProperties: false },
};
export const text = 'Grüße, 世界! 🎉👩‍👩‍👧 नमस्ते — done.';
export const wholeAnswer: FaultAnswer = {
  reasoning: ['First I ', 'think.'],
  text: text.match(/.{1,5}/gu) ?? [],
  calls: [
    { id: 'call_a', name: 'weather', input: { city: 'Zürich 🏔', days: [1, 2, 3] } },
    { id: 'call_b', name: 'clock' },
  ],
  usage: { inputTokens: 120, outputTokens: 34, cachedInputTokens: 20, reasoningTokens: 4 },
};

/** What a server without manners means: no body that one could read. */
export const bareStatuses: readonly (readonly [number, ModelFailureType])[] = [
  [401, 'auth'],
  [402, 'budget'],
  [403, 'auth'],
  [408, 'provider_unavailable'],
  [409, 'provider_unavailable'],
  [413, 'context_overflow'],
  [418, 'unknown'],
  [429, 'rate_limit'],
  [500, 'provider_unavailable'],
  [502, 'provider_unavailable'],
  [503, 'provider_unavailable'],
  [504, 'provider_unavailable'],
  [529, 'provider_unavailable'],
];

export const someSettings: Required<ModelSettings> = {
  temperature: 0.5,
  topP: 0.9,
  maxOutputTokens: 321,
  reasoningEffort: 'low',
  stopSequences: ['STOP', 'END'],
  seed: 7,
  providerOptions: { contract_probe: 1 },
};

export const history: readonly Message[] = [
  user('Weather in Rome and Oslo?'),
  {
    role: 'assistant',
    id: 'm2',
    content: [
      { type: 'text', text: 'I will look.' },
      { type: 'tool-call', toolCallId: 'call_1', toolName: 'weather', input: { city: 'Rome' } },
      { type: 'tool-call', toolCallId: 'call_2', toolName: 'weather', input: { city: 'Oslo' } },
    ],
  },
  {
    role: 'tool',
    id: 'm3',
    content: [
      {
        type: 'tool-result',
        toolCallId: 'call_1',
        toolName: 'weather',
        output: { type: 'json', value: { sky: 'sunny' } },
      },
      {
        type: 'tool-result',
        toolCallId: 'call_2',
        toolName: 'weather',
        output: { type: 'error', value: 'no such city' },
      },
    ],
  },
  {
    role: 'assistant',
    id: 'm4',
    content: [{ type: 'tool-call', toolCallId: 'call_3', toolName: 'clock', input: {} }],
  },
  {
    role: 'tool',
    id: 'm5',
    content: [{ type: 'tool-result', toolCallId: 'call_3', toolName: 'clock', output: { type: 'text', value: '' } }],
  },
  { role: 'assistant', id: 'm6', content: [{ type: 'text', text: 'Rome is sunny.' }] },
  user('And now?'),
];
/** What must be found in each of its messages. */
export const historyWords = [
  ['Rome and Oslo'],
  ['I will look.'],
  ['sunny', 'no such city'],
  [],
  [],
  ['Rome is sunny.'],
  ['And now?'],
];

export function user(words: string): Message {
  return { role: 'user', id: `m-${words}`, content: [{ type: 'text', text: words }] };
}
