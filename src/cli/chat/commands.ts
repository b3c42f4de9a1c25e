import { toText } from '../../inspection/toText.ts';
import { type Environment, listModels, modelNames } from '../model.ts';
import type { Conversation } from './conversation.ts';
import { saveConversation } from './save.ts';
import type { NoteBlock } from './transcript.ts';

/** What commands work with; the chat of a terminal and that of lines are one each. */
export interface CommandContext {
  readonly conversation: Conversation;
  readonly env: Environment;
  /** Prints the answer of a command. */
  say(text: string, tone?: NoteBlock['tone']): void;
  /** Sends a message for a turn of its own. */
  queue(text: string): void;
  quit(): void;
}

export interface SlashCommand {
  readonly name: string;
  /** What stands after the name, if anything does; in brackets where it may be left out. */
  readonly argument?: string;
  readonly description: string;
  /** What the argument may begin with. */
  readonly choices?: () => readonly string[];
  run(context: CommandContext, argument: string): void | Promise<void>;
}

/** Everything that can be said with a slash. */
export const commands: readonly SlashCommand[] = [
  {
    name: 'help',
    description: 'these commands, and the keys',
    run: ({ say }) => say(help()),
  },
  {
    name: 'cancel',
    description: 'stops the running turn or compaction, as Ctrl-C does',
    run: ({ conversation, say }) => {
      if (conversation.isAtWork) conversation.session.cancel('/cancel');
      else say('No turn runs.', 'quiet');
    },
  },
  {
    name: 'queue',
    argument: 'TEXT',
    description: 'sends a message for a turn of its own, after the running one',
    run: ({ queue }, text) => queue(text),
  },
  {
    name: 'compact',
    description: 'shortens the conversation for the model; it stays whole here',
    run: async ({ conversation, say }) => {
      const problem = await conversation.compact();
      if (problem !== undefined) say(problem, 'problem');
    },
  },
  {
    name: 'tools',
    description: 'what the model may call',
    run: ({ conversation, say }) =>
      say(conversation.tools.map(({ name, description }) => `${name}  ${description ?? ''}`).join('\n')),
  },
  {
    name: 'model',
    argument: '[NAME]',
    description: 'who answers and who could, or another one from now on',
    choices: modelNames,
    run: async ({ conversation, env, say }, name) => {
      if (name === '')
        return say(`${conversation.chosen.name} answers. To change that: /model NAME\n\n${await listModels(env)}`);
      if (!conversation.isIdle) return say('The model can be changed when no turn runs: cancel it first.', 'problem');
      const problem = await conversation.switchModel(name);
      if (problem === undefined) say(conversation.chosen.notice);
      else say(`/model ${name}: ${problem}`, 'problem');
    },
  },
  {
    name: 'state',
    description: 'the state charts, and the states that they are in now',
    run: ({ conversation, say }) => say(toText(conversation.session.actor).trimEnd()),
  },
  {
    name: 'save',
    argument: 'FILE',
    description: 'writes the conversation: Markdown, or JSON where the file ends with .json',
    run: ({ conversation, say }, file) => {
      const { messages } = conversation.session;
      if (messages.length === 0) return say('There is nothing to save yet.', 'problem');
      try {
        saveConversation(file, messages);
        say(`Saved ${messages.length} messages in ${file}.`);
      } catch (error) {
        say(error instanceof Error ? error.message : String(error), 'problem');
      }
    },
  },
  { name: 'quit', description: 'ends the chat, as Ctrl-D does', run: ({ quit }) => quit() },
];

/** What was typed: a message, or a command. Two slashes begin a message that begins with one. */
export function readInput(
  text: string,
): { readonly message: string } | { readonly command: string; readonly argument: string } {
  const trimmed = text.trim();
  if (trimmed.startsWith('//')) return { message: trimmed.slice(1) };
  const [, command, argument] = /^\/(\S*)\s*([\s\S]*)$/.exec(trimmed) ?? [];
  if (command === undefined) return { message: trimmed };
  return { command, argument: argument ?? '' };
}

/** Runs a command by its name, or says what is wrong with it. */
export async function runCommand(name: string, argument: string, context: CommandContext): Promise<void> {
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    context.say(
      `There is no command /${name}; /help lists them. A message that begins with a slash begins with two: //${name}`,
      'problem',
    );
    return;
  }
  const { argument: expected = '' } = command;
  if (argument === '' && expected !== '' && !expected.startsWith('[')) {
    context.say(`Something is missing: /${name} ${expected}`, 'problem');
    return;
  }
  if (argument !== '' && expected === '') {
    context.say(`/${name} takes nothing after it.`, 'problem');
    return;
  }
  await command.run(context, argument);
}

const keys: readonly (readonly [string, string])[] = [
  ['Enter', 'sends; while a turn runs, the message steers its next step'],
  ['y, n, always', 'and Enter answer a question; n may be followed by the reason'],
  ['Alt-Enter', 'a new line; Shift-Enter where the terminal knows it, or \\ before Enter'],
  ['Up, Down', 'what was typed before'],
  ['Tab', 'completes commands and paths'],
  ['Ctrl-O', 'unfolds tool calls, and folds them again'],
  ['Ctrl-C', 'stops the turn, or clears the input; twice quits'],
  ['Ctrl-D', 'quits, where the input is empty'],
];

function help(): string {
  const rows = [
    ...commands.map(({ name, argument, description }) => [`/${name}${argument ? ` ${argument}` : ''}`, description]),
    ['//…', 'a message that begins with a slash'],
  ];
  const width = Math.max(...[...rows, ...keys].map(([what = '']) => what.length));
  const list = (pairs: readonly (readonly string[])[]) =>
    pairs.map(([what = '', does]) => `${what.padEnd(width)}  ${does}`).join('\n');
  return `${list(rows)}\n\n${list(keys)}`;
}
