/** What a search is for: its words, in small letters. None where there is nothing to search for. */
export function searchWords(search: string | undefined): readonly string[] {
  return search === undefined ? [] : (search.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? []);
}

/** Whether a text has all of these words, whatever their case. */
export function hasWords(text: string, words: readonly string[]): boolean {
  const folded = text.toLowerCase();
  return words.every((word) => folded.includes(word));
}
