import { describe, expect, it, vi } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { equivalent, unreached } from './equivalent.ts';
import { kill, Paths } from './kill.ts';
import { type Mutant, mutantsOf, withoutFault } from './operators.ts';

/** The suite of one machine: in a file of its own, so that several run at the same time. */
export function describeMutants(machine: AnyStateMachine): void {
  // a minute of work, on machines that have other things to do as well
  vi.setConfig({ testTimeout: 900_000 });

  describe(`paths, oracles and the specification of ${machine.id}`, () => {
    const paths = new Paths();

    it('find nothing wrong with a machine that is made again as it is', async () => {
      expect(await kill(withoutFault(machine), paths)).toBeUndefined();
    });

    it('notice every fault that makes a difference on some path', async () => {
      const mutants = mutantsOf(machine);
      const survivors: Mutant[] = [];
      for (const mutant of mutants) if ((await kill(mutant, paths)) === undefined) survivors.push(mutant);
      console.log(summary(mutants, survivors));

      const names = new Set(mutants.map(({ name }) => name));
      const known = Object.keys({ ...equivalent, ...unreached }).filter((name) => names.has(name));
      // a proof whose mutant is noticed is none
      expect(survivors.map(({ name }) => name).sort()).toEqual(known.sort());
      const proven = survivors.filter(({ name }) => name in equivalent).length;
      const killed = mutants.length - survivors.length;
      expect(killed / (mutants.length - proven)).toBeGreaterThanOrEqual(0.95);
    });
  });
}

function summary(mutants: readonly Mutant[], survivors: readonly Mutant[]): string {
  const operators = [...new Set(mutants.map(({ operator }) => operator))].sort();
  const count = (list: readonly Mutant[], operator: string) => list.filter((each) => each.operator === operator).length;
  const row = (name: string, all: number, left: number) =>
    `${name.padEnd(20)} ${`${all}`.padStart(7)} ${`${all - left}`.padStart(6)} ${`${left}`.padStart(9)}`;
  return [
    `${'operator'.padEnd(20)} mutants killed survivors`,
    ...operators.map((operator) => row(operator, count(mutants, operator), count(survivors, operator))),
    row('all', mutants.length, survivors.length),
  ].join('\n');
}
