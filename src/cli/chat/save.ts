import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { type AssistantPart, type Message, type ToolResultPart, textOf } from '../../messages.ts';
import { cannotMake } from '../newFile.ts';
import { showOutput } from '../progress.ts';

/**
 * Writes a conversation into a new file: its messages as JSON where the name ends with `.json`, otherwise Markdown. As
 * the prompt completes `~/`, that is the home directory here too.
 *
 * @throws Error with one line for whoever named the file, where it is there already or cannot be made
 */
export function saveConversation(file: string, messages: readonly Message[]): void {
  const text = /\.json$/i.test(file) ? `${JSON.stringify(messages, null, 2)}\n` : toMarkdown(messages);
  try {
    writeFileSync(file.replace(/^~(?=\/)/, homedir), text, { flag: 'wx' });
  } catch (error) {
    throw cannotMake('The conversation', file, error);
  }
}

/** A conversation for people to read. */
export function toMarkdown(messages: readonly Message[]): string {
  return `${messages.map(section).join('\n\n')}\n`;
}

function section(message: Message): string {
  switch (message.role) {
    case 'user':
      return `## ${message.cause === undefined ? 'User' : `User (${message.cause})`}\n\n${textOf(message)}`;
    case 'system':
      return `## System\n\n${textOf(message)}`;
    case 'assistant':
      return ['## Assistant', ...message.content.flatMap(paragraph)].join('\n\n');
    case 'tool':
      return ['## Tools', ...message.content.map(result)].join('\n\n');
  }
}

function paragraph(part: AssistantPart): readonly string[] {
  switch (part.type) {
    case 'text':
      return [part.text];
    case 'reasoning':
      return [part.text.trim().replace(/^/gm, '> ')];
    case 'tool-call':
      return [`Calls \`${part.toolName}\`:\n\n${fenced(JSON.stringify(part.input, null, 2), 'json')}`];
    case 'opaque':
      return [];
  }
}

function result({ toolName, output }: ToolResultPart): string {
  const what = output.type === 'error' ? 'failed' : 'gave';
  return `\`${toolName}\` ${what}:\n\n${fenced(showOutput(output, 2), output.type === 'json' ? 'json' : '')}`;
}

/** The fence is longer than any in the text. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}
