import type { AnyStateMachine } from 'xstate';
import { compactionMachine } from '../../src/machines/compactionMachine.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import type { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import {
  machineSubject,
  type Oracle,
  oracles,
  type PathSubject,
  type PathSubjectName,
  runPath,
  type TurnPath,
  type TurnPathsOptions,
  turnPaths,
} from '../../src/testing/paths/index.ts';
import { specification } from '../spec/specification.ts';
import type { Mutant } from './operators.ts';

const pausing: TurnPathsOptions = { features: ['pauses'], steps: 1, toolErrors: 1, attempts: 1 };

/** What mutants are tried on: the machines as they are, in several bounds. */
const bounds: Readonly<Record<PathSubjectName, readonly TurnPathsOptions[]>> = {
  turn: [{}, { parallelTools: 1, steps: 1 }, { retries: 0, toolErrors: 1, steps: 1 }, pausing],
  toolCall: [{}, { parallelTools: 1, tools: 3 }],
  session: [{ turns: 3 }],
  compaction: [{}],
};

/** Paths of the machines without a fault: those of `smoke` first, then every edge, short ones before long ones. */
export class Paths {
  readonly #paths = new Map<PathSubjectName, readonly TurnPath[]>();

  of(machine: PathSubjectName): readonly TurnPath[] {
    const known = this.#paths.get(machine);
    if (known !== undefined) return known;
    const all = bounds[machine].map((options) => turnPaths({ ...options, machine }));
    const paths = [
      ...all.flatMap(({ smoke }) => smoke),
      ...all.flatMap(({ edges }) => edges).sort((a, b) => a.steps.length - b.steps.length),
    ];
    this.#paths.set(machine, paths);
    return paths;
  }
}

const checks: readonly Oracle[] = [...oracles, ...specification().oracles];

/** @returns what noticed the mutant; nothing where every path went on as if nothing were wrong */
export async function kill(mutant: Mutant, paths: Paths, oracles = checks): Promise<unknown> {
  try {
    const machine = mutant.make();
    for (const [name, subject] of subjectsOf(machine)) {
      for (const path of paths.of(name)) await runPath(path, { subject, oracles });
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A machine by itself, and as a child of those around it. */
function subjectsOf(machine: AnyStateMachine): readonly (readonly [PathSubjectName, PathSubject])[] {
  const inSession = (turn: typeof turnMachine) => machineSubject(sessionMachine.provide({ actors: { turn } }));
  if (machine.id === 'compaction') {
    const compaction = bounded(machine as unknown as typeof compactionMachine);
    const turn = turnMachine.provide({ actors: { compaction } });
    return [
      ['compaction', machineSubject(sessionMachine.provide({ actors: { turn, compaction } }))],
      ['turn', machineSubject(turn)],
    ];
  }
  if (machine.id === 'session') return [['session', machineSubject(machine as unknown as typeof sessionMachine)]];
  if (machine.id === 'turn') {
    const turn = (machine as unknown as typeof turnMachine).provide({
      actors: { compaction: bounded(compactionMachine) },
    });
    return [
      ['turn', machineSubject(turn)],
      ['session', inSession(turn)],
    ];
  }
  const toolCall = machine as unknown as typeof toolCallMachine;
  const turn = turnMachine.provide({ actors: { toolCall } });
  return [
    ['toolCall', machineSubject(turn)],
    ['turn', machineSubject(turn)],
  ];
}

/** A turn that compacts for ever goes round between two actors, which no limit of a machine notices. */
const mostCompactions = 20;
const compactions = new WeakMap<object, number>();

function bounded(machine: typeof compactionMachine): typeof compactionMachine {
  return Object.create(machine, {
    getInitialSnapshot: {
      value: (...args: Parameters<typeof machine.getInitialSnapshot>) => {
        const { system } = args[0];
        const count = (compactions.get(system) ?? 0) + 1;
        compactions.set(system, count);
        if (count > mostCompactions) throw new Error('It compacts for ever.');
        return machine.getInitialSnapshot(...args);
      },
    },
  });
}
