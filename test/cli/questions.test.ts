import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Asker } from '../../src/cli/asker.ts';
import {
  describeQuestion,
  giveAnswer,
  inputInWords,
  OpenQuestions,
  possibleAnswers,
  type Question,
  readAnswer,
} from '../../src/cli/questions.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { TurnEvent } from '../../src/events.ts';
import { type AgentOptions, agentTool, createAgent, defineTool, type Session } from '../../src/index.ts';
import { type Script, scriptedModel } from '../../src/testing/index.ts';
import { captured } from './captured.ts';

const approval: Question = { type: 'approval', turnId: 't', toolCallId: 'c', toolName: 'pay', input: { amount: 5 } };
const steps: Question = { type: 'pause', turnId: 't', reason: 'max_steps', spent: 10, limit: 10 };
const money: Question = { type: 'pause', turnId: 't', reason: 'soft_cost', spent: 0.123456, limit: 0.1 };

const pay = defineTool({
  name: 'pay',
  input: z.object({ amount: z.number() }),
  approval: true,
  execute: ({ amount }) => `${amount} paid`,
});

const twoPayments: Script = {
  calls: [
    { name: 'pay', input: { amount: 1 } },
    { name: 'pay', input: { amount: 2 } },
  ],
};

const open: Session[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.close()));
});

function openSession(scripts: readonly Script[], options: Partial<AgentOptions> = {}): Session {
  const session = createAgent({ model: scriptedModel(scripts), tools: [pay], ...options }).session();
  open.push(session);
  return session;
}

describe('an answer', () => {
  test.each([
    ['y', { type: 'yes' }],
    [' YES ', { type: 'yes' }],
    ['always', { type: 'always' }],
    ['n', { type: 'no' }],
    ['no, it is the only copy', { type: 'no', reason: 'it is the only copy' }],
    ['n: later', { type: 'no', reason: 'later' }],
    ['', undefined],
    ['yes please', undefined],
    ['maybe', undefined],
    ['now', undefined],
    ['what is 2+2?', undefined],
  ])('to whether a tool may run is read of %j', (text, answer) => {
    expect(readAnswer(approval, text)).toEqual(answer);
  });

  test('to whether a turn goes on is yes or no', () => {
    expect(readAnswer(steps, 'y')).toEqual({ type: 'yes' });
    expect(readAnswer(steps, 'n')).toEqual({ type: 'no' });
    expect(readAnswer(steps, 'always')).toBeUndefined();
  });
});

describe('a question', () => {
  test('is asked in words', () => {
    expect(describeQuestion(approval)).toBe('May pay run?');
    expect(describeQuestion({ ...approval, agent: 'helper' })).toBe('helper: May pay run?');
    expect(describeQuestion(steps)).toBe('10 steps are taken. Go on for 10 more?');
    expect(describeQuestion({ ...steps, spent: 1 })).toBe('1 step is taken. Go on for 10 more?');
    expect(describeQuestion(money)).toBe('The turn has cost 0.123, more than 0.1. Go on?');
  });

  test('says what can be answered', () => {
    expect(possibleAnswers(approval)).toEqual(['y', 'n', 'n and the reason', 'always (in this session)']);
    expect(possibleAnswers({ ...approval, agent: 'helper' })).toContain('always (in this call of it)');
    expect(possibleAnswers(steps)).toEqual(['y', 'n (stops the turn)']);
  });

  test.each([
    [{ path: 'notes.txt', force: true, depth: 2 }, 'path: notes.txt, force: true, depth: 2'],
    [{ text: 'one, two: "three"', list: ['a'] }, 'text: "one, two: \\"three\\"", list: ["a"]'],
    [{ empty: '', lines: 'a\nb' }, 'empty: "", lines: "a\\nb"'],
    [{}, 'without any input'],
    ['notes', 'notes'],
    [[1, 2], '[1,2]'],
    [null, 'null'],
  ])('shows the input %j', (input, words) => {
    expect(inputInWords(input)).toBe(words);
  });
});

