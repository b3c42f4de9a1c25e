import { wrapTextWithAnsi } from '@earendil-works/pi-tui';
import { describeQuestion, inputInWords, possibleAnswers, type Question } from '../questions.ts';
import { clip, type Drawing, oneLine } from './drawBlock.ts';

/** Lines of an input that are shown folded. */
const foldedLines = 4;

/**
 * The first of the questions that wait for an answer; nothing where there is none.
 *
 * @param now epoch ms
 */
export function drawQuestion(
  [question, ...others]: readonly Question[],
  now: number,
  { width, isUnfolded, theme }: Drawing,
): readonly string[] {
  if (question === undefined) return [];
  const wrap = (text: string) => wrapTextWithAnsi(text, Math.max(1, width - 2)).map((line) => `  ${line}`);
  const more = others.length === 0 ? '' : ` (${others.length} more to answer)`;
  const lines = wrapTextWithAnsi(`${oneLine(describeQuestion(question))}${more}`, width).map(theme.question);
  if (question.type === 'approval') lines.push(...fold(wrap(oneLine(inputInWords(question.input))), isUnfolded));
  const answers = [...possibleAnswers(question), ...expiryOf(question, now)];
  return [...lines, ...wrap(answers.join(' · ')).map(theme.dim)].map((line) => clip(line, width));
}

/** What is not shown is said to be there: nobody is to allow what he has not seen. */
function fold(lines: readonly string[], isUnfolded: boolean): readonly string[] {
  if (isUnfolded || lines.length <= foldedLines + 1) return lines;
  return [...lines.slice(0, foldedLines), `  … ${lines.length - foldedLines} more lines · Ctrl-O unfolds`];
}

function expiryOf(question: Question, now: number): readonly string[] {
  if (question.type !== 'approval' || question.expiresAt === undefined) return [];
  return [`${Math.max(0, Math.ceil((question.expiresAt - now) / 1_000))} s left`];
}
