// Blanks are bounded and every part starts with a character of its own, so the time stays proportional to the text.
const open = String.raw`(?:[-+(][ \t]{0,3}){0,20}`;
const number = String.raw`(?:\d+(?:\.\d+)?|\.\d+)`;
const close = String.raw`(?:[ \t]{0,3}\)){0,20}`;
const operator = String.raw`[ \t]{0,3}(?:\*\*|[-+*/%^])[ \t]{0,3}`;
const expression = new RegExp(
  String.raw`(?<![\w./\\-])${open}${number}${close}(?:${operator}${open}${number}${close})+(?!\w|\.\w)`,
  'g',
);
const date = /\b\d{4}-\d{2}-\d{2}\b/g;

const words: readonly (readonly [RegExp, string])[] = [
  [/(\d),(?=\d{3}\b)/g, '$1'],
  [/\bplus\b/gi, '+'],
  [/\bminus\b|[−–]/gi, '-'],
  [/\btimes\b|\bmultiplied by\b|[×·]/gi, '*'],
  [/(?<=\d\s{0,3})x(?=\s{0,3}\d)/gi, '*'],
  [/\bdivided by\b|÷/gi, '/'],
  [/\bto the power of\b/gi, '^'],
  [/\bmod(?:ulo)?\b/gi, '%'],
  [/\s{0,3}\bsquared\b/gi, '^2'],
  [/\s{0,3}\bcubed\b/gi, '^3'],
  [/\s{0,3}(?:%|\bpercent)\s{1,3}of\b/gi, '/100 *'],
];

/** The arithmetic in a text, each expression once, with operators instead of words. Whether it can be computed is the tool's business. */
export function findExpressions(text: string): readonly string[] {
  let readable = text.replace(date, ' ');
  for (const [word, sign] of words) readable = readable.replace(word, sign);
  const found = readable.match(expression) ?? [];
  return [...new Set(found.map((match) => withoutSurplusClosing(match.trim())))];
}

/** In "(what is 2+2)" the last parenthesis is not part of the arithmetic. */
function withoutSurplusClosing(text: string): string {
  const count = (sign: string) => text.split(sign).length - 1;
  let surplus = count(')') - count('(');
  let end = text.length;
  while (surplus-- > 0 && text[end - 1] === ')') end -= 1;
  return text.slice(0, end).trim();
}
