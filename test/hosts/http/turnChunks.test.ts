import { readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import { createAgent, defineTool, type Failure, type TurnEvent } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TurnChunks } from '../../../src/hosts/http/chat/turnChunks.ts';
import { expectWellFormed } from './chat.ts';

const nothing = { shown: new Set<string>(), asked: new Set<string>() };
const gone: Failure = { type: 'provider_unavailable', code: 'network', message: 'Gone.', retryable: true };

const look = defineTool({
  name: 'look',
  description: 'Looks',
  input: z.looseObject({}),
  execute: (_, { progress }) => {
    progress('looks');
    return { seen: 3 };
  },
});
const erase = defineTool({ name: 'erase', description: 'Erases', input: z.looseObject({}), approval: true });
const fail = defineTool({
  name: 'fail',
  description: 'Fails',
  input: z.looseObject({}),
  execute: () => {
    throw new Error('It is stone.');
  },
});

/** Everything that a turn says; approvals are denied, and the first step is steered. */
async function eventsOf(script: readonly Script[]): Promise<readonly TurnEvent[]> {
  const clock = new SimulatedClock();
  const agent = createAgent({
    model: scriptedModel(script),
    clock,
    tools: [look, erase, fail],
    guardrails: {
      output: [
        (text) =>
          text.includes('secret') ? { action: 'rewrite', value: text.replace('secret', '…') } : { action: 'allow' },
      ],
      tool: [
        ({ input }) =>
          JSON.stringify(input).includes('bad') ? { action: 'deny', reason: 'No.' } : { action: 'allow' },
      ],
    },
  });
  const session = agent.session();
  const events: TurnEvent[] = [];
  session.on('*', (event) => events.push(event));
  session.on('tool.approvalRequested', ({ toolCallId }) => session.deny(toolCallId));
  session.on('model.retrying', () => void Promise.resolve().then(() => clock.advance(60_000)));
  const { outcome } = session.send('Go!');
  session.steer('Quick!');
  await outcome;
  await agent.close();
  return events;
}

function chunksOf(events: readonly TurnEvent[]): UIMessageChunk[] {
  const turnId = events[0]?.turnId ?? '';
  const chunks = new TurnChunks(turnId, nothing);
  return [{ type: 'start', messageId: turnId }, ...events.flatMap((event) => chunks.take(event))];
}

async function messageOf(chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
  let message: UIMessage | undefined;
  const stream = new ReadableStream<UIMessageChunk>({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  for await (message of readUIMessageStream({ stream, onError: () => undefined }));
  return message;
}

const scripts: readonly [string, readonly Script[]][] = [
  ['text', [{ text: ['It ', 'goes ', 'on.'] }]],
  ['reasoning and text', [{ reasoning: 'Hm.', text: 'So.' }]],
  [
    'blocks that take turns',
    [
      [
        { type: 'reasoning-delta', text: 'Hm.' },
        { type: 'text-delta', text: 'So.' },
        { type: 'reasoning-delta', text: 'But.' },
        { type: 'text-delta', text: 'No.' },
        { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } },
      ],
    ],
  ],
  [
    'tools of all fates',
    [{ text: 'I ', calls: ['look', 'erase', 'fail', 'nobody'].map((name) => ({ name })) }, 'Done.'],
  ],
  ['a call that a guardrail denies', [{ calls: [{ name: 'look', input: { bad: true } }] }, 'Done.']],
  ['input that cannot be read', [{ calls: [{ name: 'look', rawInput: '{"a":' }] }, 'Done.']],
  ['an attempt that failed', [{ calls: [{ name: 'look' }] }, { text: ['Wro', 'ng'], failure: gone }, 'Right.']],
  ['an answer that is rewritten', [{ reasoning: 'Hm.', text: ['A ', 'secret', ' it is.'] }]],
  ['an answer that stops short', [{ text: 'It goes', finish: 'length' }]],
  ['a refusal', [{ text: 'No', finish: 'content-filter' }]],
  ['a failure', [{ text: 'It', failure: { ...gone, retryable: false } }]],
  ['nothing', ['']],
];

describe('the message that a chat makes of a turn', () => {
  it.each(scripts)('is the same from pieces, from whole texts, and from what a store keeps: %s', async (_, script) => {
    const events = await eventsOf(script);
    const live = chunksOf(events);
    await expectWellFormed([live]);
    const message = await messageOf(live);
    expect(message?.parts.length).toBeGreaterThan(0);
    const whole = await messageOf(chunksOf(merged(events)));
    expect(whole).toEqual(message);
    const kept = chunksOf(events.filter(({ n }) => n === undefined));
    await expectWellFormed([kept]);
    // an answer that did not come to its end is not kept
    const isCutOff = events.some(({ type }) => type === 'turn.failed');
    expect(ofOrder(await messageOf(kept))).toEqual(isCutOff ? expect.anything() : ofOrder(message));
  });
});

/** Neighbouring pieces of one text as one. */
function merged(events: readonly TurnEvent[]): readonly TurnEvent[] {
  const result: TurnEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    const isPiece = event.type === 'message.delta' || event.type === 'reasoning.delta';
    if (isPiece && last?.type === event.type) result[result.length - 1] = { ...event, text: last.text + event.text };
    else result.push(event);
  }
  return result;
}

/** The parts without the ids of blocks, which count what was said before. */
function ofOrder(message: UIMessage | undefined) {
  return message?.parts.map((part) => (part.type === 'reasoning' ? { ...part, id: '' } : part));
}
