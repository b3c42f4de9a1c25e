// In this repository the package is its own source, not a build that may be stale; apps that installed it need no condition.
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  resolve: { conditions: ['turnchart-source', ...defaultClientConditions] },
});
