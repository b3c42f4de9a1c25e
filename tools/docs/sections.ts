import { readdirSync, readFileSync } from 'node:fs';
import type { SourceFile } from 'typescript/unstable/ast';
import { commands } from '../../src/cli/chat/commands.ts';
import { isDiagnostic, isEphemeral, isTerminal, type TurnEvent } from '../../src/events.ts';
import { createFailure, type FailureType, toAgentError } from '../../src/failure.ts';
import { toMermaid } from '../../src/inspection/index.ts';
import { turnMachine } from '../../src/machines/turnMachine.ts';
import { checkAgentOptions } from '../../src/options.ts';
import { Declarations, type Field, parse } from './declarations.ts';
import { failureCodes } from './failureCodes.ts';

const source = new URL('../../src/', import.meta.url);

/** What is generated, by the name that stands in the marks. */
export function sections(): ReadonlyMap<string, string> {
  const trees = [...parse(readSources()).values()];
  const declarations = new Declarations(trees);
  return new Map([
    ['chart', `\`\`\`mermaid\n${toMermaid(turnMachine)}\`\`\``],
    ['events', events(declarations)],
    ['run', fieldTable(declarations.fields('ToolRun'))],
    ['envelope', fieldTable(declarations.fields('Envelope'))],
    ['failures', failures(declarations)],
    ['codes', codes(declarations, trees)],
    ['failure', fieldTable(declarations.fields('Failure'))],
    ['options', options(declarations)],
    ['commands', chatCommands()],
  ]);
}

/** All sources but those of `turnchart/testing`, whose failures are scripted. */
function readSources(): ReadonlyMap<string, string> {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('testing/'))
    .sort();
  return new Map(files.map((file) => [file, readFileSync(new URL(file, source), 'utf8')]));
}

// --------------------------------------------------------------------------------------------------------------- events

function events(declarations: Declarations): string {
  const names = ['ProgressPayload', 'DiagnosticPayload'].flatMap((union) =>
    declarations.members(union).map(({ node }) => node.getText()),
  );
  return table(
    ['event', 'meaning', 'fields'],
    names.map((name) => {
      const fields = declarations.fields(name);
      const type = unquoted(fields.find((field) => field.name === 'type')?.type?.getText() ?? '') as TurnEvent['type'];
      const meaning = required(declarations.comment(name).paragraphs.join(' '), `the event ${name}`);
      const lines = fields.filter((field) => field.name !== 'type').map(fieldLine);
      return [[code(type), ...marksOf(type)].join('<br>'), meaning, lines.join('<br>')];
    }),
  );
}

function marksOf(type: TurnEvent['type']): readonly string[] {
  // what a sub-agent says is as fleeting as it is, which the words say
  const event = { type, ...(type === 'agent.event' && { event: { type: 'turn.started' } }) } as TurnEvent;
  return [
    ...(isEphemeral(event) ? ['ephemeral'] : []),
    ...(isTerminal(event) ? ['terminal'] : []),
    ...(isDiagnostic(event) ? ['diagnostic'] : []),
  ];
}

function fieldLine(field: Field): string {
  const words = field.comment.paragraphs.join(' ');
  return words === '' ? code(field.signature) : `${code(field.signature)} – ${lowerFirst(words)}`;
}

function fieldTable(fields: readonly Field[]): string {
  return table(
    ['field', 'meaning'],
    fields.map((field) => [code(field.signature), field.comment.paragraphs.join(' ')]),
  );
}

// ------------------------------------------------------------------------------------------------------------- failures

function failures(declarations: Declarations): string {
  const rows = declarations.members('FailureType').map(({ node, comment }) => {
    const type = unquoted(node.getText()) as FailureType;
    const failure = createFailure({ type, message: '' });
    const words = required(comment.paragraphs.join('<br>'), `the failure ${type}`);
    return [code(type), words, yesOrNo(failure.retryable), code(toAgentError(failure).name)];
  });
  return table(['type', 'what happened, what helps', 'retried', 'thrown as'], rows);
}

function codes(declarations: Declarations, trees: readonly SourceFile[]): string {
  const types = declarations.members('FailureType').map(({ node }) => unquoted(node.getText()) as FailureType);
  const rows = failureCodes(trees, types).map((found) => [
    code(found.code),
    code(found.type),
    yesOrNo(found.retryable),
  ]);
  return table(['code', 'type', 'retried'], rows);
}

function yesOrNo(isTrue: boolean): string {
  return isTrue ? 'yes' : 'no';
}

// -------------------------------------------------------------------------------------------------------------- options

