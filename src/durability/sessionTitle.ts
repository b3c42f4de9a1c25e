import { type Message, textOf } from '../messages.ts';

/** In characters, the mark of the cut included. */
const longestTitle = 80;

/** The beginning of the first thing that the user said, on one line; nothing where nothing was said in words. */
export function sessionTitle(messages: readonly Message[]): string | undefined {
  for (const message of messages) {
    if (message.role !== 'user' || message.cause !== undefined) continue;
    const title = shorten(textOf(message));
    if (title !== '') return title;
  }
  return undefined;
}

function shorten(text: string): string {
  // by code points, so that no character is cut in two; a text may be a whole file
  const characters = [
    ...text
      .slice(0, longestTitle * 20)
      .replace(/\s+/g, ' ')
      .trim(),
  ];
  if (characters.length <= longestTitle) return characters.join('');
  return `${characters
    .slice(0, longestTitle - 1)
    .join('')
    .trimEnd()}…`;
}
