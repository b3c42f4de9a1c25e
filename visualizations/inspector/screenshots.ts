// `npm run screenshots`: opens the example in the inspector, and takes pictures of it for the README.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launchBrowser } from './browser.ts';
import { buildPage } from './buildPage.ts';

const folder = mkdtempSync(join(tmpdir(), 'turnchart-inspector-'));
const file = join(folder, 'index.html');
writeFileSync(file, await buildPage());
const browser = await launchBrowser();
try {
  for (const theme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ viewport: { width: 1180, height: 680 }, colorScheme: theme });
    await page.goto(pathToFileURL(file).href);
    await page.getByRole('button', { name: 'Open an example' }).click();
    // somebody is asked, and the turn has just begun to wait for the answer
    await page.getByRole('searchbox').fill('session.approve');
    await page.getByRole('option', { name: /session\.approve/ }).click();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('listbox').press('ArrowUp');
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    // the chart glides to where the machine is
    await page.waitForFunction(() => document.getAnimations().length === 0);
    await page.screenshot({ path: fileURLToPath(new URL(`inspector.${theme}.png`, import.meta.url)) });
    await page.close();
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
