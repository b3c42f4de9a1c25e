/** The longest name of a tool that providers take. */
const longest = 64;

/**
 * Names that every provider takes, all different: what is no letter, digit, `_` or `-` becomes `_`, what is too long is
 * cut, and one that is taken gets a number.
 */
export function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const plain = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, longest) || 'tool';
    let unique = plain;
    for (let count = 2; taken.has(unique); count += 1) {
      const ending = `_${count}`;
      unique = plain.slice(0, longest - ending.length) + ending;
    }
    taken.add(unique);
    return unique;
  });
}
