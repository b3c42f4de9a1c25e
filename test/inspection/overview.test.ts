import { defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { readChart } from 'turnchart/inspection';
import { services, sessionMachine, turnMachine, userMessage } from 'turnchart/machines';
import { describe, expect, test } from 'vitest';
import { createActor, waitFor } from 'xstate';
import { z } from 'zod';
import { flows, machines, overviewMermaid, overviewSvg, senders } from '../../tools/overview.ts';
import { all, readSvg } from './readSvg.ts';

const names = ['session', 'turn', 'toolCall'] as const;

describe('the overview of the actors', () => {
  test('has whatever passes between them while a session runs tools, retries one, and is steered and cancelled', async () => {
    const seen = new Set<string>();
    const unknown: string[] = [];
    const session = startSession((from, to, says) => {
      // what an effect reports comes from outside of the actor system
      const known = flows().filter((flow) => flow.to === to && (from === undefined || flow.from === from));
      const flow = known.find((each) => each.says.includes(says));
      if (flow === undefined) unknown.push(`${from} ${to} ${says}`);
      else seen.add(`${flow.from} ${to} ${says}`);
    });

    session.send({ type: 'session.send', turnId: 't1', message: userMessage('what is 2+2 and 3+3?', 'm1'), at: 0 });
    session.send({ type: 'session.start', at: 0 });
    session.send({ type: 'session.steer', turnId: 't2', message: userMessage('Quickly.', 'm2'), at: 0 });
    await waitFor(session, (snapshot) => snapshot.matches('idle') || snapshot.matches({ inTurn: 'following' }));
    session.send({ type: 'session.start', at: 0 });
    session.send({ type: 'session.send', turnId: 't3', message: userMessage('Hello', 'm3'), at: 0 });
    session.send({ type: 'session.start', at: 0 });
    session.send({ type: 'session.cancel', at: 0 });
    session.send({ type: 'session.diagnose', source: 'test', message: 'over', at: 0 });
    session.send({ type: 'session.close', at: 0 });

    const all = flows().flatMap(({ from, to, says }) => says.map((text) => `${from} ${to} ${text}`));
    const unseen = all.filter((each) => !seen.has(each) && !/starts, stops$|TurnEvent$/.test(each));
    expect(unknown).toEqual([]);
    // XState's way for an actor that throws, which effects do not
    expect(unseen).toEqual(['callModel turn error: callModel']);
    session.stop();
  });

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

/** A session on the simulated model; who hears of it is told the actors' names as the overview has them. */
function startSession(hear: (from: string | undefined, to: string | undefined, says: string) => void) {
  let runs = 0;
  // the second call is ready before the first, and has to wait for it
  const { promise: isSecondReady, resolve: secondIsReady } = Promise.withResolvers<void>();
  const expression = z.string().refine(async (text) => {
    if (text.startsWith('2')) await isSecondReady;
    return true;
  });
  const calculate = defineTool({
    name: 'calculate',
    description: 'Calculates',
    input: z.object({ expression }),
    retry: { maxAttempts: 2, initialDelayMs: 0 },
    execute: (_, { progress }) => {
      progress('calculating');
      runs += 1;
      if (runs === 1) throw new Error('not yet');
      return '4';
    },
  });
  const turn = turnMachine.provide(services({ model: simulated({ delayMs: 0 }), tools: [calculate] }));
  const session = createActor(sessionMachine.provide({ actors: { turn } }), {
    id: 'session',
    input: { sessionId: 's' },
    inspect: (seen) => {
      if (
        seen.type !== '@xstate.event' ||
        !/^(session|turn|model|tool)\.|^xstate\.(done|error)\./.test(seen.event.type)
      )
        return;
      if (seen.event.type === 'tool.prepared') secondIsReady();
      const says = seen.event.type
        .replace(/^xstate\.(done|error)\.actor\./, '$1: ')
        .replace(/: tool\.\d+$/, ': tool.*');
      const from = seen.event.type.startsWith('session.') ? 'application' : speakerOf(seen.sourceRef);
      hear(from, speakerOf(seen.actorRef), says);
    },
  });
  return session.start();
}

function speakerOf(ref: unknown): string | undefined {
  if (typeof ref !== 'object' || ref === null || !('id' in ref) || typeof ref.id !== 'string') return undefined;
  return ref.id.startsWith('tool.') ? 'toolCall' : ref.id;
}
