import { z } from 'zod';
import { defineTool } from '../../tool.ts';
import { evaluate, maxExpressionChars } from './arithmetic.ts';

/** Arithmetic for models: `{ expression }` gives `{ expression, result, approximate? }`. */
export const calculate = defineTool({
  name: 'calculate',
  description:
    'Computes one arithmetic expression: numbers, + - * / % (remainder) ^ (power) and parentheses. "approximate" says that the result is rounded.',
  input: z.object({ expression: z.string().max(maxExpressionChars).describe('such as "(2 + 3) * 4"') }),
  idempotent: true,
  execute: ({ expression }) => {
    const result = evaluate(expression);
    // beyond that, doubles leave integers out
    const isRounded = Math.abs(result) > Number.MAX_SAFE_INTEGER;
    return { expression, result, ...(isRounded && { approximate: true }) };
  },
});
