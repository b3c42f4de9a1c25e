import { readChart } from 'turnchart/inspection';
import { machineSubject, runPath, turnPaths } from 'turnchart/testing/paths';
import { describe, expect, test } from 'vitest';
import type { ActorRefLike, AnyActor, AnyActorRef, InspectionEvent } from 'xstate';
import { flows, machines, overviewMermaid, overviewSvg, senders } from '../../tools/overview.ts';
import { all, readSvg } from './readSvg.ts';

const names = ['session', 'turn', 'toolCall', 'compaction'] as const;

describe('the overview of the actors', () => {
  test('has whatever passes between them on paths that take every transition', async () => {
    const seen = new Set<string>();
    const unknown = new Set<string>();
    const inspect = hearing((from, to, says) => {
      // what effects report, and people say, comes from outside of the actor system
      const known = flows().filter((flow) => flow.to === to && (from === undefined || flow.from === from));
      const flow = known.find((each) => each.says.includes(says));
      if (flow === undefined) unknown.add(`${from} ${to} ${says}`);
      else seen.add(`${flow.from} ${to} ${says}`);
    });
    for (const machine of names) {
      for (const path of turnPaths({ machine }).smoke) {
        await runPath(path, { subject: machineSubject(undefined, { inspect }), oracles: [] });
      }
    }

    const all = flows().flatMap(({ from, to, says }) => says.map((text) => `${from} ${to} ${text}`));
    expect([...unknown]).toEqual([]);
    expect(all.filter((each) => !seen.has(each) && !/starts, stops$|TurnEvent$/.test(each))).toEqual([]);
  }, 60_000);

  test.each(names)('knows who sends each event that %s takes, and no other', (name) => {
    const { states, transitions } = readChart(machines[name]);
    const invoked = states.flatMap(({ invokes }) => invokes.map(({ id }) => id));
    const taken = transitions.flatMap(({ trigger }) => {
      if (trigger.kind === 'always' || trigger.kind === 'after') return [];
      return 'of' in trigger && invoked.includes(trigger.of) ? [] : [trigger.event];
    });

    expect([...new Set(taken)].sort()).toEqual(Object.keys(senders[name]).sort());
  });

  test('shows every actor that a machine starts, and what it says at its end', () => {
    for (const name of names) {
      const { states } = readChart(machines[name]);
      for (const { id } of states.flatMap(({ invokes }) => invokes)) {
        expect(flows()).toContainEqual(expect.objectContaining({ from: name, to: id }));
        const back = flows().find(({ from, to }) => from === id && to === name);
        expect(back?.says).toContain(`done: ${id}`);
      }
    }
  });

  test.each(['light', 'dark'] as const)('draws all of it for %s pages, nothing over anything', (theme) => {
    const svg = readSvg(overviewSvg(theme));

    for (const { from, to, says } of flows()) {
      for (const text of says) expect([from, to, svg.text.includes(text)]).toEqual([from, to, true]);
    }
    const places = all(svg)
      .filter(({ name, attributes }) => name === 'g' && /^(state|label)$/.test(attributes.class ?? ''))
      .map(({ children }) => children.find(({ name }) => name === 'rect')?.attributes)
      .map((place) => ['x', 'y', 'width', 'height'].map((name) => Number(place?.[name])));
    for (const [index, [ax = 0, ay = 0, aw = 0, ah = 0]] of places.entries()) {
      for (const [bx = 0, by = 0, bw = 0, bh = 0] of places.slice(index + 1)) {
        expect(ax + aw <= bx || bx + bw <= ax || ay + ah <= by || by + bh <= ay).toBe(true);
      }
    }
  });

  test('says the same as Mermaid', () => {
    const drawn = overviewMermaid();
    for (const { from, to, says } of flows()) expect(drawn).toContain(`${from} -->|"${says.join('<br>')}"| ${to}\n`);
  });
});

/** Tells of what actors say to each other, with their names as the overview has them. */
function hearing(hear: (from: string | undefined, to: string | undefined, says: string) => void) {
  return (seen: InspectionEvent) => {
    if (seen.type !== '@xstate.event') return;
    if (!/^(session|turn|model|tool|agent)\.|^xstate\.(done|error)\./.test(seen.event.type)) return;
    const says = seen.event.type.replace(/^xstate\.(done|error)\.actor\./, '$1: ').replace(/: tool\.\d+$/, ': tool.*');
    const [from, to] = [speakerOf(seen.sourceRef), speakerOf(seen.actorRef)];
    // a timer of its own; and what is passed on to agents, who are turns
    if (from === to || (to === 'agent' && says.startsWith('turn.'))) return;
    hear(from, to, says);
  };
}

function speakerOf(like: ActorRefLike | undefined): string | undefined {
  if (like === undefined) return undefined;
  const ref = like as AnyActorRef;
  if (ref._parent === undefined) return (ref as AnyActor).logic.id;
  return ref.id.startsWith('tool.') ? 'toolCall' : ref.id;
}
