import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';
import { expect, it } from 'vitest';

it('the chat in React is bundled for the browser, with nothing in it that only Node has', {
  timeout: 30_000,
}, async () => {
  const root = fileURLToPath(new URL('../../examples/react/', import.meta.url));
  const built = await build({ root, logLevel: 'error', build: { write: false } });
  const chunks = outputsOf(built).filter((output) => output.type === 'chunk');
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  expect(modules.filter((id) => /examples\/react\/.*\.tsx?$|src\/session\.ts$/.test(id))).toHaveLength(4);
  expect(modules.filter((id) => id.includes('browser-external'))).toEqual([]);
  expect(chunks.flatMap(({ imports }) => imports)).toEqual([]);
});

function outputsOf(built: Awaited<ReturnType<typeof build>>): Rolldown.RolldownOutput['output'][number][] {
  if ('close' in built) throw new Error('Vite watches, instead of building once');
  return [built].flat().flatMap(({ output }) => output);
}
