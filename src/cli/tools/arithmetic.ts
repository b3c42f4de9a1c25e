/** The longest expression that is read, in characters. */
export const maxExpressionChars = 200;

/**
 * The value of an arithmetic expression: `+ - * / % ^` (`**` too), parentheses, signs and decimals. `%` is the remainder,
 * with the sign of the dividend; `^` binds tighter than a sign before it and groups to the right. Nothing is evaluated
 * as code.
 *
 * @throws Error saying what is wrong with the expression, and where.
 * @example
 * ```ts
 * evaluate('(2 + 3) * -4'); // -20
 * ```
 */
export function evaluate(expression: string): number {
  if (expression.length > maxExpressionChars) {
    throw new Error(
      `The expression is too long: ${expression.length} characters, at most ${maxExpressionChars} are read.`,
    );
  }
  const value = new Parser(tokenize(expression)).parse();
  if (!Number.isFinite(value)) throw new Error('The result is too large for a number.');
  return withoutNoise(value);
}

/** 0.1 + 0.2 is 0.3: the last digits of a binary fraction are noise. */
function withoutNoise(value: number): number {
  return Number.isInteger(value) ? value + 0 : Number(value.toPrecision(15));
}

interface Token {
  readonly text: string;
  /** Place in the expression, from 1. */
  readonly at: number;
}

function tokenize(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = /\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|\*\*|[-+*/%^()])|$|(.))/giy;
  while (pattern.lastIndex < expression.length) {
    const [, text, strange] = pattern.exec(expression) ?? [];
    if (strange !== undefined) {
      throw new Error(
        `"${strange}" at ${pattern.lastIndex} is no arithmetic: numbers, + - * / % ^ and parentheses are known.`,
      );
    }
    if (text === undefined) break;
    tokens.push({ text: text === '**' ? '^' : text, at: pattern.lastIndex - text.length + 1 });
  }
  if (tokens.length === 0) throw new Error('The expression is empty.');
  return tokens;
}

/** Recursive descent; the length of the expression bounds its depth. */
class Parser {
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): number {
    const value = this.#sum();
    const rest = this.#tokens[this.#index];
    if (rest !== undefined) throw new Error(`"${rest.text}" at ${rest.at} does not belong there.`);
    return value;
  }

  #sum(): number {
    let value = this.#product();
    for (let sign = this.#take('+', '-'); sign !== undefined; sign = this.#take('+', '-')) {
      const right = this.#product();
      value = sign === '+' ? value + right : value - right;
    }
    return value;
  }

  #product(): number {
    let value = this.#signed();
    for (let sign = this.#take('*', '/', '%'); sign !== undefined; sign = this.#take('*', '/', '%')) {
      const right = this.#signed();
      if (sign !== '*' && right === 0) throw new Error('Division by zero.');
      value = sign === '*' ? value * right : sign === '/' ? value / right : value % right;
    }
    return value;
  }

  #signed(): number {
    const sign = this.#take('+', '-');
    if (sign !== undefined) return sign === '-' ? -this.#signed() : this.#signed();
    return this.#power();
  }

  #power(): number {
    const base = this.#primary();
    if (this.#take('^') === undefined) return base;
    const exponent = this.#signed();
    if (base === 0 && exponent < 0) throw new Error('Division by zero.');
    const value = base ** exponent;
    if (Number.isNaN(value)) throw new Error('A root of a negative number is no real number.');
    return value;
  }

  #primary(): number {
    const token = this.#tokens[this.#index];
    if (token === undefined) throw new Error('The expression ends too early.');
    this.#index += 1;
    if (token.text === '(') {
      const value = this.#sum();
      if (this.#take(')') === undefined) throw new Error(`The parenthesis at ${token.at} is not closed.`);
      return value;
    }
    if (!/^[\d.]/.test(token.text)) throw new Error(`A number is missing before "${token.text}" at ${token.at}.`);
    return Number(token.text);
  }

  #take(...texts: readonly string[]): string | undefined {
    const token = this.#tokens[this.#index];
    if (token === undefined || !texts.includes(token.text)) return undefined;
    this.#index += 1;
    return token.text;
  }
}
