import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

// Tests and examples import `turnchart` by its own name and get src, not a build that may be stale.
// `module` is for bundlers: Node cannot run what some packages have behind it.
const conditions = ['turnchart-source', ...defaultServerConditions.filter((condition) => condition !== 'module')];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    // By default one core stays free, which is half of a small machine.
    maxWorkers: '100%',
    // Tests wait for conditions, never for time; on a busy machine these take longer.
    testTimeout: 30_000,
    // Errors elsewhere in the sources are the business of `npm run types`.
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], ignoreSourceErrors: true },
  },
});
