// Measures how fast paths are found and played: npm run bench:paths -- [--runs N]
import { parseArgs } from 'node:util';
import { runPath, turnPaths } from '../src/testing/paths/index.ts';
import { median } from './measure.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number from 1.');

console.log('| machine  | paths | found in | played per second |');
console.log('|----------|------:|---------:|------------------:|');
for (const machine of ['turn', 'toolCall', 'session'] as const) {
  const found: number[] = [];
  const played: number[] = [];
  let count = 0;
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now();
    const paths = turnPaths({ machine }).edges;
    const walked = performance.now();
    for (const path of paths) await runPath(path);
    found.push(walked - start);
    played.push(paths.length / ((performance.now() - walked) / 1_000));
    count = paths.length;
  }
  const cells = [`${count}`.padStart(5), `${Math.round(median(found))} ms`.padStart(8)];
  console.log(`| ${machine.padEnd(8)} | ${cells.join(' | ')} | ${`${Math.round(median(played))}`.padStart(17)} |`);
}
