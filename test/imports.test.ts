import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import * as ts from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';
import { afterAll, describe, expect, test } from 'vitest';

// Who may import whom. Type imports count as imports: a type ties two rooms together just as well.

type Room = {
  /** Which files of src live here, as a pattern on their path. */
  files: RegExp;
  /** The rooms whose files these may import, their own aside. */
  mayImport: readonly string[];
  /** The rule as one sentence. */
  rule: string;
};

const rooms: Readonly<Record<string, Room>> = {
  words: {
    files: /^(events|messages|model|tool|failure|json|schema|transcript|redact|thenable)\.ts$/,
    mayImport: [],
    rule: 'words import nothing of ours but each other',
  },
  effects: {
    files: /^(effects|clock)\.ts$/,
    mayImport: ['words'],
    rule: 'effects and their clock import words',
  },
  machines: {
    files: /^machines\//,
    mayImport: ['words', 'effects'],
    rule: 'machines import words and effects, never adapters',
  },
  host: {
    files: /^(host|snapshot|recording)\.ts$/,
    mayImport: ['words', 'effects', 'machines'],
    rule: 'the host, its snapshots and its recordings import words, effects and machines',
  },
  adapters: {
    files: /^adapters\//,
    mayImport: ['words'],
    rule: 'adapters import words, never machines',
  },
  services: {
    files: /^services(\/|\.ts$)/,
    mayImport: ['words', 'effects', 'machines'],
    rule: 'services import words, effects and machines',
  },
  store: {
    files: /^durability\/store\.ts$/,
    mayImport: ['words'],
    rule: 'the Store contract imports words',
  },
  agent: {
    files:
      /^(admission|agent|agentTool|options|inspect|session|sessionAtWork|sessionSetup|heldTurn|turnHandles|listeners|recorders|turn|driver|journal|keeper|keeping|reopening|brokenTurn|index|embedding)\.ts$/,
    mayImport: ['words', 'effects', 'machines', 'host', 'services', 'store'],
    rule: 'agent, session, turn, driver and the main door import no adapter and no inspection, of durability only the Store contract',
  },
  mcp: {
    files: /^mcp\//,
    mayImport: ['words'],
    rule: 'tools of MCP servers import words',
  },
  durability: {
    files: /^durability\/(?!store\.ts$|restate\/)/,
    mayImport: ['words', 'effects', 'machines', 'host', 'store'],
    rule: 'durability imports words, effects, host and machines',
  },
  restate: {
    files: /^durability\/restate\//,
    mayImport: ['words', 'effects', 'machines', 'host', 'services', 'store', 'agent'],
    rule: 'the driver on Restate imports what the agent does, and the agent',
  },
  inspection: {
    files: /^inspection\/(?!inspector\/)/,
    mayImport: ['words', 'effects', 'machines', 'host'],
    rule: 'inspection imports words, effects, host and machines',
  },
  telemetry: {
    files: /^telemetry\//,
    mayImport: ['words', 'effects', 'machines', 'host', 'agent'],
    rule: 'telemetry imports words, effects, machines, host and the session',
  },
  inspector: {
    files: /^inspection\/inspector\//,
    mayImport: ['words', 'effects', 'machines', 'host', 'agent', 'inspection'],
    rule: 'the inspector imports inspection, what that imports, and the agent',
  },
  paths: {
    files: /^testing\/paths\//,
    mayImport: [
      'words',
      'effects',
      'machines',
      'host',
      'adapters',
      'services',
      'store',
      'agent',
      'durability',
      'inspection',
      'testing',
    ],
    rule: 'the paths import all of the above, and testing',
  },
  testing: {
    files: /^testing\//,
    mayImport: [
      'words',
      'effects',
      'machines',
      'host',
      'adapters',
      'services',
      'store',
      'agent',
      'durability',
      'inspection',
    ],
    rule: 'testing imports all of the above, no host and no cli',
  },
  httpProtocol: {
    files: /^hosts\/http\/protocol\.ts$/,
    mayImport: ['words'],
    rule: 'what HTTP hosts and their clients say to each other imports words',
  },
  httpClient: {
    files: /^hosts\/http\/client\//,
    mayImport: ['words', 'httpProtocol'],
    rule: 'the client of HTTP hosts imports words, and what it says to them',
  },
  hosts: {
    files: /^hosts\/(?!http\/(client\/|protocol\.ts$))/,
    mayImport: [
      'words',
      'effects',
      'machines',
      'host',
      'adapters',
      'services',
      'store',
      'agent',
      'mcp',
      'durability',
      'inspection',
      'inspector',
      'httpProtocol',
      'httpClient',
      'cli',
    ],
    rule: 'hosts import anything but testing',
  },
  cli: {
    files: /^cli\//,
    mayImport: [
      'words',
      'effects',
      'machines',
      'host',
      'adapters',
      'services',
      'store',
      'agent',
      'durability',
      'restate',
      'inspection',
      'inspector',
      'httpProtocol',
      'httpClient',
      'hosts',
      'paths',
    ],
    rule: 'the cli imports anything but testing, of which only the paths',
  },
};

