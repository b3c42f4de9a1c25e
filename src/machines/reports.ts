import type { EffectReports } from '../effects.ts';
import type { AnswerPart } from '../events.ts';

/** What a model call reports: the parts of its answer. Merged, they read as if they had arrived at once. */
export const answerReports: EffectReports<readonly AnswerPart[]> = {
  toEvent: (parts, at) => ({ type: 'model.parts', parts, at }),
  merge: (earlier, later) => later.reduce(mergePart, earlier),
};

function mergePart(parts: readonly AnswerPart[], part: AnswerPart): readonly AnswerPart[] {
  if (part.type === 'usage') return [...parts.filter(({ type }) => type !== 'usage'), part];
  const last = parts.at(-1);
  if (last === undefined || last.type !== part.type) return [...parts, part];
  if (last.type === 'tool-input' || part.type === 'tool-input') return parts;
  return [...parts.slice(0, -1), { type: last.type, text: last.text + part.text }];
}

/** What a running tool reports; it changes no state. */
export const toolReports: EffectReports<string> = {
  toEvent: (text) => ({ type: 'tool.reported', text }),
};
