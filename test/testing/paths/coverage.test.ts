import { describe, expect, it, vi } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { readChart, toSvg } from '../../../src/inspection/index.ts';
import { sessionMachine } from '../../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../../src/machines/toolCallMachine.ts';
import { turnMachine } from '../../../src/machines/turnMachine.ts';
import {
  type Coverage,
  coverageHighlight,
  coverageTable,
  type MachineCoverage,
  machineSubject,
  mergeCoverage,
  pathCoverage,
  runPath,
  turnPaths,
  writtenPath,
} from '../../../src/testing/paths/index.ts';
import { all, readSvg } from '../../inspection/readSvg.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('the smoke paths', () => {
  it.each([
    'turn',
    'toolCall',
    'session',
    'compaction',
  ] as const)('of the %s come by all of its states and transitions, and by both answers of its guards', async (machine) => {
    const coverage = pathCoverage();
    const subject = machineSubject(undefined, coverage);
    for (const path of turnPaths({ machine }).smoke) await runPath(path, { subject });
    const { states, transitions } = of(machine, coverage.read());
    expect(states.filter(({ hits }) => hits === 0)).toEqual([]);
    expect(transitions.filter(({ hits }) => hits === 0)).toEqual([]);
    expect(transitions.filter(({ refusals }) => refusals === 0)).toEqual([]);
  });
});

