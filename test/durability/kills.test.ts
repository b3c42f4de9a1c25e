import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Message, textOf } from 'turnchart';
import { sqliteStore } from 'turnchart/durability';
import { Random, transcriptProblems } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tasks } from './bookkeeping.ts';
import { Child } from './child.ts';

const expectedKills = 200;
/** Whoever kills a turn in the same place again and again wants it to fail. */
const mostInVain = 2;

interface Told {
  readonly sessionId: string;
  readonly turnId?: string;
  readonly seq: number;
  readonly type: string;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-kills-'));
  // children start in a third of the time
  vi.stubEnv('NODE_COMPILE_CACHE', join(folder, 'compiled'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('a process that is killed at random moments, hundreds of times', () => {
  it('ends every turn once, with the result that it has undisturbed, and does nothing twice', {
    timeout: 300_000,
  }, async () => {
    const total = { kills: 0, inRecovery: 0 };
    for (let seed = 1; total.kills < expectedKills; seed += 1) {
      const undisturbed = run(seed, 'undisturbed');
      await undisturbed.child().end();
      const disturbed = run(seed, 'disturbed');
      const { kills, inRecovery, events } = await disturbed.killAgainAndAgain(new Random(seed));
      total.kills += kills;
      total.inRecovery += inRecovery;

      const sessions = Object.entries(tasks(seed));
      for (const [id, list] of sessions) {
        // every number once, in order, across all processes
        const own = events.filter(({ sessionId }) => sessionId === id);
        expect(own.map(({ seq }) => seq)).toEqual(own.map((_, index) => index + 1));
        const endings = own.filter(({ type }) => /^turn\.(completed|failed|cancelled)$/.test(type));
        expect(endings.map(({ type }) => type)).toEqual(list.map(() => 'turn.completed'));
        expect(new Set(endings.map(({ turnId }) => turnId)).size).toBe(list.length);

        const [is, was] = [await disturbed.messages(id), await undisturbed.messages(id)];
        expect(transcriptProblems(is)).toEqual([]);
        expect(withoutInterruptions(is, was)).toEqual(linesOf(was));
      }
      const paid = disturbed.deeds().filter((deed) => deed.startsWith('pay'));
      expect(paid).toEqual([...new Set(paid)]);
      expect(paid.length).toBeGreaterThan(20);
    }
    expect(total.inRecovery).toBeGreaterThan(0);
  });
});

/** A file with conversations, and the processes that have them. */
function run(seed: number, name: string) {
  const [file, deedsFile] = [join(folder, `${name}-${seed}.db`), join(folder, `${name}-${seed}.txt`)];
  const seen = new Map<string, number>();
  const child = () => new Child('converse', file, deedsFile, String(seed), JSON.stringify(Object.fromEntries(seen)));

  /** Until a process comes to its end. */
  const killAgainAndAgain = async (random: Random) => {
    const events: Told[] = [];
    let [kills, inRecovery] = [0, 0];
    const vain = new Map<string, number>();
    for (;;) {
      const process = child();
      const told = () => process.lines.filter((line) => line.startsWith('event ')).map(toTold);
      const stuck = [...vain].flatMap(([id, count]) => (count >= mostInVain ? id : []));
      const least = random.whole(1, 9);
      const isToEnd = () => process.lines.length >= least && stuck.every((id) => hasProgressed(told(), id));
      const isOver = !(await process.until(isToEnd));
      if (isOver) await process.end();
      else await process.kill();
      const heard = told();
      events.push(...heard);
      if (isOver) return { kills, inRecovery, events };
      for (const { sessionId, seq } of heard) seen.set(sessionId, seq);
      kills += 1;
      if (heard.every(({ type }) => type === 'diagnostic')) inRecovery += 1;
      for (const id of Object.keys(tasks(seed))) vain.set(id, hasProgressed(heard, id) ? 0 : (vain.get(id) ?? 0) + 1);
    }
  };

  return {
    child,
    killAgainAndAgain,
    deeds: () => readFileSync(deedsFile, 'utf8').split('\n').slice(0, -1),
    messages: async (sessionId: string): Promise<readonly Message[]> => {
      const store = sqliteStore(file);
      const stored = await store.read(sessionId);
      await store.close();
      return stored?.messages ?? [];
    },
  };
}

function toTold(line: string): Told {
  return JSON.parse(line.slice('event '.length)) as Told;
}

/** Whether something has happened that no recovery brings. */
function hasProgressed(events: readonly Told[], id: string): boolean {
  return events.some(
    ({ sessionId, type }) =>
      sessionId === id && ['turn.started', 'message.completed', 'tool.completed', 'session.idle'].includes(type),
  );
}

/** What was said, in lines that are the same whenever it was said. */
function linesOf(messages: readonly Message[]): readonly string[] {
  return messages.flatMap((message) => {
    const { content } = message;
    if (typeof content === 'string') return content;
    const parts = content.flatMap((part) => {
      if (part.type === 'tool-call') return `${part.toolCallId} ${part.toolName} ${JSON.stringify(part.input)}`;
      return part.type === 'tool-result' ? `${part.toolCallId} ${part.toolName} ${JSON.stringify(part.output)}` : [];
    });
    return [`${message.role}: ${textOf(message)}`, ...parts];
  });
}

/** With the results that interrupted tools would have given; only those that `pay` may have been interrupted. */
function withoutInterruptions(messages: readonly Message[], undisturbed: readonly Message[]): readonly string[] {
  const lines = linesOf(undisturbed);
  return linesOf(messages).map((line, index) =>
    /^\S+ pay\w* .*Interrupted:/.test(line) ? (lines[index] ?? line) : line,
  );
}
