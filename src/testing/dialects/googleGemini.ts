import type { Json } from '../../json.ts';
import type { AssistantPart, FilePart, Message, TextPart, ToolOutput, ToolResultPart } from '../../messages.ts';
import type { ToolChoice } from '../../model.ts';
import type { AnswerAbout, Dialect, ErrorAnswer, ErrorKind, SeenRequest, SseEvent, WholeAnswer } from './dialect.ts';
import { listIn, objectIn, renamed, textIn } from './readJson.ts';

/** How a server writes where servers differ. */
interface Style {
  readonly usage: 'with the finish' | 'everywhere' | 'after the finish' | 'none';
  readonly oneChunkOfCalls: boolean;
  readonly emptyTexts: boolean;
  readonly candidates: boolean;
}

const googleStyle: Style = { usage: 'with the finish', oneChunkOfCalls: false, emptyTexts: false, candidates: true };

const styles: Readonly<Record<string, Partial<Style>>> = {
  'the usage in every chunk': { usage: 'everywhere' },
  'the usage after the finish reason': { usage: 'after the finish' },
  'no usage': { usage: 'none' },
  'all tool calls in one chunk': { oneChunkOfCalls: true },
  'empty texts between the parts': { emptyTexts: true },
  'nothing but usage': { candidates: false },
};

const finishReasons = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'content-filter': 'SAFETY',
} as const;

const models = /^\/v1(?:beta)?\/models\/([^/:?]+):(\w+)/;

/** The Gemini API of Google. */
export const googleGemini: Dialect = {
  name: 'Google Gemini',
  basePath: '',
  path: '/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
  paths: /^\/v1(?:beta)?\/models\/[^/:?]+:streamGenerateContent\?alt=sse$/,
  hasWholeCalls: true,
  settings: ['temperature', 'topP', 'maxOutputTokens', 'reasoningEffort', 'stopSequences', 'seed', 'providerOptions'],
  deviations: Object.entries(styles).map(([name, { usage, candidates }]) => ({
    name,
    isAnswer: candidates !== false,
    hidesUsage: usage === 'none',
  })),
  events(answer, about, deviation) {
    return write(answer, about, { ...googleStyle, ...(deviation !== undefined && styles[deviation]) });
  },
  error: errorAnswer,
  streamErrors: {
    'an error object': (kind, _about, message) => event(errorAnswer(kind, message).body, 'frame'),
  },
  read,
};

function* write(answer: WholeAnswer, about: AnswerAbout, style: Style): Iterable<SseEvent> {
  const { reasoning, text, calls, finish } = answer;
  const usage = { usageMetadata: usageOf(answer) };
  const everywhere = style.usage === 'everywhere' ? usage : {};
  const chunk = (...parts: readonly Json[]) => event({ ...chunkOf(about, candidate(parts)), ...everywhere });
  if (!style.candidates) {
    yield event({ ...chunkOf(about), ...usage }, 'frame');
    return;
  }
  const nothing = event({ ...chunkOf(about, candidate([{ text: '' }])), ...everywhere }, 'frame');
  for (const piece of reasoning) yield chunk({ text: piece, thought: true });
  let last = '';
  let lastEvent = nothing;
  for (const piece of text.pieces) {
    if (style.emptyTexts) yield nothing;
    // the same piece a million times is written once
    if (piece !== last || lastEvent === nothing) lastEvent = chunk({ text: piece });
    last = piece;
    yield lastEvent;
  }
  const whole = calls
    // its JSON is cut off, so there is no object
    .filter(({ isHalf }) => !isHalf)
    .map(({ id, name, input }, index) => ({
      functionCall: { id, name, args: JSON.parse(input.join('')) as Json },
      // of parallel calls the first is signed
      ...(index === 0 && { thoughtSignature: `c2lnbmVk${about.index}` }),
    }));
  if (style.oneChunkOfCalls && whole.length > 0) yield chunk(...whole);
  else for (const call of whole) yield chunk(call);
  const end = { ...candidate([{ text: '' }]), finishReason: finishReasons[finish] };
  const withFinish = style.usage === 'with the finish' ? usage : everywhere;
  yield event({ ...chunkOf(about, end), ...withFinish }, 'end');
  if (style.usage === 'after the finish') yield event({ ...chunkOf(about), ...usage }, 'after');
}

function event(data: Json, role: SseEvent['role'] = 'part'): SseEvent {
  return { data: JSON.stringify(data), role };
}

type JsonObject = { readonly [field: string]: Json };

function chunkOf({ index }: AnswerAbout, ...candidates: readonly Json[]): JsonObject {
  return {
    ...(candidates.length > 0 && { candidates: [...candidates] }),
    modelVersion: 'gemini-2.5-flash',
    responseId: `response_${index}`,
  };
}

function candidate(parts: readonly Json[]): JsonObject {
  return { content: { role: 'model', parts: [...parts] }, index: 0 };
}

function usageOf({ usage }: WholeAnswer): Json {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens = 0 } = usage;
  return {
    promptTokenCount: inputTokens,
    candidatesTokenCount: outputTokens - reasoningTokens,
    totalTokenCount: inputTokens + outputTokens,
    ...(cachedInputTokens !== undefined && { cachedContentTokenCount: cachedInputTokens }),
    ...(reasoningTokens > 0 && { thoughtsTokenCount: reasoningTokens }),
  };
}

