/**
 * What `parseArgs` has to say of words that it cannot read, in one line; the rest of its message explains itself with
 * examples that do not fit.
 *
 * @throws what is no such error
 */
export function parseProblem(error: unknown): string {
  if (!(error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'))) throw error;
  return `${error.message.split(/\. |\n/, 1)[0]?.replace(/\.$/, '')}.`;
}
