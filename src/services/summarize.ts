import { effect } from '../effects.ts';
import { createFailure, type Failure } from '../failure.ts';
import type { SummarizeInput, SummarizeOutput } from '../machines/contracts.ts';
import type { AssistantPart, FilePart, Message, ToolOutput, ToolResultPart } from '../messages.ts';
import type { Model, ModelRequest } from '../model.ts';
import { AnswerBuilder, answerFailures } from './answer.ts';
import { asked, type Pricing, price } from './callModel.ts';
import { readAnswer } from './readAnswer.ts';
import { cut } from './toolOutput.ts';

export interface SummarizeOptions {
  /** Who answers in the turns. */
  readonly model: Model;
  readonly compaction?:
    | false
    | {
        /** Who summarizes. @default the model of the turns */
        readonly model?: Model;
        /** What it is told to do. @default to keep decisions, open tasks, and names of files and things */
        readonly prompt?: string;
      };
  readonly pricing?: Pricing;
}

const defaultPrompt = `You summarize the earlier part of a conversation between a user and an assistant, for the assistant to go on without it.
Keep what was decided and why, what is still to be done, what was found out, and the exact names of files, people and things.
Leave out greetings and whatever has become irrelevant. Write in the language of the conversation, in the third person, without a preface.`;

/** Of the input or the output of one call. */
const maxChars = 2_000;

/** One attempt to summarize messages, as an actor. */
export function summarize({ model: modelOfTurns, compaction, pricing }: SummarizeOptions) {
  const { model = modelOfTurns, prompt = defaultPrompt } = compaction || {};
  return effect<SummarizeInput, SummarizeOutput>('summarize', async (scope) => {
    const answer = new AnswerBuilder();
    const failure = await readAnswer(model, createRequest(scope.input, prompt), answer, scope, () => true);
    const { usage, end } = answer;
    const { cost } = price(pricing, model, usage);
    const paid = { usage, ...(cost !== undefined && { cost }), ...asked(model, end) };
    if (failure !== undefined) return { type: 'failed', failure, ...paid };
    if (end?.type !== 'finish') {
      return { type: 'failed', failure: end?.type === 'error' ? end.failure : answerFailures.cutOff(), ...paid };
    }
    if (end.finishReason.unified === 'content-filter') return { type: 'failed', failure: refused(), ...paid };
    const text = answer.content().map((part) => (part.type === 'text' ? part.text : ''));
    return { type: 'summarized', text: text.join(''), ...paid };
  });
}

function refused(): Failure {
  return createFailure({
    type: 'unknown',
    code: 'no_summary',
    message: 'The model refused to summarize.',
    retryable: false,
  });
}

/** The messages go as one text: as messages they would be gone on with, and tools would have to be declared. */
function createRequest({ id, messages }: SummarizeInput, prompt: string): ModelRequest {
  const text = messages.map(written).join('\n\n');
  return {
    instructions: prompt,
    messages: [{ role: 'user', id: `${id}.input`, content: [{ type: 'text', text }] }],
    tools: [],
    toolChoice: 'auto',
    purpose: 'summary',
    requestId: id,
    attempt: 1,
  };
}

/** What is long is cut: otherwise it would fill the request that is to make room. */
function written(message: Message): string {
  const lines = message.role === 'system' ? [message.content] : message.content.map(writtenPart);
  return [message.role === 'tool' ? '[tool results]' : `[${message.role}]`, ...lines]
    .filter((line) => line !== '')
    .join('\n');
}

function writtenPart(part: AssistantPart | FilePart | ToolResultPart): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'file':
      return `(file ${part.name ?? part.mediaType})`;
    case 'tool-call':
      return `(calls ${part.toolName} ${cut(JSON.stringify(part.input), maxChars)})`;
    case 'tool-result':
      return `${part.toolName}: ${cut(writtenOutput(part.output), maxChars)}`;
    default:
      return '';
  }
}

function writtenOutput({ type, value }: ToolOutput): string {
  if (type === 'content') return value.map(writtenPart).join('\n');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
