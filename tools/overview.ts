// Who says what to whom: the machines and the work outside them. What a machine takes is read from its chart; who sends
// it is kept by hand, and test/inspection/overview.test.ts compares that with the charts and with a turn that runs.
import { writeSvg } from '../src/inspection/drawPicture.ts';
import { type ChartOptions, readChart } from '../src/inspection/index.ts';
import type { Path, Rectangle } from '../src/inspection/layOut.ts';
import type { Arrow, Box, Picture } from '../src/inspection/picture.ts';
import { compactionMachine } from '../src/machines/compactionMachine.ts';
import { sessionMachine } from '../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../src/machines/toolCallMachine.ts';
import { turnMachine } from '../src/machines/turnMachine.ts';

export const machines = {
  turn: turnMachine,
  toolCall: toolCallMachine,
  session: sessionMachine,
  compaction: compactionMachine,
} as const;

type MachineName = keyof typeof machines;
/** Whoever speaks: the application (and the driver, for it), a machine, an agent's turn inside of a turn, or an effect. */
export type Speaker = 'application' | MachineName | 'agent' | EffectName;
type EffectName = 'prepareStep' | 'callModel' | 'checkOutput' | 'summarize' | 'prepareTool' | 'executeTool';

/** By the machine that takes the event. What an invoked actor says at its end needs no mention. */
export const senders: Readonly<Record<MachineName, Readonly<Record<string, Speaker>>>> = {
  session: {
    'session.send': 'application',
    'session.steer': 'application',
    'session.start': 'application',
    'session.cancel': 'application',
    'session.extend': 'application',
    'session.resume': 'application',
    'session.approve': 'application',
    'session.deny': 'application',
    'session.resolveTool': 'application',
    'session.compact': 'application',
    'session.close': 'application',
    'session.diagnose': 'application',
  },
  turn: {
    'turn.start': 'session',
    'turn.steer': 'session',
    'turn.cancel': 'session',
    'turn.extend': 'session',
    'turn.resume': 'session',
    'turn.approve': 'session',
    'turn.deny': 'session',
    'turn.resolveTool': 'session',
    'turn.timeout': 'turn',
    'model.parts': 'callModel',
    'tool.prepared': 'toolCall',
    'tool.approved': 'toolCall',
    'tool.began': 'toolCall',
    'tool.progressed': 'toolCall',
    'tool.attemptFailed': 'toolCall',
    'tool.agentWaits': 'toolCall',
    'tool.agentGoesOn': 'toolCall',
    'tool.remembered': 'toolCall',
    'tool.emitted': 'toolCall',
    'xstate.done.actor.tool.*': 'toolCall',
  },
  toolCall: {
    'tool.ask': 'turn',
    'tool.approve': 'turn',
    'tool.deny': 'turn',
    'tool.expire': 'toolCall',
    'tool.grant': 'turn',
    'tool.request': 'turn',
    'tool.resolve': 'turn',
    'tool.forward': 'turn',
    'tool.tell': 'turn',
    'tool.reported': 'executeTool',
    'agent.waits': 'agent',
    'agent.goesOn': 'agent',
    'agent.remembers': 'agent',
    'agent.emitted': 'agent',
  },
  compaction: {},
};

/** Everything that one says to another. */
export interface Flow {
  readonly from: Speaker;
  readonly to: Speaker;
  /** As they are called in the charts. */
  readonly says: readonly string[];
}

