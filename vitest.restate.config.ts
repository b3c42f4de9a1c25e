import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

// Turns on a Restate server, which `npm run restate:install` brings: apart from the other tests, since it is large.
const { test: _, ...shared } = config;

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      include: ['test/durability/restate/**/*.restate.ts'],
      testTimeout: 120_000,
      hookTimeout: 60_000,
      // one server at a time: a small machine has enough to do with it
      maxWorkers: 1,
      expect: { poll: { timeout: 30_000 } },
      env: { RESTATE_LOGGING: 'ERROR' },
    },
  }),
);
