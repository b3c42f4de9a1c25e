import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/**
 * The Chromium that `CHROMIUM` names, that of this machine, or the one that playwright-core has installed.
 *
 * @throws Error that says how to install one
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  const args = ['--no-sandbox'];
  if (executablePath !== undefined) return chromium.launch({ executablePath, args });
  try {
    return await chromium.launch({ args });
  } catch (cause) {
    throw new Error(
      'There is no Chromium on this machine: install one (apt-get install -y chromium, or npx playwright-core install ' +
        'chromium-headless-shell), or say where it is with CHROMIUM=/path/to/chromium.',
      { cause },
    );
  }
}

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The Chromium that `CHROMIUM` names, or that of this machine. */
export function findBrowser(): string | undefined {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