describe('open questions', () => {
  function follow(session: Session): OpenQuestions {
    const questions = new OpenQuestions();
    session.on('*', (event) => questions.take(event));
    return questions;
  }

  async function asked(session: Session, type: TurnEvent['type']): Promise<void> {
    await new Promise<void>((resolve) => session.on(type, () => resolve()));
  }

  test('stand in the order of the calls, until each has its answer', async () => {
    const session = openSession([twoPayments, 'Done.']);
    const questions = follow(session);
    const turn = session.send('Pay twice');
    await asked(session, 'tool.approvalRequested');
    const [first, second] = questions.all;
    expect(questions.all).toMatchObject([{ input: { amount: 1 } }, { input: { amount: 2 } }]);
    if (first === undefined || second === undefined) throw new Error('nothing is asked');
    giveAnswer(session, first, { type: 'no', reason: 'Not today.' });
    expect(questions.all).toEqual([second]);
    expect(giveAnswer(session, first, { type: 'yes' })).toMatchObject({ accepted: false });
    giveAnswer(session, second, { type: 'yes' });
    expect(questions.all).toEqual([]);
    const { messages } = await turn.result;
    expect(JSON.stringify(messages)).toMatch(/Reason: Not today\..*2 paid/);
  });

  test('are all answered by an always, for later calls too', async () => {
    const session = openSession([twoPayments, twoPayments, 'Done.']);
    const questions = follow(session);
    const turn = session.send('Pay twice, and again');
    await asked(session, 'tool.approvalRequested');
    const [first] = questions.all;
    if (first === undefined) throw new Error('nothing is asked');
    giveAnswer(session, first, { type: 'always' });
    expect((await turn.result).text).toBe('Done.');
    expect(questions.all).toEqual([]);
  });

  test('are gone with the turn', async () => {
    const session = openSession([twoPayments]);
    const questions = follow(session);
    const turn = session.send('Pay twice');
    await asked(session, 'tool.approvalRequested');
    expect(questions.all).toHaveLength(2);
    turn.cancel();
    await turn.outcome;
    expect(questions.all).toEqual([]);
  });

  test('have whether the turn goes on, with more steps or more money', async () => {
    const again: Script = { calls: [{ name: 'pay', input: { amount: 1 } }] };
    const limits = { maxSteps: 1, lastStep: 'ask', softCost: 1 } as const;
    const session = openSession([again, 'Done.'], { tools: [{ ...pay, approval: false }], limits, pricing: () => 2 });
    const questions = follow(session);
    const turn = session.send('Pay');
    const asking: Question[] = [];
    session.on('*', ({ type }) => {
      const [question] = questions.all;
      if (type !== 'turn.paused' || question === undefined) return;
      asking.push(question);
      giveAnswer(session, question, { type: 'yes' });
    });
    expect((await turn.result).text).toBe('Done.');
    expect(asking.map((question) => question.type === 'pause' && question.reason).sort()).toEqual([
      'max_steps',
      'soft_cost',
    ]);
    expect(questions.all).toEqual([]);
  });

  test('have those of sub-agents, with who asks', async () => {
    const helper = createAgent({ name: 'helper', model: scriptedModel([twoPayments, 'Paid.']), tools: [pay] });
    const tools = [agentTool({ name: 'ask', description: 'Asks', agent: helper })];
    const session = openSession([{ calls: [{ name: 'ask', id: 'asked', input: { prompt: 'Pay' } }] }, 'Done.'], {
      tools,
    });
    const questions = follow(session);
    const turn = session.send('Have it paid');
    await asked(session, 'agent.event');
    await expect.poll(() => questions.all).toMatchObject([{ agent: 'helper' }, { agent: 'helper' }]);
    for (const question of questions.all) giveAnswer(session, question, { type: 'yes' });
    expect((await turn.result).text).toBe('Done.');
    expect(questions.all).toEqual([]);
  });
});

describe('whoever asks on standard error', () => {
  const paused = { limits: { maxSteps: 1, lastStep: 'ask' }, tools: [{ ...pay, approval: false as const }] } as const;

  function ask(
    act: (asker: Asker, session: Session) => Promise<number>,
    { session, ...options }: { session: Session; canAsk: boolean; approvesAll?: boolean },
  ) {
    return captured((terminal: Terminal) => {
      const asker = new Asker({ session: () => session, terminal, approvesAll: false, ...options });
      session.on('*', (event) => asker.take(event));
      return act(asker, session);
    });
  }

  test('asks one question after the other, and takes lines for answers until all have theirs', async () => {
    const session = openSession([twoPayments, 'Done.']);
    const { stderr } = await ask(
      async (asker) => {
        expect(asker.answer('y')).toBe(false);
        const turn = session.send('Pay twice');
        await expect.poll(() => session.snapshot.turn?.state).toBe('awaitingAnswers');
        expect(asker.answer('what?')).toBe(true);
        expect(asker.answer('n Not today.')).toBe(true);
        await Promise.resolve();
        expect(asker.answer('y')).toBe(true);
        await turn.result;
        expect(asker.answer('y')).toBe(false);
        return 0;
      },
      { session, canAsk: true },
    );
    const answers = '  y · n · n and the reason · always (in this session)\n';
    expect(stderr).toBe(`May pay run? amount: 1\n${answers}${answers}May pay run? amount: 2\n${answers}`);
  });

  test('denies where nobody is there, and says so; the model reads the reason', async () => {
    const session = openSession([twoPayments, 'Done.']);
    const { stderr } = await ask(async () => Number((await session.send('Pay twice').result).text === 'Done.'), {
      session,
      canAsk: false,
    });
    expect(stderr).toBe('pay needs approval, and nobody can be asked: denied. With --yes it would run.\n'.repeat(2));
    expect(JSON.stringify(session.messages)).toContain('Reason: nobody can be asked');
  });

  test('approves everything where that was wanted, and asks nothing', async () => {
    const session = openSession([twoPayments, 'Done.']);
    const act = async () => Number((await session.send('Pay twice').result).text === 'Done.');
    expect(await ask(act, { session, canAsk: false, approvesAll: true })).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.stringify(session.messages)).toMatch(/1 paid.*2 paid/);
  });

  test('ends a turn that waits for more steps where nobody is there, also with approval of everything', async () => {
    const session = openSession([twoPayments, 'Done.'], paused);
    const act = async () => {
      const outcome = await session.send('Pay twice').outcome;
      expect(outcome).toMatchObject({ status: 'cancelled', reason: 'nobody can be asked' });
      return 0;
    };
    const { stderr } = await ask(act, { session, canAsk: false, approvesAll: true });
    expect(stderr).toBe('1 step is taken. Go on for 10 more? It ends here: nobody can be asked.\n');
  });

  test('denies what is still open when nobody types any more', async () => {
    const session = openSession([twoPayments, 'Done.']);
    const { stderr } = await ask(
      async (asker) => {
        const turn = session.send('Pay twice');
        await expect.poll(() => session.snapshot.turn?.state).toBe('awaitingAnswers');
        asker.leave();
        await turn.result;
        return 0;
      },
      { session, canAsk: true },
    );
    expect(stderr.match(/nobody can be asked: denied/g)).toHaveLength(2);
  });
});
