import type { Model } from '../../model.ts';
import type { AnyTool } from '../../tool.ts';
import { askAgent } from './askAgent.ts';
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
   * The model, where it runs on this machine and nothing that is read leaves it: hidden files may be opened, and there
   * are tools for demonstrations.
   *
   * @default one elsewhere
   */
  readonly localModel?: Model | undefined;
}

/**
 * The tools of the command line: arithmetic, and a look at one directory. The only one that changes anything asks first.
 *
 * @throws Error where the directory does not exist.
 */
export function commandLineTools({ root, localModel }: CommandLineToolsOptions): readonly AnyTool[] {
  const directory = new ConfinedDirectory(root, { opensHidden: localModel !== undefined });
  const tools = [calculate, listFiles(directory), readFile(directory), deleteFile(directory)];
  if (localModel === undefined) return tools;
  const local = [...tools, hang];
  return [...local, askAgent(localModel, local)];
}
