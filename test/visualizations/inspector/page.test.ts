import { statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { defineTool } from 'turnchart';
import { readRecording } from 'turnchart/inspection';
import { type Script, scriptedModel } from 'turnchart/testing';
import { machineSubject, pathCoverage, runPath, writtenPath } from 'turnchart/testing/paths';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { RecordingEntry } from '../../../src/recording.ts';
import { erase, lookUp, record, recordTurns } from './recordings.ts';
import { give, goTo, type Inspection, inspection, poll, stateOf, toText } from './support.ts';

// Chromium on a loaded machine
const timeout = 120_000;

let inspected: Inspection;
beforeAll(async () => {
  inspected = await inspection();
}, timeout);
afterAll(() => inspected?.close());

describe('the page of the inspector', { timeout }, () => {
  test('shows a recording at its end, and at any moment before it', async () => {
    const { page, problems, requests } = await inspected.open();
    const entries = await recordTools();
    await give(page, toText(entries));
    await poll(() => stateOf(page).textContent()).toBe('done');
    await goTo(page, whileAsking(entries));
    await poll(() => stateOf(page).textContent()).toBe('awaitingAnswers');
    expect(await page.locator('.scene .active:not(.frame)').getAttribute('data-state')).toMatch(/awaitingAnswers$/);
    expect(await page.locator('.scene text.taken').allTextContents()).toContain('[waitsForPeople]');
    expect(await page.getByRole('navigation', { name: 'Actors' }).getByRole('button').allTextContents()).toEqual([
      expect.stringContaining('session'),
      expect.stringContaining('turn'),
      expect.stringMatching(/^look_up.*completed/),
      expect.stringMatching(/^erase.*awaitingApproval/),
    ]);
    await goTo(page, 1);
    await poll(() => stateOf(page).textContent()).toBe('idle');
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(problems).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('file:') && !url.startsWith('data:'))).toEqual([]);
    await page.close();
  });

  test('tells where the machines of today go another way than those of the recording', async () => {
    const { page } = await inspected.open();
    const [start, ...entries] = await recordTools();
    const changed = entries.map((entry) =>
      entry.type === 'row' && entry.began.length > 0 ? { ...entry, began: ['something.else'] } : entry,
    );
    await give(page, toText(start === undefined ? [] : [start, ...changed]));
    await poll(() => page.getByRole('alert').textContent()).toContain('The machines go another way today');
    await page.close();
  });

  test('says what is wrong with a file that is no recording', async () => {
    const { page, problems } = await inspected.open();
    await give(page, 'no recording\n', 'notes.txt');
    await poll(() => page.getByRole('alert').textContent()).toContain('notes.txt: Line 1 of the recording');
    expect(problems).toEqual([]);
    await page.close();
  });

  test('comes with an example', async () => {
    const { page, problems } = await inspected.open();
    await page.getByRole('button', { name: 'Open an example' }).click();
    await poll(() => stateOf(page).textContent()).toBe('failed');
    expect(problems).toEqual([]);
    // its sub-agent goes the same way again
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.close();
  });

  test('draws no box or label over another, and no text beyond its box', async () => {
    const { page } = await inspected.open({ viewport: { width: 1600, height: 1000 } });
    const entries = await recordTools({ compacts: true });
    await give(page, toText(entries));
    const seen = new Set<string | null>();
    const look = async (name: RegExp) => {
      await page.getByRole('navigation', { name: 'Actors' }).getByRole('button', { name }).first().click();
      await page.getByRole('button', { name: 'Fit' }).click();
      seen.add(await page.locator('[data-chart]').getAttribute('data-chart'));
      expect(await page.evaluate(findOverlaps)).toEqual([]);
    };
    await goTo(page, whileAsking(entries));
    for (const name of [/^session/, /^turn/, /^erase/]) await look(name);
    await goTo(page, indexOf(entries, 'compaction.started'));
    await look(/^compaction/);
    expect([...seen].sort()).toEqual(['compaction', 'session', 'toolCall', 'turn']);
    await page.close();
  });

  test('takes whatever is in messages, tools and names for text', async () => {
    const attack = '<img src=x onerror="window.attacked = 1"><script>window.attacked = 2</script>';
    const { page, problems } = await inspected.open();
    const echo = defineTool({
      name: 'echo',
      description: 'Says it again',
      input: z.object({ text: z.string() }),
      execute: ({ text }) => text,
    });
    const model = scriptedModel([
      { text: attack, calls: [{ name: 'echo', input: { text: attack, [attack]: 1 } }] },
      attack,
    ]);
    const entries = await record(model, [attack], { name: attack, tools: [echo] });
    await give(page, toText(entries));
    for (const tab of ['Events', 'Conversation', 'State', 'Usage', 'Coverage']) {
      await page.getByRole('tab', { name: tab }).click();
      await page.evaluate(() => {
        for (const fold of document.querySelectorAll<HTMLElement>('.panel .fold, .panel summary')) fold.click();
      });
    }
    await page.getByRole('tab', { name: 'Conversation' }).click();
    expect(await page.locator('.message.user .text').textContent()).toBe(attack);
    expect(await page.locator('.message.assistant .text').last().textContent()).toBe(attack);
    expect(await page.evaluate(() => [document.querySelectorAll('img').length, 'attacked' in window])).toEqual([
      0,
      false,
    ]);
    expect(problems).toEqual([]);
    await page.close();
  });

  test('is one small file', () => {
    expect(gzipSync(inspected.html).length).toBeLessThan(400_000);
  });

  test.each(['light', 'dark'])('has a small picture for the README, %s; if not, run `npm run screenshots`', (theme) => {
    const picture = statSync(new URL(`../../../visualizations/inspector/inspector.${theme}.png`, import.meta.url));
    expect(picture.size).toBeLessThan(150_000);
  });

  test('allows no script but its own, and nothing from elsewhere', async () => {
    expect(inspected.html).toContain(`default-src 'none'; script-src 'sha256-`);
    expect(inspected.html).not.toMatch(/<(script|link|img)[^>]* (src|href)="(?!data:)/);
    const { page } = await inspected.open();
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      return 'ran' in window;
    });
    expect(ran).toBe(false);
    await page.close();
  });

  test('is worked with the keyboard', async () => {
    const { page } = await inspected.open();
    const entries = await recordTools();
    await give(page, toText(entries));
    await poll(() => stateOf(page).textContent()).toBe('done');
    const position = page.locator('.position');
    await page.keyboard.press('Home');
    await poll(() => position.textContent()).toMatch(/^1 \//);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await poll(() => position.textContent()).toMatch(/^2 \//);
    await page.keyboard.press('4');
    expect(await page.getByRole('tab', { name: 'State' }).getAttribute('aria-selected')).toBe('true');
    await page.getByRole('tab', { name: 'State' }).press('ArrowRight');
    expect(await page.getByRole('tab', { name: 'Usage' }).getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('/');
    await poll(() => page.evaluate(() => document.activeElement?.id)).toBe('filter');
    await page.keyboard.type('step.started');
    await poll(() => page.locator('.row').count()).toBe(2);
    await page.getByRole('listbox').press('End');
    await poll(() => page.locator('.row[aria-selected=true]').textContent()).toContain('step 2');
    await page.getByRole('listbox').press('Home');
    await page.keyboard.press('Space');
    await poll(() => stateOf(page).textContent()).toBe('done');
    await page.getByRole('button', { name: 'Keys' }).click();
    expect(await page.getByRole('dialog').textContent()).toContain('one event back');
    await page.close();
  });

  test('tells screen readers the moment', async () => {
    const { page } = await inspected.open();
    const entries = await recordTools();
    await give(page, toText(entries));
    await goTo(page, whileAsking(entries));
    await poll(() => page.getByRole('status').textContent()).toBe('tool.completed. turn is in awaitingAnswers.');
    expect(await page.getByRole('img', { name: 'Statechart of turn, in awaitingAnswers' }).count()).toBe(1);
    await page.close();
  });

  test('lists only the events that are asked for', async () => {
    const { page } = await inspected.open();
    const entries = await recordTools();
    await give(page, toText(entries));
    const names = () => page.locator('.row-name').allTextContents();
    for (const kind of ['results', 'timers', 'events', 'diagnostics'])
      await page.getByRole('button', { name: kind }).click();
    await poll(async () => new Set((await names()).map((name) => name.split('.')[0]))).toEqual(new Set(['session']));
    await page.getByRole('button', { name: 'events' }).click();
    await page.getByRole('combobox', { name: 'Only events of this actor' }).selectOption('session/turn/tool.1');
    await poll(names).toEqual(expect.arrayContaining(['session.approve', 'tool.approvalRequested', 'tool.completed']));
    await page.close();
  });

  test('says what has changed between any two moments', async () => {
    const { page } = await inspected.open();
    const entries = await recordTools();
    await give(page, toText(entries));
    await goTo(page, indexOf(entries, 'step.started'));
    await page.getByRole('button', { name: 'Pin' }).click();
    await goTo(page, whileAsking(entries));
    await page.getByRole('tab', { name: 'State' }).click();
    const changes = page.getByRole('region', { name: 'What has changed' });
    await poll(() => changes.textContent()).toContain('between step.started and this one');
    expect(await changes.locator('li', { hasText: 'totals.usage.inputTokens' }).textContent()).toMatch(
      /inputTokens0\d+/,
    );
    await page.close();
  });

  test('explains a failure', async () => {
    const { page } = await inspected.open();
    const failure = { type: 'auth', code: 'invalid_api_key', message: 'No such key', retryable: false } as const;
    const entries = await record(scriptedModel([{ failure }]), ['Hello']);
    await give(page, toText(entries));
    await goTo(page, indexOf(entries, 'turn.failed'));
    const card = page.getByRole('note', { name: 'Failure' });
    await poll(() => card.textContent()).toContain('Check the key, and what it is allowed.');
    await page.getByRole('tab', { name: 'Usage' }).click();
    await poll(() => card.textContent()).toContain('No such key');
    await page.close();
  });

  test('shows what path tests cover', async () => {
    const { page } = await inspected.open();
    await give(page, toText(await recordTools()));
    const coverage = pathCoverage();
    await runPath(aPath, { subject: machineSubject(undefined, coverage) });
    await give(page, JSON.stringify(coverage.read()), 'coverage.json');
    await poll(() => page.getByRole('tabpanel').textContent()).toMatch(/turn.*\d+ of \d+ transitions/);
    expect(await page.locator('.scene .arrow.covered').count()).toBeGreaterThan(0);
    expect(await page.locator('.scene .arrow.uncovered').count()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Close report' }).click();
    expect(await page.locator('.scene .arrow.covered').count()).toBe(0);
    await page.close();
  });

  test('walks through the paths of a test', async () => {
    const { page } = await inspected.open();
    await give(page, `${JSON.stringify(aPath)}\n`, 'paths.jsonl');
    await poll(() => stateOf(page).textContent()).toBe('failed');
    await page.keyboard.press('ArrowLeft');
    await poll(() => stateOf(page).textContent()).toBe('callingModel');
    expect(await page.locator('.row-name').allTextContents()).toEqual(['turn', 'turn starts', 'model fails: budget']);
    await page.close();
  });

  test('saves the chart of the moment, the recording, and the run as a path test', async () => {
    const { page } = await inspected.open();
    const entries = await record(scriptedModel(['Hello to you.']), ['Hello']);
    await give(page, toText(entries));
    const saved = async (name: string) => {
      await page.getByText('Export', { exact: true }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
      const chunks: Buffer[] = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk);
      return Buffer.concat(chunks).toString('utf8');
    };
    expect(await saved('SVG')).toMatch(/class="state final active" data-state="turn.done"/);
    expect(await saved('Mermaid')).toContain('stateDiagram-v2');
    expect(readRecording(await saved('Recording')).entries).toEqual(entries);
    expect(await saved('Path test')).toContain(`import { runPath, writtenPath } from 'turnchart/testing/paths';`);
    await page.close();
  });

  test('fits onto a small screen', async () => {
    const { page } = await inspected.open({ viewport: { width: 400, height: 800 } });
    await give(page, toText(await recordTools()));
    for (const tab of ['Chart', 'Events', 'Conversation', 'State', 'Usage', 'Coverage']) {
      await page.getByRole('tab', { name: tab }).click();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(400);
    }
    await page.getByRole('tab', { name: 'Chart' }).click();
    expect(await page.getByRole('img', { name: /^Statechart of turn/ }).isVisible()).toBe(true);
    await page.close();
  });

  test('shows the last turn of many, and lists all of them, before it has read the rest', async () => {
    // so that it reads a little at a time, however fast the machine is
    const { page } = await inspected.open({ prepare: (opening) => opening.addInitScript(hurryTime) });
    const entries = await recordTurns(100);
    const looks = await page.evaluateHandle(watch);
    await give(page, toText(entries));
    await poll(() => page.locator('.status').textContent()).toBe('recording');
    expect(await looks.jsonValue()).toContainEqual({
      status: expect.stringMatching(/^reading, \d+ %$/),
      state: 'done',
      position: expect.stringMatching(new RegExp(`^${entries.length} / ${entries.length} `)),
      lastRow: expect.stringContaining('session.idle'),
      lanes: ['session', 'turn', 'look_up'],
    });
    expect(await page.getByRole('alert').count()).toBe(0);
    await page
      .getByRole('navigation', { name: 'Actors' })
      .getByRole('button', { name: /^session/ })
      .click();
    await poll(() => page.locator('.scene [data-state="session.inTurn"]').first().textContent()).toContain('100×');
    await page.close();
  });

  test('lists fifty thousand events, and draws those that are in view', async () => {
    const { page } = await inspected.open();
    const entries = await recordTools();
    const at = indexOf(entries, 'message.started') + 1;
    const started = entries[at - 1];
    if (started?.type !== 'event' || started.event.type !== 'message.started') throw new Error('There is no message.');
    const { messageId, seq } = started.event;
    const many = Array.from({ length: 50_000 }, (_, n): RecordingEntry => {
      const delta = { type: 'message.delta', messageId, step: 1, attempt: 1, text: `word ${n} ` } as const;
      return { type: 'event', event: { ...started.event, ...delta, seq, n: n + 1 } };
    });
    await give(page, toText([...entries.slice(0, at), ...many, ...entries.slice(at)]));
    await poll(() => stateOf(page).textContent()).toBe('done');
    await poll(() => page.locator('.status').textContent()).toBe('recording');
    await page.getByRole('button', { name: 'deltas' }).click();
    await poll(() => page.locator('.count-of').textContent()).toBe(String(entries.length + many.length));
    expect(await page.locator('.row').count()).toBeLessThan(100);
    await page.getByRole('listbox').press('Home');
    await poll(() => page.locator('.row').first().textContent()).toContain('session');
    await page.getByRole('button', { name: 'deltas' }).click();
    await poll(() => page.locator('.times').first().textContent()).toBe(`×${many.length + 2}`);
    await page.close();
  });
});

const aPath = writtenPath('fails', { machine: 'turn' }, [
  ['turn starts', 'turn working.callingModel'],
  ['model fails: budget', 'turn failed'],
]);

/** Two tools side by side, one of which somebody is asked about; then a compaction, perhaps. */
async function recordTools({ compacts = false } = {}): Promise<readonly RecordingEntry[]> {
  const calls = [
    { name: 'look_up', input: { what: 'notes' } },
    { name: 'erase', input: { what: 'notes' } },
  ];
  const script: Script[] = [{ text: ['Let me ', 'see.'], calls }, 'It is gone.', 'They erased their notes.'];
  const options = { tools: [lookUp, erase], compaction: { keepMessages: 1 } };
  return record(scriptedModel(script, { contextWindow: 1_000 }), ['Erase my notes.'], options, compacts);
}

/** The last moment before somebody answers. */
function whileAsking(entries: readonly RecordingEntry[]): number {
  return (
    entries.findIndex(
      (entry) =>
        entry.type === 'row' && entry.input.type === 'command' && entry.input.command.type === 'session.approve',
    ) - 1
  );
}

function indexOf(entries: readonly RecordingEntry[], type: string): number {
  const index = entries.findIndex((entry) => entry.type === 'event' && entry.event.type === type);
  if (index === -1) throw new Error(`There is no ${type} in the recording.`);
  return index;
}

/** Runs in the page, before it does anything. */
function hurryTime(): void {
  const now = performance.now.bind(performance);
  performance.now = () => 50 * now();
}

/** Runs in the page: what stands on it whenever that changes. */
function watch(): unknown[] {
  const looks: unknown[] = [];
  const textOf = (selector: string) => document.querySelector(selector)?.textContent;
  const look = () =>
    looks.push({
      status: textOf('.status'),
      state: textOf('.caption .state-name'),
      position: textOf('.position'),
      lastRow: [...document.querySelectorAll('.row')].at(-1)?.textContent,
      lanes: [...document.querySelectorAll('.lane-name')].map(({ textContent }) => textContent),
    });
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  return looks;
}

/** Runs in the page: which boxes and labels lie on others, and which texts are wider than what they stand in. */
function findOverlaps(): string[] {
  const slack = 1;
  const problems: string[] = [];
  const shapes = [...document.querySelectorAll('.scene .state:not(.frame), .scene .label')].map((shape) => ({
    name: shape.textContent,
    place: shape.querySelector(':scope > rect:last-of-type')?.getBoundingClientRect() ?? new DOMRect(),
    texts: [...shape.querySelectorAll(':scope > text')].map((text) => text.getBoundingClientRect()),
  }));
  for (const [index, a] of shapes.entries()) {
    for (const text of a.texts) {
      if (text.left < a.place.left - slack || text.right > a.place.right + slack) problems.push(`text of ${a.name}`);
    }
    for (const b of shapes.slice(index + 1)) {
      const isBeside = a.place.right <= b.place.left + slack || b.place.right <= a.place.left + slack;
      const isAbove = a.place.bottom <= b.place.top + slack || b.place.bottom <= a.place.top + slack;
      if (!isBeside && !isAbove) problems.push(`${a.name} and ${b.name}`);
    }
  }
  return shapes.length === 0 ? ['nothing is drawn'] : problems;
}
