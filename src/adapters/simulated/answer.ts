import type { Json } from '../../json.ts';
import { type Message, textOf } from '../../messages.ts';
import type { Call, Conversation, Finding } from './conversation.ts';
import type { Ask, FileReference } from './question.ts';
import { type ScenarioName, scenarioTable } from './scenarios.ts';

/** What the simulated model does next: call tools, all at once, or answer. */
export type Plan =
  | { readonly type: 'calls'; readonly calls: readonly Call[] }
  | { readonly type: 'text'; readonly text: string };

/** Where one ask stands: calls are needed first, or this can be said. Every number comes out of a tool's result. */
type Progress = { readonly calls: readonly Call[] } | { readonly says: string };

export function planAnswer(conversation: Conversation, played: readonly ScenarioName[]): Plan {
  const progress = conversation.asks.map((ask) => pursue(ask, conversation));
  const calls = progress.flatMap((step) => ('calls' in step ? step.calls : []));
  if (calls.length > 0) return { type: 'calls', calls: withoutDoubles(calls) };
  const sayings = progress.flatMap((step) => ('says' in step ? [step.says] : []));
  const { questions } = conversation;
  if (questions.some(({ hasMore }) => hasMore)) {
    sayings.push(
      'The rest I cannot answer: I am a simulated model that only does arithmetic with a tool and looks at files.',
    );
  }
  if (questions.some(({ unknownScenario }) => unknownScenario))
    sayings.push(`I do not know how to simulate that. ${scenarios()}`);
  if (questions.some(({ aboutItself }) => aboutItself)) sayings.push(`${whatItIs()}\n\n${whatElse}\n\n${scenarios()}`);
  if (sayings.length === 0)
    sayings.push(played.length > 0 ? `That was the ${played.join(' and the ')}. ${whatItIs()}` : whatItIs());
  return { type: 'text', text: sayings.join(sayings.some((saying) => saying.includes('\n')) ? '\n\n' : ' ') };
}

const summaryLines = 12;
const summaryChars = 80;

/**
 * A summary for a model that understands little: what was said last, cut to its beginnings. The messages come written
 * down as one text, each below who said it, as in `[user]`.
 */
export function summarize(messages: readonly Message[]): string {
  const said = messages.flatMap((message) => textOf(message).split(/\n\n(?=\[[a-z ]+\]\n)/));
  const lines = said.flatMap((block) => {
    const [, who = 'user', words = ''] = /^(?:\[([a-z ]+)\]\n)?(.*)$/s.exec(block.trim()) ?? [];
    const text = words.trim().replace(/\s+/g, ' ');
    return text === '' ? [] : [`- ${who}: ${text.length > summaryChars ? `${text.slice(0, summaryChars)}…` : text}`];
  });
  return ['What was said last, as the simulated model has noted it down:', ...lines.slice(-summaryLines)].join('\n');
}

function whatItIs(): string {
  return (
    'I am a simulated model: a small program on this machine that plays the part of a language model, ' +
    'without a key and without the network. I only do arithmetic with a tool ("what is 17*23?") and answer questions ' +
    'about files here ("how many files are here?", "what is in package.json?"), and I play failures on request ' +
    '("what can you do?" lists them). To get answers to anything else, give `createAgent` a real model: one of ' +
    'openai() for instance, or on the command line --model openai/… with a key; any object of the type `Model` will do.'
  );
}

const whatElse = `Where there are tools and options for it, I also
- delete a file ("delete notes.txt"), for which somebody is asked first where the tool wants that
- pass a question on to another agent ("ask an agent what is 2+2")
- answer in JSON where \`output\` says its form, with what tools gave and what stands in the question
- write down what was said where a conversation gets too long.`;

function scenarios(): string {
  const lines = scenarioTable.map(({ name, does }) => `- "simulate ${withArticle(name)}": ${does}`);
  return [
    'I can simulate these, also together and before a question ("simulate a rate limit, then what is 2+2"):',
    ...lines,
  ].join('\n');
}

