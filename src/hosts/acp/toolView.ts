import { isAbsolute, resolve } from 'node:path';
import type { Diff, ToolCallLocation, ToolKind } from '@agentclientprotocol/sdk';
import type { Json } from '../../json.ts';
import type { ToolOutput } from '../../messages.ts';

/** A call of a tool, as it is described to an editor. */
export interface DescribedCall {
  readonly toolName: string;
  readonly input: Json;
  /** What came of it, once that is known. */
  readonly output?: ToolOutput;
  /** The folder of the session. */
  readonly cwd: string;
}

/** How an editor shows a call of a tool. */
export interface ToolView {
  /** What it does, in a line. @default the tool's name, and its input in short */
  readonly title?: string;
  /** What icon it has. @default by the words of the tool's name, as in `read_file` */
  readonly kind?: ToolKind;
  /** Files that it looks at or changes, which an editor can follow. @default what `path`, `file` and the like in the input name */
  readonly locations?: readonly ToolCallLocation[];
  /** What it changes in files. @default by `path` with `oldText` and `newText`, or with a list of them as `edits`, in the input */
  readonly diffs?: readonly Diff[];
}

/** How a call is shown where nobody says otherwise. */
export function defaultView({ toolName, input, cwd }: DescribedCall): Required<ToolView> {
  const kind = kindOf(toolName);
  const fields = isObject(input) ? input : {};
  const isAboutFiles = kind !== 'other' && kind !== 'fetch';
  const names = isAboutFiles ? pathsIn(fields) : [];
  const paths = names.map((name) => resolve(cwd, name));
  const line = typeof fields.line === 'number' && Number.isInteger(fields.line) && fields.line > 0 ? fields.line : null;
  return {
    title: titleOf(toolName, names.length > 0 ? names : isObject(input) ? Object.values(input) : [input]),
    kind,
    // the folder of the session is nothing to follow
    locations: paths.filter((path) => path !== resolve(cwd)).map((path) => ({ path, ...(line !== null && { line }) })),
    diffs: paths[0] === undefined ? [] : diffsIn(fields, paths[0]),
  };
}

/** Paths of a view as the protocol wants them: absolute. */
export function withAbsolutePaths(view: Required<ToolView>, cwd: string): Required<ToolView> {
  const absolute = <T extends { path: string }>(place: T): T =>
    isAbsolute(place.path) ? place : { ...place, path: resolve(cwd, place.path) };
  return { ...view, locations: view.locations.map(absolute), diffs: view.diffs.map(absolute) };
}

const words: Readonly<Partial<Record<ToolKind, string>>> = {
  read: 'read get show view cat open list ls stat',
  search: 'search find grep glob query lookup',
  edit: 'write edit create update patch insert append replace apply save',
  delete: 'delete remove rm unlink',
  move: 'move mv rename',
  execute: 'run exec execute bash shell command terminal',
  fetch: 'fetch download http browse',
  think: 'think plan reason',
};
const kinds: ReadonlyMap<string, ToolKind> = new Map(
  (Object.entries(words) as [ToolKind, string][]).flatMap(([kind, list]) =>
    list.split(' ').map((word): [string, ToolKind] => [word, kind]),
  ),
);

/** The first word of the name that says something: tools of servers have the server's name before it. */
function kindOf(toolName: string): ToolKind {
  const parts = toolName.replace(/([a-z])([A-Z])/g, '$1_$2').split(/[_-]+/);
  for (const part of parts) {
    const kind = kinds.get(part.toLowerCase());
    if (kind !== undefined) return kind;
  }
  return 'other';
}

type Fields = { readonly [name: string]: Json };

function pathsIn({ path, file, filePath, file_path, paths }: Fields): readonly string[] {
  const found = [path, file, filePath, file_path, ...(Array.isArray(paths) ? paths : [])];
  return found.filter((name): name is string => typeof name === 'string' && name !== '' && !name.includes('://'));
}

function diffsIn(fields: Fields, path: string): readonly Diff[] {
  const edits = Array.isArray(fields.edits) ? fields.edits : [fields];
  return edits.flatMap((edit: Json) => {
    if (!isObject(edit)) return [];
    const oldText = edit.oldText ?? edit.old_text ?? edit.oldString ?? edit.old_string;
    const newText = edit.newText ?? edit.new_text ?? edit.newString ?? edit.new_string;
    return typeof oldText === 'string' && typeof newText === 'string' ? [{ path, oldText, newText }] : [];
  });
}

const longestTitle = 80;

function titleOf(toolName: string, values: readonly Json[]): string {
  const said = values.filter((value) => typeof value === 'string' || typeof value === 'number');
  const title = [toolName, ...said].join(' ').replace(/\s+/g, ' ').trim();
  return title.length <= longestTitle ? title : `${title.slice(0, longestTitle - 1)}…`;
}

function isObject(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
