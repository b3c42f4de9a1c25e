/** What a text is searched by: its words, in small letters. */
export function searchWords(text = ''): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
}

/** Whether each of the words, or what begins with it, is in a text. */
export function hasWords(text: string, words: readonly string[]): boolean {
  const found = searchWords(text);
  return words.every((word) => found.some((other) => other.startsWith(word)));
}