interface GoogleError {
  readonly code: number;
  readonly status: string;
  readonly message: string;
  readonly details?: readonly Json[];
}

const errors: Readonly<Record<ErrorKind, GoogleError>> = {
  auth: {
    code: 400,
    status: 'INVALID_ARGUMENT',
    message: 'API key not valid. Please pass a valid API key.',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
    ],
  },
  rate_limit: {
    code: 429,
    status: 'RESOURCE_EXHAUSTED',
    message: 'Resource has been exhausted (e.g. check quota).',
  },
  quota: {
    code: 429,
    status: 'RESOURCE_EXHAUSTED',
    message: 'You exceeded your current quota, please check your plan and billing details.',
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
        violations: [
          {
            quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests',
            quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
            quotaValue: '250',
          },
        ],
      },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '38s' },
    ],
  },
  server: { code: 500, status: 'INTERNAL', message: 'An internal error has occurred. Please retry.' },
  overloaded: { code: 503, status: 'UNAVAILABLE', message: 'The model is overloaded. Please try again later.' },
  overflow: {
    code: 400,
    status: 'INVALID_ARGUMENT',
    message: 'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).',
  },
  invalid_request: {
    code: 400,
    status: 'INVALID_ARGUMENT',
    message: 'Invalid value at \'generation_config.temperature\' (TYPE_FLOAT), "warm"',
  },
  model_not_found: {
    code: 404,
    status: 'NOT_FOUND',
    message: 'models/gemini-nought is not found for API version v1, or is not supported for generateContent.',
  },
};

function errorAnswer(kind: ErrorKind, message?: string): ErrorAnswer {
  const { code, status, message: words, details } = errors[kind];
  const error = { code, message: message ?? words, status, ...(details !== undefined && { details: [...details] }) };
  return { status: code, body: { error } };
}

function read(body: Json | undefined, path = ''): SeenRequest {
  const request = objectIn(body);
  const config = objectIn(request.generationConfig);
  const thinking = objectIn(config.thinkingConfig);
  const [, model = '', method] = models.exec(path) ?? [];
  return {
    model,
    isStream: method === 'streamGenerateContent',
    ...(request.systemInstruction !== undefined && { instructions: textsIn(request.systemInstruction) }),
    messages: listIn(request.contents).map((content, index) => messageIn(objectIn(content), `m${index}`)),
    tools: listIn(request.tools).flatMap((tool) =>
      listIn(objectIn(tool).functionDeclarations).map((declaration) => {
        const { name, description, parametersJsonSchema } = objectIn(declaration);
        return {
          name: textIn(name),
          ...(typeof description === 'string' && { description }),
          inputSchema: objectIn(parametersJsonSchema),
        };
      }),
    ),
    toolChoice: choiceIn(objectIn(request.toolConfig).functionCallingConfig),
    settings: {
      ...renamed(config, {
        temperature: 'temperature',
        topP: 'topP',
        maxOutputTokens: 'maxOutputTokens',
        stopSequences: 'stopSequences',
        seed: 'seed',
      }),
      ...(typeof thinking.thinkingLevel === 'string' && { reasoningEffort: thinking.thinkingLevel.toLowerCase() }),
    },
  };
}

function messageIn({ role, parts }: JsonObject, id: string): Message {
  const all = listIn(parts).map(objectIn);
  if (role === 'model') return { role: 'assistant', id, content: all.map(answerPart) };
  const results = all.filter((part) => part.functionResponse !== undefined).map(resultIn);
  return results.length > 0 ? { role: 'tool', id, content: results } : { role: 'user', id, content: all.map(userPart) };
}

function answerPart({ text, thought, functionCall, thoughtSignature }: JsonObject): AssistantPart {
  const signed = thoughtSignature === undefined ? {} : { providerMetadata: thoughtSignature };
  if (functionCall === undefined)
    return { type: thought === true ? 'reasoning' : 'text', text: textIn(text), ...signed };
  const { id, name, args } = objectIn(functionCall);
  return { type: 'tool-call', toolCallId: textIn(id), toolName: textIn(name), input: objectIn(args), ...signed };
}

function resultIn({ functionResponse }: JsonObject): ToolResultPart {
  const { id, name, response } = objectIn(functionResponse);
  const { output, error } = objectIn(response);
  const said: ToolOutput =
    error === undefined ? { type: 'json', value: output ?? null } : { type: 'error', value: textIn(error) };
  return { type: 'tool-result', toolCallId: textIn(id), toolName: textIn(name), output: said };
}

function userPart({ text, inlineData, fileData }: JsonObject): TextPart | FilePart {
  if (inlineData === undefined && fileData === undefined) return { type: 'text', text: textIn(text) };
  const { mimeType, data, fileUri } = objectIn(inlineData ?? fileData);
  const mediaType = textIn(mimeType);
  return { type: 'file', mediaType, data: typeof fileUri === 'string' ? { url: fileUri } : textIn(data) };
}

function textsIn(content: Json): string {
  return listIn(objectIn(content).parts)
    .map((part) => textIn(objectIn(part).text))
    .join('');
}

function choiceIn(config: Json | undefined): ToolChoice {
  const { mode, allowedFunctionNames } = objectIn(config);
  const [tool] = listIn(allowedFunctionNames);
  if (typeof tool === 'string') return { tool };
  return mode === 'NONE' ? 'none' : mode === 'ANY' ? 'required' : 'auto';
}
