import { readFileSync } from 'node:fs';
import { defineTool, type Failure } from 'turnchart';
import { agentSubject, coverageTable, describePaths, pathCoverage, runPath, turnPaths } from 'turnchart/testing/paths';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

vi.setConfig({ testTimeout: 60_000 });

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
const page = read('../../../docs/testing.md');

const weather = defineTool({
  name: 'weather',
  input: z.object({ city: z.string() }),
  retry: { maxAttempts: 2 },
  execute: ({ city }) => `It rains in ${city}.`,
});
const agent = { tools: [weather], limits: { maxSteps: 5, maxTokens: 10_000 } };
const settings = { calls: [{ name: 'weather', input: { city: 'Paris' } }] };

describe('docs/testing.md', () => {
  test('has a suite for an agent that runs, in the file beside this one', () => {
    expect(page).toContain(`\`\`\`ts\n${read('documented.test.ts')}\`\`\``);
  });

  test('shows the beginning of the title of that suite', () => {
    const titles: string[] = [];
    const subject = agentSubject(agent, settings);
    describePaths({ describe: (title) => titles.push(title), test: () => {} }, { subject });
    const [title] = /smoke paths of the turn: .+(?=…\))/.exec(page) ?? ['none'];
    expect(titles).toEqual([expect.stringContaining(title)]);
  });

  test('shows what a mistake in the retry policy of that agent looks like', async () => {
    const decide = ({ type }: Failure) => (type === 'rate_limit' ? false : undefined);
    const subject = agentSubject({ ...agent, modelRetry: { decide } }, settings);
    const problems: string[] = [];
    for (const path of turnPaths(subject.reach).to('retrying')) {
      await runPath(path, { subject }).catch((error) => problems.push(`${error.message}\n`));
    }
    const [, shown] = /<!-- failure -->\n```\n([\s\S]*?)```/.exec(page) ?? [];
    expect(problems).toEqual([shown]);
  });

  test('shows lines of the coverage of an agent without tools', async () => {
    const coverage = pathCoverage();
    const subject = agentSubject({}, coverage);
    for (const path of turnPaths(subject.reach).smoke) {
      if (subject.refuses(path) === undefined) await runPath(path, { subject });
    }
    const table = coverageTable(coverage.read()).split('\n');
    const [, shown = ''] = /<!-- coverage -->\n```\n([\s\S]*?)\n```/.exec(page) ?? [];
    const lines = shown.split('\n').filter((line) => line.trim() !== '…');
    expect(table.filter((line) => lines.includes(line))).toEqual(lines);
  });
});