const core = /^(words|effects|machines|host|services|store|agent)$/;
const providerSdk =
  /^(openai|ai|ollama|cohere-ai|groq-sdk|together-ai|@ai-sdk\/.*|@anthropic-ai\/.*|@google\/.*|@google-cloud\/.*|@mistralai\/.*|@aws-sdk\/.*|@azure\/.*|@openrouter\/.*)$/;
const xstateUsers =
  /^((effects|host|snapshot|session|agent|driver|services)\.ts|(machines|services|inspection|testing|durability)\/.*)$/;

type Import = { specifier: string; typeOnly: boolean };
type Importer = { file: string; room: string };

/** Rules about packages: true where the import breaks the rule. */
const packageRules: readonly { rule: string; broken: (imported: Import, by: Importer) => boolean }[] = [
  {
    rule: 'the core imports no package but xstate and the types of @standard-schema/spec, no provider SDK and nothing of Node',
    broken: ({ specifier, typeOnly }, { room }) =>
      core.test(room) &&
      !(packageOf(specifier) === 'xstate' || (packageOf(specifier) === '@standard-schema/spec' && typeOnly)),
  },
  {
    rule: 'xstate is imported only by effects, host, snapshots, machines, services, session, agent, driver, inspection, testing and durability',
    broken: ({ specifier }, { file }) => packageOf(specifier) === 'xstate' && !xstateUsers.test(file),
  },
  {
    rule: 'zod is imported at run time only by hosts and the cli',
    broken: ({ specifier, typeOnly }, { room }) =>
      packageOf(specifier) === 'zod' && !typeOnly && room !== 'cli' && room !== 'hosts',
  },
  {
    rule: 'the client of HTTP hosts imports no package but eventsource-parser, and nothing of Node',
    broken: ({ specifier }, { room }) =>
      (room === 'httpClient' || room === 'httpProtocol') && packageOf(specifier) !== 'eventsource-parser',
  },
  {
    rule: 'provider SDKs are imported only by adapters',
    broken: ({ specifier }, { room }) => providerSdk.test(packageOf(specifier)) && room !== 'adapters',
  },
  {
    rule: 'of the AI SDK only types are imported: its models come from the user',
    broken: ({ specifier, typeOnly }) => /^(?:ai|@ai-sdk\/.*)$/.test(packageOf(specifier)) && !typeOnly,
  },
  {
    rule: '@xstate/graph is imported only by the paths, so that no other door needs it',
    broken: ({ specifier }, { room }) => packageOf(specifier) === '@xstate/graph' && room !== 'paths',
  },
  {
    rule: '@opentelemetry/api is imported only by telemetry, so that no other door needs it',
    broken: ({ specifier }, { room }) => packageOf(specifier).startsWith('@opentelemetry/') && room !== 'telemetry',
  },
  {
    rule: 'the packages of Restate are imported only by the driver on it and the replica of the cli, so that no other door needs them',
    broken: ({ specifier }, { room, file }) =>
      /^@restatedev\//.test(packageOf(specifier)) && room !== 'restate' && file !== 'cli/restateReplica.ts',
  },
  {
    rule: 'src imports its own files by relative paths, because the own name would pass by the table of rooms',
    broken: ({ specifier }) => packageOf(specifier) === 'turnchart' || specifier.startsWith('#'),
  },
];

const unknownRoom = 'every file of src lives in a room of the table, and imports no file outside of src';
const visibleRule = 'only hosts, the inspector and the cli import what cannot be read from the source';
const pureRule = 'machines know no clock, no randomness and no I/O';
/** Names that no machine may read. `Math` is not among them: only its `random` is. */
const impure = new Set(
  `Date performance crypto randomUUID setTimeout setInterval setImmediate fetch XMLHttpRequest WebSocket EventSource
  process console globalThis require`.split(/\s+/),
);

/** One parser for all tests; every call of `parse` puts its sources under a root of its own. */
const parser = virtualParser();
afterAll(() => parser.api.close());

