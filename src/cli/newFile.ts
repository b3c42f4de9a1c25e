/** Why a new file cannot be made, in one line for whoever named it. */
export function cannotMake(what: string, file: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EEXIST') return new Error(`${file} is there already; nothing is overwritten. Name another file.`);
  return new Error(`${what} cannot be written: ${error instanceof Error ? error.message : String(error)}.`);
}
