import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 });

describe('without @xstate/graph', () => {
  it('turnchart/testing works', () => {
    expect(load('turnchart/testing')).toContain('scriptedModel');
  });

  it('turnchart/testing/paths says what it needs, and how to get it', () => {
    expect(load('turnchart/testing/paths')).toBe(
      'Error: turnchart/testing/paths needs the package @xstate/graph: npm install --save-dev @xstate/graph\n',
    );
  });
});

/** What there is behind a door, or what is wrong with it, where that package is not installed. */
function load(door: string): string {
  const program = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier !== '@xstate/graph') return next(specifier, context);
        throw Object.assign(new Error('It is not there.'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
    console.log(await import('${door}').then((module) => Object.keys(module).join(), String));
  `;
  const args = ['--conditions=turnchart-source', '--input-type=module', '--eval', program];
  // what Node says of hooks, in some versions, is no matter here
  return execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
