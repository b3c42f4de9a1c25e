import { simulated } from '../adapters/simulated/index.ts';
import { assembleSession } from '../agent.ts';
import type { ChosenModel } from './model.ts';
import { commandLineTools } from './tools/commandLineTools.ts';

/** What agents of the command line are made of, wherever they are: what one has begun, another goes on with. */
export function commandLineAgent(
  { model, isSimulated, pricing }: Pick<ChosenModel, 'model' | 'isSimulated' | 'pricing'>,
  root: string,
) {
  const tools = commandLineTools({ root, localModel: isSimulated ? model : undefined });
  // somebody is asked, and where that cannot be, the answer is no
  const options = { name: 'turnchart', model, tools, limits: { lastStep: 'ask' } } as const;
  return { ...options, ...(pricing !== undefined && { pricing }) };
}

/** What the machines of its sessions are given. */
export function commandLineInput(): ReturnType<typeof assembleSession>['input'] {
  return assembleSession(commandLineAgent({ model: simulated(), isSimulated: true }, process.cwd())).input;
}
