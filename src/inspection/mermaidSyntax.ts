import type { Chart } from './readChart.ts';

/** Words of Mermaid's, and names of its own: `x_start` and `x_end` are the `[*]` of x. */
const words =
  /^(accDescr|accTitle|as|class|classDef|click|default|direction|end|hide|href|note|root|scale|state|style)$|_(start|end)$/i;

/** Begins the names of what stands in a drawing but is no state. */
const extra = /^(exit|text)__/;

/** The key of a state where no other has it, else its path: whoever reads the drawing wants short names. */
export function mermaidIds({ id, states }: Chart): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const taken = new Set<string>();
  const isFree = (name: string) =>
    /^[a-z]\w*$/i.test(name) && !words.test(name) && !extra.test(name) && !(name in {}) && !taken.has(name);
  const keys = states.map(({ key }) => key);
  for (const state of states) {
    const path = [id, ...state.path].join('__').replace(/\W/g, '_');
    const names = keys.indexOf(state.key) === keys.lastIndexOf(state.key) ? [state.key, path] : [path];
    const name = names.find(isFree) ?? `s${ids.size}_${path}_`;
    taken.add(name);
    ids.set(state.id, name);
  }
  return ids;
}

export function exitId(block: string, target: string): string {
  return `exit__${block}__${target}`;
}

export function textId(state: string): string {
  return `text__${state}`;
}

/** Letters of Mermaid's syntax, of its Markdown and of HTML as entities, which all versions show as they were. */
export function escapeText(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is not wanted
      .replace(/[\s\u0000-\u001f]+/g, ' ')
      .trim()
      .replace(/[#;:"<>&%{}\\*_`$~]|\[(?=\[)|^\d+(?=\.)|^[-+]/g, toEntity)
      // statements to Mermaid even inside of texts
      .replace(/(direction|end) (?=TB|BT|LR|RL|note)/gi, '$1#32;')
  );
}

function toEntity(letters: string): string {
  return [...letters].map((letter) => `#${letter.codePointAt(0)};`).join('');
}
