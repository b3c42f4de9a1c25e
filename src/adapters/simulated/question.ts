import { findExpressions } from './expressions.ts';
import { readScenarios, type Scenario } from './scenarios.ts';

/** One thing that a question asks for. */
export type Ask =
  | { readonly type: 'calculate'; readonly expression: string }
  | {
      readonly type: 'files';
      readonly want: 'count' | 'directoryCount' | 'names';
      readonly path: string;
      readonly recursive: boolean;
    }
  | { readonly type: 'read'; readonly want: 'content' | 'lines' | 'bytes'; readonly file: FileReference }
  | { readonly type: 'delete'; readonly file: FileReference }
  /** For another agent. */
  | { readonly type: 'delegate'; readonly prompt: string }
  | { readonly type: 'hang' };

/** A file by its path, or one that must be looked up in a list first. */
export type FileReference = { readonly path: string } | { readonly pick: 'first' | 'last' | 'readme' };

/** What a message of the user comes to. */
export interface Question {
  readonly asks: readonly Ask[];
  readonly scenarios: readonly Scenario[];
  /** It asks for something to be simulated that is not known. */
  readonly unknownScenario: boolean;
  /** It asks what the model is and can do. */
  readonly aboutItself: boolean;
  /** Beside what is understood it asks for something that is not. */
  readonly hasMore: boolean;
}

const maxChars = 20_000;
const starter =
  'what|how|which|who|why|when|where|write|explain|translate|summari[sz]e|list|read|open|show|cat|print|display|view|delete|remove|tell|calculate|compute|count|simulate|simulating|also|please|ls|give|name|number of|the contents?';
const boundary = new RegExp(
  String.raw`[.;?!](?=\s|$)|\n|\bthen\b|(?:,\s*|\s)and\s+(?=(?:${starter})\b)|,\s*(?=(?:${starter})\b)`,
  'gi',
);

const aboutModel = /\bwhat can (?:you|I)\b|\b(?:who|what) are you\b|^\s*help\b/i;
const wish =
  /\b(?:what|who|whom|whose|why|when|where|how|write|explain|translate|summari[sz]e|create|delete|change|draw|search)\b(?:\s+\S+){2}/i;

const toAgent =
  /^\s*(?:please\s+)?(?:delegate(?:\s+(?:this|that|it))?|(?:ask|have|let)\s+(?:an?|the|another|your)\s+(?:sub-?)?agent(?:\s+to)?)\b[\s:,]*(\S.*)$/is;

/** Understands a question as far as a few patterns go: arithmetic, files, agents, and what to simulate. */
export function readQuestion(text: string): Question {
  const [, prompt] = toAgent.exec(text.slice(0, maxChars)) ?? [];
  if (prompt !== undefined) return { ...nothing, asks: [{ type: 'delegate', prompt }] };
  const asks: Ask[] = [];
  const scenarios: Scenario[] = [];
  const more: string[] = [];
  let unknownScenario = false;
  let aboutItself = false;
  for (const clause of text.slice(0, maxChars).split(boundary)) {
    if (/\bsimulat(?:e|ing)\b/i.test(clause)) {
      const found = readScenarios(clause);
      scenarios.push(...found);
      if (found.some(({ name }) => name === 'hanging tool')) asks.push({ type: 'hang' });
      // "what does simulate mean" names no scenario, and gets the list of them all the same
      unknownScenario ||= found.length === 0;
    } else if (aboutModel.test(clause)) {
      aboutItself = true;
    } else {
      const found = asksIn(clause, asks.findLast((ask) => ask.type === 'read')?.file);
      asks.push(...found);
      if (found.length === 0 && wish.test(clause)) more.push(clause);
    }
  }
  // what is repeated is what is asked for, or something harmless
  if (asks.length === 0 && scenarios.some(({ name }) => name === 'loop')) asks.push(namesIn('.'));
  return {
    asks: withoutDoubles(asks),
    scenarios,
    unknownScenario,
    aboutItself,
    hasMore: asks.length > 0 && more.length > 0,
  };
}

const nothing: Question = {
  asks: [],
  scenarios: [],
  unknownScenario: false,
  aboutItself: false,
  hasMore: false,
};

function asksIn(clause: string, earlier: FileReference | undefined): readonly Ask[] {
  const rest = clause.replace(/\S+/g, (word) => (/[a-z]/i.test(word) && looksLikePath(word) ? ' ' : word));
  const sums = findExpressions(rest).map((expression): Ask => ({ type: 'calculate', expression }));
  return [...fileAsks(clause, earlier), ...sums];
}

function withoutDoubles(asks: readonly Ask[]): readonly Ask[] {
  return [...new Map(asks.map((ask) => [JSON.stringify(ask), ask])).values()];
}

