import type { Node, SourceFile } from 'typescript/unstable/ast';
import * as ts from 'typescript/unstable/ast';
import { toFailure } from '../../src/adapters/failures.ts';
import { createFailure, type FailureType } from '../../src/failure.ts';

/** A code that failures of a type come with. */
export interface FailureCode {
  readonly type: FailureType;
  readonly code: string;
  readonly retryable: boolean;
}

/**
 * The codes that stand in the sources beside a type of failure, `{ type: 'auth', code: '…' }`, or are passed to a
 * function that puts them there; and the ones that adapters give where they know nothing finer. Codes that are computed
 * are not found.
 */
export function failureCodes(trees: Iterable<SourceFile>, types: readonly FailureType[]): readonly FailureCode[] {
  const found = new Map<string, FailureCode>();
  const add = (type: FailureType, code: string, isFinal: boolean) => {
    const { retryable } = createFailure({ type, code, message: '', ...(isFinal && { retryable: false }) });
    found.set(`${type} ${code}`, { type, code, retryable });
  };
  for (const type of types) {
    const usual = toFailure({ headers: { 'x-llm-error-type': type } }, { provider: '', model: '' });
    if (usual.type === type) add(type, usual.code, !usual.retryable);
  }
  for (const tree of trees) {
    walk(tree, (node) => {
      if (!ts.isObjectLiteralExpression(node)) return;
      const type = types.find((candidate) => candidate === textOf(propertyOf(node, 'type')));
      if (type === undefined) return;
      const isFinal =
        propertyOf(node, 'final')?.kind === ts.SyntaxKind.TrueKeyword ||
        propertyOf(node, 'retryable')?.kind === ts.SyntaxKind.FalseKeyword;
      const code = textOf(propertyOf(node, 'code'));
      for (const each of code === undefined ? codesPassedIn(node, tree) : [code]) add(type, each, isFinal);
    });
  }
  const place = ({ type }: FailureCode) => types.indexOf(type);
  return [...found.values()].sort((a, b) => place(a) - place(b) || (a.code < b.code ? -1 : 1));
}

/** Of an object `{ type, code }` in a function that takes the code: what the function is called with in its file. */
function codesPassedIn(object: ts.ObjectLiteralExpression, tree: SourceFile): readonly string[] {
  if (
    !object.properties.some(
      (property) => ts.isShorthandPropertyAssignment(property) && property.name.getText(tree) === 'code',
    )
  )
    return [];
  let maker: Node = object;
  while (!ts.isFunctionDeclaration(maker)) {
    if (maker === tree) return [];
    maker = maker.parent;
  }
  const name = maker.name?.text;
  const place = maker.parameters.findIndex((parameter) => parameter.name.getText(tree) === 'code');
  const passed: string[] = [];
  walk(tree, (node) => {
    if (!ts.isCallExpression(node) || node.expression.getText(tree) !== name) return;
    const code = textOf(node.arguments[place]);
    if (code !== undefined) passed.push(code);
  });
  return passed;
}

function propertyOf(object: ts.ObjectLiteralExpression, name: string): Node | undefined {
  const found = object.properties.find(
    (property) => ts.isPropertyAssignment(property) && property.name.getText() === name,
  );
  return found !== undefined && ts.isPropertyAssignment(found) ? found.initializer : undefined;
}

function textOf(node: Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteral(node) ? node.text : undefined;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}
