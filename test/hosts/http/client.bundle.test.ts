import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, it } from 'vitest';

it('the client is bundled for browsers, with nothing of Node and nothing of the agent', async () => {
  const entry = fileURLToPath(new URL('../../../src/hosts/http/client/index.ts', import.meta.url));
  const modules: string[] = [];
  await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, lib: { entry, formats: ['es'] } },
    plugins: [{ name: 'modules', moduleParsed: ({ id }) => void modules.push(id.replaceAll('\\', '/')) }],
  });
  expect(modules.length).toBeGreaterThan(4);
  expect(modules.filter((id) => !/\/src\/hosts\/http\/|\/node_modules\/eventsource-parser\//.test(id))).toEqual([]);
});
