import { parseArgs } from 'node:util';
import { StoreError } from '../durability/store.ts';
import { createAgent } from '../index.ts';
import type { Model } from '../model.ts';
import { commandLineAgent } from './commandLineAgent.ts';
import { type ChosenModel, chooseModel, type Environment, explainModels } from './model.ts';
import { parseProblem } from './parseProblem.ts';
import { refusal } from './refusal.ts';
import { exitCodes } from './runTurn.ts';
import { defaultStoreFile, openStore } from './sessions/storeFile.ts';
import type { Terminal } from './terminal.ts';
import { readVersion } from './version.ts';

const usage = `Usage: turnchart acp [options]

Serves sessions to an editor that speaks the Agent Client Protocol, over standard input and output, until the editor
closes standard input. Editors start it themselves; in Zed's settings.json:

  "agent_servers": { "Turnchart": { "type": "custom", "command": "turnchart", "args": ["acp"] } }

The tools look at the folder that the editor has open; the editor asks before one runs that changes something. The
editor's MCP servers are connected as well. What there is to be said otherwise goes to standard error.

Options:
  --model <name>  who answers; auto unless said otherwise:
${explainModels().replace(/^/gm, ' '.repeat(20)).trimEnd()}
  --store <file>  where sessions are kept (default: ~/.turnchart/sessions.db, or in $XDG_DATA_HOME)
`;

/** `turnchart acp …`; gives the exit code, when the editor is gone. */
export async function acpCommand(words: readonly string[], env: Environment, terminal: Terminal): Promise<number> {
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(words));
  } catch (error) {
    return refusal('acp', terminal)(parseProblem(error));
  }
  if (values.help) {
    terminal.write(usage);
    return exitCodes.completed;
  }
  const { model: name = 'auto', store: file = defaultStoreFile(env) } = values;
  const chosen = await chooseModel(name, env);
  if ('problem' in chosen) {
    terminal.note(`--model ${name}: ${chosen.problem}`, 'red');
    return exitCodes.wrongArguments;
  }
  const host = await loadHost();
  if ('problem' in host) {
    terminal.note(host.problem, 'red');
    return exitCodes.failed;
  }
  try {
    const store = await openStore(file);
    try {
      terminal.note(chosen.notice);
      if (process.stdin.isTTY)
        terminal.note('Editors start this by themselves: see turnchart acp --help. Ctrl-D ends it.');
      const answering = { ...chosen, model: await withKnownWindow(chosen) };
      const connection = host.serveAcp({
        info: { name: 'turnchart', title: 'Turnchart', version: readVersion() },
        store,
        // of the prices that the command line knows
        currency: 'USD',
        agent: ({ cwd, mcpTools }) => {
          const { tools, ...options } = commandLineAgent(answering, cwd);
          return createAgent({ ...options, tools: [...tools, ...mcpTools], store });
        },
        onProblem: (problem) => terminal.note(problem, 'yellow'),
      });
      const stop = () => void connection.close();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
      await connection.closed;
      return exitCodes.completed;
    } finally {
      await store.close();
    }
  } catch (error) {
    // the file is of something else, say
    if (!(error instanceof StoreError)) throw error;
    terminal.note(error.message, 'red');
    return exitCodes.failed;
  }
}

/** The SDK of the protocol is an optional peer. */
async function loadHost(): Promise<typeof import('../hosts/acp/serveAcp.ts') | { readonly problem: string }> {
  try {
    return await import('../hosts/acp/serveAcp.ts');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    const name = '@agentclientprotocol/sdk';
    return { problem: `the package "${name}" is missing: npm install ${name}.` };
  }
}

/** Editors show how full a conversation is; where prices are known, so are windows. */
async function withKnownWindow({ model, pricing }: ChosenModel): Promise<Model> {
  return pricing === undefined ? model : (await import('../adapters/prices.ts')).withContextWindow(model);
}

function parse(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    options: { model: { type: 'string' }, store: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
}
