import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { openRecording } from '../../src/cli/recordFile.ts';
import { type ReplayOptions, replay } from '../../src/cli/replay.ts';
import { createFailure } from '../../src/failure.ts';
import { type Agent, agentTool, createAgent, type Session, type Turn } from '../../src/index.ts';
import { readRecording } from '../../src/inspection/index.ts';
import { type Script, SimulatedClock, scriptedModel } from '../../src/testing/index.ts';
import { captured } from './captured.ts';
import { turnchart } from './turnchart.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-'));
  file = join(folder, 'run.jsonl');
  vi.stubEnv('NO_COLOR', '1');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

async function recordTurn(
  script: Script = { reasoning: 'Hm.', text: ['Fine, ', 'thanks.'] },
  act: (turn: Turn) => void = () => undefined,
): Promise<void> {
  const recording = openRecording(file);
  const agent = createAgent({ name: 'test', model: scriptedModel([script]) });
  const session = agent.session({ id: 's' });
  recording.follow(session);
  const turn = session.send('How are you?');
  act(turn);
  await turn.outcome;
  await session.close();
  recording.close();
}

async function record(agent: Agent, follow: (session: Session) => void): Promise<void> {
  const recording = openRecording(file);
  const session = agent.session({ id: 's' });
  recording.follow(session);
  follow(session);
  await session.send('Go').result;
  await session.close();
  recording.close();
}

function hideKeys(text: string) {
  const safe = text.replace(/sk-\d/, '…');
  return safe === text
    ? ({ action: 'allow' } as const)
    : ({ action: 'rewrite', value: safe, reason: 'a key' } as const);
}

function play(options: Partial<ReplayOptions> = {}) {
  const outputClosed = new AbortController().signal;
  return captured((terminal) =>
    replay({ file, speed: 'max', json: false, env: {}, terminal, outputClosed, ...options }),
  );
}

describe('a recording on disk', () => {
  it('is written entry by entry, so that nothing is lost with the process', async () => {
    const recording = openRecording(file);
    const agent = createAgent({ model: scriptedModel([{ text: 'On and on', hangs: true }]) });
    const session = agent.session();
    recording.follow(session);
    const turn = session.send('Go');
    for await (const event of turn) if (event.type === 'message.delta') break;
    const types = readRecording(readFileSync(file, 'utf8')).entries.map((entry) =>
      entry.type === 'event' ? entry.event.type : entry.type,
    );
    expect(types.at(-1)).toBe('message.delta');
    await session.close();
    recording.close();
  });

  it('overwrites nothing', async () => {
    writeFileSync(file, 'dear diary');
    expect(() => openRecording(file)).toThrow(`${file} is there already; nothing is overwritten. Name another file.`);
    expect(readFileSync(file, 'utf8')).toBe('dear diary');
  });

  it('has one session at a time', async () => {
    const recording = openRecording(file);
    const agent = createAgent({ model: scriptedModel(['One.', 'Two.']) });
    const [before, after] = [agent.session(), agent.session()];
    recording.follow(before);
    recording.follow(after);
    await before.send('Count').outcome;
    recording.close();
    expect(readRecording(readFileSync(file, 'utf8')).entries.map(({ type }) => type)).toEqual(['session', 'session']);
  });

  it('says why a file cannot be made', () => {
    expect(() => openRecording(join(folder, 'no', 'where'))).toThrow(/^The recording cannot be written: ENOENT/);
  });
});