/** What crosses between any two, in the order of the machines. */
export function flows(): Flow[] {
  const found = new Map<string, { from: Speaker; to: Speaker; says: string[] }>();
  const add = (from: Speaker, to: Speaker, text: string) => {
    const key = `${from} ${to}`;
    const flow = found.get(key) ?? { from, to, says: [] };
    if (!flow.says.includes(text)) flow.says.push(text);
    found.set(key, flow);
  };
  for (const name of ['session', 'turn', 'toolCall', 'compaction'] as const) {
    const { states, transitions } = readChart(machines[name]);
    const invoked = new Set(states.flatMap(({ invokes }) => invokes.map(({ id }) => id)));
    for (const id of invoked) add(name, id as Speaker, 'starts, stops');
    if (name === 'toolCall') add('turn', name, 'starts, stops');
    for (const [event, from] of Object.entries(senders[name])) {
      if (from !== name) add(from, name, event.replace('xstate.done.actor.', 'done: '));
    }
    for (const { trigger } of transitions) {
      if (!('of' in trigger) || !invoked.has(trigger.of)) continue;
      add(trigger.of as Speaker, name, `${trigger.kind}: ${trigger.of}`);
    }
  }
  add('session', 'application', 'TurnEvent');
  add('turn', 'application', 'TurnEvent');
  return [...found.values()];
}

const speakers: Readonly<Record<Speaker, { readonly title: string; readonly about: string }>> = {
  application: { title: 'your application', about: 'or the driver, which acts for it' },
  session: { title: 'session', about: aboutOf('session') },
  turn: { title: 'turn', about: aboutOf('turn') },
  toolCall: { title: 'toolCall', about: aboutOf('toolCall') },
  compaction: { title: 'compaction', about: 'shortens the history' },
  agent: { title: 'agent', about: 'a turn of another agent' },
  prepareStep: { title: 'prepareStep', about: 'guards, plans' },
  callModel: { title: 'callModel', about: 'streams an answer' },
  checkOutput: { title: 'checkOutput', about: 'reads the answer' },
  summarize: { title: 'summarize', about: 'asks a model' },
  prepareTool: { title: 'prepareTool', about: 'checks the input' },
  executeTool: { title: 'executeTool', about: 'runs the tool' },
};

const effects: readonly Speaker[] = [
  'summarize',
  'prepareStep',
  'callModel',
  'checkOutput',
  'prepareTool',
  'executeTool',
];
const actors: readonly Speaker[] = ['application', 'session', 'turn', 'toolCall', 'agent', 'compaction'];

export const overviewText = {
  title: 'actors',
  description:
    'The application talks to the session; a session runs one turn at a time, a turn one actor for each tool call, and a call may be a turn of another agent.' +
    ' Whatever is not deterministic is an effect, and passes the effects port.',
};

export function overviewSvg(theme: NonNullable<ChartOptions['theme']>): string {
  const boxes = actors.map(toBox);
  const inside = effects.map(toBox);
  const port: Box = { id: 'port', kind: 'region', name: 'effects port', lines: [], inside };
  const places = new Map<Box, Rectangle>([[port, portPlace]]);
  for (const box of [...boxes, ...inside]) places.set(box, placesOf[box.id as Speaker]);
  const arrows = flows().map((flow): [Arrow, ArrowPlace] => [toArrow(flow), placeOf(flow)]);
  const picture: Picture = {
    ...overviewText,
    boxes: [...boxes, port],
    arrows: arrows.map(([arrow]) => arrow),
  };
  return writeSvg(picture, { width: 860, height: 1685, boxes: places, arrows: new Map(arrows) }, theme);
}

function toBox(id: Speaker): Box {
  const { title, about } = speakers[id];
  return { id, kind: 'state', name: title, lines: [{ text: about, transitions: [] }], inside: [] };
}

function toArrow({ from, to, says }: Flow): Arrow {
  return { from, to: [to], lines: says.map((text) => ({ text, transitions: [] })), transitions: [] };
}

// Laid out by hand, because a drawing in which all talk to each other is one that Graphviz makes no order of: those who
// start others above them, the effects at the right, and between two neighbours one line for each way.