function withArticle(name: ScenarioName): string {
  if (name === 'reasoning') return name;
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

function pursue(ask: Ask, conversation: Conversation): Progress {
  switch (ask.type) {
    case 'calculate': {
      const { expression } = ask;
      return after(conversation.find('calculate', { expression }), `work out ${expression}`, (value) =>
        sayResult(expression, value),
      );
    }
    case 'files': {
      const { path, recursive } = ask;
      const input = { path, ...(recursive && { recursive }) };
      return after(conversation.find('list_files', input), `list the files ${placeOf(path)}`, (value) =>
        sayFiles(ask, value),
      );
    }
    case 'read':
      return pursueFile(ask.file, conversation, (path) =>
        after(conversation.find('read_file', { path }), `read ${path}`, (value) => sayFile(path, ask.want, value)),
      );
    case 'delete':
      return pursueFile(ask.file, conversation, (path) =>
        after(conversation.find('delete_file', { path }), `delete ${path}`, () => `${path} is deleted.`),
      );
    case 'delegate': {
      const tool = conversation.agentTool;
      if (tool === undefined)
        return { says: 'I could not ask an agent: no tool that takes a `prompt` is offered to me.' };
      const finding = conversation.find(tool, { prompt: ask.prompt });
      return after(finding, 'get an answer of the agent', (value) => `The agent says: ${show(value)}`);
    }
    case 'hang':
      return after(
        conversation.find('hang', {}),
        'show a hanging tool',
        (value) => `The hanging tool ended after all: ${show(value)}.`,
      );
  }
}

function after(finding: Finding, aim: string, say: (value: Json) => string): Progress {
  if (finding.type === 'needed') return { calls: [finding.call] };
  return { says: finding.type === 'problem' ? `I could not ${aim}: ${finding.problem}.` : say(finding.value) };
}

/** A file that is not named by its path is looked up in a list first. */
function pursueFile(file: FileReference, conversation: Conversation, read: (path: string) => Progress): Progress {
  if ('path' in file) return read(file.path);
  const list = conversation.find('list_files', { path: '.' });
  if (list.type !== 'value') return after(list, `find the ${file.pick} file`, show);
  const files = namesOf(list.value, 'files');
  const found = {
    first: () => files[0],
    last: () => files.at(-1),
    readme: () => files.find((name) => /^readme(?:\.|$)/i.test(name)),
  }[file.pick]();
  return found === undefined ? { says: `I found no ${file.pick} file here.` } : read(found);
}

function sayResult(expression: string, value: Json): string {
  const sign = field(value, 'approximate') === true ? '≈' : '=';
  return `${expression} ${sign} ${show(field(value, 'result') ?? value)}.`;
}

function sayFiles(ask: Ask & { type: 'files' }, value: Json): string {
  const count = field(value, 'count');
  const place = placeOf(ask.path);
  if (ask.want === 'names' || typeof count !== 'number') return sayNames(place, value);
  const directories = field(value, 'directoryCount');
  const all = field(value, 'truncated') === true ? 'at least ' : '';
  const depth = ask.recursive ? ', counted with everything below' : '';
  const skipped = ask.recursive ? saySkipped(value) : '';
  if (ask.want === 'count' || typeof directories !== 'number') {
    return `There ${count === 1 ? 'is' : 'are'} ${all}${plural(count, 'file', 'files')} ${place}${depth}.${skipped}`;
  }
  return `There ${directories === 1 ? 'is' : 'are'} ${all}${plural(directories, 'directory', 'directories')} ${place}${depth}.${skipped}`;
}

function sayNames(place: string, value: Json): string {
  if (field(value, 'files') === undefined) return `The list of files ${place}: ${show(value)}.`;
  const files = namesOf(value, 'files');
  const directories = namesOf(value, 'directories').map((name) => `${name}/`);
  const names = [...directories, ...files].map((name) => `- ${name}`);
  if (names.length === 0) return `There is nothing ${place}.${saySkipped(value)}`;
  const cut = field(value, 'truncated') === true ? '\nThe list goes on; it was cut.' : '';
  return `${upperFirst(place)}:\n${names.join('\n')}${cut}${saySkipped(value)}`;
}

function saySkipped(value: Json): string {
  const skipped = namesOf(value, 'skipped');
  return skipped.length === 0 ? '' : ` Left out: ${skipped.join(', ')}.`;
}

const shownChars = 1_500;

function sayFile(path: string, want: 'content' | 'lines' | 'bytes', value: Json): string {
  const lines = field(value, 'lines');
  const bytes = field(value, 'bytes');
  if (want === 'lines' && typeof lines === 'number') return `${path} has ${plural(lines, 'line', 'lines')}.`;
  if (want === 'lines') return `I could not count the lines of ${path}: the tool did not say how many there are.`;
  if (want === 'bytes' && typeof bytes === 'number') return `${path} has ${plural(bytes, 'byte', 'bytes')}.`;
  const content = field(value, 'content') ?? value;
  const text = typeof content === 'string' ? content : show(content);
  const isCut = text.length > shownChars || field(value, 'truncated') === true;
  const size = typeof bytes === 'number' ? ` (${plural(bytes, 'byte', 'bytes')})` : '';
  if (text === '') return `${path}${size} is empty.`;
  return `${path}${size}${isCut ? ' begins' : ''}:\n${text.slice(0, shownChars).trimEnd()}${isCut ? '\n…' : ''}`;
}

function placeOf(path: string): string {
  return path === '.' ? 'here' : `in ${path}`;
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function show(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function field(value: Json, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return (value as { readonly [key: string]: Json })[name];
}

function namesOf(value: Json, name: string): readonly string[] {
  const names = field(value, name);
  return Array.isArray(names) ? names.filter((item) => typeof item === 'string') : [];
}

function withoutDoubles(calls: readonly Call[]): readonly Call[] {
  return [...new Map(calls.map((call) => [JSON.stringify(call), call])).values()];
}
