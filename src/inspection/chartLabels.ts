import type { Chart, ChartInvoke, ChartState, ChartTransition } from './readChart.ts';

/** What is written at transitions. */
export interface Label {
  /** The event, after which all else comes. */
  readonly trigger: string;
  /** The guard and so on. */
  readonly rest: string;
  /** Those that it is of, by their index in the chart. */
  readonly transitions: readonly number[];
}

/** At the border of a state, for what leaves it from inside. */
const fromInside = '(from inside)';

export function fromInsideLabel(transition: number): Label {
  return { trigger: fromInside, rest: '', transitions: [transition] };
}

/** The labels of an arrow, and one more. */
export function withLabel(labels: readonly Label[], label: Label): Label[] {
  if (label.trigger !== fromInside) return [...labels, label];
  const others = labels.filter(({ trigger }) => trigger !== fromInside);
  const inside = labels.filter((each) => !others.includes(each)).flatMap(({ transitions }) => transitions);
  const transitions = [...new Set([...inside, ...label.transitions])];
  return [...others, { ...label, transitions }];
}

/** Looks at one transition of a chart. */
export function labelOf(chart: Chart, index: number, source: ChartState, { actions }: { actions: boolean }): Label {
  const transition = transitionAt(chart, index);
  const trigger = triggerText(transition, source);
  const rest = [
    ...guardText(chart, transition),
    // an arrow from a state to itself says so where there is nothing inside
    ...(transition.reenter && source.type !== 'atomic' ? ['(reenter)'] : []),
    ...(actions && transition.actions.length > 0 ? [`/ ${transition.actions.join(', ')}`] : []),
  ].join(' ');
  return { trigger: trigger === '' && rest === '' ? 'always' : trigger, rest, transitions: [index] };
}

/** Labels on a line each; those that follow each other name their event once, and one that is long takes two lines. */
export function labelLines(labels: readonly Label[]): Label[] {
  return labels.flatMap(({ trigger, rest, transitions }, index) => {
    const whole = [{ trigger, rest, transitions }];
    if (trigger === '' || rest === '') return whole;
    if (labels[index - 1]?.trigger === trigger) return [{ trigger: '', rest, transitions }];
    const isFollowed = labels[index + 1]?.trigger === trigger;
    if (!isFollowed && inOneLine({ trigger, rest }).length <= longestLabel) return whole;
    return [
      { trigger, rest: '', transitions: [] },
      { trigger: '', rest, transitions },
    ];
  });
}

/** In letters; Mermaid breaks lines of 200 pixels itself, but not before the guard. */
const longestLabel = 22;

export function inOneLine({ trigger, rest }: Pick<Label, 'trigger' | 'rest'>): string {
  return [trigger, rest].filter((part) => part !== '').join(' ');
}

/** The text of a transition that has no arrow because it stays. */
export function internalText(chart: Chart, index: number, label: Label): string {
  const { trigger, targets, actions } = transitionAt(chart, index);
  const text = inOneLine(label);
  if (trigger.kind !== 'event') return text;
  // it keeps the event from the states around this one
  if (targets.length === 0 && actions.length === 0) return `ignores ${text}`;
  return `on ${text}`;
}

export function stateName({ key, history }: ChartState): string {
  if (history === undefined) return key;
  return history.depth === 'deep' ? 'H*' : 'H';
}

export function runText(state: ChartState, { id, src }: ChartInvoke): string {
  const name = actorName(id, state);
  return `runs ${name === src || src === '(inline)' ? name : `${src} as ${name}`}`;
}

/** Breaks lines between words. */
export function wrap(text: string, width: number): string[] {
  const wrapped: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const line = wrapped.at(-1);
    if (line !== undefined && line.length + word.length < width) wrapped[wrapped.length - 1] = `${line} ${word}`;
    else wrapped.push(word);
  }
  return wrapped;
}

function transitionAt({ id, transitions }: Chart, index: number): ChartTransition {
  const transition = transitions[index];
  if (transition === undefined) throw new Error(`The chart of "${id}" has no transition ${index}.`);
  return transition;
}

function triggerText({ trigger }: ChartTransition, source: ChartState): string {
  switch (trigger.kind) {
    case 'always':
      return '';
    case 'event':
      return trigger.event;
    case 'after':
      return `after ${typeof trigger.delay === 'number' ? `${trigger.delay} ms` : trigger.delay}`;
    default:
      return trigger.of === source.id ? trigger.kind : `${trigger.kind}: ${actorName(trigger.of, source)}`;
  }
}

/** XState numbers the actors that were given no id; their logic says more. */
function actorName(id: string, { id: state, invokes }: ChartState): string {
  const numbered = invokes.find((invoke, index) => invoke.id === id && id === `${index}.${state}`);
  return numbered?.src ?? id;
}

function guardText(chart: Chart, transition: ChartTransition): string[] {
  if (transition.guard !== undefined) return [`[${transition.guard}]`];
  const siblings = chart.transitions.filter(
    ({ source, trigger }) => source === transition.source && eventOf(trigger) === eventOf(transition.trigger),
  );
  return siblings.indexOf(transition) > 0 ? ['[else]'] : [];
}

function eventOf(trigger: ChartTransition['trigger']): string {
  return trigger.kind === 'always' ? '' : trigger.event;
}