describe('imports of src', () => {
  const sources = readSources();
  const found = violations(sources);

  test('every file of src lives in a room of the table', () => {
    expect(Object.keys(sources)).not.toEqual([]);
    expect(found.filter(({ rule }) => rule === unknownRoom)).toEqual([]);
  });

  const rules = [...Object.values(rooms), ...packageRules].map(({ rule }) => rule);
  test.each([...rules, pureRule, visibleRule])('%s', (rule) => {
    expect(found.filter((violation) => violation.rule === rule)).toEqual([]);
  });
});

describe('the checker of imports', () => {
  const planted: [file: string, source: string, rule: string][] = [
    ['messages.ts', `import type { Session } from './session.ts';`, rule('words')],
    ['json.ts', `export type Turn = import('./turn.ts').Turn;`, rule('words')],
    ['effects.ts', `export * from './machines/turnMachine.ts';`, rule('effects')],
    ['host.ts', `import { createAgent } from './agent.ts';`, rule('host')],
    ['machines/turnMachine.ts', `import { openai } from '../adapters/openai/index.ts';`, rule('machines')],
    ['machines/history.ts', `export { type Session } from '../session.ts';`, rule('machines')],
    ['adapters/openai/index.ts', `import { turnMachine } from '../../machines/index.ts';`, rule('adapters')],
    ['adapters/failures.ts', `import '../effects.ts';`, rule('adapters')],
    ['services/callModel.ts', `import { simulated } from '../adapters/simulated/index.ts';`, rule('services')],
    ['durability/store.ts', `import type { Journal } from './journal.ts';`, rule('store')],
    ['agent.ts', `const { simulated } = await import('./adapters/simulated/index.ts');`, rule('agent')],
    ['index.ts', `export * from './inspection/index.ts';`, rule('agent')],
    ['session.ts', `import { memoryStore } from './durability/memoryStore.ts';`, rule('agent')],
    ['durability/replay.ts', `import { createAgent } from '../agent.ts';`, rule('durability')],
    ['inspection/charts.ts', `import type { Agent } from '../agent.ts';`, rule('inspection')],
    ['testing/paths.ts', `import { serve } from '../hosts/http/index.ts';`, rule('testing')],
    ['hosts/http/index.ts', `import { paths } from '../../testing/paths.ts';`, rule('hosts')],
    ['hosts/http/protocol.ts', `import type { SessionSnapshot } from '../../snapshot.ts';`, rule('httpProtocol')],
    ['hosts/http/client/index.ts', `import { httpApp } from '../httpApp.ts';`, rule('httpClient')],
    ['hosts/http/client/index.ts', `import { once } from 'node:events';`, packageRule('the client of HTTP')],
    ['cli/main.ts', `import(\`../testing/index.ts\`);`, rule('cli')],
    ['agent.ts', `import OpenAI from 'openai';`, packageRule('the core imports')],
    ['session.ts', `import { readFile } from 'node:fs/promises';`, packageRule('the core imports')],
    ['session.ts', `import { readFile } from 'fs/promises';`, packageRule('the core imports')],
    ['schema.ts', `import type { z } from 'zod';`, packageRule('the core imports')],
    ['schema.ts', `import { type StandardSchemaV1 } from '@standard-schema/spec';`, packageRule('the core imports')],
    ['turn.ts', `import type { Actor } from 'xstate';`, packageRule('xstate is')],
    ['adapters/openai/index.ts', `import { fromPromise } from 'xstate/actors';`, packageRule('xstate is')],
    ['inspection/charts.ts', `import { z } from 'zod/mini';`, packageRule('zod is')],
    ['hosts/acp/index.ts', `import { generateText } from 'ai';`, packageRule('provider SDKs')],
    ['adapters/aiSdk/failures.ts', `import { APICallError } from '@ai-sdk/provider';`, packageRule('of the AI SDK')],
    ['testing/index.ts', `export { turnPaths } from './paths/index.ts';`, rule('testing')],
    ['testing/walk.ts', `import { getAdjacencyMap } from '@xstate/graph';`, packageRule('@xstate/graph')],
    ['session.ts', `import type { telemetry } from './telemetry/index.ts';`, rule('agent')],
    ['telemetry/index.ts', `import { toSvg } from '../inspection/toSvg.ts';`, rule('telemetry')],
    ['inspection/spans.ts', `import { trace } from '@opentelemetry/api';`, packageRule('@opentelemetry/api')],
    ['durability/index.ts', `import { serde } from '@restatedev/restate-sdk';`, packageRule('the packages of Restate')],
    ['durability/restate/index.ts', `import { httpApp } from '../../hosts/http/index.ts';`, rule('restate')],
    ['cli/main.ts', `import { createAgent } from 'turnchart';`, packageRule('src imports')],
    ['services/callModel.ts', `const sdk = await import(name);`, visibleRule],
    ['cli/main.ts', `import pkg from '../../package.json' with { type: 'json' };`, unknownRoom],
    ['utils/misc.ts', `export const answer = 42;`, unknownRoom],
    ['helpers.ts', `export const answer = 42;`, unknownRoom],
    ['machines/turnMachine.ts', `const at = Date.now();`, pureRule],
    ['machines/turnMachine.ts', `const at = new Date(0);`, pureRule],
    ['machines/turnMachine.ts', `const now = Date?.['now'];`, pureRule],
    ['machines/turnMachine.ts', `const { now } = Date;`, pureRule],
    ['machines/turnMachine.ts', `const jitter = () => Math.random();`, pureRule],
    ['machines/turnMachine.ts', `const jitter = Math['random']();`, pureRule],
    ['machines/turnMachine.ts', `const { random } = Math;`, pureRule],
    ['machines/turnMachine.ts', `const id = \`turn-\${crypto.randomUUID()}\`;`, pureRule],
    ['machines/turnMachine.ts', `setTimeout(() => undefined, 10);`, pureRule],
    ['machines/turnMachine.ts', `const every = setInterval;`, pureRule],
    ['machines/turnMachine.ts', `const t = performance.now();`, pureRule],
    ['machines/turnMachine.ts', `const answer = await fetch('https://example.com');`, pureRule],
    ['machines/turnMachine.ts', `globalThis.fetch('https://example.com');`, pureRule],
    ['machines/turnMachine.ts', `const services = { fetch };`, pureRule],
    ['machines/turnMachine.ts', `const fs = require('node:fs');`, pureRule],
    ['machines/turnMachine.ts', `import { randomUUID } from 'node:crypto';`, packageRule('the core imports')],
  ];

  test.each(planted)('finds in %s the planted %s', (file, source, broken) => {
    expect(violations({ [file]: source }).map((violation) => violation.rule)).toContain(broken);
  });

  test('names the file, the line and what was imported', () => {
    const source = `// why\nimport { createAgent } from '../agent.ts';\n`;
    expect(violations({ 'machines/turnMachine.ts': source })).toEqual([
      { file: 'machines/turnMachine.ts', line: 2, found: '../agent.ts', rule: rule('machines') },
    ]);
  });

  test('lets pass what the rules allow', () => {
    expect(
      violations({
        'messages.ts': `import type { Json } from './json.ts';\nexport type Dated = { date: Date };`,
        'schema.ts': `import type { StandardSchemaV1 } from '@standard-schema/spec';`,
        'effects.ts': `import { fromCallback } from 'xstate';\nimport './failure.ts';`,
        'machines/turnMachine.ts': `
          // import { openai } from '../adapters/openai/index.ts'; Date.now();
          import { setup } from 'xstate';
          import type { Effect } from '../effects.ts';
          import { history } from './history.ts';
          const text = "import '../agent.ts'; Math.random()";
          const delay = Math.min(1, event.fetch.setTimeout);
          const keys = { fetch: 1, process: 2 };
          type At = Date;`,
        'agent.ts': `import type { Store } from './durability/store.ts';\nimport { services } from './services/services.ts';`,
        'session.ts': `const at = Date.now();`,
        'adapters/openai/index.ts': `import OpenAI from 'openai';\nimport '../failures.ts';\nimport 'node:util';`,
        'cli/main.ts': `import { z } from 'zod';\nimport '../hosts/http/index.ts';\nawait import(path);`,
        'testing/paths.ts': `import { createActor } from 'xstate';\nimport type { z } from 'zod';\nimport '../agent.ts';`,
      }),
    ).toEqual([]);
  });
});

