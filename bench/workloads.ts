import type { Message, Model } from 'turnchart';
import { cpuOf, median, medianOf, now, warmUp } from './measure.ts';
import { callReads, hangingModel, mockModel, openTextReads, textReads } from './mockModel.ts';
import type { Conversation, Subject } from './subjects.ts';

export interface Workload {
  readonly name: string;
  readonly unit: 'us' | 'us/turn' | 'us/delta' | 'ms' | 'bytes' | 'x';
  /** The highest ratio to the bare loop that is aimed at; none where the row is there for comparison. */
  readonly goal?: number;
  /** What the goal is about: Turnchart over the bare loop, or Turnchart's own figure. @default 'ratio' */
  readonly judged?: 'ratio' | 'value';
  readonly model: Model;
  measure(subject: (model: Model) => Subject, model: Model): Promise<number>;
}

/** Deltas that arrive with one network read, where a workload does not say otherwise: a fast model over TCP. */
const perRead = 64;

const shortAnswer = textReads(20, perRead);
const answerByDelta = textReads(20, 1);
const longAnswer = textReads(50_000, perRead);
const longAnswerByDelta = textReads(50_000, 1);
const tenSteps = Array.from({ length: 10 }, (_, step) => callReads(1, step));
const manyCalls = callReads(16);
const finalAnswer = textReads(1, perRead);

/** Turns, each in a conversation of its own. */
function turns(): Workload['measure'] {
  return (subject, model) => {
    const agent = subject(model);
    return cpuOf(() => agent.run('What is 1 + 1?', ignore));
  };
}

/** The same, per delta. */
function deltas(): Workload['measure'] {
  return async (subject, model) => {
    const agent = subject(model);
    return (await cpuOf(() => agent.run('Tell me everything.', ignore))) / 50_000;
  };
}

export const workloads: readonly Workload[] = [
  {
    name: 'W1 one call, 20 deltas in one read',
    unit: 'us/turn',
    goal: 2.4,
    model: mockModel(() => shortAnswer),
    measure: turns(),
  },
  {
    name: 'W1 … one delta per read',
    unit: 'us/turn',
    model: mockModel(() => answerByDelta),
    measure: turns(),
  },
  {
    name: 'W2 ten calls with one tool each',
    unit: 'us/turn',
    goal: 7,
    model: mockModel(({ messages }) => tenSteps[messages.length >> 1] ?? finalAnswer),
    measure: turns(),
  },
  {
    name: 'W3 16 parallel tools',
    unit: 'us/turn',
    goal: 9,
    model: mockModel(({ messages }) => (messages.length < 2 ? manyCalls : finalAnswer)),
    measure: turns(),
  },
  {
    name: 'W4 50,000 deltas, 64 per read',
    unit: 'us/delta',
    goal: 2,
    model: mockModel(() => longAnswer),
    measure: deltas(),
  },
  {
    name: 'W4 … one delta per read',
    unit: 'us/delta',
    model: mockModel(() => longAnswerByDelta),
    measure: deltas(),
  },
  {
    name: 'W6 turn 200 over turn 10',
    unit: 'x',
    goal: 1.15,
    judged: 'value',
    model: mockModel(() => shortAnswer),
    measure: growth,
  },
  {
    name: 'W7 cancel while streaming',
    unit: 'us',
    goal: 1.5,
    model: hangingModel(openTextReads(20, perRead)),
    measure: cancelling,
  },
  {
    name: 'W9 idle session, 100 messages',
    unit: 'bytes',
    goal: 1.2,
    model: mockModel(() => shortAnswer),
    measure: memory,
  },
];

/** How much longer the late turns of a conversation take than the early ones. */
async function growth(subject: (model: Model) => Subject, model: Model): Promise<number> {
  const agent = subject(model);
  const early: number[] = [];
  const late: number[] = [];
  const talk = async () => {
    const conversation = agent.open([], { onText: ignore });
    for (let turn = 1; turn <= 205; turn += 1) {
      const start = now();
      await conversation.send('And then?').ended;
      const took = now() - start;
      if (turn > 5 && turn <= 15) early.push(took);
      if (turn > 195) late.push(took);
    }
  };
  await warmUp(talk);
  early.length = 0;
  late.length = 0;
  for (let conversation = 0; conversation < 60; conversation += 1) await talk();
  return median(late) / median(early);
}

/** From the command to the terminal event, after text has come. */
async function cancelling(subject: (model: Model) => Subject, model: Model): Promise<number> {
  const agent = subject(model);
  return medianOf(async () => {
    let endedAt = 0;
    let onFirstText = ignore;
    const streams = new Promise<void>((resolve) => {
      onFirstText = resolve;
    });
    const conversation = agent.open([], {
      onText() {
        if (endedAt > 0) throw new Error('Text came after the end.');
        onFirstText();
      },
      onEnd() {
        endedAt = now();
      },
    });
    const turn = conversation.send('Tell me everything.');
    await streams;
    // by then all text has come, and the model is silent
    await new Promise<void>((resolve) => setImmediate(resolve));
    const start = now();
    turn.cancel();
    await turn.ended;
    return endedAt - start;
  });
}

const heldSessions = 400;

/** Of a session that has had a turn and rests, its messages included. */
async function memory(subject: (model: Model) => Subject, model: Model): Promise<number> {
  const agent = subject(model);
  const hold = async () => {
    const before = heapUsed();
    const held: Conversation[] = [];
    for (let key = 0; key < heldSessions; key += 1) {
      const conversation = agent.open(conversationOf(98, key), { onText: ignore });
      await conversation.send(`And then, ${key}?`).ended;
      held.push(conversation);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
    const after = heapUsed();
    return (after - before) / held.length;
  };
  const figures: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    figures.push(await hold());
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return median(figures.slice(1));
}

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('W9 needs node --expose-gc.');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Messages of which none shares its text with another session's. */
function conversationOf(length: number, key: number): Message[] {
  return Array.from({ length }, (_, index): Message => {
    // `join` gives one flat text; a template would give a tree of its pieces
    const text = [`Message ${index} of session ${key}, about as long as people and models write.`, key, index].join(
      ' ',
    );
    const content = [{ type: 'text' as const, text }];
    return index % 2 === 0
      ? { role: 'user', id: `${key}.${index}`, content }
      : { role: 'assistant', id: `${key}.${index}`, content, phase: 'final_answer' };
  });
}

function ignore(): void {}
