import type { TurnPath } from './path.ts';

export interface WriteTestsOptions {
  /** Of the suite. @default 'paths' */
  readonly title?: string;
  /** A first line that says where it all comes from. @default none */
  readonly comment?: string;
}

/**
 * A test file for vitest with these paths in it, to be kept and edited like any other. It does not walk the machines: it
 * goes on to say what is expected when these change.
 *
 * @throws TypeError where there are no paths
 * @example
 * ```ts
 * writeFileSync('failures.test.ts', writeTests(turnPaths().to('failed'), { title: 'failures of a turn' }));
 * ```
 */
export function writeTests(paths: readonly TurnPath[], { title = 'paths', comment }: WriteTestsOptions = {}): string {
  if (paths.length === 0) throw new TypeError('writeTests(): there are no paths to write.');
  const abouts = [...new Set(paths.map(writeAbout))];
  const nameOf = (about: string) => (abouts.length === 1 ? 'about' : `about${abouts.indexOf(about) + 1}`);
  return [
    ...(comment === undefined ? [] : [`// ${comment.replace(/\s+/g, ' ')}`, '']),
    `import { runPath, writtenPath } from 'turnchart/testing/paths';`,
    `import { describe, test } from 'vitest';`,
    '',
    ...abouts.map((about) => `const ${nameOf(about)} = ${about} as const;`),
    '',
    'const paths = [',
    ...paths.flatMap((path) => writePath(path, nameOf(writeAbout(path)))),
    '];',
    '',
    `describe(${quote(title)}, () => {`,
    '  for (const path of paths) test(path.name, () => runPath(path));',
    '});',
    '',
  ].join('\n');
}

function writePath({ name, steps }: TurnPath, about: string): readonly string[] {
  const lines = steps.map(({ event, state }) => `    [${quote(event)}, ${quote(state)}],`);
  return [`  writtenPath(${quote(name)}, ${about}, [`, ...lines, '  ]),'];
}

function writeAbout({ machine, bounds }: TurnPath): string {
  const entries = Object.entries<number | readonly string[]>({ ...bounds }).map(([name, value]) => {
    return `    ${name}: ${typeof value === 'number' ? value : `[${value.map(quote).join(', ')}]`},`;
  });
  return ['{', `  machine: ${quote(machine)},`, '  bounds: {', ...entries, '  },', '}'].join('\n');
}

function quote(text: string): string {
  const json = JSON.stringify(text);
  return text.includes("'") ? json : `'${json.slice(1, -1).replaceAll('\\"', '"')}'`;
}
