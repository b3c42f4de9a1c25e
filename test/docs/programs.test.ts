import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { API } from 'typescript/unstable/sync';
import { describe, expect, it } from 'vitest';
import { type Program, pages, programsOf, readPage, root } from './markdown.ts';

/**
 * What TypeScript says against programs, under the settings of this project, as `file:line: message`. Each program is a
 * file beside its page that is there for the compiler only; its lines are those of the page.
 */
function typeErrors(programs: readonly Program[]): readonly string[] {
  const folder = fileURLToPath(root).replaceAll('\\', '/');
  const files = new Map(programs.map((program) => [`${folder}${program.file}.${program.line}.ts`, program]));
  const config = `${folder}tsconfig.docs.json`;
  const settings = JSON.stringify({ extends: './tsconfig.json', include: [], files: [...files.keys()] });
  const api = new API({
    cwd: folder,
    fs: {
      readFile: (path) => (path === config ? settings : files.get(path)?.text),
      fileExists: (path) => path === config || files.has(path) || undefined,
    },
  });
  try {
    const program = api.updateSnapshot({ openProjects: [config] }).getProject(config)?.program;
    if (program === undefined) throw new Error('TypeScript did not open the project.');
    const found = [...program.getConfigFileParsingDiagnostics(), ...program.getProgramDiagnostics()].map(
      ({ text }) => text,
    );
    for (const [path, { file }] of files) {
      for (const { pos, text } of [...program.getSyntacticDiagnostics(path), ...program.getSemanticDiagnostics(path)]) {
        const line = files.get(path)?.text.slice(0, pos).split('\n').length;
        found.push(`${file}:${line}: ${text}`);
      }
    }
    return found;
  } finally {
    api.close();
  }
}

/** Runs a program as a user would, but for where `turnchart` comes from, and gives what it prints. */
function run({ text }: Program): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ['--conditions=turnchart-source', '--input-type=module-typescript', '-'];
    // what is printed has no colours, whatever the terminal of the tests is told
    const { FORCE_COLOR: _, ...env } = process.env;
    const child = execFile(process.execPath, args, { cwd: root, env, timeout: 30_000 }, (error, stdout, stderr) => {
      if (error === null && stderr === '') resolve(stdout);
      else reject(new Error(`It ended with: ${stderr || String(error)}`));
    });
    child.stdin?.end(text);
  });
}

const programs = pages().flatMap(programsOf);

describe('programs in the documentation', () => {
  it('satisfy the compiler, under the strict settings of this project', () => {
    expect(programs.length).toBeGreaterThan(5);
    expect(typeErrors(programs)).toEqual([]);
  });

  const printing = programs.filter(({ output }) => output !== undefined);
  it.concurrent.each(printing.map((program) => [`${program.file}:${program.line}`, program] as const))(
    'print what stands below them: %s',
    async (_, program) => {
      expect(await run(program)).toBe(program.output);
    },
    40_000,
  );

  it('print something wherever they are on the page that is followed step by step, but for the one that needs a key', () => {
    const silent = programs.filter(({ file, output }) => file === 'docs/getting-started.md' && output === undefined);
    expect(silent.map(({ text }) => /adapters\/openai/.test(text))).toEqual([true]);
  });

  it('are all written as `ts`, so that none escapes the compiler', () => {
    const languages = new Set(pages().flatMap(({ blocks }) => blocks.map(({ language }) => language)));
    expect(
      [...languages].filter((language) => !['', 'ts', 'text', 'sh', 'json', 'mermaid'].includes(language)),
    ).toEqual([]);
  });

  it('are errors of their line where they do not compile', () => {
    const page = readPage(
      'docs/page.md',
      "# Page\n\n```ts\nimport { createAgent } from 'turnchart';\n\ncreateAgent();\n```\n",
    );
    expect(typeErrors(programsOf(page))).toEqual([expect.stringMatching(/^docs\/page\.md:6: Expected 1 arguments/)]);
  });

  it('go on with the program before them where they import nothing', () => {
    const source = "```ts\nimport 'a';\n```\n```text\none\n```\n## Next\n```ts\nmore();\n```\n```text\ntwo\n```\n";
    expect(programsOf(readPage('docs/page.md', source))).toEqual([
      { file: 'docs/page.md', line: 2, text: "\nimport 'a';\n\n\n\n\n\n\nmore();\n", output: 'one\ntwo\n' },
    ]);
    expect(() => programsOf(readPage('docs/page.md', '```ts\nmore();\n```\n'))).toThrow(
      'docs/page.md:2: a `ts` block without imports goes on with the one before it; there is none.',
    );
  });
});
