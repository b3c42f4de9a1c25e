import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  agentTool,
  createAgent,
  defineTool,
  type Failure,
  type FailureType,
  isDiagnostic,
  isEphemeral,
  isTerminal,
  Retry,
  type TurnEvent,
  type TurnEventType,
} from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { scriptedModel } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { toFailure } from '../../src/adapters/failures.ts';
import { toAgentError } from '../../src/failure.ts';
import { defaultCompaction } from '../../src/machines/compaction.ts';
import { defaultAttempts, defaultLimits, defaultRetries } from '../../src/machines/policies.ts';
import { defaultBackoff, defaultRetryPolicy } from '../../src/services/retryPolicy.ts';
import { sections } from '../../tools/docs/sections.ts';
import { run, staleFiles } from '../../tools/docs.ts';
import { pages, root } from './markdown.ts';

// complete, or the compiler says what is missing
const eventTypes = Object.keys({
  'turn.started': true,
  'message.added': true,
  'step.started': true,
  'step.finished': true,
  'message.started': true,
  'message.delta': true,
  'reasoning.delta': true,
  'message.completed': true,
  'message.superseded': true,
  'message.replaced': true,
  'model.retrying': true,
  'tool.called': true,
  'tool.started': true,
  'tool.progress': true,
  'tool.completed': true,
  'tool.failed': true,
  'tool.approvalRequested': true,
  'tool.approvalResolved': true,
  'tool.denied': true,
  'tool.resultRequested': true,
  'tool.cancelled': true,
  'tool.retrying': true,
  'agent.event': true,
  'steering.applied': true,
  'messages.updated': true,
  'budget.warning': true,
  'compaction.started': true,
  'compaction.completed': true,
  'compaction.failed': true,
  'compaction.cancelled': true,
  'turn.paused': true,
  'turn.resumed': true,
  'turn.completed': true,
  'turn.failed': true,
  'turn.cancelled': true,
  'session.idle': true,
  'guardrail.triggered': true,
  'output.rejected': true,
  'breaker.tripped': true,
  'transcript.repaired': true,
  diagnostic: true,
} satisfies Record<TurnEventType, true>) as readonly TurnEventType[];
const failureTypes = Object.keys({
  budget: true,
  rate_limit: true,
  provider_unavailable: true,
  context_overflow: true,
  auth: true,
  unknown: true,
  tool: true,
  max_steps: true,
  tool_errors: true,
  guardrail: true,
  invalid_output: true,
  repeated_calls: true,
  timeout: true,
  no_progress: true,
  internal: true,
} satisfies Record<FailureType, true>) as readonly FailureType[];

