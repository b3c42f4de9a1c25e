import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { compactionMachine } from '../../src/machines/compactionMachine.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import { equivalent, unreached } from './equivalent.ts';
import { mutantsOf } from './operators.ts';

const machines: readonly AnyStateMachine[] = [turnMachine, toolCallMachine, sessionMachine, compactionMachine];

describe('mutants', () => {
  const mutants = machines.flatMap(mutantsOf);

  it('have names of their own', () => {
    const names = mutants.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('that survive are there', () => {
    const names = mutants.map(({ name }) => name);
    expect(Object.keys({ ...equivalent, ...unreached }).filter((name) => !names.includes(name))).toEqual([]);
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
