/** What the API takes as the id of a call, and as the name of a tool. Other providers take more. */
const unknownChars = /[^\w-]/g;
const longestName = 128;

/** The name of a tool as the API takes it: models make up names, and one that is refused would spoil the conversation. */
export function toolNameOf(name: string): string {
  const known = name.replace(unknownChars, '_').slice(0, longestName);
  return known === '' ? 'unnamed' : known;
}

/** The ids of calls as the API takes them: each once in a conversation, though parts of it may come of elsewhere. */
export class CallIds {
  readonly #taken = new Set<string>();
  readonly #current = new Map<string, string>();

  /** For the next call that has this id. */
  ofCall(toolCallId: string): string {
    const known = toolCallId.replace(unknownChars, '_');
    let id = known === '' ? 'call' : known;
    for (let count = 2; this.#taken.has(id); count += 1) id = `${known}_${count}`;
    this.#taken.add(id);
    this.#current.set(toolCallId, id);
    return id;
  }

  /** For the result of the last call that had this id. */
  ofResult(toolCallId: string): string {
    return this.#current.get(toolCallId) ?? toolCallId.replace(unknownChars, '_');
  }
}
