import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic as createAnthropic6 } from 'ai-sdk-anthropic-6';
import { createOpenAI as createOpenAI6 } from 'ai-sdk-openai-6';
import { aiSdk } from 'turnchart/adapters/ai-sdk';
import { adapterContract, anthropicMessages, openaiResponses, type TestRunner } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

/** What a provider package does otherwise, by the sentence of the contract; told when it does so no longer. */
function runnerExcept(exceptions: Readonly<Record<string, string>>): TestRunner {
  return {
    describe,
    expect,
    it(sentence, run, timeoutMs) {
      const reason = exceptions[sentence];
      if (reason === undefined) it(sentence, run, timeoutMs);
      else it.fails(`${sentence}: not here, for ${reason}`, run, timeoutMs);
    },
  };
}

const byProvider = 'these options are by provider, and the package knows their names';
const warned = 'the package decides, and warns';

const openaiExceptions = {
  'sends the setting temperature': 'the package knows that this model takes none',
  'sends the setting topP': 'the package knows that this model takes none',
  'refuses the setting stopSequences by name, and asks nothing': warned,
  'refuses the setting seed by name, and asks nothing': warned,
  'sends the setting providerOptions': byProvider,
};

const anthropicExceptions = {
  'gives the JSON of a tool call as the model wrote it': 'the package takes nothing for {}',
  'reads an answer of a server that sends events and blocks that nobody knows': 'the package insists on known ones',
  'reads an answer of a server that sends its usage at the end only': 'the package insists on both',
  'reads an answer of a server that sends no usage': 'the package insists on it',
  'reads an answer of a server that sends blocks that nobody closes': 'the package insists on their ends',
  'refuses the setting temperature by name, and asks nothing': warned,
  'refuses the setting topP by name, and asks nothing': warned,
  'refuses the setting seed by name, and asks nothing': warned,
  'sends the setting reasoningEffort': 'the package makes a budget of it for this model',
  'sends the setting providerOptions': byProvider,
};

// the packages of AI SDK 7 give models of version 4, those of AI SDK 6 of version 3
adapterContract(
  'aiSdk() with @ai-sdk/openai of AI SDK 7',
  {
    dialect: openaiResponses,
    createModel: (baseURL, apiKey) => aiSdk(createOpenAI({ baseURL, apiKey }).responses('gpt-5')),
  },
  runnerExcept(openaiExceptions),
);

adapterContract(
  'aiSdk() with @ai-sdk/openai of AI SDK 6',
  {
    dialect: openaiResponses,
    createModel: (baseURL, apiKey) => aiSdk(createOpenAI6({ baseURL, apiKey }).responses('gpt-5')),
  },
  runnerExcept({
    ...openaiExceptions,
    'sends the setting reasoningEffort': 'models of version 3 know no such setting',
  }),
);

adapterContract(
  'aiSdk() with @ai-sdk/anthropic of AI SDK 7',
  {
    dialect: anthropicMessages,
    createModel: (baseURL, apiKey) =>
      aiSdk(createAnthropic({ baseURL: `${baseURL}/v1`, apiKey }).messages('claude-sonnet-4-5')),
  },
  runnerExcept(anthropicExceptions),
);

adapterContract(
  'aiSdk() with @ai-sdk/anthropic of AI SDK 6',
  {
    dialect: anthropicMessages,
    createModel: (baseURL, apiKey) =>
      aiSdk(createAnthropic6({ baseURL: `${baseURL}/v1`, apiKey }).messages('claude-sonnet-4-5')),
  },
  runnerExcept(anthropicExceptions),
);
