import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 });

/** Doors, and the package that each of them needs. */
const doors = [
  ['openai', 'openai'],
  ['anthropic', '@anthropic-ai/sdk'],
  ['google', '@google/genai'],
  ['prices', '@pydantic/genai-prices'],
] as const;

describe('without the package that it needs', () => {
  it.each(doors)('turnchart/adapters/%s says so, and how to get it', (door, name) => {
    expect(load(`turnchart/adapters/${door}`, name)).toBe(
      `Error: turnchart/adapters/${door} needs the package ${name}: npm install ${name}\n`,
    );
  });

  it('no other door is shut', () => {
    const packages = doors.map(([, name]) => name);
    expect(load('turnchart/adapters', ...packages)).toContain('withFallback');
    expect(load('turnchart/adapters/ai-sdk', ...packages)).toContain('aiSdk');
    expect(load('turnchart/mcp', ...packages)).toContain('mcpTools');
  });
});

/** What there is behind a door, or what is wrong with it, where these packages are not installed. */
function load(door: string, ...missing: readonly string[]): string {
  const program = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (!${JSON.stringify(missing)}.includes(specifier)) return next(specifier, context);
        throw Object.assign(new Error('It is not there.'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
    console.log(await import('${door}').then((module) => Object.keys(module).join(), String));
  `;
  const args = ['--conditions=turnchart-source', '--input-type=module', '--eval', program];
  // what Node says of hooks, in some versions, is no matter here
  return execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
