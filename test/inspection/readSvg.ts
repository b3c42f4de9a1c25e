/** An element of an XML document; what it says is the text of all in it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const attribute = /\s([A-Za-z][\w-]*)="([^"<]*)"/g;
const token =
  /<([a-z]\w*)((?:\s[A-Za-z][\w-]*="[^"<]*")*)(\/?)>|<\/([a-z]\w*)>|([^<>&]+(?:&#\d+;[^<>&]*)*|&#\d+;[^<>&]*(?:&#\d+;[^<>&]*)*)/y;

/** Reads the XML that we write, and nothing that is not well-formed: it throws at the place. */
export function readSvg(text: string): Element {
  const document: Element = { name: '', attributes: {}, children: [], text: '' };
  const open: Element[] = [document];
  const at = new RegExp(token);
  while (at.lastIndex < text.length) {
    const from = at.lastIndex;
    const found = at.exec(text);
    const inside = open.at(-1);
    if (found === null || inside === undefined) throw new Error(`not well-formed: ${text.slice(from, from + 60)}`);
    const [, begun, attributes = '', isEmpty, ended, words] = found;
    if (begun !== undefined) {
      const pairs = [...attributes.matchAll(attribute)].map(
        ([, name = '', value = '']) => [name, decode(value)] as const,
      );
      if (new Set(pairs.map(([name]) => name)).size < pairs.length)
        throw new Error(`an attribute twice: ${attributes}`);
      const element: Element = { name: begun, attributes: Object.fromEntries(pairs), children: [], text: '' };
      inside.children.push(element);
      if (isEmpty === '') open.push(element);
    } else if (ended !== undefined) {
      if (inside.name !== ended) throw new Error(`<${inside.name}> ends as </${ended}>`);
      open.pop();
    } else {
      for (const element of open) element.text += decode(words ?? '');
    }
  }
  const [root, ...others] = document.children;
  if (root === undefined || others.length > 0 || open.length > 1) throw new Error('not one whole element');
  return root;
}

/** It, and all that is in it. */
export function all(element: Element): Element[] {
  return [element, ...element.children.flatMap(all)];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML allows none of these, not even as references
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

function decode(text: string): string {
  const decoded = text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
  if (forbidden.test(decoded) || !decoded.isWellFormed() || /&(?!#)/.test(text)) {
    throw new Error(`not allowed in XML: ${JSON.stringify(text)}`);
  }
  return decoded;
}