type Violation = { file: string; line: number; found: string; rule: string };

/** All broken rules of the given sources, by path under src. */
function violations(sources: Readonly<Record<string, string>>): Violation[] {
  const found: Violation[] = [];
  for (const [file, tree] of parse(sources)) {
    const room = roomOf(file);
    const report = (node: Node, text: string, broken: string) => {
      const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
      found.push({ file, line, found: text, rule: broken });
    };
    if (room === undefined) {
      report(tree, file, unknownRoom);
      continue;
    }
    for (const { node, specifier, typeOnly } of importsOf(tree)) {
      if (specifier === undefined) {
        // Hosts and the cli load what their user names, the inspector its page.
        if (room !== 'hosts' && room !== 'cli' && room !== 'inspector') report(node, node.getText(tree), visibleRule);
      } else if (specifier.startsWith('.')) {
        const target = roomOf(posix.join(posix.dirname(file), specifier));
        if (target === undefined) report(node, specifier, unknownRoom);
        else if (target !== room && !rooms[room]?.mayImport.includes(target)) report(node, specifier, rule(room));
      } else {
        for (const { rule, broken } of packageRules) {
          if (broken({ specifier, typeOnly }, { file, room })) report(node, specifier, rule);
        }
      }
    }
    if (room === 'machines') for (const node of impureNames(tree)) report(node, node.parent.getText(tree), pureRule);
  }
  return found;
}

