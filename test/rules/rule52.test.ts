import {
  createAgent,
  defineTool,
  type GuardrailDecision,
  GuardrailError,
  type Guardrails,
  type Json,
  type Run,
} from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endings, linesOf } from './support.ts';
import { type Conversation, converse, forever, gate, tool } from './toolSupport.ts';

const allow = { action: 'allow' } as const;
const deny = (reason: string) => ({ action: 'deny', reason }) as const;
const rewrite = <T>(value: T) => ({ action: 'rewrite', value }) as const;

describe("52. Guardrails: `input` (new user messages only: the turn's own and steering), `output` (the answer so far, while it streams and when it is whole), `tool` (name and input), each `allow | deny | rewrite`, or advisory (logged only); in order, the first deny wins. Input deny: no model call, `turn.failed` with `guardrail`. Output deny: the text is withdrawn (`message.replaced`, never stored) and the turn fails. Tool deny: a result for that call only.", () => {
  describe('input', () => {
    const noSecrets = (text: string) => (text.includes('secret') ? deny('It names a secret.') : allow);

    it('lets pass what it allows, and says nothing of it', async () => {
      const talk = converse(['Hello.'], { guardrails: { input: [noSecrets] } });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
      expect(linesOf(talk.model.requests[0]?.messages ?? [])).toEqual(['user: Hi']);
      expect(talk.of('guardrail.triggered')).toEqual([]);
    });

    it('denies: no model is called, and the turn fails with guardrail', async () => {
      const talk = converse(['never asked'], { guardrails: { input: [noSecrets] } });
      const turn = talk.session.send('My secret is swordfish.');
      expect(await talk.outcomeOf(turn)).toMatchObject({
        status: 'failed',
        failure: {
          type: 'guardrail',
          retryable: false,
          message: 'The guardrail "noSecrets" did not let the message through: It names a secret.',
          cause: { stage: 'input', name: 'noSecrets', reason: 'It names a secret.' },
        },
      });
      await expect(turn.result).rejects.toBeInstanceOf(GuardrailError);
      expect(talk.model.requests).toEqual([]);
      expect(talk.of('guardrail.triggered')).toMatchObject([
        { stage: 'input', name: 'noSecrets', action: 'denied', reason: 'It names a secret.' },
      ]);
      expect(talk.types()).toEqual([
        'turn.started',
        'message.added',
        'step.started',
        'guardrail.triggered',
        'messages.updated',
        'turn.failed',
        'message.added',
        'session.idle',
      ]);
    });

    it('keeps what it denies from every later model call: the message is withdrawn', async () => {
      const talk = converse(['Fine.'], { guardrails: { input: [noSecrets] } });
      await talk.say('My secret is swordfish.');
      expect(talk.of('messages.updated')).toMatchObject([{ added: 0, removed: 1, length: 0 }]);
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: 'Fine.' } });
      expect(linesOf(talk.model.requests[0]?.messages ?? [])).toEqual(['user: Hi']);
      expect(JSON.stringify(talk.session.messages)).not.toContain('swordfish');
    });

    it('rewrites: the model and the conversation have the new text, and interfaces are told', async () => {
      const talk = converse(['Noted.'], {
        guardrails: {
          input: [
            function maskNumbers(text) {
              return rewrite(text.replaceAll(/\d/g, '#'));
            },
          ],
        },
      });
      expect(await talk.say('Card 1234')).toMatchObject({ status: 'completed' });
      expect(linesOf(talk.model.requests[0]?.messages ?? [])).toEqual(['user: Card ####']);
      expect(linesOf(talk.session.messages)).toEqual(['user: Card ####', 'assistant: Noted.']);
      const [added] = talk.of('message.added');
      expect(talk.of('message.replaced')).toMatchObject([{ messageId: added?.message.id, replacement: 'Card ####' }]);
      expect(talk.of('guardrail.triggered')).toMatchObject([
        { stage: 'input', name: 'maskNumbers', action: 'rewritten' },
      ]);
    });

    it('leaves the files of a message where they are', async () => {
      const file = { type: 'file', mediaType: 'image/png', data: 'aGk=' } as const;
      const talk = converse(['Nice.', 'Nice.'], { guardrails: { input: [() => rewrite('See this.')] } });
      await talk.outcomeOf(talk.session.send([{ type: 'text', text: 'Look:' }, file, { type: 'text', text: '!' }]));
      expect(talk.model.requests[0]?.messages[0]?.content).toEqual([{ type: 'text', text: 'See this.' }, file]);
    });

    it('is told an empty text for a message of files, and may leave it one', async () => {
      const seen: string[] = [];
      const file = { type: 'file', mediaType: 'image/png', data: 'aGk=' } as const;
      const talk = converse(['Nice.'], {
        guardrails: {
          input: [
            (text) => {
              seen.push(text);
              return rewrite('');
            },
          ],
        },
      });
      await talk.outcomeOf(talk.session.send([file]));
      expect(seen).toEqual(['']);
      expect(talk.model.requests[0]?.messages[0]?.content).toEqual([file]);
    });

    it('denies where nothing is left of a message', async () => {
      const talk = converse(['never asked'], { guardrails: { input: [{ name: 'empty', check: () => rewrite(' ') }] } });
      expect(await talk.say('Hi')).toMatchObject({
        failure: { type: 'guardrail', message: expect.stringContaining('Nothing is left of the message.') },
      });
      expect(talk.model.requests).toEqual([]);
    });

    it('sees every new message once: not those before, no steps, no attempts, nothing that the engine says', async () => {
      const seen: string[] = [];
      const failure = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
      const talk = converse([{ calls: [{ name: 'look' }] }, { failure }, 'no number', '7', '8'], {
        tools: [tool('look')],
        output: z.number(),
        modelRetry: { initialDelayMs: 10, jitter: 0 },
        guardrails: {
          input: [
            (text) => {
              seen.push(text);
              return allow;
            },
          ],
        },
      });
      const turn = talk.session.send('One');
      await talk.clock.advance(100);
      await talk.outcomeOf(turn);
      await talk.say('Two');
      expect(seen).toEqual(['One', 'Two']);
    });

    it('sees steering before the step that takes it, and denies it in the same way', async () => {
      const working = gate<string>();
      const talk = converse([{ calls: [{ name: 'work' }] }, 'never asked', 'Fine.'], {
        tools: [tool('work', () => working.promise)],
        guardrails: { input: [noSecrets] },
      });
      const turn = talk.session.send('Go');
      await talk.clock.advance(0);
      talk.session.steer('Briefly.');
      talk.session.steer('The secret is swordfish.');
      working.open('worked');
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', steps: 2, failure: { type: 'guardrail' } });
      expect(talk.model.requests).toHaveLength(1);
      expect(linesOf(talk.session.messages).slice(0, 3)).toEqual(['user: Go', 'assistant: (work)', 'tool: "worked"']);
      expect(JSON.stringify(talk.session.messages)).not.toContain('swordfish');
      await talk.say('Go on');
      expect(JSON.stringify(talk.model.requests)).not.toContain('swordfish');
    });

    it('rewrites steering', async () => {
      const working = gate<string>();
      const talk = converse([{ calls: [{ name: 'work' }] }, 'Done.'], {
        tools: [tool('work', () => working.promise)],
        guardrails: { input: [(text) => rewrite(text.toUpperCase())] },
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      talk.session.steer('briefly');
      working.open('worked');
      await talk.outcomeOf(turn);
      expect(linesOf(talk.model.requests[1]?.messages ?? [])).toEqual([
        'user: GO',
        'assistant: (work)',
        'tool: "worked"',
        'user: BRIEFLY',
      ]);
      expect(talk.session.messages[3]).toMatchObject({ cause: 'steering' });
    });

    it('is waited for, and not for a turn that is cancelled', async () => {
      const talk = converse(['never asked'], { guardrails: { input: [() => forever] } });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(0);
      expect(talk.session.snapshot.turn?.state).toBe('preparing');
      expect(talk.model.requests).toEqual([]);
      talk.session.cancel();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
    });

    it('keeps from later model calls what it had no time to see: the message is withdrawn', async () => {
      let isSlow = true;
      const talk = converse(['Fine.'], { guardrails: { input: [() => (isSlow ? forever : allow)] } });
      const turn = talk.session.send('My secret is swordfish.');
      const queued = talk.session.send('The secret is swordfish.');
      queued.cancel();
      await talk.clock.advance(0);
      talk.session.cancel();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
      expect(await talk.outcomeOf(queued)).toMatchObject({ status: 'cancelled' });
      isSlow = false;
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
      expect(JSON.stringify(talk.model.requests)).not.toContain('swordfish');
      expect(talk.of('messages.updated')).toMatchObject([
        { added: 0, removed: 1 },
        { added: 0, removed: 1 },
      ]);
    });

    it('withdraws nothing where there is no input guardrail', async () => {
      const talk = converse(['Fine.'], { guardrails: { output: [() => allow] }, prepareStep: () => forever });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(0);
      talk.session.cancel();
      await talk.outcomeOf(turn);
      expect(linesOf(talk.session.messages)[0]).toBe('user: Hi');
      expect(talk.of('messages.updated')).toEqual([]);
    });

    it('is told of the run', async () => {
      const runs: Run[] = [];
      const talk = converse(['Fine.'], {
        context: { user: 'ada' },
        guardrails: {
          input: [
            (_, run) => {
              runs.push(run);
              return allow;
            },
          ],
        },
      });
      const turn = talk.session.send('Hi');
      await talk.outcomeOf(turn);
      expect(runs).toMatchObject([{ context: { user: 'ada' }, turnId: turn.id, sessionId: talk.session.id, step: 1 }]);
      expect(runs[0]?.signal).toBeInstanceOf(AbortSignal);
    });
  });

  describe('output', () => {
    const noSwearing = (text: string) => (text.includes('damn') ? deny('It swears.') : allow);

    it('lets pass what it allows, as it streams', async () => {
      const talk = converse([{ text: ['Well, ', 'well.'] }], { guardrails: { output: [noSwearing] } });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: 'Well, well.' } });
      expect(talk.of('message.delta').map(({ text }) => text)).toEqual(['Well, ', 'well.']);
      expect(talk.of('message.replaced')).toEqual([]);
    });

    it('denies while the answer streams: what was shown is withdrawn, what is denied was never shown, and the turn fails', async () => {
      const talk = converse([{ text: ['You ', 'damn ', 'fool.'] }], { guardrails: { output: [noSwearing] } });
      const turn = talk.session.send('Hi');
      expect(await talk.outcomeOf(turn)).toMatchObject({
        status: 'failed',
        failure: { type: 'guardrail', cause: { stage: 'output', name: 'noSwearing', reason: 'It swears.' } },
      });
      await expect(turn.result).rejects.toBeInstanceOf(GuardrailError);
      const [started] = talk.of('message.started');
      expect(talk.of('message.delta').map(({ text }) => text)).toEqual(['You ']);
      expect(talk.of('message.replaced')).toMatchObject([
        { messageId: started?.messageId, reason: 'It swears.', replacement: '' },
      ]);
      expect(talk.of('guardrail.triggered')).toMatchObject([{ stage: 'output', action: 'denied' }]);
      expect(talk.of('message.completed')).toEqual([]);
      expect(JSON.stringify([talk.events, talk.session.messages])).not.toContain('damn');
      expect(linesOf(talk.session.messages)[0]).toBe('user: Hi');
      expect(talk.session.messages).toHaveLength(2);
    });

    it('aborts the model call then', async () => {
      const talk = converse([{ text: ['damn ', 'it'], hangs: true }], { guardrails: { output: [noSwearing] } });
      expect(await talk.say('Hi')).toMatchObject({ failure: { type: 'guardrail' } });
      expect(talk.model.signals.map(({ aborted }) => aborted)).toEqual([true]);
    });

    it('withdraws nothing where nothing was shown', async () => {
      const talk = converse(['damn'], { guardrails: { output: [noSwearing] } });
      await talk.say('Hi');
      expect(talk.types()).not.toContain('message.replaced');
      expect(talk.types()).not.toContain('message.started');
    });

    it('sees the answer so far, and the whole in the end', async () => {
      const seen: string[] = [];
      const talk = converse([{ reasoning: 'Hm.', text: ['a', 'b', 'c'] }], {
        guardrails: {
          output: [
            (text) => {
              seen.push(text);
              return allow;
            },
          ],
        },
      });
      await talk.say('Hi');
      expect(seen).toEqual(['a', 'ab', 'abc', 'abc']);
    });

    it('counts the tokens of what it denies', async () => {
      const usage = { inputTokens: 7, outputTokens: 3 };
      const talk = converse(
        [
          [
            { type: 'text-delta', text: 'da' },
            { type: 'usage', usage },
            { type: 'text-delta', text: 'mn' },
          ],
        ],
        { guardrails: { output: [noSwearing] } },
      );
      await talk.say('Hi');
      expect(talk.of('turn.failed')).toMatchObject([{ usage }]);
      expect(talk.session.usage).toEqual(usage);
    });

    it('rewrites the whole: interfaces are told, and the conversation has the new text only', async () => {
      const talk = converse([{ text: ['Call ', '555-1234.'] }], {
        guardrails: { output: [{ name: 'mask', check: (text) => rewrite(text.replaceAll(/\d/g, '#')) }] },
      });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: 'Call ###-####.' } });
      const [started] = talk.of('message.started');
      expect(talk.of('message.replaced')).toMatchObject([
        { messageId: started?.messageId, replacement: 'Call ###-####.' },
      ]);
      expect(talk.of('message.completed')[0]?.message.content).toEqual([{ type: 'text', text: 'Call ###-####.' }]);
      expect(linesOf(talk.session.messages)).toEqual(['user: Hi', 'assistant: Call ###-####.']);
      expect(talk.of('turn.completed')).toMatchObject([{ text: 'Call ###-####.' }]);
      expect(talk.of('guardrail.triggered')).toMatchObject([{ stage: 'output', name: 'mask', action: 'rewritten' }]);
    });

    it('may leave nothing of it: no model is shown an empty text', async () => {
      const talk = converse(['Well.', 'Hm.'], { guardrails: { output: [() => rewrite('')] } });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: '' } });
      expect(talk.of('message.replaced')).toMatchObject([{ replacement: '' }]);
      await talk.say('And?');
      expect(linesOf(talk.model.requests[1]?.messages ?? [])).toEqual(['user: Hi', 'user: And?']);
    });

    it('rewrites the text beside tool calls, which run all the same', async () => {
      const talk = converse([{ text: 'damn', calls: [{ name: 'look' }] }, 'Seen.'], {
        tools: [tool('look')],
        guardrails: { output: [(text) => (text === 'damn' ? rewrite('well') : allow)] },
      });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
      expect(linesOf(talk.session.messages)[1]).toBe('assistant: well (look)');
    });

    it('denies an answer with tool calls: none of them runs', async () => {
      const ran: string[] = [];
      const talk = converse([{ text: 'damn', calls: [{ name: 'look' }] }], {
        tools: [tool('look', () => ran.push('look'))],
        guardrails: { output: [noSwearing] },
      });
      expect(await talk.say('Hi')).toMatchObject({ failure: { type: 'guardrail' } });
      expect(ran).toEqual([]);
      expect(talk.of('tool.called')).toEqual([]);
    });

    it('comes before structured output is read', async () => {
      const talk = converse(['[1,2]'], {
        output: z.array(z.number()),
        guardrails: { output: [() => rewrite('[3]')] },
      });
      expect(await talk.say('Hi')).toMatchObject({ result: { text: '[3]', output: [3] } });
    });

    it('sees the attempts of a step each by itself', async () => {
      const failure = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
      const seen: string[] = [];
      const talk = converse([{ text: 'One', failure }, 'Two'], {
        modelRetry: { initialDelayMs: 10, jitter: 0 },
        guardrails: {
          output: [
            (text) => {
              seen.push(text);
              return allow;
            },
          ],
        },
      });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(100);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
      expect(seen).toEqual(['One', 'Two', 'Two']);
    });

    it('is waited for before anything is shown, and not for a turn that is cancelled', async () => {
      const checked = gate<typeof allow>();
      const talk = converse(['Well.'], { guardrails: { output: [() => checked.promise] } });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(0);
      expect(talk.of('message.delta')).toEqual([]);
      talk.session.cancel();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
      checked.open(allow);
      await talk.clock.advance(0);
      expect(talk.of('message.delta')).toEqual([]);
    });
  });

  describe('tool', () => {
    const noRoot = ({ input }: { readonly input: Json }) =>
      JSON.stringify(input).includes('/root') ? deny('It is not yours.') : allow;

    it('denies: a result for that call only; siblings run, and the turn goes on', async () => {
      const ran: Json[] = [];
      const read = tool('read', (input) => ran.push(input));
      const talk = converse(
        [
          {
            calls: [
              { name: 'read', input: { path: '/root' } },
              { name: 'read', input: { path: '/tmp' } },
            ],
          },
          'Done.',
        ],
        { tools: [read], guardrails: { tool: [noRoot] } },
      );
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed', steps: 2 });
      expect(ran).toEqual([{ path: '/tmp' }]);
      expect(talk.of('tool.denied')).toMatchObject([
        { toolCallId: 'call_1', toolName: 'read', reason: expect.stringContaining('It is not yours.') },
      ]);
      expect(talk.results()).toMatchObject([
        { synthesized: 'denied', output: { type: 'error', value: expect.stringContaining('It is not yours.') } },
        { output: { type: 'json' } },
      ]);
      expect(talk.of('guardrail.triggered')).toMatchObject([{ stage: 'tool', name: 'noRoot', action: 'denied' }]);
      expect(talk.of('tool.approvalResolved')).toEqual([]);
    });

    it('is no error of the tool', async () => {
      const asks = (n: number) => ({ calls: [{ name: 'read', input: { path: `/root/${n}` } }] });
      const talk = converse([asks(1), asks(2), asks(3), 'Done.'], {
        tools: [tool('read')],
        limits: { consecutiveToolErrors: 1, totalToolErrors: 1 },
        guardrails: { tool: [noRoot] },
      });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed', steps: 4 });
      expect(talk.of('tool.failed')).toEqual([]);
    });

    it('rewrites the input that the tool gets; the call stays as the model made it', async () => {
      const ran: Json[] = [];
      const talk = converse([{ calls: [{ name: 'read', input: { path: '/root' } }] }, 'Done.'], {
        tools: [tool('read', (input) => ran.push(input))],
        guardrails: { tool: [({ input }) => rewrite({ ...(input as object), path: '/tmp' })] },
      });
      expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
      expect(ran).toEqual([{ path: '/tmp' }]);
      expect(talk.of('tool.called')).toMatchObject([{ input: { path: '/root' } }]);
      expect(talk.of('guardrail.triggered')).toMatchObject([{ stage: 'tool', action: 'rewritten' }]);
    });

    it('holds what it rewrites against the schema, and fills in defaults', async () => {
      const ran: unknown[] = [];
      const read = defineTool({
        name: 'read',
        input: z.object({ path: z.string(), lines: z.number().default(10) }),
        execute: (input) => void ran.push(input),
      });
      const talk = converse(
        [
          { calls: [{ name: 'read', input: { path: '/root' } }] },
          { calls: [{ name: 'read', input: { path: '/etc' } }] },
          'Done.',
        ],
        {
          tools: [read],
          guardrails: {
            tool: [
              ({ input }) => rewrite((input as { path: string }).path === '/root' ? { path: '/tmp' } : { path: 5 }),
            ],
          },
        },
      );
      await talk.say('Hi');
      expect(ran).toEqual([{ path: '/tmp', lines: 10 }]);
      expect(talk.of('tool.failed')).toMatchObject([
        { toolCallId: 'call_2', failure: { code: 'invalid_tool_input', message: expect.stringContaining('path') } },
      ]);
    });

    it('runs every attempt with what it has rewritten', async () => {
      const ran: Json[] = [];
      const flaky = tool(
        'flaky',
        (input) => {
          ran.push(input);
          if (ran.length < 2) throw new Error('not yet');
        },
        { retry: { maxAttempts: 2, initialDelayMs: 10, jitter: 0 } },
      );
      const talk = converse([{ calls: [{ name: 'flaky', input: { n: 1 } }] }, 'Done.'], {
        tools: [flaky],
        guardrails: { tool: [() => rewrite({ n: 2 })] },
      });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(100);
      await talk.outcomeOf(turn);
      expect(ran).toEqual([{ n: 2 }, { n: 2 }]);
    });

    it('comes before approval: people are asked about what would run, and not about what is denied', async () => {
      const asked: Json[] = [];
      const read = tool('read', undefined, {
        approval: (input) => {
          asked.push(input as Json);
          return true;
        },
      });
      const talk = converse(
        [
          {
            calls: [
              { name: 'read', input: { path: '/root' } },
              { name: 'read', input: { path: '/tmp' } },
            ],
          },
          'Done.',
        ],
        {
          tools: [read],
          guardrails: { tool: [noRoot, () => rewrite({ path: '/tmp/safe' })] },
        },
      );
      const turn = talk.session.send('Hi');
      await talk.clock.advance(0);
      expect(asked).toEqual([{ path: '/tmp/safe' }]);
      expect(talk.of('tool.approvalRequested')).toMatchObject([{ toolCallId: 'call_2', input: { path: '/tmp/safe' } }]);
      talk.session.approve('call_2');
      await talk.outcomeOf(turn);
    });

    it('holds for client-side tools: the client is asked with what would run', async () => {
      const pick = defineTool({ name: 'pick', input: { jsonSchema: { type: 'object' } } });
      const talk = converse([{ calls: [{ name: 'pick', input: { from: '/root' } }] }, 'Done.'], {
        tools: [pick],
        guardrails: { tool: [() => rewrite({ from: '/tmp' })] },
      });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(0);
      expect(talk.of('tool.resultRequested')).toMatchObject([{ input: { from: '/tmp' } }]);
      talk.session.resolveTool('call_1', 'x');
      await talk.outcomeOf(turn);
    });

    it('is told name and input as the model wrote it, of calls that could run', async () => {
      const seen: unknown[] = [];
      const read = defineTool({
        name: 'read',
        input: z.object({ path: z.string(), lines: z.number().default(10) }),
        execute: () => 'x',
      });
      const talk = converse(
        [
          {
            calls: [
              { name: 'read', input: { path: '/a' } },
              { name: 'read', input: {} },
              { name: 'nobody' },
              { name: 'read', rawInput: '{' },
            ],
          },
          'Done.',
        ],
        {
          tools: [read],
          guardrails: {
            tool: [
              (call) => {
                seen.push(call);
                return allow;
              },
            ],
          },
        },
      );
      await talk.say('Hi');
      expect(seen).toEqual([{ toolName: 'read', input: { path: '/a' } }]);
      expect(talk.of('tool.failed')).toHaveLength(3);
    });

    it('is waited for, and siblings wait their turn', async () => {
      const checked = gate<typeof allow>();
      const talk = converse([{ calls: [{ name: 'a' }, { name: 'b' }] }, 'Done.'], {
        tools: [tool('a'), tool('b')],
        guardrails: { tool: [({ toolName }) => (toolName === 'a' ? checked.promise : allow)] },
      });
      const turn = talk.session.send('Hi');
      await talk.clock.advance(0);
      expect(talk.of('tool.started')).toEqual([]);
      checked.open(allow);
      await talk.outcomeOf(turn);
      expect(talk.of('tool.started').map(({ toolName }) => toolName)).toEqual(['a', 'b']);
    });
  });

  describe.each<[stage: keyof Guardrails, run: (guardrails: readonly Check[]) => Promise<Conversation>]>([
    ['input', (input) => withText({ guardrails: { input } })],
    ['output', (output) => withText({ guardrails: { output } })],
    ['tool', (checks) => withTool(checks)],
  ])('several guardrails of one stage: %s', (stage, run) => {
    it('are asked in order, each about what the one before has left', async () => {
      const seen: string[] = [];
      const adding = (letter: string) => (text: string) => {
        seen.push(text);
        return rewrite(`${text}${letter}`);
      };
      const talk = await run([adding('a'), () => allow, adding('b')]);
      // an output is seen while it streams and when it is whole
      expect(seen.slice(-2)).toEqual(['x', 'xa']);
      expect(talk.of('guardrail.triggered').map(({ action }) => action)).toEqual(['rewritten', 'rewritten']);
      expect(JSON.stringify(talk.session.messages)).toContain(stage === 'tool' ? 'got xab' : 'xab');
    });

    it('deny with the first that does; those after it are not asked', async () => {
      const seen: string[] = [];
      const talk = await run([
        () => allow,
        {
          name: 'first',
          check: () => deny('One.'),
        },
        (text: string) => {
          seen.push(text);
          return deny('Two.');
        },
      ]);
      expect(seen).toEqual([]);
      expect(talk.of('guardrail.triggered')).toMatchObject([
        { stage, name: 'first', action: 'denied', reason: 'One.' },
      ]);
    });

    it('deny also where an earlier one has rewritten', async () => {
      const talk = await run([
        (text: string) => rewrite(`${text}!`),
        (text: string) => (text === 'x!' ? deny('No.') : allow),
      ]);
      expect(talk.of('guardrail.triggered').map(({ action }) => action)).toEqual(['rewritten', 'denied']);
      expect(JSON.stringify(talk.session.messages)).not.toContain('x!');
    });

    it('say nothing where what they put in its place is the same', async () => {
      const talk = await run([(text: string) => rewrite(text.replaceAll('1234', '####'))]);
      expect(endings(talk.events)).toEqual(['turn.completed']);
      expect(talk.of('guardrail.triggered')).toEqual([]);
      expect(talk.of('message.replaced')).toEqual([]);
    });

    it('are only logged where they are advisory, and change nothing', async () => {
      const seen: string[] = [];
      const talk = await run([
        { name: 'watcher', advisory: true, check: () => deny('I would not.') },
        { name: 'editor', advisory: true, check: () => rewrite('y') },
        (text: string) => {
          seen.push(text);
          return allow;
        },
      ]);
      expect(endings(talk.events)).toEqual(['turn.completed']);
      expect(new Set(seen)).toEqual(new Set(['x']));
      expect(talk.of('guardrail.triggered')).toMatchObject([
        { stage, name: 'watcher', action: 'logged', reason: 'I would not.' },
        { stage, name: 'editor', action: 'logged' },
      ]);
      expect(talk.of('message.replaced')).toEqual([]);
      expect(talk.of('tool.denied')).toEqual([]);
    });

    it('are named by themselves, by their function, or by their place', async () => {
      const named = function shy(text: string) {
        return rewrite(`${text}!`);
      };
      const talk = await run([{ name: 'own', check: named }, named, (text: string) => rewrite(`${text}?`)]);
      expect(talk.of('guardrail.triggered').map(({ name }) => name)).toEqual(['own', 'shy', `${stage} guardrail 3`]);
    });
  });

  it('is what embedders may give as lists that are shared', async () => {
    const shared: Guardrails = { input: [() => deny('Closed today.')] };
    const agent = () => createAgent({ model: scriptedModel([]), guardrails: shared, clock: new SimulatedClock() });
    for (const failing of [agent(), agent()]) await expect(failing.run('Hi')).rejects.toThrow('Closed today.');
  });
});

