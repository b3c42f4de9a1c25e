// @vitest-environment happy-dom
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { createAgent, type Session } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { SimulatedClock } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Chat } from '../../examples/react/Chat.tsx';

const delayMs = 10;

let clock: SimulatedClock;
let session: Session;
let root: Root;

beforeEach(async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  // where React says what a component does wrong
  vi.spyOn(console, 'error');
  clock = new SimulatedClock();
  session = createAgent({ model: simulated({ delayMs, clock }), clock }).session();
  const page = document.body.appendChild(document.createElement('div'));
  root = createRoot(page);
  await act(async () => root.render(<Chat session={session} />));
});

afterEach(async () => {
  await act(async () => {
    await session.close();
    root.unmount();
  });
  document.body.replaceChildren();
  expect(console.error).not.toHaveBeenCalled();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('the chat in React', () => {
  it('shows the question, the state of the turn, and the answer as it streams in', async () => {
    expect(shown()).toEqual({ state: 'idle', conversation: [], streaming: undefined });

    await send('Hello!');
    expect(shown()).toEqual({ state: 'callingModel', conversation: ['user Hello!'], streaming: undefined });

    await pass(delayMs * 4);
    expect(shown()).toMatchObject({ state: 'callingModel', streaming: 'assistant I am a simulated' });
    await pass(delayMs);
    expect(shown()).toMatchObject({ state: 'callingModel', streaming: 'assistant I am a simulated model:' });

    await pass(delayMs * 1000);
    const { state, conversation, streaming } = shown();
    expect({ state, streaming }).toEqual({ state: 'idle', streaming: undefined });
    expect(conversation).toEqual(['user Hello!', expect.stringMatching(/^assistant I am a simulated model: .*do\.$/)]);
  });

  it('stops an endless answer at once, keeps what was said, and takes the next message', async () => {
    await send('Simulate an endless answer.');
    await pass(delayMs * 40);
    expect(shown().streaming).toContain('This is line 2 of an endless answer.');
    expect(button('Send').disabled).toBe(true);

    await act(async () => button('Stop').click());
    const { state, conversation, streaming } = shown();
    expect({ state, streaming }).toEqual({ state: 'idle', streaming: undefined });
    expect(conversation[1]).toContain('This is line 2 of an endless answer.');
    expect(button('Stop').disabled).toBe(true);

    await send('Hello!');
    await pass(delayMs * 1000);
    expect(shown().conversation.at(-2)).toBe('user Hello!');
    expect(shown().conversation.at(-1)).toMatch(/^assistant I am a simulated model: .*do\.$/);
  });

  it('takes back the text of an attempt that breaks off, and shows that it is retrying', async () => {
    await send('Simulate a cut stream.');
    await pass(delayMs * 11);
    expect(shown().streaming).toBe('assistant This answer is about to break off in the middle of');
    await pass(delayMs);
    expect(shown()).toEqual({ state: 'retrying', conversation: ['user Simulate a cut stream.'], streaming: undefined });
    await pass(10_000);
    expect(shown().conversation.at(-1)).toMatch(/^assistant That was the cut stream\./);
  });

  it('says why there is no answer', async () => {
    await send('Simulate an outage.');
    await pass(60_000);
    expect(shown()).toEqual({
      state: 'idle',
      conversation: [
        'user Simulate an outage.',
        'assistant The turn failed: Simulated outage: the model is not available.',
      ],
      streaming: undefined,
    });
  });

  it('empties the field with what was sent, and sends nothing where it is blank', async () => {
    await send('   ');
    expect(shown()).toMatchObject({ state: 'idle', conversation: [] });
    await send('Hello!');
    expect(field().value).toBe('');
  });
});

describe('the page of the chat', () => {
  it('is rendered by main.tsx', async () => {
    const page = document.body.appendChild(document.createElement('div'));
    page.id = 'root';
    await act(() => import('../../examples/react/main.tsx'));
    expect(page.querySelector('[role=status]')?.textContent).toBe('idle');
  });
});

/** Types the message, and presses Send. */
async function send(message: string): Promise<void> {
  field().value = message;
  await act(async () => button('Send').click());
}

async function pass(ms: number): Promise<void> {
  await act(() => clock.advance(ms));
}

function shown() {
  const [state] = texts('[role=status]');
  const [streaming] = texts('li[aria-busy]');
  return { state, conversation: texts('li:not([aria-busy])'), streaming };
}

function texts(selector: string): (string | undefined)[] {
  return [...document.querySelectorAll(selector)].map(({ textContent }) => textContent?.trim());
}

function field(): HTMLInputElement {
  return found(document.querySelector('input'), 'the field');
}

function button(name: string): HTMLButtonElement {
  const buttons = [...document.querySelectorAll('button')];
  return found(
    buttons.find(({ textContent }) => textContent === name),
    `the button ${name}`,
  );
}

function found<T>(element: T | null | undefined, what: string): T {
  if (element === null || element === undefined) throw new Error(`${what} is missing`);
  return element;
}