function virtualParser() {
  const files = new Map<string, string>();
  const api = new API({
    cwd: '/',
    fs: {
      readFile: (path) => files.get(path) ?? null,
      fileExists: (path) => files.has(path),
      directoryExists: (path) => [...files.keys()].some((file) => file.startsWith(`${path}/`)),
      getAccessibleEntries: () => ({ files: [], directories: [] }),
      realpath: (path) => path,
    },
  });
  return { api, files, roots: 0 };
}

/** The syntax trees, by TypeScript's own parser. Nothing is resolved or checked, so sources may be fragments. */
function parse(sources: Readonly<Record<string, string>>): [file: string, tree: SourceFile][] {
  const root = `/${parser.roots++}`;
  const files = Object.keys(sources);
  const config = { compilerOptions: { noLib: true, noResolve: true, types: [], allowJs: true }, files };
  parser.files.set(`${root}/tsconfig.json`, JSON.stringify(config));
  for (const file of files) parser.files.set(`${root}/${file}`, sources[file] ?? '');
  const snapshot = parser.api.updateSnapshot({ openProjects: [`${root}/tsconfig.json`] });
  const program = snapshot.getProject(`${root}/tsconfig.json`)?.program;
  return files.map((file) => {
    const tree = program?.getSourceFile(`${root}/${file}`);
    if (!tree) throw new Error(`TypeScript did not parse src/${file}`);
    return [file, tree];
  });
}

/** Every way to name another module; the specifier is undefined where only running the code would tell. */
function importsOf(tree: SourceFile): { node: Node; specifier: string | undefined; typeOnly: boolean }[] {
  const imports: ReturnType<typeof importsOf> = [];
  const add = (node: Node, specifier: Node | undefined, typeOnly: boolean) => {
    const text = specifier && (ts.isStringLiteral(specifier) || ts.isNoSubstitutionTemplateLiteral(specifier));
    imports.push({ node, specifier: text ? specifier.text : undefined, typeOnly });
  };
  const visit = (node: Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node, node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isExternalModuleReference(node)) {
      add(node, node.expression, false);
    } else if (ts.isCallExpression(node)) {
      const { expression } = node;
      const required = ts.isIdentifier(expression) && expression.text === 'require';
      if (required || expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], false);
    }
    node.forEachChild(visit);
  };
  visit(tree);
  return imports;
}

/** Where impure names are read as values: not as types, as keys, or as members of something else. */
function impureNames(tree: SourceFile): Node[] {
  const names: Node[] = [];
  const visit = (node: Node): void => {
    if (ts.isTypeNode(node)) return;
    if (ts.isIdentifier(node) && !isOnlyAName(node)) {
      if (impure.has(node.text) || (node.text === 'Math' && !isHarmlessMath(node.parent))) names.push(node);
    }
    node.forEachChild(visit);
  };
  visit(tree);
  return names;
}

function isOnlyAName(node: Node): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  return ('name' in parent && parent.name === node) || ('propertyName' in parent && parent.propertyName === node);
}

function isHarmlessMath(parent: Node): boolean {
  return ts.isPropertyAccessExpression(parent) && parent.name.text !== 'random';
}

function roomOf(file: string): string | undefined {
  if (!file.endsWith('.ts')) return undefined;
  return Object.keys(rooms).find((name) => rooms[name]?.files.test(file));
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function rule(room: string): string {
  const found = rooms[room];
  if (!found) throw new Error(`no room is called ${room}`);
  return found.rule;
}

function packageRule(start: string): string {
  const found = packageRules.find(({ rule }) => rule.startsWith(start));
  if (!found) throw new Error(`no rule about packages starts with "${start}"`);
  return found.rule;
}

function readSources(): Record<string, string> {
  const root = new URL('../src/', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file))
    .sort();
  return Object.fromEntries(files.map((file) => [file, readFileSync(new URL(file, root), 'utf8')]));
}
