import { readChart, toStatelyJson } from 'turnchart/inspection';
import { describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { everyMachine } from './fixtures.ts';

describe('toStatelyJson', () => {
  test.each(everyMachine)('gives of %s what has the same chart, even after a way through JSON', (_, machine) => {
    const json = JSON.stringify(toStatelyJson(machine));

    expect(readChart(createMachine(JSON.parse(json)))).toEqual(readChart(machine));
  });

  test('is a configuration of XState with actions, guards and actors by name', () => {
    const machine = createMachine({
      id: 'door',
      description: 'A door.',
      initial: 'shut',
      states: {
        shut: { tags: 'safe', entry: 'lock', on: { open: { target: 'open', guard: 'isUnlocked', actions: 'creak' } } },
        open: {
          invoke: { id: 'watch', src: 'watchDoor', onDone: { target: 'shut', reenter: true }, onError: '#door.gone' },
          after: { 500: 'shut' },
          always: { target: 'gone', guard: 'isBroken', description: 'Off its hinges.' },
        },
        gone: { type: 'final' },
      },
    });

    expect(toStatelyJson(machine)).toEqual({
      id: 'door',
      description: 'A door.',
      initial: 'shut',
      states: {
        shut: {
          tags: ['safe'],
          entry: [{ type: 'lock' }],
          on: { open: [{ target: 'open', guard: { type: 'isUnlocked' }, actions: [{ type: 'creak' }] }] },
        },
        open: {
          invoke: [
            {
              id: 'watch',
              src: 'watchDoor',
              onDone: [{ target: 'shut', reenter: true }],
              onError: [{ target: 'gone' }],
            },
          ],
          after: { 500: [{ target: 'shut' }] },
          always: [{ target: 'gone', guard: { type: 'isBroken' }, description: 'Off its hinges.' }],
        },
        gone: { type: 'final' },
      },
    });
  });

  test('names states elsewhere by the way from the root', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { initial: 'b', states: { b: { on: { out: '#m.c', up: '#m.a' } } } }, c: {} },
    });

    expect(toStatelyJson(machine).states?.a?.states?.b?.on).toEqual({
      out: [{ target: '#m.c' }],
      up: [{ target: '#m.a' }],
    });
  });
});
