import type { Json } from '../../json.ts';
import { type Message, type ToolOutput, type ToolResultPart, textOf, toolCallsOf } from '../../messages.ts';
import type { ModelRequest } from '../../model.ts';
import { type Ask, type Question, readQuestion } from './question.ts';
import type { Scenario } from './scenarios.ts';

/** A call that the model may make. */
export interface Call {
  readonly toolName: string;
  readonly input: { readonly [key: string]: Json };
}

/** What is known of a call: it was made and gave something, it was made in vain, or it is still to be made. */
export type Finding =
  | { readonly type: 'value'; readonly value: Json }
  | { readonly type: 'problem'; readonly problem: string }
  | { readonly type: 'needed'; readonly call: Call };

/** What the simulated model makes of a request: what is asked, and what its tools have said so far. */
export class Conversation {
  readonly questions: readonly Question[];
  /** What is to be simulated in this very answer: a scenario is over once the model has answered. */
  readonly scenarios: readonly Scenario[];
  readonly #results = new Map<string, ToolResultPart>();
  readonly #request: ModelRequest;

  constructor(request: ModelRequest) {
    this.#request = request;
    const turn = currentTurn(request.messages);
    const questions: Question[] = [];
    let scenarios: Scenario[] = [];
    const keys = new Map<string, string>();
    for (const message of turn) {
      if (isAsking(message)) {
        const question = readQuestion(textOf(message));
        questions.push(question);
        scenarios.push(...question.scenarios);
      } else if (message.role === 'assistant') {
        scenarios = scenarios.filter(({ name }) => name === 'endless answer' || name === 'loop');
        for (const { toolCallId, toolName, input } of toolCallsOf(message))
          keys.set(toolCallId, keyOf(toolName, input));
      } else if (message.role === 'tool') {
        for (const result of message.content) {
          const key = keys.get(result.toolCallId);
          if (key !== undefined) this.#results.set(key, result);
        }
      }
    }
    // in a loop nothing is learnt
    if (scenarios.some(({ name }) => name === 'loop')) this.#results.clear();
    this.questions = questions;
    this.scenarios = scenarios;
  }

  get asks(): readonly Ask[] {
    return this.questions.flatMap(({ asks }) => asks);
  }

  /** What the user has said in this turn. */
  get text(): string {
    return currentTurn(this.#request.messages).filter(isAsking).map(textOf).join('\n');
  }

  /** What tools have given in this turn. */
  get values(): readonly Json[] {
    const findings = [...this.#results.values()].map(readOutput);
    return findings.flatMap((finding) => (finding.type === 'value' ? [finding.value] : []));
  }

  /** The tool that stands for another agent: the first that wants a prompt. */
  get agentTool(): string | undefined {
    return this.#request.tools.find(
      ({ inputSchema: { required } }) => Array.isArray(required) && required[0] === 'prompt',
    )?.name;
  }

  find(toolName: string, input: Call['input']): Finding {
    const result = this.#results.get(keyOf(toolName, input));
    if (result !== undefined) return readOutput(result);
    const { tools, toolChoice } = this.#request;
    if (!tools.some(({ name }) => name === toolName)) {
      return { type: 'problem', problem: `no tool \`${toolName}\` is offered to me` };
    }
    if (toolChoice === 'none' || (typeof toolChoice === 'object' && toolChoice.tool !== toolName)) {
      return { type: 'problem', problem: `this request does not let me call \`${toolName}\`` };
    }
    return { type: 'needed', call: { toolName, input } };
  }
}

/** The message that began the turn, and what came after it; steering belongs to the turn that it came into. */
function currentTurn(messages: readonly Message[]): readonly Message[] {
  let start = messages.length;
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message === undefined) break;
    const isAskedAgain = isHint(messages[index + 1]);
    if (message.role === 'assistant' && toolCallsOf(message).length === 0 && !isAskedAgain) break;
    if (!isAsking(message)) continue;
    start = index;
    if (message.cause !== 'steering') break;
  }
  return messages.slice(start);
}

function isAsking(message: Message): message is Message & { role: 'user' } {
  return message.role === 'user' && (message.cause === undefined || message.cause === 'steering');
}

/** What was wrong with an answer. */
function isHint(message: Message | undefined): boolean {
  return message?.role === 'user' && message.cause === 'output_hint';
}

function keyOf(toolName: string, input: Json): string {
  if (typeof input !== 'object' || input === null) return `${toolName} ${JSON.stringify(input)}`;
  return `${toolName} ${JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

function readOutput({ output, synthesized }: ToolResultPart): Finding {
  if (output.type === 'error' || synthesized !== undefined) {
    return { type: 'problem', problem: asReason(textOfOutput(output)) };
  }
  return { type: 'value', value: output.type === 'json' ? output.value : textOfOutput(output) };
}

function textOfOutput(output: ToolOutput): string {
  if (output.type === 'json') return JSON.stringify(output.value);
  if (output.type !== 'content') return output.value;
  return output.value.map((part) => (part.type === 'text' ? part.text : '(a file)')).join('\n');
}

function asReason(text: string): string {
  return text.replace(/^(?:The tool failed|Denied|Timed out|Cancelled): /, '').replace(/\.\s*$/, '');
}
