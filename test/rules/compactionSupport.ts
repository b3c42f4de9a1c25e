import { createFailure, type Failure, type Message, type Model, type ModelRequest } from 'turnchart';
import { type Script, scriptedModel } from 'turnchart/testing';

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
  summaries: readonly Script[] = ['They talked.'],
) {
  const turns = scriptedModel(script);
  const summarizer = scriptedModel(summaries);
  const model: Model = {
    provider: turns.provider,
    modelId: turns.modelId,
    ...(contextWindow !== undefined && { contextWindow }),
    stream: (request, options) => (request.purpose === 'summary' ? summarizer : turns).stream(request, options),
  };
  return { model, turns: turns.requests, summaries: summarizer.requests };
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

export function textsOf(request: ModelRequest | undefined): string[] {
  return (request?.messages ?? []).map((message) =>
    typeof message.content === 'string'
      ? message.content
      : message.content.map((part) => ('text' in part ? part.text : `<${part.type}>`)).join(''),
  );
}
