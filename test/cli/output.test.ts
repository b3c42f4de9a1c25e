import { PassThrough, Writable } from 'node:stream';
import { WriteStream } from 'node:tty';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AnswerWriter } from '../../src/cli/answerWriter.ts';
import { describeFailure } from '../../src/cli/progress.ts';
import { readText } from '../../src/cli/standardInput.ts';
import { type Output, shorten, Terminal } from '../../src/cli/terminal.ts';
import type { TurnEvent } from '../../src/events.ts';
import { createFailure } from '../../src/failure.ts';

afterEach(() => vi.unstubAllEnvs());

/** A stream that remembers what was written, in order with the other one. */
function output(written: string[], isTTY: boolean): Output {
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      written.push(text);
      done();
    },
  });
  const getColorDepth = () => WriteStream.prototype.getColorDepth.call(stream as WriteStream, process.env);
  return Object.assign(stream, { isTTY, getColorDepth });
}

function screen(isTTY: boolean) {
  const written: string[] = [];
  const terminal = new Terminal(output(written, isTTY), output(written, isTTY));
  return { written, terminal, text: () => written.join('') };
}

const envelope = { agent: 'turnchart', sessionId: 's', turnId: 't', seq: 1, at: 0 };
const place = { messageId: 'm', step: 1, attempt: 1 };

function delta(text: string): TurnEvent {
  return { ...envelope, ...place, type: 'message.delta', text };
}

function completed(phase: 'commentary' | 'final_answer', text = ''): TurnEvent {
  return {
    ...envelope,
    ...place,
    type: 'message.completed',
    message: { role: 'assistant', id: 'm', content: [{ type: 'text', text }] },
    phase,
  };
}

const superseded: TurnEvent = { ...envelope, type: 'message.superseded', messageId: 'm', attempt: 1 };
const ending = { ...envelope, usage: { inputTokens: 0, outputTokens: 0 }, steps: 1, durationMs: 1 };

describe('the answer in a pipe', () => {
  function answer(...events: readonly TurnEvent[]): string {
    const written: string[] = [];
    const writer = new AnswerWriter(new Terminal(output(written, false), output([], false)));
    for (const event of events) writer.take(event);
    return written.join('');
  }

  test('comes line by line, and ends with a newline', () => {
    expect(answer(delta('one\ntw'), delta('o\nth'))).toBe('one\ntwo\n');
    expect(answer(delta('one\ntw'), delta('o'), completed('final_answer'))).toBe('one\ntwo\n');
    expect(answer(delta('one\n'), completed('final_answer'))).toBe('one\n');
    expect(answer(completed('final_answer'))).toBe('');
  });

  test('is all of the message where that comes without its deltas', () => {
    const whole = completed('final_answer', 'One.');
    expect(answer(whole)).toBe('One.\n');
    const next: TurnEvent = { ...envelope, ...place, type: 'message.started' };
    expect(answer(next, delta('One.'), whole, next, whole)).toBe('One.\nOne.\n');
  });

  test('has neither comments between tool calls nor what was superseded', () => {
    const events = [delta('Let me see.'), completed('commentary'), delta('One, t'), superseded];
    expect(answer(...events, delta('Two.'), completed('final_answer'))).toBe('Two.\n');
  });

  test('has what stands in place of what a guardrail replaced, and nothing of what it withdrew', () => {
    const started: TurnEvent = { ...envelope, ...place, type: 'message.started' };
    const replaced = (replacement: string, messageId = 'm'): TurnEvent => ({
      ...envelope,
      type: 'message.replaced',
      messageId,
      reason: 'a key',
      replacement,
    });
    expect(answer(started, delta('It is sk-1'), replaced('It is …'), completed('final_answer', 'It is …'))).toBe(
      'It is …\n',
    );
    const failure = createFailure({ type: 'guardrail', message: 'no' });
    expect(answer(started, delta('It is sk-1'), replaced(''), { ...ending, type: 'turn.failed', failure })).toBe('');
    expect(answer(started, delta('One.'), replaced('Another.', 'u'), completed('final_answer', 'One.'))).toBe('One.\n');
  });

  test('has nothing of what sub-agents say', () => {
    const inner = { ...delta('Inner.'), agent: 'helper', turnId: 'inner' };
    const event: TurnEvent = { ...envelope, type: 'agent.event', toolCallId: 'c', event: inner };
    expect(answer(delta('One.'), event, completed('final_answer'))).toBe('One.\n');
  });

  test('has what was said until the turn was cancelled, and nothing unfinished of a failed one', () => {
    expect(answer(delta('One, t'), { ...ending, type: 'turn.cancelled' })).toBe('One, t\n');
    const failure = createFailure({ type: 'unknown', message: 'no' });
    expect(answer(delta('One, t'), { ...ending, type: 'turn.failed', failure })).toBe('');
  });
});