describe('turnchart replay', () => {
  it('shows who asked what, and the answer', async () => {
    await recordTurn();
    const { code, stdout, stderr } = await play();
    expect(code).toBe(0);
    expect(stdout).toBe('Fine, thanks.\n');
    expect(stderr).toMatch(
      /^The recording .*run\.jsonl:\ns of test with scripted\/script, \d{4}-.*Z\n> How are you\?\n\[callingModel \(step 1\)\]\n/,
    );
    expect(stderr).toContain('reasoning: Hm.');
    expect(stderr).toMatch(/The machines go the same way today: every effect and every event is as it was\.\n$/);
  });

  it('says that a turn failed, or was cancelled, as the run did', async () => {
    const failure = createFailure({ type: 'auth', message: 'Who are you?' });
    await recordTurn({ failure });
    expect(await play()).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^failed: Who are you\? \(auth\) Check the key of the model\.$/m),
    });
    rmSync(file);
    await recordTurn({ hangs: true }, (turn) => turn.cancel());
    expect(await play()).toMatchObject({ code: 0, stderr: expect.stringMatching(/^cancelled$/m) });
  });

  it.each(['max', 0.001] as const)('ends at speed %s when nobody reads it any more', async (speed) => {
    await recordTurn();
    // a day between the entries
    let at = 0;
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/"at":\d+/g, () => {
        at += 86_400_000;
        return `"at":${at}`;
      }),
    );
    const reader = new AbortController();
    const replayed = play({ speed, clock: new SimulatedClock(), outputClosed: reader.signal });
    setImmediate(() => reader.abort());
    expect(await replayed).toMatchObject({ code: 0, stdout: '' });
  });

  it('gives the events as JSON lines', async () => {
    await recordTurn();
    const { stdout } = await play({ json: true });
    const types = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(types[0]).toBe('turn.started');
    expect(types.at(-1)).toBe('session.idle');
  });

  it('takes as long as the run took, divided by the speed', async () => {
    await recordTurn();
    const text = readFileSync(file, 'utf8');
    const { at } = readRecording(text).entries[0] as { at: number };
    // all at once, but for the end
    const later = text
      .replaceAll(/"at":\d+/g, `"at":${at}`)
      .replace(/"at":\d+(?=[^\n]*"type":"session.idle")/, `"at":${at + 60_000}`);
    writeFileSync(file, later);
    const clock = new SimulatedClock();
    let hasEnded = false;
    const replayed = play({ speed: 4, clock }).finally(() => {
      hasEnded = true;
    });
    await clock.advance(14_999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    expect((await replayed).stdout).toContain('thanks');
  });

  it('shows questions and their answers, what a sub-agent does below its call, and its answer on its own', async () => {
    const approve = (session: Session) =>
      session.on('*', (told) => {
        const event = told.type === 'agent.event' ? told.event : told;
        if (event.type !== 'tool.approvalRequested') return;
        if (event.toolCallId === 'c') session.deny('c', 'Not today.');
        else session.approve(event.toolCallId);
      });
    const pay = { name: 'pay', approval: true, input: z.object({}), execute: () => 'paid' } as const;
    const helper = createAgent({
      name: 'helper',
      model: scriptedModel([{ text: 'I pay.', calls: [{ name: 'pay', id: 'b' }] }, 'It is paid.']),
      tools: [pay],
    });
    const ask = agentTool({ name: 'ask', description: 'Asks', agent: helper });
    const script = {
      calls: [
        { name: 'ask', id: 'a', input: { prompt: 'Pay' } },
        { name: 'pay', id: 'c' },
      ],
    };
    await record(createAgent({ name: 'test', model: scriptedModel([script, 'Done.']), tools: [ask, pay] }), approve);
    const { code, stdout, stderr } = await play();
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Done.\n' });
    const lines = stderr.split('\n').filter((line) => /^ *(?:helper )?[→?✓✗]|approved|the same way/.test(line));
    expect(lines.filter((line) => line.startsWith('  helper'))).toEqual([
      '  helper → pay {}',
      '  helper ? pay waits for approval: without any input',
      '  helper   pay approved',
      '  helper ✓ pay: paid',
    ]);
    expect(lines.filter((line) => !line.startsWith('  helper'))).toEqual([
      '→ ask {"prompt":"Pay"}',
      '→ pay {}',
      '? pay waits for approval: without any input',
      '✗ pay denied: Not today.',
      '✓ ask: It is paid.',
      'The machines go the same way today: every effect and every event is as it was.',
    ]);
  });

  it('shows pauses, guardrails and repeated calls', async () => {
    const look = { name: 'look', input: z.object({}), execute: () => 'seen' } as const;
    const again = { calls: [{ name: 'look' }] };
    const agent = createAgent({
      name: 'test',
      model: scriptedModel([again, again, again, 'It is sk-1.']),
      tools: [look],
      limits: { maxSteps: 2, lastStep: 'ask' },
      guardrails: { output: [{ name: 'no_keys', check: hideKeys }] },
    });
    await record(agent, (session) => session.on('turn.paused', () => session.extend(5)));
    const { code, stdout, stderr } = await play();
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'It is ….\n' });
    for (const line of [
      'Paused: 2 steps are taken.',
      'Goes on, until step 7.',
      'Breaker: the same call for the 3rd time (limit 3).',
      'Guardrail no_keys rewrote the answer: a key',
    ]) {
      expect(stderr).toContain(`\n${line}\n`);
    }
  });

  it('fails where the machines would go another way, and says where', async () => {
    await recordTurn();
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"stopReason":"end_turn"', '"stopReason":"refusal"'));
    const { code, stderr } = await play();
    expect(code).toBe(1);
    expect(stderr).toMatch(/The machines go another way today\. Event \d+: it was .*refusal/);
  });

  it('plays what a killed process left, and says that the end is cut', async () => {
    await recordTurn();
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -30));
    const { code, stdout, stderr } = await play();
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Fine, thanks.\n' });
    expect(stderr).toContain('The last line is cut off');
  });

  it('says what is wrong with a file that is no recording, or is not there', async () => {
    expect((await play()).stderr).toMatch(/run\.jsonl: there is no such file, and no session of that name in /);
    writeFileSync(file, 'hello\nyou\n');
    const { code, stderr } = await play();
    expect(code).toBe(2);
    expect(stderr).toBe(`${file}: Line 1 of the recording is no JSON object.\n`);
  });
});

