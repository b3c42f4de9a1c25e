import { type AgentOptions, createAgent, defineTool, type Model, type Session, textOf } from 'turnchart';
import { type Script, scriptedModel } from 'turnchart/testing';
import { z } from 'zod';
import type { RecordingEntry } from '../../../src/recording.ts';

/** What a session comes to in which each of the messages is a turn, as it is in a file. */
export async function record(
  model: Model,
  messages: readonly string[],
  options: Partial<AgentOptions> = {},
  compacts = false,
): Promise<readonly RecordingEntry[]> {
  const session = createAgent({ name: 'helper', ...options, model }).session();
  const entries: RecordingEntry[] = [];
  session.record((entry) => entries.push(entry));
  // once the other tool is done, nothing goes on without an answer
  session.on('tool.completed', () => approve(session));
  for (const message of messages) await session.send(message).outcome;
  if (compacts) await compact(session);
  return JSON.parse(JSON.stringify(entries)) as RecordingEntry[];
}

function approve(session: Session): void {
  const asking = session.snapshot.turn?.tools.find(({ state }) => state === 'awaitingApproval');
  if (asking !== undefined) session.approve(asking.toolCallId, { remember: 'session' });
}

async function compact(session: Session): Promise<void> {
  const compacted = new Promise((resolve) => session.on('session.idle', resolve));
  session.compact();
  await compacted;
}

/** Turns that go as most do: with a tool each. */
export function recordTurns(count: number): Promise<readonly RecordingEntry[]> {
  return record(
    scriptedModel(({ messages }) => {
      const last = messages.at(-1);
      if (last?.role === 'tool') return { text: ['It is ', 'found.'] };
      return { calls: [{ name: 'look_up', input: { what: `notes ${messages.length}` } }] };
    }),
    Array.from({ length: count }, (_, index) => `What is in note ${index}?`),
    { tools: [lookUp] },
  );
}

/** Everything that turns leave behind in one way or another, mixed with turns that go as most do. */
export function recordMixture(): Promise<readonly RecordingEntry[]> {
  const answers: Record<string, Script> = {
    look: { text: 'Let me see.', calls: [{ name: 'look_up', input: { what: 'notes' } }] },
    both: { calls: [{ name: 'look_up', input: { what: 'more' } }, { name: 'look_up' }, { name: 'look_up', input: 7 }] },
    break: { calls: [{ name: 'break_down' }, { name: 'look_up', input: { what: 'keys' } }] },
    erase: {
      calls: [
        { name: 'look_up', input: { what: 'old' } },
        { name: 'erase', input: { what: 'old' } },
      ],
    },
    unknown: { calls: [{ name: 'no_such_tool' }] },
    fail: { failure: { type: 'auth', code: 'invalid_api_key', message: 'No such key', retryable: false } },
    cut: { text: 'It goes on and', finish: 'length' },
  };
  const kinds = [...Object.keys(answers), 'talk', 'look', 'erase', 'both', 'talk'];
  const model = scriptedModel(({ messages, purpose }) => {
    const last = messages.at(-1);
    if (purpose === 'summary') return 'They looked up notes.';
    if (last?.role === 'tool') return { reasoning: 'It is there.', text: ['It is ', 'done.'] };
    return answers[last === undefined ? '' : textOf(last)] ?? 'Hello to you.';
  });
  const options = { tools: [lookUp, erase, breakDown], compaction: { keepMessages: 4 }, pricing: () => 0.01 };
  return record(model, [...kinds, ...kinds], options, true);
}

export const lookUp = defineTool({
  name: 'look_up',
  description: 'Looks it up',
  input: z.object({ what: z.string() }),
  execute: ({ what }) => ({ what, found: true }),
});

export const erase = defineTool({
  name: 'erase',
  description: 'Erases it',
  input: z.object({ what: z.string() }),
  approval: true,
  execute: () => 'erased',
});

const breakDown = defineTool({
  name: 'break_down',
  description: 'Breaks down',
  input: z.object({}),
  execute: () => Promise.reject(new Error('Out of order')),
});