describe('the answer in a terminal', () => {
  test('comes word by word, and says what is void', () => {
    vi.stubEnv('NO_COLOR', '1');
    vi.stubEnv('FORCE_COLOR', undefined);
    const { terminal, written, text } = screen(true);
    const writer = new AnswerWriter(terminal);
    writer.take(delta('One, '));
    writer.take(delta('two'));
    expect(written).toEqual(['One, ', 'two']);
    writer.take(superseded);
    writer.take(delta('Three.'));
    writer.take(completed('final_answer'));
    expect(text()).toBe('One, two\n(the answer broke off: what was printed of it is void)\nThree.\n');
  });
});

describe('the terminal', () => {
  test('has colours where it is one, and none with NO_COLOR', () => {
    for (const [noColor, isTTY, isColoured] of [
      [undefined, true, true],
      ['1', true, false],
      [undefined, false, false],
    ] as const) {
      // Node takes a terminal of a CI machine for one without colours
      for (const name of ['FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI', 'TF_BUILD', 'TEAMCITY_VERSION']) {
        vi.stubEnv(name, undefined);
      }
      vi.stubEnv('TERM', 'xterm-256color');
      vi.stubEnv('NO_COLOR', noColor);
      const { terminal, text } = screen(isTTY);
      terminal.note('hello', 'red');
      expect(text().includes('\u001b[31m')).toBe(isColoured);
    }
  });

  test('lets no file or tool drive it, and leaves a pipe as it is', () => {
    const wild = 'a\u001b[2Jb\u009bc\r\nd\te';
    const shown = screen(true);
    shown.terminal.write(wild);
    expect(shown.text()).toBe('a�[2Jb�c\nd\te');
    const piped = screen(false);
    piped.terminal.write(wild);
    expect(piped.text()).toBe(wild);
    piped.terminal.note('one\n\u001b[2Jtwo');
    expect(piped.written.at(-1)).toBe('one �[2Jtwo\n');
  });

  test('begins a note on a line of its own', () => {
    vi.stubEnv('NO_COLOR', '1');
    vi.stubEnv('FORCE_COLOR', undefined);
    const { terminal, text } = screen(true);
    terminal.write('half');
    terminal.note('note');
    terminal.write('other half\n');
    terminal.note('note');
    expect(text()).toBe('half\nnote\nother half\nnote\n');
  });

  test('shortens long texts', () => {
    expect(shorten('short')).toBe('short');
    expect(shorten('x'.repeat(500))).toHaveLength(160);
  });
});

describe('a failure', () => {
  test('is described in a line, with what to do', () => {
    const limited = createFailure({ type: 'rate_limit', code: 'rate_limit_exceeded', message: 'Slow down.' });
    expect(describeFailure(limited)).toBe(
      'failed: Slow down. (rate_limit, rate_limit_exceeded) Wait a little, then ask again.',
    );
    expect(describeFailure(createFailure({ type: 'internal', message: 'Broken.' }))).toMatch(
      /^failed: Broken\. \(internal\) /,
    );
  });
});

describe('standard input', () => {
  test('is read to its end', async () => {
    const input = new PassThrough();
    const reading = readText(input, 10_000);
    input.write('what is ');
    input.end('2+2?');
    expect(await reading).toEqual({ type: 'text', text: 'what is 2+2?' });
  });

  test('counts as nothing where the first byte does not come in time', async () => {
    const input = new PassThrough();
    expect(await readText(input, 5)).toEqual({ type: 'nothing', hasWaited: true });
    expect(input.destroyed).toBe(true);
  });

  test('is read to its end, however slowly, once the first byte came', async () => {
    vi.useFakeTimers();
    try {
      const input = new PassThrough();
      const reading = readText(input, 5);
      input.write('slow');
      await vi.advanceTimersByTimeAsync(60_000);
      input.end('ly');
      expect(await reading).toEqual({ type: 'text', text: 'slowly' });
    } finally {
      vi.useRealTimers();
    }
  });

  test('says why it cannot be read', async () => {
    const input = new PassThrough();
    const reading = readText(input, undefined);
    input.destroy(new Error('unplugged'));
    expect(await reading).toEqual({ type: 'refused', reason: 'unplugged' });
  });
});