/** A guardrail of any stage, about a text. */
type Check = TextCheck | { readonly name: string; readonly advisory?: boolean; readonly check: TextCheck };
type TextCheck = (text: string) => GuardrailDecision<string>;

/** A turn whose message and answer are both `x`. */
async function withText({ guardrails }: { readonly guardrails: Guardrails }): Promise<Conversation> {
  const talk = converse(['x'], { guardrails });
  await talk.say('x');
  return talk;
}

/** A turn with one call whose input says `x`. */
async function withTool(checks: readonly Check[]): Promise<Conversation> {
  const echo = defineTool({
    name: 'echo',
    input: z.object({ text: z.string() }),
    execute: ({ text }) => `got ${text}`,
  });
  const aboutText = (check: TextCheck) => {
    const about = ({ input }: { readonly input: Json }) => {
      const decision = check((input as { text: string }).text);
      return decision.action === 'rewrite' ? rewrite({ text: decision.value }) : decision;
    };
    return Object.defineProperty(about, 'name', { value: check.name });
  };
  const talk = converse([{ calls: [{ name: 'echo', input: { text: 'x' } }] }, 'Done.'], {
    tools: [echo],
    guardrails: {
      tool: checks.map((check) =>
        typeof check === 'function' ? aboutText(check) : { ...check, check: aboutText(check.check) },
      ),
    },
  });
  await talk.say('go');
  return talk;
}