const parts = sections();
/** The rows of a table, as cells, by the name that the first cell begins with. */
const rowsOf = (table: string): ReadonlyMap<string, readonly string[]> => {
  const [, , ...rows] = table.split('\n').filter((line) => line.startsWith('|'));
  const cells = rows.map((row) => row.slice(2, -2).split(/(?<!\\)\s\|\s/));
  return new Map(cells.map((row) => [/`([\w./-]+)/.exec(row[0] ?? '')?.[1] ?? '', row]));
};
const part = (name: string) => rowsOf(parts.get(name) ?? '');
/** The table of options below a heading. */
const optionsOf = (heading: string) => {
  const [, after = ''] = (parts.get('options') ?? '').split(`### ${heading}\n`);
  return rowsOf(after.split('\n### ')[0] ?? '');
};
/** The fields that a cell lists. */
const fieldsIn = (cell = '') =>
  cell.split('<br>').flatMap((line) => {
    const [, name, mark] = /^`(\w+)(\??):/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, isOptional: mark === '?' }];
  });

describe('the generated parts of the documentation', () => {
  it('are what the sources say now; if not, run `npm run docs`', () => {
    expect([...staleFiles(root).keys()]).toEqual([]);
  });

  it('are all on some page', () => {
    const texts = pages().map(({ file }) => readFileSync(new URL(file, root), 'utf8'));
    const missing = [...parts.keys()].filter((name) => !texts.some((text) => text.includes(`<!-- docs:${name} -->`)));
    expect(missing).toEqual([]);
  });
});

describe('the table of events', () => {
  const rows = part('events');

  it('has every event once, and nothing else', () => {
    expect([...rows.keys()].sort()).toEqual([...eventTypes].sort());
  });

  it('marks ephemeral, terminal and diagnostic events', () => {
    for (const [type, [name = '']] of rows) {
      // as fleeting as what it says
      const event = { type, event: { type: 'turn.started' } } as TurnEvent;
      expect([type, name.includes('ephemeral')]).toEqual([type, isEphemeral(event)]);
      expect([type, name.includes('terminal')]).toEqual([type, isTerminal(event)]);
      expect([type, name.includes('>diagnostic')]).toEqual([type, isDiagnostic(event)]);
    }
  });

  it('has the fields that events of real turns have', async () => {
    const envelope = new Set(['type', ...part('envelope').keys()]);
    const seen = [...(await eventsOfTrouble()), ...(await eventsOfPeople()), ...(await eventsOfLongTalks())];
    for (const event of seen) {
      const [, , cell] = rows.get(event.type) ?? [];
      const documented = fieldsIn(cell);
      const names = documented.map(({ name }) => name);
      const unknown = Object.keys(event).filter((field) => !envelope.has(field) && !names.includes(field));
      const missing = documented.filter(({ name, isOptional }) => !isOptional && !(name in event));
      expect([event.type, unknown, missing]).toEqual([event.type, [], []]);
    }
    const unseen = eventTypes.filter((type) => !seen.some((event) => event.type === type));
    expect(unseen).toEqual([]);
  });
});

describe('the table of failures', () => {
  const rows = part('failures');

  it('has every type once, and nothing else', () => {
    expect([...rows.keys()].sort()).toEqual([...failureTypes].sort());
  });

  it('says what helps with each that can happen', () => {
    const helpless = [...rows].filter(([, [, words = '']]) => !words.includes('<br>')).map(([type]) => type);
    expect(helpless).toEqual([]);
    const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(new URL(`src/${file}`, root), 'utf8'));
    const neverMade = [...rows.keys()].filter((type) => !sources.some((source) => source.includes(`type: '${type}'`)));
    expect(neverMade).toEqual([]);
  });

  it('has the class that each is thrown as', () => {
    for (const [type, [, , , thrown]] of rows) {
      const failure: Failure = { type: type as FailureType, code: '', message: '', retryable: false };
      expect([type, thrown]).toEqual([type, `\`${toAgentError(failure).name}\``]);
    }
  });

  it('is followed by the codes of whatever a provider answers, and says whether they are retried', () => {
    const codes = part('codes');
    for (let status = 400; status < 600; status += 1) {
      const { type, code, retryable } = toFailure({ status }, { provider: 'p', model: 'm' });
      expect([status, codes.get(code)?.slice(1)]).toEqual([status, [`\`${type}\``, retryable ? 'yes' : 'no']]);
    }
  });

  it('is followed by the codes of failed tools and spent limits', () => {
    const codes = [...part('codes').keys()];
    expect(codes).toEqual(expect.arrayContaining(['tool_threw', 'tool_timed_out', 'unknown_tool', 'limit_reached']));
  });
});

