import { setImmediate } from 'node:timers/promises';
import { agentTool, createAgent, defineTool, type Model, type ModelPart, type Session } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { z } from 'zod';
import type { RecordingEntry } from '../../src/recording.ts';

/**
 * A session in which much happens: retries, tools side by side, a question to a person, a sub-agent, a cancel and a
 * failure. Nobody waits for it, and it is the same every time but for its ids.
 */
export async function demoRecording(): Promise<readonly RecordingEntry[]> {
  const clock = new SimulatedClock(Date.UTC(2026, 4, 8, 9, 30));
  const session = demoAgent(clock).session({ id: 'lisbon' });
  const entries: RecordingEntry[] = [];
  session.record((entry) => entries.push(entry));
  const say = async (text: string, act: (session: Session) => Promise<void> | void = () => {}) => {
    const turn = session.send(text);
    await act(session);
    let isOver = false;
    void turn.outcome.then(() => {
      isOver = true;
    });
    while (!isOver) await pass(clock, 250);
    await pass(clock, 4_000);
  };
  await say('Plan me a weekend in Lisbon for under 400 €, and book the hotel.', async () => {
    await pass(clock, 3_000);
    session.steer('Vegetarian restaurants, please.');
    await pass(clock, 9_000);
    const asked = session.snapshot.turn?.tools.find(({ state }) => state === 'awaitingApproval');
    await pass(clock, 6_000);
    if (asked !== undefined) session.approve(asked.toolCallId);
  });
  await say('What will it be like in August?', async () => {
    await pass(clock, 1_500);
    session.cancel('We go in May after all.');
  });
  await say('Then buy the train tickets.');
  await session.close();
  // entries are told as they are, and what they share must not change any more
  return JSON.parse(JSON.stringify(entries)) as RecordingEntry[];
}

async function pass(clock: SimulatedClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 25) {
    await clock.advance(Math.min(left, 25));
    await setImmediate();
  }
}

function demoAgent(clock: SimulatedClock) {
  const wait = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  let lookups = 0;
  const searchFlights = defineTool({
    name: 'search_flights',
    description: 'Flights of a day',
    input: z.object({ to: z.string(), day: z.string() }),
    retry: { maxAttempts: 3, initialDelayMs: 700, jitter: 0 },
    idempotent: true,
    execute: async ({ to, day }, { progress }) => {
      await wait(500);
      progress('Asking three airlines');
      await wait(600);
      lookups += 1;
      if (lookups === 1) throw new Error('The airline does not answer: 504 Gateway Timeout');
      return {
        flights: [
          { to, day, departs: '07:10', price: 89 },
          { to, day, departs: '13:45', price: 121 },
        ],
      };
    },
  });
  const weather = defineTool({
    name: 'weather',
    description: 'Weather of a city',
    input: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      await wait(420);
      return { city, sky: 'clear', highs: [23, 24, 22] };
    },
  });
  const findHotels = defineTool({
    name: 'find_hotels',
    description: 'Hotels of a city',
    input: z.object({ city: z.string(), maxPrice: z.number() }),
    execute: async ({ city }) => {
      await wait(1_500);
      return {
        city,
        hotels: [
          { name: 'Casa do Bairro', price: 74 },
          { name: 'Largo House', price: 92 },
        ],
      };
    },
  });
  const bookHotel = defineTool({
    name: 'book_hotel',
    description: 'Books a room, and pays for it',
    input: z.object({ hotel: z.string(), nights: z.number() }),
    approval: true,
    execute: async ({ hotel, nights }) => {
      await wait(900);
      return { booked: hotel, nights, reference: 'LX-2210' };
    },
  });
  const menus = defineTool({
    name: 'menus',
    description: 'What restaurants of a quarter serve',
    input: z.object({ quarter: z.string() }),
    execute: async ({ quarter }) => {
      await wait(800);
      return { quarter, restaurants: ['Ao 26', 'Jardim das Cerejas'] };
    },
  });
  const guide = createAgent({
    name: 'guide',
    model: timedModel(wait, [
      [{ text: 'Let me see who cooks there.' }, { call: 'menus', input: { quarter: 'Chiado' } }],
      [{ text: 'Ao 26 for dinner on Friday, Jardim das Cerejas for lunch on Saturday.' }],
    ]),
    tools: [menus],
    clock,
  });
  return createAgent({
    name: 'travel',
    model: timedModel(wait, [
      { fails: 'rate_limit' },
      [
        { text: 'I will look at flights, the weather and hotels first.' },
        { call: 'search_flights', input: { to: 'LIS', day: '2026-05-15' } },
        { call: 'weather', input: { city: 'Lisbon' } },
        { call: 'find_hotels', input: { city: 'Lisbon', maxPrice: 100 } },
      ],
      [
        { text: 'The Casa do Bairro is the better of the two. I ask our guide about dinner, and book.' },
        { call: 'ask_guide', input: { prompt: 'Where to eat vegetarian in Chiado?' } },
        { call: 'book_hotel', input: { hotel: 'Casa do Bairro', nights: 2 } },
      ],
      [
        {
          text: 'Your weekend in Lisbon:\n\n• Friday 07:10, flight for 89 €\n• Casa do Bairro, two nights, 148 € (LX-2210)\n• Dinner at Ao 26, lunch at Jardim das Cerejas\n\nThat is 326 €, flight back included, under clear skies at 23 °C.',
        },
      ],
      [
        {
          text: 'In August Lisbon is hot, with highs of about 29 °C, and the city is quieter than usual because many of',
        },
        { pause: 5_000 },
      ],
      { fails: 'auth' },
    ]),
    tools: [
      searchFlights,
      weather,
      findHotels,
      bookHotel,
      agentTool({ name: 'ask_guide', description: 'Knows where to eat', agent: guide }),
    ],
    pricing: (_, { inputTokens, outputTokens }) => (inputTokens * 1.25 + outputTokens * 10) / 1_000_000,
    clock,
  });
}

