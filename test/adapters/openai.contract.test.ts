import { openai } from 'turnchart/adapters/openai';
import { adapterContract, openaiChat, openaiResponses } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

for (const [api, dialect] of [
  ['chat', openaiChat],
  ['responses', openaiResponses],
] as const) {
  adapterContract(
    `openai() speaking ${dialect.name}`,
    { dialect, createModel: (baseURL, apiKey) => openai('gpt-5-mini', { api, baseURL, apiKey }) },
    { describe, it, expect },
  );
}
