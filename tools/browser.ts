// The tests of the inspector look at its page in a browser: where there is none, one is installed. Where that fails, the
// tests say what to do.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findBrowser } from '../visualizations/inspector/browser.ts';

const playwright = new URL('../node_modules/playwright-core/cli.js', import.meta.url);

if (findBrowser() === undefined) {
  process.stderr.write('There is no Chromium on this machine, and CHROMIUM names none: one is installed.\n');
  // a browser needs libraries of the system, which come with it
  if (!(isRoot() && (installs() || (succeeds(run('apt-get', 'update')) && installs())))) {
    run(process.execPath, fileURLToPath(playwright), 'install', 'chromium-headless-shell');
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function installs(): boolean {
  return succeeds(run('apt-get', 'install', '-y', 'chromium'));
}

function run(command: string, ...words: readonly string[]): SpawnSyncReturns<Buffer> {
  return spawnSync(command, words, { stdio: ['ignore', 2, 2] });
}

function succeeds({ status }: SpawnSyncReturns<Buffer>): boolean {
  return status === 0;
}