type Said =
  | { readonly text: string }
  | { readonly call: string; readonly input: Record<string, string | number> }
  | { readonly pause: number };
type Answer = readonly Said[] | { readonly fails: 'rate_limit' | 'auth' };

const failures = {
  rate_limit: {
    code: 'rate_limit_exceeded',
    message: 'Too many requests: try again in 1.2 s',
    retryable: true,
    retryAfterMs: 1_200,
    status: 429,
  },
  auth: { code: 'invalid_api_key', message: 'The key is not valid any more', retryable: false, status: 401 },
} as const;

/** Answers one request after another, as fast as models do. */
function timedModel(wait: (ms: number) => Promise<void>, answers: readonly Answer[]): Model {
  let requests = 0;
  let calls = 0;
  return {
    provider: 'example',
    modelId: 'example-1',
    contextWindow: 16_000,
    async *stream({ messages }, { signal }) {
      const answer = answers[requests] ?? [{ text: 'That is all.' }];
      requests += 1;
      await wait(380);
      if ('fails' in answer) {
        yield { type: 'error', failure: { type: answer.fails, ...failures[answer.fails] } };
        return;
      }
      let letters = 0;
      for (const said of answer) {
        if ('pause' in said) await wait(said.pause);
        else if ('text' in said) {
          for (const text of said.text.match(/\S+\s*/g) ?? []) {
            await wait(45);
            if (signal.aborted) break;
            letters += text.length;
            yield { type: 'text-delta', text };
          }
        } else {
          await wait(160);
          calls += 1;
          yield toolCall(`call_${calls}`, said.call, said.input);
        }
        if (signal.aborted) break;
      }
      const usage = {
        inputTokens: 640 + 310 * messages.length,
        outputTokens: 20 + Math.ceil(letters / 4),
        cachedInputTokens: 512,
      };
      const hasCalls = answer.some((said) => 'call' in said);
      yield signal.aborted
        ? { type: 'aborted' }
        : { type: 'finish', finishReason: { unified: hasCalls ? 'tool-calls' : 'stop' }, usage };
    },
  };
}

function toolCall(toolCallId: string, toolName: string, input: Record<string, string | number>): ModelPart {
  return { type: 'tool-call', toolCallId, toolName, rawInput: JSON.stringify(input) };
}
