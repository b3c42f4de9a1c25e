import { afterEach, describe, expect, test, vi } from 'vitest';
import { type CommandContext, commands, readInput, runCommand } from '../../../src/cli/chat/commands.ts';
import { Conversation } from '../../../src/cli/chat/conversation.ts';
import { chooseModel, type Environment } from '../../../src/cli/model.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

async function openConversation(env: Environment = {}) {
  const chosen = await chooseModel('simulated', env);
  if ('problem' in chosen) throw new Error(chosen.problem);
  return new Conversation({ chosen, root: process.cwd(), env, onEvent: () => undefined });
}

async function run(line: string, given: Partial<CommandContext> = {}) {
  const said: string[] = [];
  const queued: string[] = [];
  let hasQuit = false;
  const conversation = given.conversation ?? (await openConversation(given.env));
  const input = readInput(line);
  if ('message' in input) throw new Error('no command');
  await runCommand(input.command, input.argument, {
    conversation,
    env: {},
    say: (text, tone) => said.push(tone === 'problem' ? `problem: ${text}` : text),
    queue: (text) => queued.push(text),
    quit: () => {
      hasQuit = true;
    },
    ...given,
  });
  return { said, queued, hasQuit, conversation };
}

describe('what is typed', () => {
  test.each([
    ['hello', { message: 'hello' }],
    ['  hello\nyou  ', { message: 'hello\nyou' }],
    ['a /b', { message: 'a /b' }],
    ['//etc/hosts', { message: '/etc/hosts' }],
    ['/help', { command: 'help', argument: '' }],
    ['/queue one\ntwo', { command: 'queue', argument: 'one\ntwo' }],
    ['/queue\none', { command: 'queue', argument: 'one' }],
    ['/', { command: '', argument: '' }],
  ])('%j is read as %j', (text, input) => {
    expect(readInput(text)).toEqual(input);
  });
});

describe('a command', () => {
  test('that nobody knows is refused with the way out', async () => {
    const { said } = await run('/nothing at all');
    expect(said).toEqual([expect.stringMatching(/^problem: There is no command \/nothing; .*\/help.*\/\/nothing$/)]);
  });

  test('that wants something says what is missing, and one that takes nothing says so', async () => {
    expect((await run('/save')).said).toEqual(['problem: Something is missing: /save FILE']);
    expect((await run('/queue')).said).toEqual(['problem: Something is missing: /queue TEXT']);
    expect((await run('/quit now')).said).toEqual(['problem: /quit takes nothing after it.']);
  });

  test('is in the help with its description', async () => {
    const { said } = await run('/help');
    for (const { name, description } of commands)
      expect(said[0]).toMatch(new RegExp(`^/${name}\\b.*  ${description}$`, 'm'));
  });

  test('lists the tools', async () => {
    expect((await run('/tools')).said[0]).toMatch(/^calculate {2}Computes[\s\S]*\nhang {2}/);
  });

  test('draws the state charts', async () => {
    expect((await run('/state')).said[0]).toMatch(/^session\n● idle\n/);
  });

  test('queues and quits', async () => {
    expect((await run('/queue one more')).queued).toEqual(['one more']);
    expect((await run('/quit')).hasQuit).toBe(true);
  });

  test('has nothing to cancel while no turn runs', async () => {
    expect((await run('/cancel')).said).toEqual(['No turn runs.']);
  });

  test('shortens the conversation once there is enough of it, and says why it cannot before', async () => {
    const { said, conversation } = await run('/compact');
    expect(said).toEqual([expect.stringMatching(/^problem: .* has nothing to shorten /)]);
    for (let turn = 0; turn < 4; turn += 1) await conversation.send(`what is 2+2${'?'.repeat(300)}`).result;
    let removed = 0;
    conversation.session.on('compaction.completed', (event) => {
      removed = event.removed;
    });
    expect((await run('/compact', { conversation })).said).toEqual([]);
    expect(removed).toBeGreaterThan(0);
    await conversation.close();
  });

  test('has nothing to save before anything was said', async () => {
    expect((await run('/save nowhere.md')).said).toEqual(['problem: There is nothing to save yet.']);
  });
});

describe('/model', () => {
  test('says who answers, and who could', async () => {
    const { said } = await run('/model');
    expect(said[0]).toMatch(/^simulated answers\.[\s\S]*\nsimulated +ready [\s\S]*\nopenai\/<model> +missing /);
  });

  test('goes on with the same conversation', async () => {
    const env = { OPENAI_API_KEY: 'sk-canary-0123456789' };
    const conversation = await openConversation(env);
    const { id } = conversation.session;
    await conversation.send('what is 2+2?').result;
    const { messages } = conversation.session;
    const { said } = await run('/model openai/gpt-5', { conversation, env });
    expect(said).toEqual(['gpt-5 answers, at api.openai.com.']);
    expect(conversation.session).toMatchObject({ id, messages });
    expect(conversation.tools.map(({ name }) => name)).not.toContain('hang');
    await run('/model simulated', { conversation, env });
    const { text } = await conversation.send('what is 3+3?').result;
    expect(text).toBe('3+3 = 6.');
    expect(conversation.session.messages.length).toBe(2 * messages.length);
    await conversation.close();
  });

  test('changes nothing where the model cannot be had, or a turn runs', async () => {
    // the adapter looks into the environment of the process itself
    for (const name of ['OPENAI_API_KEY', 'OPENAI_BASE_URL']) vi.stubEnv(name, undefined);
    const { said, conversation } = await run('/model openai/gpt-5');
    expect(said).toEqual([expect.stringMatching(/^problem: \/model openai\/gpt-5: .*OPENAI_API_KEY/)]);
    const turn = conversation.send('simulate an endless answer');
    expect((await run('/model simulated', { conversation })).said).toEqual([
      expect.stringMatching(/^problem: The model can be changed when no turn runs/),
    ]);
    expect(await conversation.switchModel('simulated')).toMatch(/^a turn has begun/);
    expect(conversation.chosen.name).toBe('simulated');
    turn.cancel();
    await conversation.close();
  });
});
