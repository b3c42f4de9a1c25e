import { createAgent, defineTool, type Session } from 'turnchart';
import { readChart } from 'turnchart/inspection';
import { type FeedMessage, inspector } from 'turnchart/inspector';
import { type Script, scriptedModel } from 'turnchart/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createActor, createMachine, setup } from 'xstate';
import { z } from 'zod';
import { type Inspection, inspection, type OpenOptions, poll, stateOf } from './support.ts';

// Chromium on a loaded machine
const timeout = 120_000;

let inspected: Inspection;
beforeAll(async () => {
  inspected = await inspection();
}, timeout);
afterAll(() => inspected?.close());

describe('the page of the inspector, connected', { timeout }, () => {
  test('shows a turn as it goes: a retry, tools side by side, an approval that it gives, the end', async () => {
    const { page, problems } = await watch();
    const opened = gate();
    const session = open(page.inspect, opened.isOpen, [
      { failure: { type: 'rate_limit', code: 'rate_limit', message: 'Slow down', retryable: true } },
      { calls: [{ name: 'look_up' }, { name: 'erase' }] },
      'It is gone.',
    ]);
    const turn = session.send('Erase my notes.');
    await poll(() => page.locator('.row-name', { hasText: 'model.retrying' }).count()).toBe(1);
    await poll(() => page.locator('.actor', { hasText: 'look_up' }).textContent()).toContain('executing');
    await poll(() => page.locator('.actor', { hasText: 'erase' }).textContent()).toContain('awaitingApproval');
    opened.open();
    await poll(() => stateOf(page).textContent()).toBe('awaitingAnswers');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    expect((await turn.result).text).toBe('It is gone.');
    await poll(() => stateOf(page).textContent()).toBe('done');
    await poll(() => page.locator('.row-name', { hasText: 'session.approve' }).count()).toBe(1);
    expect(problems).toEqual([]);
    await page.end();
  });

  test('says no, cancels, and sends', async () => {
    const { page } = await watch();
    const session = open(page.inspect, gate().isOpen, [
      { calls: [{ name: 'erase' }] },
      { calls: [{ name: 'look_up' }] },
      'Hello to you.',
    ]);
    const denied = session.send('Erase my notes.');
    await page.getByRole('textbox', { name: 'Reason' }).fill('They are needed.');
    await page.getByRole('button', { name: 'Deny' }).click();
    await poll(() => page.locator('.row', { hasText: 'tool.denied' }).textContent()).toContain('They are needed.');
    await poll(() => page.locator('.actor', { hasText: 'look_up' }).textContent()).toContain('executing');
    await page.getByRole('button', { name: 'Cancel turn' }).click();
    expect((await denied.outcome).status).toBe('cancelled');
    await poll(() => stateOf(page).textContent()).toBe('cancelled');
    await page.getByRole('textbox', { name: 'Message' }).fill('Hello');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('tab', { name: 'Conversation' }).click();
    await poll(() => page.locator('.message.assistant .text').last().textContent()).toBe('Hello to you.');
    await page.end();
  });

  test('answers a tool that runs outside, and steers', async () => {
    const { page } = await watch();
    const session = open(page.inspect, gate().isOpen, [{ calls: [{ name: 'ask_user' }] }, 'Thank you.']);
    const turn = session.send('Ask me.');
    await page.getByRole('textbox', { name: 'Result: JSON, or text' }).fill('{"colour":"blue"}');
    await page.getByRole('button', { name: 'Give result' }).click();
    const { messages } = await turn.result;
    expect(JSON.stringify(messages)).toContain('"colour":"blue"');
    await page.end();
  });

  test('has no commands where they are not allowed', async () => {
    const { page } = await watch({ commands: false });
    const session = open(page.inspect, gate().isOpen, ['Hello.']);
    await session.send('Hello').result;
    await poll(() => page.locator('.status').textContent()).toBe('live, read-only');
    await poll(() => stateOf(page).textContent()).toBe('done');
    expect(await page.locator('.commands').count()).toBe(0);
    await page.end();
  });

  test('stays at a moment that is looked at while the session goes on', async () => {
    const { page } = await watch();
    const session = open(page.inspect, gate().isOpen, ['One.', 'Two.']);
    await session.send('First').result;
    await poll(() => stateOf(page).textContent()).toBe('done');
    await page.keyboard.press('Home');
    await session.send('Second').result;
    await poll(() => page.locator('.position').textContent()).toMatch(/^1 \/ (?!1\D)/);
    expect(await page.locator('.commands').textContent()).toContain('This moment is over.');
    await page.getByRole('button', { name: 'Go to now' }).click();
    await page.getByRole('tab', { name: 'Conversation' }).click();
    await poll(() => page.locator('.message.assistant .text').last().textContent()).toBe('Two.');
    await page.end();
  });

  test('shows any XState actor with its chart', async () => {
    const { page, problems } = await watch();
    const light = setup({ types: { events: {} as { type: 'push' } } }).createMachine({
      id: 'light',
      initial: 'off',
      states: { off: { on: { push: 'on' } }, on: { on: { push: 'off' } } },
    });
    const actor = createActor(light, { inspect: page.inspect.inspect }).start();
    actor.send({ type: 'push' });
    await poll(() => page.locator('.scene .active:not(.frame)').getAttribute('data-state')).toBe('light.on');
    actor.send({ type: 'push' });
    await poll(() => page.locator('.scene .active:not(.frame)').getAttribute('data-state')).toBe('light.off');
    await page.keyboard.press('ArrowLeft');
    await poll(() => page.locator('.scene .active:not(.frame)').getAttribute('data-state')).toBe('light.on');
    expect(problems).toEqual([]);
    actor.stop();
    await page.end();
  });

  test('lists the states of a machine that nobody has drawn', async () => {
    const machine = createMachine({ id: 'light', initial: 'off', states: { off: { on: { push: 'on' } }, on: {} } });
    const messages: FeedMessage[] = [
      { type: 'hello', version: 1, commands: false, at: 0 },
      { type: 'machine', machineId: 'm', chart: readChart(machine) },
      { type: 'actor', actorId: 'a', name: 'light', machineId: 'm', at: 0 },
      { type: 'moment', actorId: 'a', event: { type: 'push' }, status: 'active', state: 'on', transitions: [0], at: 1 },
    ];
    const body = messages.map((message, id) => `id: ${id}\ndata: ${JSON.stringify(message)}\n\n`).join('');
    const { page } = await watch({
      prepare: (opening) =>
        opening.route('**/feed', (route) => route.fulfill({ contentType: 'text/event-stream', body })),
    });
    const states = page.getByRole('list', { name: 'States of light' });
    await poll(() => states.locator('.pill').textContent()).toBe('on');
    expect(await states.locator('.taken').textContent()).toBe('push: off → on');
    await page.end();
  });
});