const counting = /\bhow many\b|\bcount\b|\bnumber of\b/i;
const showing = /\b(?:list|ls|show|name|which|what|give|print|display|tell)\b/i;
const deleting = /\b(?:delete|remove|erase|rm)\b/i;
const reading =
  /\b(?:read|open|cat|show|print|display|view|contents?|says?|contains?|what(?:'s|’s| is) (?:in|inside))\b/i;

function fileAsks(clause: string, earlier: FileReference | undefined): readonly Ask[] {
  if (deleting.test(clause)) {
    return /\bnot\b|n['’]t\b|\bnever\b/i.test(clause)
      ? []
      : references(clause).map((file) => ({ type: 'delete', file }));
  }
  const measure = measured(clause);
  if (measure !== undefined) {
    const named = references(clause);
    const files = named.length === 0 && earlier !== undefined && /\bit\b/i.test(clause) ? [earlier] : named;
    return files.map((file) => ({ type: 'read', want: measure, file }));
  }
  const noun = /\b(?:(files)|director(?:ies)|folders)\b/i.exec(clause);
  if (noun !== null && (counting.test(clause) || showing.test(clause))) {
    const counted = noun[1] === undefined ? 'directoryCount' : 'count';
    return [
      {
        type: 'files',
        want: counting.test(clause) ? counted : 'names',
        path: directoryIn(clause),
        recursive: /\brecursiv|\btotal\b|\baltogether\b|\bin all\b|\bsubdirector|\bsubfolder/i.test(clause),
      },
    ];
  }
  if (/^\s*ls\b/i.test(clause)) return [namesIn(/^\s*ls\s+([^\s-]\S*)/i.exec(clause)?.[1] ?? '.')];
  if (!reading.test(clause)) return [];
  const files = references(clause);
  if (files.length === 0 && /\b(?:here|(?:this|the|current) (?:directory|folder))\b/i.test(clause))
    return [namesIn('.')];
  if (files.length === 0) return /\b(?:in|inside|contents? of)\b/i.test(clause) ? namedDirectory(clause) : [];
  return files.map((file) => {
    if ('path' in file && looksLikeDirectory(file.path, clause)) return namesIn(file.path);
    return { type: 'read', want: 'content', file };
  });
}

function measured(clause: string): 'lines' | 'bytes' | undefined {
  if (counting.test(clause) && /\blines\b/i.test(clause)) return 'lines';
  if (counting.test(clause) && /\bbytes\b/i.test(clause)) return 'bytes';
  if (/\bhow long (?:is|are)\b/i.test(clause)) return 'lines';
  if (/\bhow (?:big|large) (?:is|are)\b|\bsize of\b/i.test(clause)) return 'bytes';
  return undefined;
}

function namesIn(path: string): Ask {
  return { type: 'files', want: 'names', path, recursive: false };
}

/** "what is in src": a word without an extension, right after the preposition. */
function namedDirectory(clause: string): readonly Ask[] {
  const path = directoryIn(clause);
  return path === '.' ? [] : [namesIn(path)];
}

const notDirectories = new Set(
  'a an the this that these those here there total all my your our it its them have has current project repository repo general'.split(
    ' ',
  ),
);

function directoryIn(clause: string): string {
  const pattern =
    /\b(?:in|under|inside|within|of|has|does|list|ls)\s+(?:the\s+)?(?:director(?:y|ies)\s+|folders?\s+)?(?:[`"'“]([^`"'”\n]+)[`"'”]|([^\s,;?!`"'()]+))/gi;
  for (const [, quoted, word] of clause.matchAll(pattern)) {
    if (quoted !== undefined) return quoted;
    if (word === undefined || notDirectories.has(word.toLowerCase())) continue;
    if (/^(?:files|director(?:y|ies)|folders?|in|are)$/i.test(word) || /^\d+$/.test(word)) continue;
    return trimmed(word);
  }
  return '.';
}

/** The files that a clause names, in its order. */
function references(clause: string): readonly FileReference[] {
  const found: FileReference[] = [];
  const pattern = /\b(first|last) (?:file|one)\b|[`"“]([^`"”\n]+)[`"”]|(?<!\w)'([^'\n]+)'|([^\s,;?!`"“”()]+)/gi;
  for (const [, pick, quoted, single, word] of clause.matchAll(pattern)) {
    if (pick !== undefined) found.push({ pick: pick.toLowerCase() === 'first' ? 'first' : 'last' });
    else if (quoted !== undefined || single !== undefined) found.push({ path: quoted ?? single ?? '' });
    else if (word === undefined) continue;
    else if (/^readme$/i.test(word)) found.push({ pick: 'readme' });
    else if (looksLikePath(word)) found.push({ path: trimmed(word) });
  }
  return found;
}

const extension = /\.[a-z][\w-]{0,11}$/i;
const plainFiles = /^(?:LICENSE|CHANGELOG|CONTRIBUTING|NOTICE|AUTHORS|Makefile|Dockerfile)$/;

function looksLikePath(word: string): boolean {
  const path = trimmed(word);
  if (plainFiles.test(path) || path === '..' || /^~?[/\\]/.test(path)) return true;
  if (/^\.[\w-]/.test(path) && !/^\.\d+$/.test(path)) return true;
  return /[a-z]/i.test(path) && (extension.test(path) || /[\w.][/\\]/.test(path)) && !/^\w+:\/\//.test(path);
}

/** "what is in src/machines" lists it, "read .ci/run" reads it. */
function looksLikeDirectory(path: string, clause: string): boolean {
  if (/[/\\]$|^\.{1,2}$/.test(path)) return true;
  const name = path.replace(/^.*[/\\]/, '');
  return !name.includes('.') && !plainFiles.test(name) && !/\b(?:read|cat|open)\b/i.test(clause);
}

function trimmed(word: string): string {
  return /^\.{1,2}$/.test(word) ? word : word.replace(/[.:]+$/, '');
}
