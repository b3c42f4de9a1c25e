import { describe, expect, it, vi } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { equivalent } from './equivalent.ts';
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

    it('notice at least 95 of 100 faults that make a difference', async () => {
      const mutants = mutantsOf(machine);
      const survivors: Mutant[] = [];
      for (const mutant of mutants) if ((await kill(mutant, paths)) === undefined) survivors.push(mutant);
      console.log(summary(mutants, survivors));

      const survived = new Set(survivors.map(({ name }) => name));
      // a proof whose mutant is noticed is none
      const proven = mutants.filter(({ name }) => name in equivalent);
      expect(proven.filter(({ name }) => !survived.has(name)).map(({ name }) => name)).toEqual([]);
      const killed = mutants.length - survivors.length;
      expect(killed / (mutants.length - proven.length)).toBeGreaterThanOrEqual(0.95);
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
    ...survivors.filter(({ name }) => !(name in equivalent)).map(({ name }) => `  without a proof: ${name}`),
  ].join('\n');
}
