import type { AnyTool } from '../../tool.ts';
import { calculate } from './calculate.ts';
import { deleteFile } from './deleteFile.ts';
import { ConfinedDirectory } from './directory.ts';
import { hang } from './hang.ts';
import { listFiles } from './listFiles.ts';
import { readFile } from './readFile.ts';

export interface CommandLineToolsOptions {
  /** The directory that can be looked at; nothing outside of it can. */
  readonly root: string;
  /**
   * What is read stays on this machine: hidden files may be read, and `hang` is there for demonstrations.
   * @default false
   */
  readonly isLocal?: boolean;
}

/**
 * The tools of the command line: arithmetic, and a look at one directory. The only one that changes anything asks first.
 *
 * @throws Error where the directory does not exist.
 */
export function commandLineTools({ root, isLocal = false }: CommandLineToolsOptions): readonly AnyTool[] {
  const directory = new ConfinedDirectory(root, { opensHidden: isLocal });
  return [calculate, listFiles(directory), readFile(directory), deleteFile(directory), ...(isLocal ? [hang] : [])];
}
