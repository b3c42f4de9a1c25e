import { type InvalidField, type Problem, type ProblemCode, problemKinds } from './protocol.ts';

/** Thrown where a request is refused; the app answers with it. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(code: ProblemCode, detail: string, errors?: readonly InvalidField[]) {
    super(detail);
    const { title, status } = problemKinds[code];
    this.problem = {
      type: `urn:turnchart:problem:${code}`,
      title,
      status,
      detail,
      code,
      ...(errors !== undefined && { errors }),
    };
  }
}

export function isProblem(error: unknown, code: ProblemCode): boolean {
  return error instanceof ProblemError && error.problem.code === code;
}

/** After how many seconds a request may be tried again, where that may help. */
const retryAfterSeconds: { readonly [status: number]: number } = { 429: 1, 503: 5 };

export function problemResponse({ problem }: ProblemError): Response {
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  const seconds = retryAfterSeconds[problem.status];
  if (seconds !== undefined) headers.set('retry-after', `${seconds}`);
  if (problem.status === 401) headers.set('www-authenticate', 'Bearer');
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}
