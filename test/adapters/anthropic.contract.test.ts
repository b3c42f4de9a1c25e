import { anthropic } from 'turnchart/adapters/anthropic';
import { adapterContract, anthropicMessages } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

adapterContract(
  'anthropic()',
  {
    dialect: anthropicMessages,
    createModel: (baseURL, apiKey) => anthropic('claude-sonnet-5-5', { baseURL, apiKey }),
  },
  { describe, it, expect },
);
