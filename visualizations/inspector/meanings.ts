import { readFileSync } from 'node:fs';
import { Declarations, parse } from '../../tools/docs/declarations.ts';

/** What a type of failure means, and what helps. */
export interface FailureHelp {
  readonly means: string;
  readonly help: string;
}

/** What the names in a session mean, in the words of the sources, which the docs are made of, too. */
export interface Meanings {
  /** By the type of the event or the command. */
  readonly events: Readonly<Record<string, string>>;
  /** By the type of the failure. */
  readonly failures: Readonly<Record<string, FailureHelp>>;
}

export function readMeanings(): Meanings {
  const sources = new Map(['events.ts', 'failure.ts'].map((file) => [file, readSource(file)]));
  const declarations = new Declarations(parse(sources).values());
  const names = ['ProgressPayload', 'DiagnosticPayload', 'SessionInput'].flatMap((union) =>
    declarations.members(union).map(({ node }) => node.getText()),
  );
  const events = names.map((name) => {
    const type =
      declarations
        .fields(name)
        .find((field) => field.name === 'type')
        ?.type?.getText() ?? '';
    return [unquoted(type), plain(declarations.comment(name).paragraphs.join(' '))];
  });
  const failures = declarations.members('FailureType').map(({ node, comment }) => {
    const [means = '', ...help] = comment.paragraphs;
    return [unquoted(node.getText()), { means: plain(means), help: plain(help.join(' ')) }];
  });
  return { events: Object.fromEntries(events), failures: Object.fromEntries(failures) };
}

function readSource(file: string): string {
  return readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
}

function unquoted(text: string): string {
  return text.replace(/^'|'$/g, '');
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll('`', '').replace(/\{@link (\w+)\}/g, '$1');
}
