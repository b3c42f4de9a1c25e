import type { ErrorAnswer, ErrorKind } from './dialect.ts';

interface OpenaiError {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
}

const errors: Readonly<Record<ErrorKind, OpenaiError>> = {
  auth: {
    status: 401,
    message: 'Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.',
    type: 'invalid_request_error',
    code: 'invalid_api_key',
  },
  rate_limit: {
    status: 429,
    message: 'Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1.',
    type: 'requests',
    code: 'rate_limit_exceeded',
  },
  quota: {
    status: 429,
    message: 'You exceeded your current quota, please check your plan and billing details.',
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  },
  server: {
    status: 500,
    message: 'The server had an error while processing your request. Sorry about that!',
    type: 'server_error',
    code: 'server_error',
  },
  overloaded: {
    status: 529,
    message: 'The engine is currently overloaded, please try again later.',
    type: 'overloaded_error',
    code: null,
  },
  overflow: {
    status: 400,
    message:
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. Please reduce the length of the messages.",
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
  },
  invalid_request: {
    status: 400,
    message: "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    type: 'invalid_request_error',
    code: 'invalid_type',
  },
  model_not_found: {
    status: 404,
    message: 'The model `gpt-nought` does not exist or you do not have access to it.',
    type: 'invalid_request_error',
    code: 'model_not_found',
  },
};

/** What OpenAI says went wrong. A message of one's own comes without a code, as other servers send it. */
export function openaiError(kind: ErrorKind, message?: string): OpenaiError {
  const known = errors[kind];
  return message === undefined || message === known.message ? known : { ...known, message, code: null };
}

/** The body of an error status, the same for all of OpenAI's endpoints. */
export function openaiErrorAnswer(kind: ErrorKind, message?: string): ErrorAnswer {
  const { status, ...error } = openaiError(kind, message);
  return { status, body: { error: { ...error, param: null } } };
}