const column = { x: 110, width: 310 };
const aside = { x: 642, width: 152 };
const portPlace = { x: 626, y: 736, width: 184, height: 792 };
const placesOf: Readonly<Record<Speaker, Rectangle>> = {
  application: { ...column, y: 0, height: 48 },
  session: { ...column, y: 298, height: 64 },
  turn: { ...column, y: 552, height: 586 },
  toolCall: { ...column, y: 1344, height: 168 },
  agent: { ...column, y: 1637, height: 48 },
  // beside both that run one
  compaction: { ...aside, y: 298, height: 358 },
  summarize: { ...aside, y: 786, height: 56 },
  prepareStep: { ...aside, y: 858, height: 72 },
  callModel: { ...aside, y: 946, height: 104 },
  checkOutput: { ...aside, y: 1066, height: 72 },
  prepareTool: { ...aside, y: 1344, height: 72 },
  executeTool: { ...aside, y: 1432, height: 80 },
};

type ArrowPlace = { readonly label: Rectangle; readonly lines: readonly Path[] };
type Point = readonly [x: number, y: number];

function placeOf({ from, to, says }: Flow): ArrowPlace {
  const [a, b] = [placesOf[from], placesOf[to]];
  const size = { width: Math.max(...says.map((text) => text.length)) * 6.2 + 26, height: says.length * 17 + 6 };
  const at = (points: readonly Point[], [x, y]: Point): ArrowPlace => ({
    label: { x: x - size.width / 2, y: y - size.height / 2, ...size },
    lines: [pathOf(points)],
  });
  if (from === 'turn' && to === 'application') {
    const [left, top, bottom] = [44, b.y + b.height / 2, a.y + a.height / 2];
    return at(
      [
        [a.x, bottom],
        [left, bottom],
        [left, top],
        [b.x, top],
      ],
      [left, (top + bottom) / 2],
    );
  }
  if (a.x === b.x) {
    // down at the left, up at the right
    const isDown = a.y < b.y;
    const margin = a.width === column.width ? 0.25 : 0.1;
    const x = a.x + a.width * (isDown ? margin : 1 - margin);
    const [start, end] = isDown ? [a.y + a.height, b.y] : [a.y, b.y + b.height];
    return at(
      [
        [x, start],
        [x, end],
      ],
      [x, (start + end) / 2],
    );
  }
  // there above, back below
  const isThere = a.x < b.x;
  const [left, right] = isThere ? [a, b] : [b, a];
  const [top, bottom] = [Math.max(a.y, b.y), Math.min(a.y + a.height, b.y + b.height)];
  const y = isThere ? top + 16 : bottom - size.height / 2 - 2;
  const ends: [Point, Point] = [
    [left.x + left.width, y],
    [right.x, y],
  ];
  return at(isThere ? ends : ends.reverse(), [(ends[0][0] + ends[1][0]) / 2, y]);
}

/** A line with a head at its end. */
function pathOf(points: readonly Point[]): Path {
  const [[x, y] = [0, 0], [beforeX, beforeY] = [0, 0]] = points.toReversed();
  const [right, down] = [Math.sign(x - beforeX), Math.sign(y - beforeY)];
  const corner = (side: number) => [x - right * 10 + down * side, y - down * 10 + right * side].join(',');
  return {
    d: `M${points.map((point) => point.join(',')).join('L')}`,
    head: `${corner(3.5)} ${x},${y} ${corner(-3.5)}`,
  };
}

export function overviewMermaid(): string {
  const node = (id: Speaker) => `${id}["<b>${speakers[id].title}</b><br>${speakers[id].about}"]`;
  const lines = [
    'flowchart TB',
    `  accTitle: ${overviewText.title}`,
    `  accDescr: ${overviewText.description.replaceAll(';', ',')}`,
    ...actors.map((id) => `  ${node(id)}`),
    '  subgraph port ["effects port"]',
    ...effects.map((id) => `    ${node(id)}`),
    '  end',
    ...flows().map(({ from, to, says }) => `  ${from} -->|"${says.join('<br>')}"| ${to}`),
  ];
  return `${lines.join('\n')}\n`;
}

function aboutOf(name: MachineName): string {
  return machines[name].root.description ?? '';
}