describe('the command line', { timeout: 30_000 }, () => {
  it('records a run, which replay then shows', async () => {
    const ran = await turnchart(['--record', file, 'what is 6*7?']);
    expect(ran.code).toBe(0);
    expect(existsSync(file)).toBe(true);
    const { code, stdout, stderr } = await turnchart(['replay', file, '--speed', 'max']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: ran.stdout });
    expect(stderr).toContain('> what is 6*7?');
  });

  it('needs nothing but the recording of a run with agents inside of agents', async () => {
    const note = { name: 'note', approval: true, input: z.object({}), execute: () => 'noted' } as const;
    const call = { calls: [{ name: 'ask', input: { prompt: 'Go on' } }] };
    type Asked = Parameters<typeof agentTool>[0]['agent'];
    const pass = (agent: Asked) => agentTool({ name: 'ask', description: 'Asks', agent });
    let agent: Asked = createAgent({
      name: 'innermost',
      model: scriptedModel([{ calls: [{ name: 'note', id: 'n' }] }, '{"found": true}']),
      tools: [note],
      output: { jsonSchema: { type: 'object' } },
    });
    for (const name of ['third', 'second', 'first']) {
      // a limit that is not the default is part of the way that it goes
      const limits = { maxDurationMs: 60_000 };
      agent = createAgent({ name, model: scriptedModel([call, 'Passed on.']), tools: [pass(agent)], limits });
    }
    const outer = createAgent({ name: 'test', model: scriptedModel([call, 'Done.']), tools: [pass(agent)] });
    await record(outer, (session) =>
      session.on('agent.event', () => {
        if (session.snapshot.turn?.state === 'awaitingAnswers') session.approve('n');
      }),
    );
    const { code, stdout, stderr } = await turnchart(['replay', file, '--speed', 'max']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Done.\n' });
    expect(stderr).toContain('  innermost ✓ note: noted');
    expect(stderr).toMatch(/The machines go the same way today: every effect and every event is as it was\.\n$/);
  });

  it('records a run with its sub-agent, which goes the same way again', async () => {
    const ran = await turnchart(['--record', file, 'ask an agent what is 6*7?']);
    const { code, stdout, stderr } = await turnchart(['replay', file, '--speed', 'max']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: ran.stdout });
    expect(stderr).toMatch(/^ {2}helper \[callingModel \(step 1\)\]\n/m);
    expect(stderr).toMatch(/The machines go the same way today: every effect and every event is as it was\.\n$/);
  });
});