describe('the tables of options', () => {
  const model = simulated();
  const tool = { name: 't', input: z.object({}), execute: () => '' };

  it.each<[heading: string, give: (options: object) => unknown]>([
    ['`createAgent(options)`', (options) => createAgent({ model, ...options })],
    ['`limits` of `createAgent`', (limits) => createAgent({ model, limits })],
    ['`modelRetry` of `createAgent`', (modelRetry) => createAgent({ model, modelRetry })],
    ['`settings` of `createAgent`', (settings) => createAgent({ model, settings })],
    ['`guardrails` of `createAgent`', (guardrails) => createAgent({ model, guardrails })],
    ['`approval` of `createAgent`', (approval) => createAgent({ model, approval })],
    ['`compaction` of `createAgent`', (compaction) => createAgent({ model, compaction })],
    ['`defineTool(options)`', (options) => defineTool({ ...tool, ...options })],
    ['`retry` of `defineTool`', (retry) => defineTool({ ...tool, retry: { maxAttempts: 1, ...retry } })],
  ])('have every option of %s that is known, and no other', (heading, give) => {
    expect([...optionsOf(heading).keys()].sort()).toEqual(knownTo(give));
  });

  it('have the defaults that hold', () => {
    const written = (heading: string) =>
      Object.fromEntries(
        [...optionsOf(heading)].map(([name, [, value = '']]) => [name, value.replaceAll(/[`'_]/g, '')]),
      );
    const asText = (values: object) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
    expect(written('`limits` of `createAgent`')).toMatchObject(asText(defaultLimits));
    expect(written('`modelRetry` of `createAgent`')).toMatchObject(
      asText({ ...defaultRetryPolicy, ...defaultAttempts }),
    );
    expect(written('`compaction` of `createAgent`')).toMatchObject(asText(defaultCompaction));
    expect(written('`retry` of `defineTool`')).toMatchObject(asText(defaultBackoff));
    expect(written('`createAgent(options)`')).toMatchObject(asText({ retries: defaultRetries }));
  });
});

describe('npm run docs', () => {
  let folder: string;
  const said: string[] = [];
  const docs = (...args: string[]) => {
    said.length = 0;
    return run(args, pathToFileURL(`${folder}/`), (line) => said.push(line));
  };
  const write = (text: string) => writeFileSync(join(folder, 'docs/page.md'), text);
  const read = () => readFileSync(join(folder, 'docs/page.md'), 'utf8');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docs-'));
    mkdirSync(join(folder, 'docs'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('puts parts between their marks, and leaves the rest', () => {
    write(
      'Before\n<!-- docs:events -->\nold\n<!-- /docs:events -->\nBetween\n<!-- docs:failure -->\n<!-- /docs:failure -->\nAfter\n',
    );
    expect(docs()).toBe(0);
    expect(said).toEqual(['wrote docs/page.md']);
    expect(read()).toBe(
      `Before\n<!-- docs:events -->\n\n${parts.get('events')}\n\n<!-- /docs:events -->\nBetween\n` +
        `<!-- docs:failure -->\n\n${parts.get('failure')}\n\n<!-- /docs:failure -->\nAfter\n`,
    );
    docs();
    expect(said).toEqual([]);
  });

  test('with --check says what is stale and what to do, and writes nothing', () => {
    write('<!-- docs:events -->\nold\n<!-- /docs:events -->\n');
    expect(docs('--check')).toBe(1);
    expect(said).toEqual(['docs/page.md is stale: run `npm run docs`.']);
    expect(read()).toContain('old');
    docs();
    expect(docs('--check')).toBe(0);
  });

  test('takes line ends that git has changed for the same', () => {
    write('# Page\n<!-- docs:events -->\n<!-- /docs:events -->\n');
    docs();
    write(read().replaceAll('\n', '\r\n'));
    expect(docs('--check')).toBe(0);
  });

  test('refuses a part that there is not, and a mark without its end', () => {
    write('<!-- docs:evnets -->\n<!-- /docs:evnets -->\n');
    expect(() => docs()).toThrow('docs/page.md: there is no part "evnets". Known: chart, ');
    write('<!-- docs:events -->\n');
    expect(() => docs()).toThrow('docs/page.md needs <!-- /docs:events --> after <!-- docs:events -->.');
  });
});

function failsWith(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return String(error);
  }
  return '';
}

/** The options that a function knows, by what it says against one that it does not. */
function knownTo(give: (options: object) => unknown): readonly string[] {
  const [, list] = /Known: (.+)\.$/.exec(failsWith(() => give({ noSuchOption: true }))) ?? [];
  if (list === undefined) throw new Error('An unknown option was not refused with the list of those that are known.');
  return list.split(', ').sort();
}

/** Turns in which people and other agents take part. */
async function eventsOfPeople(): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  const input = z.object({});
  const tools = [
    defineTool({ name: 'asks', input, approval: true, execute: () => 'done' }),
    defineTool({ name: 'outside', input }),
    agentTool({ name: 'delegates', description: '', agent: createAgent({ model: scriptedModel(['Found.']) }) }),
  ];
  const model = scriptedModel([
    { calls: [{ name: 'asks' }, { name: 'outside' }, { name: 'delegates', input: { prompt: 'Look.' } }] },
    { calls: [{ name: 'asks' }] },
    'No form.',
    '{}',
  ]);
  const agent = createAgent({
    model,
    tools,
    pricing: () => 1,
    limits: { softCost: 1 },
    guardrails: {
      input: [() => ({ action: 'rewrite', value: 'Go on.' })],
      output: [{ advisory: true, check: () => ({ action: 'deny', reason: 'none' }) }],
    },
  });
  const session = agent.session();
  session.on('*', (event) => events.push(event));
  session.on('tool.approvalRequested', ({ toolCallId }) => {
    if (toolCallId === 'call_1') session.deny(toolCallId, 'no');
    else session.approve(toolCallId);
  });
  session.on('tool.resultRequested', ({ toolCallId }) => session.resolveTool(toolCallId, 'done'));
  session.on('turn.paused', () => session.resume());
  await session.send('Go.', { output: input }).outcome;
  await session.close();
  return events;
}

/** Turns of a conversation that is too long, with a summary, without, and with one that nobody waits for. */
async function eventsOfLongTalks(): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  const model = scriptedModel(['One. '.repeat(50), 'Two. '.repeat(50), 'A summary.', 'Three.']);
  const session = createAgent({ model, compaction: { keepMessages: 1 } }).session();
  session.on('*', (event) => events.push(event));
  for (const message of ['First.', 'Second.']) await session.send(message).outcome;
  session.compact();
  await session.send('Third.').outcome;
  // here the script ends: there is no summary
  session.compact();
  await session.send('Fourth.').outcome;
  session.compact();
  session.cancel();
  await session.close();
  return events;
}

/** Turns in which much goes wrong. */
async function eventsOfTrouble(): Promise<readonly TurnEvent[]> {
  const events: TurnEvent[] = [];
  const input = z.object({});
  let runs = 0;
  const tools = [
    defineTool({ name: 'reports', input, execute: (_, { progress }) => progress('half') }),
    defineTool({ name: 'hints', input, execute: () => Promise.reject(new Retry('again')) }),
    defineTool({ name: 'hangs', input, execute: () => new Promise(() => {}) }),
    defineTool({
      name: 'fails',
      input,
      retry: { maxAttempts: 2, initialDelayMs: 0 },
      execute: () => {
        throw new Error(`failed ${++runs} times`);
      },
    }),
  ];
  const cut: Failure = { type: 'provider_unavailable', code: 'stream_truncated', message: 'cut', retryable: true };
  const model = scriptedModel([
    { text: 'So far', failure: cut },
    { reasoning: 'Hm.', text: 'Now.', calls: ['reports', 'hints', 'fails'].map((name) => ({ name, id: 'same' })) },
    'Done.',
    { calls: [{ name: 'hangs' }] },
    { failure: { ...cut, type: 'auth', retryable: false } },
    { text: 'Much', usage: { inputTokens: 5_000, outputTokens: 5 } },
    { calls: ['same', 'same', 'same'].map((name) => ({ name })) },
    'Enough.',
  ]);
  const agent = createAgent({ model, tools, modelRetry: { initialDelayMs: 0 }, limits: { maxTokens: 1_000 } });
  const session = agent.session();
  session.on('*', (event) => events.push(event));
  session.on('turn.started', () => {
    throw new Error('a listener');
  });
  const first = session.send('Go.');
  session.steer('Quickly.');
  await first.outcome;
  const second = session.send('Hang.');
  session.on('tool.started', ({ toolName }) => toolName === 'hangs' && second.cancel());
  for (const turn of [second, session.send('Fail.'), session.send('Spend.'), session.send('Loop.')]) await turn.outcome;
  await session.close();
  return events;
}
