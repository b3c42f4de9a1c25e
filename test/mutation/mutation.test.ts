import { describe, expect, it, vi } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { compactionMachine } from '../../src/machines/compactionMachine.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import { equivalent, unreached } from './equivalent.ts';
import { kill, Paths } from './kill.ts';
import { type Mutant, mutantsOf, withoutFault } from './operators.ts';

// half a minute of work, on machines that have other things to do as well
vi.setConfig({ testTimeout: 300_000 });

const machines: readonly AnyStateMachine[] = [turnMachine, toolCallMachine, sessionMachine, compactionMachine];
const paths = new Paths();

describe('paths, oracles and the specification', () => {
  it.each(
    machines.map((machine) => ({ name: machine.id, machine })),
  )('find nothing wrong with the $name that is made again as it is', async ({ machine }) => {
    expect(await kill(withoutFault(machine), paths)).toBeUndefined();
  });

  it('notice every fault that makes a difference', async () => {
    const mutants = machines.flatMap(mutantsOf);
    const survivors: Mutant[] = [];
    for (const mutant of mutants) if ((await kill(mutant, paths)) === undefined) survivors.push(mutant);
    console.log(summary(mutants, survivors));

    const names = survivors.map(({ name }) => name);
    const known = Object.keys({ ...equivalent, ...unreached });
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
    // a proof whose mutant is noticed is none, and one whose mutant is gone is of no use
    expect(known.filter((name) => !names.includes(name))).toEqual([]);
    expect(1 - survivors.length / mutants.length).toBeGreaterThanOrEqual(0.95);
  });
});

describe('mutants', () => {
  const mutants = machines.flatMap(mutantsOf);

  it('have names of their own', () => {
    const names = mutants.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('are made by all operators', () => {
    expect([...new Set(mutants.map(({ operator }) => operator))].sort()).toEqual([
      'dropped action',
      'dropped invoke',
      'dropped re-entry',
      'dropped target',
      'dropped transition',
      'guard always true',
      'missing abort',
      'negated guard',
      'off-by-one limit',
      'swapped actions',
      'swapped guards',
      'wrong delay',
      'wrong initial state',
      'wrong target',
    ]);
  });

  it('are many, of every machine', () => {
    for (const machine of machines) expect(mutantsOf(machine).length).toBeGreaterThanOrEqual(20);
  });
});

function summary(mutants: readonly Mutant[], survivors: readonly Mutant[]): string {
  const operators = [...new Set(mutants.map(({ operator }) => operator))].sort();
  const count = (list: readonly Mutant[], operator: string) => list.filter((each) => each.operator === operator).length;
  const row = (name: string, all: number, left: number) =>
    `${name.padEnd(20)} ${`${all}`.padStart(7)} ${`${all - left}`.padStart(6)} ${`${left}`.padStart(10)}`;
  return [
    `${'operator'.padEnd(20)} mutants killed equivalent`,
    ...operators.map((operator) => row(operator, count(mutants, operator), count(survivors, operator))),
    row('all', mutants.length, survivors.length),
  ].join('\n');
}
