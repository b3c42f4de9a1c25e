import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openRecording } from '../../src/cli/recordFile.ts';
import { type ReplayOptions, replayFile } from '../../src/cli/replay.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { createAgent } from '../../src/index.ts';
import { readRecording } from '../../src/inspection/index.ts';
import { SimulatedClock, scriptedModel } from '../../src/testing/index.ts';
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

async function recordTurn(): Promise<void> {
  const recording = openRecording(file);
  const agent = createAgent({
    name: 'test',
    model: scriptedModel([{ reasoning: 'Hm.', text: ['Fine, ', 'thanks.'] }]),
  });
  const session = agent.session({ id: 's' });
  recording.follow(session);
  await session.send('How are you?').outcome;
  await session.close();
  await recording.close();
}

class Shown extends Writable {
  text = '';
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function replay(options: Partial<ReplayOptions> = {}) {
  const [stdout, stderr] = [new Shown(), new Shown()];
  const terminal = new Terminal(Object.assign(stdout, { isTTY: false }), Object.assign(stderr, { isTTY: false }));
  const code = await replayFile({ file, speed: 'max', json: false, terminal, ...options });
  return { code, stdout: stdout.text, stderr: stderr.text };
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
    await recording.close();
  });

  it('overwrites nothing', async () => {
    writeFileSync(file, 'dear diary');
    expect(() => openRecording(file)).toThrow(`${file} is there already; nothing is overwritten. Name another file.`);
    expect(readFileSync(file, 'utf8')).toBe('dear diary');
  });

  it('says why a file cannot be made', () => {
    expect(() => openRecording(join(folder, 'no', 'where'))).toThrow(/^The recording cannot be written: ENOENT/);
  });
});

describe('turnchart replay', () => {
  it('shows who asked what, and the answer', async () => {
    await recordTurn();
    const { code, stdout, stderr } = await replay();
    expect(code).toBe(0);
    expect(stdout).toBe('Fine, thanks.\n');
    expect(stderr).toMatch(
      /^s of test with scripted\/script, \d{4}-.*Z\n> How are you\?\n\[callingModel \(step 1\)\]\n/,
    );
    expect(stderr).toContain('reasoning: Hm.');
    expect(stderr).toMatch(/The machines go the same way today: every effect and every event is as it was\.\n$/);
  });

  it('gives the events as JSON lines', async () => {
    await recordTurn();
    const { stdout } = await replay({ json: true });
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
    const replayed = replay({ speed: 4, clock }).finally(() => {
      hasEnded = true;
    });
    await clock.advance(14_999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    expect((await replayed).stdout).toContain('thanks');
  });

  it('fails where the machines would go another way, and says where', async () => {
    await recordTurn();
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"stopReason":"end_turn"', '"stopReason":"refusal"'));
    const { code, stderr } = await replay();
    expect(code).toBe(1);
    expect(stderr).toMatch(/The machines go another way today\. Event \d+: it was .*refusal/);
  });

  it('plays what a killed process left, and says that the end is cut', async () => {
    await recordTurn();
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -30));
    const { code, stdout, stderr } = await replay();
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Fine, thanks.\n' });
    expect(stderr).toContain('The last line is cut off');
  });

  it('says what is wrong with a file that is no recording, or is not there', async () => {
    expect((await replay()).stderr).toMatch(/ENOENT/);
    writeFileSync(file, 'hello\nyou\n');
    const { code, stderr } = await replay();
    expect(code).toBe(2);
    expect(stderr).toBe(`${file}: Line 1 of the recording is no JSON object.\n`);
  });
});

describe('the command line', () => {
  it('records a run, which replay then shows', async () => {
    const ran = await turnchart(['--record', file, 'what is 6*7?']);
    expect(ran.code).toBe(0);
    expect(existsSync(file)).toBe(true);
    const { code, stdout, stderr } = await turnchart(['replay', file, '--speed', 'max']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: ran.stdout });
    expect(stderr).toContain('> what is 6*7?');
  });
});
