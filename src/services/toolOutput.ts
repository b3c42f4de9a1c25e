import { describeError } from '../failure.ts';
import { toJson } from '../json.ts';
import type { FilePart, TextPart, ToolOutput } from '../messages.ts';
import { ToolContent } from '../tool.ts';

/** @see AgentOptions.limits */
export const defaultMaxOutputChars = 100_000;

/** What a tool returned, as what the model reads: text, JSON, or an error where it is neither. */
export function toToolOutput(value: unknown, maxChars: number): ToolOutput {
  if (value === undefined || value === '') return { type: 'text', value: '' };
  if (typeof value === 'string') return { type: 'text', value: cut(value, maxChars) };
  if (value instanceof ToolContent) return { type: 'content', value: cutParts(value.parts, maxChars) };
  try {
    const json = toJson(value, 'the output');
    const text = JSON.stringify(json);
    return text.length > maxChars ? { type: 'text', value: cut(text, maxChars) } : { type: 'json', value: json };
  } catch (error) {
    return {
      type: 'error',
      value: `The tool ran, but what it returned cannot be sent on: ${describeError(error).message}.`,
    };
  }
}

/** Files are never cut: half of one is none. */
function cutParts(parts: readonly (TextPart | FilePart)[], maxChars: number): readonly (TextPart | FilePart)[] {
  return parts.map((part) => (part.type === 'text' ? { ...part, text: cut(part.text, maxChars) } : part));
}

/** A text with no more than that of it kept: its middle is left out, and a marker says so. */
export function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const half = Math.ceil(maxChars / 2);
  const head = half - (isInsidePair(text, half) ? 1 : 0);
  const rest = text.length - (maxChars - half);
  const tail = rest + (isInsidePair(text, rest) ? 1 : 0);
  return `${text.slice(0, head)}\n[… ${tail - head} characters left out …]\n${text.slice(tail)}`;
}

/** Whether a cut before this index would leave half a character on either side, which providers refuse. */
function isInsidePair(text: string, index: number): boolean {
  return (text.codePointAt(index - 1) ?? 0) > 0xffff;
}
