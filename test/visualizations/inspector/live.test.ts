import { type AgentOptions, agentTool, createAgent, defineTool, type Session, textOf } from 'turnchart';
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

  test('answers tools that run outside, with a result and with why there is none', async () => {
    const { page } = await watch();
    const session = open(page.inspect, gate().isOpen, [
      { calls: [{ name: 'ask_user' }] },
      { calls: [{ name: 'ask_user' }] },
      'Thank you.',
    ]);
    const turn = session.send('Ask me.');
    const result = page.getByRole('textbox', { name: 'Result: JSON, or text' });
    await result.fill('{"colour":"blue"}');
    await page.getByRole('button', { name: 'Give result' }).click();
    await poll(() => page.locator('.row-name', { hasText: 'session.resolveTool' }).count()).toBe(1);
    await poll(() => page.locator('.row-name', { hasText: 'tool.resultRequested' }).count()).toBe(2);
    await poll(() => result.inputValue()).toBe('');
    await result.fill('Nobody is here.');
    await page.getByRole('button', { name: 'Could not run' }).click();
    const outputs = (await turn.result).messages.filter(({ role }) => role === 'tool').map((each) => each.content);
    expect(outputs).toEqual([
      [expect.objectContaining({ output: { type: 'json', value: { colour: 'blue' } } })],
      [expect.objectContaining({ output: { type: 'error', value: 'Nobody is here.' } })],
    ]);
    await page.end();
  });

  test('steers the turn that runs, and queues what is for the next', async () => {
    const { page } = await watch();
    const opened = gate();
    const session = open(page.inspect, opened.isOpen, [
      { calls: [{ name: 'look_up' }] },
      'In blue.',
      'And now in red.',
    ]);
    const turn = session.send('Look it up.');
    const idle = new Promise((resolve) => session.on('session.idle', resolve));
    await poll(() => page.locator('.actor', { hasText: 'look_up' }).textContent()).toContain('executing');
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.fill('In blue, please.');
    await page.getByRole('button', { name: 'Steer' }).click();
    await poll(() => page.locator('.row', { hasText: 'session.steer' }).textContent()).toContain('In blue, please.');
    await poll(() => message.inputValue()).toBe('');
    await message.fill('Once more.');
    await page.getByRole('button', { name: 'Queue' }).click();
    await poll(() => page.locator('.row', { hasText: 'Once more.' }).first().textContent()).toContain('session.send');
    opened.open();
    expect((await turn.result).messages.map(textOf)).toContain('In blue, please.');
    await idle;
    expect(session.messages.map(textOf).slice(-2)).toEqual(['Once more.', 'And now in red.']);
    await poll(() => page.locator('.row-name', { hasText: 'steering.applied' }).count()).toBe(1);
    await page.end();
  });

  test('gives more steps to a turn that has none left', async () => {
    const { page } = await watch();
    const session = open(page.inspect, Promise.resolve(), [{ calls: [{ name: 'look_up' }] }, 'Found.'], {
      limits: { maxSteps: 1, lastStep: 'ask' },
    });
    const turn = session.send('Look it up.');
    await poll(() => stateOf(page).textContent()).toBe('awaitingExtension');
    await page.getByRole('spinbutton', { name: 'More steps' }).fill('2');
    await page.getByRole('button', { name: 'Allow more steps' }).click();
    expect((await turn.result).text).toBe('Found.');
    await poll(() => page.locator('.row', { hasText: 'session.extend' }).textContent()).toContain('2 more');
    await poll(() => page.getByRole('spinbutton').count()).toBe(0);
    await page.end();
  });

  test('lets a turn go on that has spent more than its soft limit', async () => {
    const { page } = await watch();
    const session = open(page.inspect, Promise.resolve(), [{ calls: [{ name: 'look_up' }] }, 'Found.'], {
      limits: { softCost: 0.01 },
      pricing: () => 0.02,
    });
    const turn = session.send('Look it up.');
    await poll(() => stateOf(page).textContent()).toBe('awaitingResume');
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    expect((await turn.result).text).toBe('Found.');
    await poll(() => page.locator('.row-name', { hasText: 'session.resume' }).count()).toBe(1);
    await page.end();
  });

  test('shortens the conversation between turns, and says why it does not', async () => {
    const { page } = await watch();
    const long = 'Hello to you. '.repeat(100);
    const session = open(page.inspect, Promise.resolve(), [long, long, 'They greet each other.'], {
      compaction: { keepMessages: 1 },
    });
    await session.send('Hello').result;
    await session.send('Hello again').result;
    await page.getByRole('button', { name: 'Compact', exact: true }).click();
    await poll(() => page.locator('.row', { hasText: 'compaction.completed' }).textContent()).toContain('manual');
    await page.getByRole('button', { name: 'Whole session' }).click();
    await poll(() => page.locator('.lane-name', { hasText: 'compaction' }).count()).toBe(1);
    await page.getByRole('button', { name: 'Compact', exact: true }).click();
    const { reason } = session.compact();
    await poll(() => page.getByRole('alert').textContent()).toContain(reason);
    await page.end();
  });

  test.each([
    ['a model', 'turn', { failure: { type: 'rate_limit', code: 'rate_limit', message: 'Slow down', retryable: true } }],
    ['a tool', 'flaky', { calls: [{ name: 'flaky' }] }],
  ] as const)('counts down to the next attempt of %s', async (_, actor, answer) => {
    const { page } = await watch({ prepare: (opening) => opening.clock.install() });
    const retry = { initialDelayMs: 600_000, maxDelayMs: 600_000, jitter: 0 };
    const flaky = defineTool({
      name: 'flaky',
      description: 'Fails',
      input: z.object({}),
      idempotent: true,
      retry: { ...retry, maxAttempts: 2 },
      execute: () => Promise.reject(new Error('Not now')),
    });
    const session = open(page.inspect, Promise.resolve(), [answer], { modelRetry: retry, tools: [flaky] });
    const turn = session.send('Hello');
    const countdown = page.locator('.actor', { hasText: actor }).locator('.since');
    await poll(() => countdown.textContent()).toMatch(/^again in (10|9) min/);
    await page.clock.fastForward(300_000);
    await poll(() => countdown.textContent()).toMatch(/^again in [45] min/);
    turn.cancel();
    await turn.outcome;
    await poll(() => stateOf(page).textContent()).toBe('cancelled');
    expect(await page.getByText(/^again in/).count()).toBe(0);
    await page.end();
  });

  test('shows a sub-agent among the actors and in the timeline, and answers what it waits for', async () => {
    const { page, problems } = await watch();
    const research = agentTool({
      name: 'research',
      description: 'Looks into it',
      agent: createAgent({
        name: 'researcher',
        model: scriptedModel([{ calls: [{ name: 'erase' }] }, { calls: [{ name: 'erase' }] }, 'All is gone.']),
        tools: [erase],
        limits: { maxSteps: 2, lastStep: 'ask' },
      }),
    });
    const script: Script[] = [{ calls: [{ name: 'research', input: { prompt: 'Erase all.' } }] }, 'It is done.'];
    const session = open(page.inspect, Promise.resolve(), script, { tools: [research] });
    const turn = session.send('Erase my notes.');
    const always = page.getByRole('button', { name: 'Approve always' });
    await always.waitFor();
    const actors = page.getByRole('navigation', { name: 'Actors' }).getByRole('button');
    const lanes = page.locator('.lane-name');
    const paths = ['session', 'turn', 'research', 'researcher', 'erase'];
    expect(await actors.locator('.actor-name').allTextContents()).toEqual(paths);
    expect(await lanes.allTextContents()).toEqual(paths);
    await actors.filter({ hasText: 'researcher' }).click();
    await poll(() => stateOf(page).textContent()).toBe('awaitingAnswers');
    await always.click();
    await poll(() => page.locator('.row', { hasText: 'turn.paused' }).locator('.row-actor').textContent()).toBe(
      'researcher',
    );
    await page.getByRole('button', { name: 'Allow more steps' }).click();
    expect((await turn.result).text).toBe('It is done.');
    await poll(() => page.locator('.row-name', { hasText: 'session.extend' }).count()).toBe(1);
    expect(problems).toEqual([]);
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

const erase = defineTool({
  name: 'erase',
  description: 'Erases it',
  input: z.object({}),
  approval: true,
  execute: () => 'erased',
});

function open(
  inspect: ReturnType<typeof inspector>,
  mayEnd: Promise<void>,
  script: readonly Script[],
  { tools = [], ...options }: Partial<AgentOptions> = {},
): Session {
  const lookUp = defineTool({
    name: 'look_up',
    description: 'Looks it up',
    input: z.object({}),
    execute: async (_, { signal }) => {
      await Promise.race([mayEnd, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      return 'found';
    },
  });
  const askUser = defineTool({ name: 'ask_user', description: 'Asks the user', input: z.object({}) });
  return createAgent({
    name: 'helper',
    model: scriptedModel(script),
    tools: [lookUp, erase, askUser, ...tools],
    modelRetry: { initialDelayMs: 50 },
    ...options,
    inspect,
  }).session();
}