describe('pathCoverage()', () => {
  it('counts what a path comes by, which coverageTable() shows', async () => {
    expect(coverageTable({ machines: [of('toolCall', await coverageOfOneTool())] })).toMatchInlineSnapshot(`
      "toolCall: 4 of 10 states, 3 of 27 transitions, 0 of 7 guards both ways
          1     preparing
          1     queued
        ✗ 0     awaitingApproval
        ✗ 0     awaitingResult
          1     executing
        ✗ 0     delegating
        ✗ 0     retrying
          1     completed
        ✗ 0     failed
        ✗ 0     denied
        ✗ 1  0  preparing: done: prepareTool [isReady]
        ✗ 0  0  preparing: done: prepareTool [isDenied]
        ✗ 0     preparing: done: prepareTool [else]
        ✗ 0     queued: tool.ask
        ✗ 0  1  queued: tool.grant [isForAgent]
          1     queued: tool.grant [else]
        ✗ 0     queued: tool.request
        ✗ 0     awaitingApproval: tool.approve
        ✗ 0     awaitingApproval: tool.deny
        ✗ 0     awaitingApproval: tool.expire
        ✗ 0  0  awaitingResult: tool.resolve [couldNotRun]
        ✗ 0     awaitingResult: tool.resolve [else]
        ✗ 0     executing: tool.tell
        ✗ 0     executing: tool.reported
        ✗ 0  1  executing: done: executeTool [canRunAgain]
        ✗ 1  0  executing: done: executeTool [isDone]
        ✗ 0     executing: done: executeTool [else]
        ✗ 0     delegating: tool.tell
        ✗ 0     delegating: tool.forward
        ✗ 0     delegating: agent.waits
        ✗ 0     delegating: agent.goesOn
        ✗ 0     delegating: agent.remembers
        ✗ 0     delegating: agent.emitted
        ✗ 0  0  delegating: done: agent [hasAgentAnswered]
        ✗ 0     delegating: done: agent [else]
        ✗ 0     delegating: error: agent
        ✗ 0     retrying: after retryDelay
      "
    `);
  });

  it('counts machines that were provided with something as what they were made of', async () => {
    const coverage = pathCoverage([turnMachine]);
    const subject = machineSubject(turnMachine.provide({ guards: { hasPaused: () => false } }), coverage);
    const path = writtenPath('answers', { machine: 'turn' }, [
      ['turn starts', 'turn working.callingModel'],
      ['model pauses', 'turn done'],
    ]);
    await runPath(path, { subject, oracles: [] });
    const { machines } = coverage.read();
    expect(machines.map(({ machine }) => machine)).toEqual(['turn']);
    expect(of('turn', { machines }).transitions.find(({ name }) => name.includes('[hasPaused]'))).toEqual({
      name: 'working.callingModel: done: callModel [hasPaused]',
      hits: 0,
      refusals: 1,
    });
  });

  it('counts a state as often as it is entered, also from itself', () => {
    const machine = createMachine({
      id: 'door',
      initial: 'shut',
      states: { shut: { on: { knock: {}, push: { target: 'shut', reenter: true } } } },
    });
    expect(covered(machine, 'knock', 'push', 'push').states).toEqual([{ id: 'door.shut', hits: 3 }]);
  });

  it('asks guards in the order of XState: inner states before outer ones, wildcards last, the longest first', () => {
    const machine = createMachine({
      id: 'order',
      initial: 'inner',
      on: { '*': { guard: () => false } },
      states: {
        inner: {
          on: {
            'a.*': { guard: () => false },
            'a.b.*': { guard: ({ event }) => event.type === 'a.b.c' },
            'a.b': { guard: () => false },
          },
        },
      },
    });
    const { transitions } = covered(machine, 'a.b', 'a.b.c', 'a');
    expect(transitions.map(({ name, hits, refusals }) => [name.replace(/ \[.*/, ''), hits, refusals])).toEqual([
      ['*', 0, 2],
      ['inner: a.*', 0, 2],
      ['inner: a.b.*', 1, 1],
      ['inner: a.b', 0, 1],
    ]);
  });

  it('counts guards without an event whenever a machine has come to rest', () => {
    const machine = createMachine({
      id: 'gate',
      initial: 'closed',
      states: { closed: { on: { look: {} }, always: { guard: () => false, target: 'open' } }, open: {} },
    });
    const { transitions } = covered(machine, 'look');
    expect(transitions.map(({ hits, refusals }) => [hits, refusals])).toEqual([
      [1, undefined],
      [0, 2],
    ]);
  });
});

describe('mergeCoverage()', () => {
  it('adds up what several files have come by', async () => {
    const one = await coverageOfOneTool();
    const merged = mergeCoverage(one, JSON.parse(JSON.stringify(one)), { machines: [] });
    expect(merged.machines.map(({ machine }) => machine)).toEqual(['turn', 'toolCall', 'session', 'compaction']);
    for (const [index, { states, transitions }] of merged.machines.entries()) {
      const single = one.machines[index];
      expect(states).toEqual(single?.states.map((state) => ({ ...state, hits: state.hits * 2 })));
      expect(transitions.map(({ hits, refusals = 0 }) => [hits, refusals])).toEqual(
        single?.transitions.map(({ hits, refusals = 0 }) => [hits * 2, refusals * 2]),
      );
    }
  });

  it('refuses a machine that has changed between two of them', async () => {
    const one = await coverageOfOneTool();
    const [turn] = one.machines;
    const other = { machines: [{ ...(turn as MachineCoverage), states: [] }] };
    expect(() => mergeCoverage(one, other)).toThrow(
      'The coverages of "turn" are of two machines: their states or transitions differ.',
    );
  });
});

describe('coverageHighlight()', () => {
  it('is what toSvg() paints: green with a count, or red', async () => {
    const highlight = coverageHighlight(await coverageOfOneTool(), 'toolCall');
    const drawn = all(readSvg(await toSvg(toolCallMachine, { highlight })));
    const state = (id: string) => drawn.find(({ attributes }) => attributes['data-state'] === `toolCall.${id}`);
    expect(state('executing')?.attributes.class).toContain(' covered');
    expect(state('executing')?.text).toContain('executing 1×');
    expect(state('failed')?.attributes.class).toContain('uncovered');
    expect(Object.keys(highlight.transitions)).toHaveLength(readChart(toolCallMachine).transitions.length);
  });

  it('is asked for a machine that the coverage has', () => {
    expect(() => coverageHighlight(pathCoverage([sessionMachine]).read(), 'turn')).toThrow(
      'The coverage has no machine "turn". It has: session.',
    );
  });
});

async function coverageOfOneTool(): Promise<Coverage> {
  const coverage = pathCoverage();
  const path = writtenPath('calls a tool', { machine: 'turn' }, [
    ['turn starts', 'turn working.callingModel'],
    ['model asks for 1 tool', 'turn working.usingTools.runningTools, tools preparing'],
    ['tool 1 is ready', 'turn working.usingTools.runningTools, tools executing'],
    ['tool 1 completes', 'turn working.callingModel'],
    ['model answers', 'turn done'],
  ]);
  await runPath(path, { subject: machineSubject(undefined, coverage) });
  return coverage.read();
}

function of(id: string, { machines }: Coverage): MachineCoverage {
  const found = machines.find(({ machine }) => machine === id);
  if (found === undefined) throw new Error(`Nothing was counted of "${id}".`);
  return found;
}

/** What a machine that is sent these events comes by. */
function covered(machine: ReturnType<typeof createMachine>, ...events: readonly string[]): MachineCoverage {
  const coverage = pathCoverage([machine]);
  const actor = createActor(machine, { inspect: coverage.inspect }).start();
  for (const type of events) actor.send({ type });
  actor.stop();
  return of(machine.id, coverage.read());
}
