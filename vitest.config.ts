import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

// Tests and examples import `turnchart` by its own name and get src, not a build that may be stale.
const conditions = ['turnchart-source', ...defaultServerConditions];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    // Errors elsewhere in the sources are the business of `npm run types`.
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], ignoreSourceErrors: true },
  },
});
