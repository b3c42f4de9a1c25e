import { walksOf } from './src/testing/paths/walks.ts';
import { walk } from './src/testing/paths/graph.ts';
import { rootOf } from './src/testing/paths/alphabet.ts';
import { turnPaths } from './src/testing/paths/turnPaths.ts';
import { coveringWays } from './src/testing/paths/ways.ts';
import { allTransitions } from './src/testing/paths/taken.ts';
import { machineSubject } from './src/testing/paths/machineSubject.ts';
import { runPath } from './src/testing/paths/runPath.ts';
import { pathCoverage } from './src/testing/paths/coverage.ts';
import { coverageTable } from './src/testing/paths/showCoverage.ts';
const t0 = 0;
for (const machine of (process.argv[2] ?? 'turn,toolCall,session,compaction').split(',') as any[]) {
  for (const { bounds, isLeftOut } of walksOf(machine, {})) {
    const t = performance.now();
    const g = walk({ machine, root: rootOf(machine), bounds, isAllowed: (e) => !isLeftOut(e) });
    const edges = [...g.nodes.values()].reduce((n, x) => n + x.edges.length, 0);
    console.log(machine, bounds.features.join(), 'nodes', g.nodes.size, 'edges', edges, Math.round(performance.now() - t), 'ms');
  }
  const t = performance.now();
  const paths = turnPaths({ machine });
  const edges = paths.edges;
  console.log(machine, 'edges', edges.length, 'smoke', paths.smoke.length, Math.round(performance.now() - t), 'ms');
  if (process.argv[3]) {
    const coverage = pathCoverage();
    let bad = 0;
    for (const path of process.argv[3] === 'edges' ? edges : paths.smoke) try { await runPath(path, { subject: machineSubject(undefined, coverage) }); } catch (e: any) { if (bad++ < Number(process.argv[4] ?? 3)) console.log(e.message); }
    console.log('bad', bad);
    if (process.argv[3] === 'smoke') console.log(coverageTable({ machines: coverage.read().machines.filter((m) => m.machine === machine) }).split('\n').filter((l, i) => i === 0 || l.includes('✗')).join('\n'));
  }
}