/** A page that is connected to an inspector of its own. */
async function watch({ commands = true, ...options }: OpenOptions & { readonly commands?: boolean } = {}) {
  const inspect = inspector({ commands, onListen: () => {} });
  const { page, problems } = await inspected.open({ ...options, url: await inspect.listen() });
  const end = async () => {
    await page.close();
    await inspect.close();
  };
  return { page: Object.assign(page, { inspect, end }), problems };
}

/** Tools that wait until they may end. */
function gate() {
  let open = () => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { isOpen, open: () => open() };
}

function open(inspect: ReturnType<typeof inspector>, mayEnd: Promise<void>, script: readonly Script[]): Session {
  const lookUp = defineTool({
    name: 'look_up',
    description: 'Looks it up',
    input: z.object({}),
    execute: async (_, { signal }) => {
      await Promise.race([mayEnd, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      return 'found';
    },
  });
  const erase = defineTool({
    name: 'erase',
    description: 'Erases it',
    input: z.object({}),
    approval: true,
    execute: () => 'erased',
  });
  const askUser = defineTool({ name: 'ask_user', description: 'Asks the user', input: z.object({}) });
  return createAgent({
    name: 'helper',
    model: scriptedModel(script),
    tools: [lookUp, erase, askUser],
    modelRetry: { initialDelayMs: 50 },
    inspect,
  }).session();
}
