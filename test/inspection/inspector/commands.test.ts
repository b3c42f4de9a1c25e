import { createAgent } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { linesOf } from '../../rules/support.ts';
import { command, open, readFeed } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });

const pay = { name: 'pay', approval: true, input: z.object({}), execute: () => 'paid' } as const;
const ask = { name: 'ask', input: z.object({}) } as const;
const look = { name: 'look', input: z.object({}), execute: () => 'seen' } as const;
const accepted = { accepted: true };

/** A session that is watched by somebody who may speak to it. */
async function watched(script: Parameters<typeof scriptedModel>[0], options = {}) {
  const opened = await open({ commands: true });
  const agent = createAgent({ model: scriptedModel(script), ...options, inspect: opened.it });
  const session = agent.session({ id: 's' });
  const feed = await readFeed(opened);
  const say = (given: Parameters<typeof command>[2]) => command(opened, 's', given);
  const has = (type: string) =>
    feed.until((each) => each.entries('s').some((entry) => entry.type === 'event' && entry.event.type === type));
  return { session, feed, say, has, opened };
}

describe('a page that may', () => {
  it('sends, steers and cancels', async () => {
    const { session, say, has, feed } = await watched([{ text: 'Wait.', hangs: true }, 'Never.']);
    expect(await say({ type: 'send', text: 'Go' })).toEqual(accepted);
    await has('message.delta');
    expect(await say({ type: 'steer', text: 'Faster' })).toEqual(accepted);
    expect(await say({ type: 'cancel', reason: 'Enough.' })).toEqual(accepted);
    await has('turn.cancelled');
    await session.close();
    await feed.until((each) => each.ofType('session').length === 2);
    expect(linesOf(session.messages)).toEqual(expect.arrayContaining(['user: Go', 'user: Faster']));
  });

  it('approves, denies, and answers for clients', async () => {
    const call = (name: string, id: string) => ({ name, id });
    const { session, say, has, feed } = await watched(
      [{ calls: [call('pay', 'a'), call('pay', 'b'), call('ask', 'c')] }, 'Done.'],
      { tools: [pay, ask] },
    );
    session.send('Go');
    await has('tool.approvalRequested');
    expect(await say({ type: 'approve', toolCallId: 'a' })).toEqual(accepted);
    expect(await say({ type: 'deny', toolCallId: 'b', reason: 'Not twice.' })).toEqual(accepted);
    await has('tool.resultRequested');
    expect(await say({ type: 'resolveTool', toolCallId: 'c', output: { city: 'Rome' } })).toEqual(accepted);
    await feed.untilIdle('s');
    const results = session.messages.flatMap(({ role, content }) => (role === 'tool' ? content : []));
    expect(results.map(({ output }) => output.value)).toEqual([
      'paid',
      expect.stringContaining('Not twice.'),
      { city: 'Rome' },
    ]);
  });

  it('approves for the whole session, and says that a client could not do it', async () => {
    const { session, say, has, feed } = await watched(
      [{ calls: [{ name: 'pay', id: 'a' }] }, { calls: [{ name: 'pay' }, { name: 'ask', id: 'c' }] }, 'Done.'],
      { tools: [pay, ask] },
    );
    session.send('Go');
    await has('tool.approvalRequested');
    expect(await say({ type: 'approve', toolCallId: 'a', remember: 'session' })).toEqual(accepted);
    await has('tool.resultRequested');
    expect(await say({ type: 'resolveTool', toolCallId: 'c', output: 'no camera', isError: true })).toEqual(accepted);
    await feed.untilIdle('s');
    const results = session.messages.flatMap(({ role, content }) => (role === 'tool' ? content : []));
    expect(results.map(({ output }) => `${output.type}: ${output.value}`)).toEqual([
      'text: paid',
      'text: paid',
      'error: no camera',
    ]);
  });

  it('extends and resumes turns that wait, and compacts', async () => {
    const { session, say, has, feed } = await watched(
      [{ calls: [{ name: 'look' }] }, { calls: [{ name: 'look' }] }, 'Done.'],
      {
        tools: [look],
        limits: { maxSteps: 1, lastStep: 'ask', softCost: 1 },
        pricing: () => 1,
      },
    );
    session.send('Go');
    await has('turn.paused');
    expect(await say({ type: 'extend', steps: 5 })).toEqual(accepted);
    await feed.until(
      (each) =>
        each.entries('s').filter((entry) => entry.type === 'event' && entry.event.type === 'turn.paused').length === 2,
    );
    expect(await say({ type: 'resume' })).toEqual(accepted);
    await feed.untilIdle('s');
    expect(linesOf(session.messages).at(-1)).toBe('assistant: Done.');
    const { accepted: isCompacted, reason } = await say({ type: 'compact' });
    expect([isCompacted, reason]).toEqual([false, expect.stringContaining('has nothing to shorten')]);
  });

  it('is told why something is not taken', async () => {
    const { session, say, opened } = await watched([]);
    expect(await say({ type: 'approve', toolCallId: 'a' })).toEqual({
      accepted: false,
      reason: 'There is no tool call "a" in the running turn.',
    });
    expect(await say({ type: 'send', text: ' ' })).toEqual({
      accepted: false,
      reason: expect.stringContaining('empty'),
    });
    expect(await say({ type: 'extend', steps: 0 })).toMatchObject({ accepted: false });
    await session.close();
    const gone = { accepted: false, reason: 'Session "s" is not open.' };
    expect(await say({ type: 'send', text: 'Hi' })).toEqual(gone);
    expect(await command(opened, 'other', { type: 'cancel' })).toMatchObject({ accepted: false });
  });
});
