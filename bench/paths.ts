// Measures the generation and the execution of paths: npm run bench:paths -- [--runs N]
import { parseArgs } from 'node:util';
import { runPath, turnPaths } from '../src/testing/paths/index.ts';
import { median } from './measure.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number from 1.');

for (const machine of ['turn', 'toolCall', 'session'] as const) {
  const generated: number[] = [];
  const executed: number[] = [];
  let count = 0;
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now();
    const paths = turnPaths({ machine }).edges;
    const walked = performance.now();
    for (const path of paths) await runPath(path);
    generated.push(walked - start);
    executed.push(paths.length / ((performance.now() - walked) / 1_000));
    count = paths.length;
  }
  console.log(
    `${machine}: edge cover of ${count} paths in ${Math.round(median(generated))} ms, ${Math.round(median(executed))} paths a second`,
  );
}
