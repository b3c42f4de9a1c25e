import { createFailure, type Failure, type Message, type Model, type ModelRequest } from 'turnchart';
import { type Script, type ScriptedAnswer, scriptedModel, transcriptProblems } from 'turnchart/testing';

/** The failure of a request that is too large. */
export function tooLarge(): Failure {
  return createFailure({
    type: 'context_overflow',
    code: 'request_too_large',
    message: 'The request is too large.',
    retryable: false,
  });
}

/** A model with a window, that says what is written here, and summarizes with another script. */
export function windowed(
  script: readonly Script[] | Parameters<typeof scriptedModel>[0],
  contextWindow: number | undefined,
  summaries: Parameters<typeof scriptedModel>[0] = () => 'They talked.',
) {
  const turns = scriptedModel(script);
  const summarizer = scriptedModel(summaries);
  const model: Model = {
    provider: turns.provider,
    modelId: turns.modelId,
    ...(contextWindow !== undefined && { contextWindow }),
    stream: (request, options) => (request.purpose === 'summary' ? summarizer : turns).stream(request, options),
  };
  return { model, turns: turns.requests, summaries: summarizer.requests, summarySignals: summarizer.signals };
}

/** A model that counts every request by itself, and fails with `context_overflow` above its window. */
export function counting(
  contextWindow: number,
  answer: (request: ModelRequest, index: number) => ScriptedAnswer,
  { reportsUsage = true } = {},
) {
  const problems: string[] = [];
  const overflows: ModelRequest[] = [];
  const count = (request: ModelRequest, said: ScriptedAnswer): ScriptedAnswer => {
    problems.push(...transcriptProblems(request.messages));
    const size = sizeOf(request);
    if (size > contextWindow) {
      overflows.push(request);
      return { failure: tooLarge() };
    }
    const usage = reportsUsage ? { inputTokens: size, outputTokens: sizeOfAnswer(said) } : noTokens;
    return { ...said, usage };
  };
  const { model, turns, summaries } = windowed(
    (request, index) => count(request, answer(request, index)),
    contextWindow,
    (request) => count(request, { text: 'Summary of what was said.' }),
  );
  return { model, turns, summaries, problems, overflows };
}

const noTokens = { inputTokens: 0, outputTokens: 0 };

/** Tokens of a request, counted otherwise than the engine does: a fourth of the characters of every text in it. */
function sizeOf({ instructions = '', messages }: ModelRequest): number {
  return Math.ceil((instructions.length + charsIn(messages.map(({ content }) => content))) / 4);
}

function sizeOfAnswer({ text = '', calls = [] }: ScriptedAnswer): number {
  return Math.ceil(charsIn([text, calls]) / 4);
}

function charsIn(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + charsIn(inner), 0);
}

/** A conversation of so many messages, a question and an answer in turn. */
export function talkOf(length: number, chars = 40): Message[] {
  return Array.from({ length }, (_, index): Message => {
    const text = `${index % 2 === 0 ? 'question' : 'answer'} ${index} `.padEnd(chars, '.');
    const content = [{ type: 'text' as const, text }];
    return index % 2 === 0
      ? { role: 'user', id: `m${index}`, content }
      : { role: 'assistant', id: `m${index}`, content, phase: 'final_answer' };
  });
}

/** A conversation of so many tool calls after a question, each with an output of so many characters. */
export function toolTalk(calls: number, chars: number): Message[] {
  const messages: Message[] = [{ role: 'user', id: 'task', content: [{ type: 'text', text: 'the task' }] }];
  for (let index = 0; index < calls; index += 1) {
    const call = { toolCallId: `c${index}`, toolName: 'read' };
    messages.push(
      {
        role: 'assistant',
        id: `a${index}`,
        content: [{ type: 'tool-call', ...call, input: { page: index } }],
        phase: 'commentary',
      },
      {
        role: 'tool',
        id: `r${index}`,
        content: [
          { type: 'tool-result', ...call, output: { type: 'text', value: `page ${index} `.padEnd(chars, '.') } },
        ],
      },
    );
  }
  return messages;
}

/** What each message of a request says: texts, `read(0)` for a call, `=> page 0` for a result. */
export function textsOf(request: ModelRequest | undefined): string[] {
  return (request?.messages ?? []).map(({ content }) => {
    if (typeof content === 'string') return content;
    const parts = content.map((part) => {
      if (part.type === 'tool-call') return `${part.toolName}(${Object.values(part.input ?? {}).join()})`;
      if (part.type === 'tool-result') return `=> ${String(part.output.value)}`;
      return 'text' in part ? part.text : `<${part.type}>`;
    });
    return parts.join(' ');
  });
}
