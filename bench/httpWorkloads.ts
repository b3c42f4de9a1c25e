import type { HttpSubject, Provider } from './httpSubjects.ts';
import { cpuOf, now } from './measure.ts';
import type { Workload } from './workloads.ts';

/** A workload whose model is a server in another process. */
export interface HttpWorkload extends Omit<Workload, 'model' | 'measure'> {
  /** Which answer of the server. */
  readonly path: string;
  /** Whose words are spoken. @default 'openai' */
  readonly provider?: Provider;
  measure(run: HttpSubject): Promise<number>;
}

const question = 'What is 1 + 1?';

const perTurn: HttpWorkload['measure'] = (run) => cpuOf(() => run(question, ignore));
/** These turns are so long that the code around their reads, a hundred each, takes seconds until it is warm. */
const perDelta: HttpWorkload['measure'] = async (run) => (await cpuOf(() => run(question, ignore), 3_000)) / 50_000;

export const httpWorkloads: readonly HttpWorkload[] = [
  { name: 'W1 http', unit: 'us/turn', goal: 1.25, path: 'text20', measure: perTurn },
  { name: 'W2 http', unit: 'us/turn', goal: 1.25, path: 'tenCalls', measure: perTurn },
  { name: 'W3 http', unit: 'us/turn', goal: 1.3, path: 'parallelCalls', measure: perTurn },
  { name: 'W4 http', unit: 'us/delta', goal: 1.3, path: 'text50000', measure: perDelta },
  {
    name: 'W4 http, Anthropic',
    unit: 'us/delta',
    goal: 1.3,
    path: 'anthropic50000',
    provider: 'anthropic',
    measure: perDelta,
  },
  { name: 'W4 http, Google', unit: 'us/delta', goal: 1.3, path: 'google50000', provider: 'google', measure: perDelta },
  { name: 'W4 http, AI SDK', unit: 'us/delta', goal: 1.3, path: 'text50000', provider: 'aiSdk', measure: perDelta },
  { name: 'W5 1,000 turns at once, CPU', unit: 'us/turn', goal: 3, path: 'paced', measure: crowd(({ cpu }) => cpu) },
  { name: 'W5 … wall', unit: 'us/turn', goal: 1.8, path: 'paced', measure: crowd(({ wall }) => wall) },
  { name: 'W5 … peak memory', unit: 'bytes', goal: 1.5, path: 'paced', measure: crowd(({ memory }) => memory) },
];

const crowdSize = 1_000;

interface CrowdFigures {
  readonly cpu: number;
  readonly wall: number;
  readonly memory: number;
}

/** All at once, once: that is how a server meets them. Time per turn, memory of the whole process at its peak. */
function crowd(figure: (figures: CrowdFigures) => number): HttpWorkload['measure'] {
  return async (run) => {
    await run('Warm up.', ignore);
    const before = process.cpuUsage();
    const start = now();
    await Promise.all(Array.from({ length: crowdSize }, (_, index) => run(`Turn ${index}`, ignore)));
    const { user, system } = process.cpuUsage(before);
    return figure({
      cpu: (user + system) / crowdSize,
      wall: (now() - start) / crowdSize,
      memory: process.resourceUsage().maxRSS * 1_024,
    });
  };
}

function ignore(): void {}
