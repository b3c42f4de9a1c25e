import { z } from 'zod';
import { defineTool } from '../../tool.ts';
import type { ConfinedDirectory } from './directory.ts';

/** Deletes a file, once somebody has allowed it: `{ path }` gives `{ path, deleted: true }`. */
export function deleteFile(directory: ConfinedDirectory) {
  return defineTool({
    name: 'delete_file',
    description: 'Deletes a file for good. The user is asked first.',
    input: z.object({ path: z.string().max(1_000).describe('relative to the current directory') }),
    approval: true,
    execute: async ({ path }) => {
      await directory.delete(path);
      return { path, deleted: true };
    },
  });
}
