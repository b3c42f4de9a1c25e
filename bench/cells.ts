import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { httpSubjects } from './httpSubjects.ts';
import { type HttpWorkload, httpWorkloads } from './httpWorkloads.ts';
import { type SubjectName, subjects } from './subjects.ts';
import { type Workload, workloads } from './workloads.ts';

/** A row of the table, and how one figure of it is got in this process. */
export interface Cell extends Pick<Workload, 'name' | 'unit' | 'goal' | 'judged'> {
  measure(subject: SubjectName): Promise<number> | number;
}

export const cells: readonly Cell[] = [
  ...workloads.map(
    (workload): Cell => ({
      ...workload,
      measure: (name) => workload.measure(subjects[name], workload.model),
    }),
  ),
  { name: 'W8 import and first turn', unit: 'ms', goal: 80, judged: 'value', measure: firstTurn },
  ...httpWorkloads.map((workload): Cell => ({ ...workload, measure: (name) => overHttp(workload, name) })),
];

/** In a process that has loaded nothing yet. */
function firstTurn(subject: SubjectName): number {
  const script = fileURLToPath(new URL('firstTurn.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, subject], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as { readonly value: number }).value;
}

async function overHttp({ path, measure, provider = 'openai' }: HttpWorkload, name: SubjectName): Promise<number> {
  const script = fileURLToPath(new URL('server.ts', import.meta.url));
  const subject = (await httpSubjects[provider]())[name];
  const server = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    return await measure(subject(`${line.toString().trim()}/${path}`));
  } finally {
    server.kill();
  }
}
