import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { RecordingEntry } from '../../../src/recording.ts';
import { launchBrowser } from '../../../visualizations/inspector/browser.ts';
import { buildPage } from '../../../visualizations/inspector/buildPage.ts';

/** A browser, and the page as a file. */
export interface Inspection {
  readonly browser: Browser;
  readonly html: string;
  /** A page of its own; what goes wrong in it is in `problems`, what it asks of the network in `requests`. */
  open(options?: OpenOptions): Promise<Opened>;
  close(): Promise<void>;
}

export interface OpenOptions extends BrowserContextOptions {
  /** @default that of the file */
  readonly url?: string;
  /** Comes before anything is loaded. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

export interface Opened {
  readonly page: Page;
  readonly problems: string[];
  readonly requests: string[];
}

export async function inspection(): Promise<Inspection> {
  const folder = mkdtempSync(join(tmpdir(), 'turnchart-inspector-'));
  const [html, browser] = await Promise.all([buildPage(), launchBrowser()]);
  const file = join(folder, 'index.html');
  writeFileSync(file, html);
  return {
    browser,
    html,
    async open({ url = pathToFileURL(file).href, prepare, ...options } = {}) {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
      // loaded machines are slow
      page.setDefaultTimeout(30_000);
      const [problems, requests]: [string[], string[]] = [[], []];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('request', (request) => requests.push(request.url()));
      await prepare?.(page);
      await page.goto(url);
      return { page, problems, requests };
    },
    async close() {
      await browser.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Gives the page a file, as somebody does who chooses one. */
export async function give(page: Page, text: string, name = 'run.jsonl'): Promise<void> {
  const file = { name, mimeType: 'application/json', buffer: Buffer.from(text) };
  await page.locator('input[type=file]').setInputFiles(file);
}

/** What a page says comes to it sooner or later. */
export function poll<T>(read: () => T) {
  return expect.poll(read, { timeout: 60_000 });
}

export function toText(entries: readonly RecordingEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

/** Shows the moment after an item, from 0. */
export async function goTo(page: Page, index: number): Promise<void> {
  await page.getByRole('slider', { name: 'Event' }).fill(String(index));
}

/** The state of the actor that is looked at, as the page says it. */
export function stateOf(page: Page) {
  return page.locator('.caption .state-name');
}
