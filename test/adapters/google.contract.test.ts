import { google } from 'turnchart/adapters/google';
import { adapterContract, googleGemini } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

adapterContract(
  'google()',
  { dialect: googleGemini, createModel: (baseURL, apiKey) => google('gemini-2.5-flash', { baseURL, apiKey }) },
  { describe, it, expect },
);