/** Where options are given, and the type that declares them, or a field of it: `AgentOptions.limits`. */
const optionTables: readonly (readonly [heading: string, type: string])[] = [
  ['`createAgent(options)`', 'AgentOptions'],
  ['`limits` of `createAgent`', 'AgentOptions.limits'],
  ['`modelRetry` of `createAgent`', 'AgentOptions.modelRetry'],
  ['`settings` of `createAgent`', 'AgentOptions.settings'],
  ['`guardrails` of `createAgent`', 'Guardrails'],
  ['`approval` of `createAgent`', 'AgentOptions.approval'],
  ['`compaction` of `createAgent`', 'AgentOptions.compaction'],
  ['What `prepareStep` gives', 'StepOptions'],
  ['`agent.run(input, options)`', 'RunOptions'],
  ['`agent.session(options)`', 'SessionOptions'],
  ['`agent.events(id, options)`', 'EventsOptions'],
  ['`session.send(input, options)`', 'SendOptions'],
  ['`session.steer(input, options)`', 'SteerOptions'],
  ['`session.on(type, listener, options)`', 'SessionOnOptions'],
  ['`session.record(recorder, options)`', 'RecordOptions'],
  ['`session.approve(toolCallId, options)`', 'ApproveOptions'],
  ['`session.resolveTool(toolCallId, output, options)`', 'ResolveToolOptions'],
  ['`defineTool(options)`', 'Tool'],
  ['`retry` of `defineTool`', 'Tool.retry'],
  ['`agentTool(options)`', 'AgentToolOptions'],
  ['`telemetry(options)`', 'TelemetryOptions'],
  ['`simulated(options)`', 'SimulatedOptions'],
  ['`openai(modelId, options)`', 'OpenAIOptions'],
  ['`anthropic(modelId, options)`', 'AnthropicOptions'],
  ['`google(modelId, options)`', 'GoogleOptions'],
  ['`aiSdk(model, options)`', 'AiSdkOptions'],
  ['`withBreaker(model, options)`', 'BreakerOptions'],
];

function options(declarations: Declarations): string {
  return optionTables
    .map(([heading, path]) => {
      const fields = fieldsAt(declarations, path).filter(({ name }) => path !== 'AgentOptions' || isSupported(name));
      const rows = fields.map((field) => [code(field.name), defaultOf(field, path), meaningOf(field, path)]);
      return `### ${heading}\n\n${table(['option', 'default', 'meaning'], rows)}`;
    })
    .join('\n\n');
}

function fieldsAt(declarations: Declarations, path: string): readonly Field[] {
  const [type = '', name] = path.split('.');
  const fields = declarations.fields(type);
  if (name === undefined) return fields;
  const field = fields.find((each) => each.name === name);
  if (field === undefined) throw new Error(`\`${type}\` has no field \`${name}\`.`);
  return declarations.fieldsOf(field);
}

/** Options that are refused as long as they do nothing are declared already, for their types. */
function isSupported(option: string): boolean {
  try {
    checkAgentOptions({ model: { provider: '', modelId: '', stream() {} }, [option]: {} });
    return true;
  } catch (error) {
    return !String(error).includes('not supported yet');
  }
}

function defaultOf({ name, isOptional, comment }: Field, path: string): string {
  if (comment.default !== undefined)
    return /^(?:'.*'|[\d_.]+|true|false)$/.test(comment.default) ? code(comment.default) : comment.default;
  if (!isOptional) return 'required';
  const nested = optionTables.find(([, type]) => type === `${path}.${name}`);
  if (nested === undefined) throw new Error(`The option \`${name}\` of ${path} has no @default.`);
  return `[below](#${anchor(nested[0])})`;
}

function meaningOf({ name, comment }: Field, path: string): string {
  return required(comment.paragraphs.join(' '), `the option ${name} of ${path}`);
}

/** As GitHub makes it of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

// ------------------------------------------------------------------------------------------------------------- commands

function chatCommands(): string {
  return table(
    ['command', 'what it does'],
    commands.map(({ name, argument, description }) => [
      code(argument === undefined ? `/${name}` : `/${name} ${argument}`),
      `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    ]),
  );
}

// --------------------------------------------------------------------------------------------------------------- tables

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function code(text: string): string {
  return `\`${text}\``;
}

function unquoted(literal: string): string {
  return literal.slice(1, -1);
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function required(text: string | undefined, what: string): string {
  if (text === undefined || text === '') throw new Error(`Nothing says what ${what} means: give it a doc comment.`);
  return text;
}
