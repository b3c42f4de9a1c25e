/** What the simulated model plays when it is asked to: "simulate a rate limit". */
export type ScenarioName =
  | 'rate limit'
  | 'outage'
  | 'cut stream'
  | 'overflow'
  | 'endless answer'
  | 'hanging tool'
  | 'loop'
  | 'invalid answer'
  | 'reasoning';

export interface Scenario {
  readonly name: ScenarioName;
  /** How many attempts of the request fail; `Infinity` for all of them, 0 where it is no failure. */
  readonly times: number;
  /** The delay asked for, in ms, where the phrase names one. */
  readonly delayMs?: number;
}

interface ScenarioEntry {
  readonly name: ScenarioName;
  readonly pattern: RegExp;
  readonly times: number;
  /** What it does, for whoever asks the model what it can do. */
  readonly does: string;
}

export const scenarioTable: readonly ScenarioEntry[] = [
  {
    name: 'rate limit',
    pattern: /\brate[- ]?limit|\b429\b|too many requests/i,
    times: 1,
    does: 'the first attempt fails and asks for a delay ("a rate limit of 2 seconds", "two rate limits", "always")',
  },
  {
    name: 'outage',
    pattern: /\boutage|\bunavailable|\b503\b|\bdown\b/i,
    times: Number.POSITIVE_INFINITY,
    does: 'every attempt fails ("an outage once" for the first one only)',
  },
  {
    name: 'cut stream',
    pattern: /\bcut\b|\btruncat|\bbroken stream|\bbreaks? off/i,
    times: 1,
    does: 'the first attempt breaks off in mid-sentence',
  },
  {
    name: 'overflow',
    pattern: /\boverflow|\btoo (?:large|long)\b|\b413\b/i,
    times: 1,
    does: 'the request is refused as too large, until it is made again',
  },
  {
    name: 'endless answer',
    pattern: /\bendless|\bnever[- ]ending|\binfinite/i,
    times: 0,
    does: 'the answer goes on until somebody stops it',
  },
  {
    name: 'hanging tool',
    pattern: /\bhang|\bstuck\b/i,
    times: 0,
    does: 'calls the tool `hang`, which never ends by itself',
  },
  {
    name: 'loop',
    pattern: /\bloop|\brepeated calls?\b/i,
    times: 0,
    does: 'makes the same tool call again and again, whatever comes of it',
  },
  {
    name: 'invalid answer',
    pattern: /\binvalid|\bmalformed|\bwrong form/i,
    times: 0,
    does: 'answers in prose where JSON is asked for, until it is asked again',
  },
  { name: 'reasoning', pattern: /\breason|\bthink/i, times: 0, does: 'reasons before it answers' },
];

const numberWords = ['zero', 'once', 'twice'];
const countWords = ['no', 'one', 'two', 'three', 'four', 'five'];

/** The scenarios that a phrase names, in its order. */
export function readScenarios(phrase: string): readonly Scenario[] {
  const found: { readonly at: number; readonly entry: ScenarioEntry }[] = [];
  for (const entry of scenarioTable) {
    const at = phrase.search(entry.pattern);
    if (at !== -1) found.push({ at, entry });
  }
  found.sort((a, b) => a.at - b.at);
  return found.map(({ at, entry }, index) => {
    // a count may stand before the name ("two rate limits") or after it ("twice"), a delay only after it
    const from = index === 0 ? 0 : at;
    const until = found[index + 1]?.at ?? phrase.length;
    const delayMs = readDelay(phrase.slice(at, until));
    return {
      name: entry.name,
      times: entry.times === 0 ? 0 : (readTimes(phrase.slice(from, until), phrase.slice(0, at)) ?? entry.times),
      ...(delayMs !== undefined && { delayMs }),
    };
  });
}

function readTimes(phrase: string, before: string): number | undefined {
  if (/\balways\b|\bevery (?:time|attempt)\b/i.test(phrase)) return Number.POSITIVE_INFINITY;
  const counted = /\b(\d{1,2}|one|two|three|four|five) times\b/i.exec(phrase)?.[1];
  const ahead = /\b(\d{1,2}|two|three|four|five)\s+$/i.exec(before)?.[1];
  const adverb = /\b(once|twice)\b/i.exec(phrase)?.[1];
  const word = (counted ?? ahead ?? adverb)?.toLowerCase();
  if (word === undefined) return undefined;
  if (/^\d+$/.test(word)) return Number(word);
  return Math.max(numberWords.indexOf(word), countWords.indexOf(word));
}

function readDelay(phrase: string): number | undefined {
  const [, amount, unit] = /(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec|seconds?)\b/i.exec(phrase) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return Math.round(Number(amount) * (unit.toLowerCase().startsWith('m') ? 1 : 1_000));
}
