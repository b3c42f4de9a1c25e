import type { Node, SourceFile, TypeNode } from 'typescript/unstable/ast';
import * as ts from 'typescript/unstable/ast';
import { getLeadingCommentRanges } from 'typescript/unstable/ast/scanner';
import { API } from 'typescript/unstable/sync';

/** A doc comment: its words, and its `@default`. Other tags are left out. */
export interface Comment {
  /** One string per paragraph, each on one line. */
  readonly paragraphs: readonly string[];
  readonly default: string | undefined;
}

/** A field of an interface or an object type. */
export interface Field {
  readonly name: string;
  /** As written, on one line: `cost?: number`, `progress(text: string): void`. */
  readonly signature: string;
  /** Of a method, what it returns. */
  readonly type: TypeNode | undefined;
  readonly isOptional: boolean;
  readonly comment: Comment;
}

/** A member of a union. */
export interface UnionMember {
  readonly node: TypeNode;
  readonly comment: Comment;
}

interface Declaration {
  readonly tree: SourceFile;
  readonly node: ts.InterfaceDeclaration | ts.TypeAliasDeclaration;
}

/**
 * The types that sources declare, by name, with the comments above them. Only the syntax is read: types that are
 * computed (other than `Partial<…>`, `Pick<…>`, `A & B` and `false | A`) are not understood.
 */
export class Declarations {
  readonly #byName = new Map<string, readonly Declaration[]>();

  constructor(trees: Iterable<SourceFile>) {
    for (const tree of trees) {
      for (const node of tree.statements) {
        if (!ts.isInterfaceDeclaration(node) && !ts.isTypeAliasDeclaration(node)) continue;
        this.#byName.set(node.name.text, [...(this.#byName.get(node.name.text) ?? []), { tree, node }]);
      }
    }
  }

  /** What stands above a declaration. */
  comment(name: string): Comment {
    const { tree, node } = this.#find(name);
    return commentAt(tree, node.pos);
  }

  /**
   * The fields of an interface or of a type with fields, inherited ones first.
   *
   * @param from where the name is written: the declarations of that file come before those of others
   */
  fields(name: string, from?: SourceFile): readonly Field[] {
    const { tree, node } = this.#find(name, from);
    if (ts.isTypeAliasDeclaration(node)) return this.#fieldsOf(node.type, tree);
    const parents = (node.heritageClauses ?? []).flatMap(({ types }) => types);
    const inherited = parents.flatMap(({ expression, typeArguments }) =>
      this.#fieldsNamed(expression.getText(tree), typeArguments ?? [], tree),
    );
    return [...inherited, ...fieldsIn(node.members, tree)];
  }

  /** The fields of the type of a field. */
  fieldsOf({ name, type }: Field): readonly Field[] {
    if (type === undefined) throw new Error(`\`${name}\` has no type.`);
    return this.#fieldsOf(type, type.getSourceFile());
  }

  /** The members of a union, those of the unions among them in their place. */
  members(name: string, from?: SourceFile): readonly UnionMember[] {
    const { tree, node } = this.#find(name, from);
    if (!ts.isTypeAliasDeclaration(node) || !ts.isUnionTypeNode(node.type)) throw new Error(`\`${name}\` is no union.`);
    let end = node.type.pos;
    return node.type.types.flatMap((member) => {
      // the comment stands before the `|`, which belongs to no member
      const comment = commentAt(tree, end);
      end = member.end;
      if (!ts.isTypeReferenceNode(member)) return [{ node: member, comment }];
      const { node: reference } = this.#find(member.typeName.getText(tree), tree);
      return ts.isTypeAliasDeclaration(reference)
        ? this.members(reference.name.text, tree)
        : [{ node: member, comment }];
    });
  }

  #fieldsOf(node: TypeNode, tree: SourceFile): readonly Field[] {
    if (ts.isTypeLiteralNode(node)) return fieldsIn(node.members, tree);
    if (ts.isIntersectionTypeNode(node)) return node.types.flatMap((type) => this.#fieldsOf(type, tree));
    if (ts.isParenthesizedTypeNode(node)) return this.#fieldsOf(node.type, tree);
    // `false | { … }`: the fields are those of what is not a literal
    if (ts.isUnionTypeNode(node)) {
      return node.types.filter((type) => !ts.isLiteralTypeNode(type)).flatMap((type) => this.#fieldsOf(type, tree));
    }
    if (!ts.isTypeReferenceNode(node)) throw new Error(`The fields of \`${node.getText(tree)}\` cannot be read.`);
    return this.#fieldsNamed(node.typeName.getText(tree), node.typeArguments ?? [], tree);
  }

  #fieldsNamed(name: string, [argument, chosen]: readonly TypeNode[], tree: SourceFile): readonly Field[] {
    if (argument !== undefined && name === 'Partial') {
      return this.#fieldsOf(argument, tree).map((field) => ({ ...field, isOptional: true }));
    }
    if (argument !== undefined && chosen !== undefined && name === 'Pick') {
      const names = chosen.getText(tree);
      return this.#fieldsOf(argument, tree).filter((field) => names.includes(`'${field.name}'`));
    }
    return this.fields(name, tree);
  }

  #find(name: string, from?: SourceFile): Declaration {
    const all = this.#byName.get(name) ?? [];
    const own = all.filter(({ tree }) => tree === from);
    const [found, ...others] = own.length > 0 ? own : all.filter(({ node }) => isExported(node));
    if (found === undefined) throw new Error(`The sources export no type \`${name}\`.`);
    if (others.length > 0) throw new Error(`The sources export several types \`${name}\`.`);
    return found;
  }
}

/** The syntax trees of sources, by path. */
export function parse(sources: ReadonlyMap<string, string>): ReadonlyMap<string, SourceFile> {
  const config = JSON.stringify({
    compilerOptions: { noLib: true, noResolve: true, types: [] },
    files: [...sources.keys()],
  });
  const files = new Map([
    ['/tsconfig.json', config],
    ...[...sources].map(([path, text]) => [`/${path}`, text] as const),
  ]);
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
  try {
    const { program } = api.updateSnapshot({ openProjects: ['/tsconfig.json'] }).getProject('/tsconfig.json') ?? {};
    return new Map(
      [...sources.keys()].map((path) => {
        const tree = program?.getSourceFile(`/${path}`);
        if (tree === undefined) throw new Error(`TypeScript did not parse ${path}.`);
        return [path, tree];
      }),
    );
  } finally {
    api.close();
  }
}

function isExported({ modifiers }: Declaration['node']): boolean {
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
}

function fieldsIn(members: readonly Node[], tree: SourceFile): readonly Field[] {
  return members
    .filter((member) => ts.isPropertySignatureDeclaration(member) || ts.isMethodSignatureDeclaration(member))
    .map((member) => {
      const signature = member
        .getText(tree)
        .replaceAll(/\breadonly /g, '')
        .replace(/;$/, '');
      return {
        name: member.name.getText(tree),
        signature: oneLine(signature),
        type: member.type,
        isOptional: member.postfixToken !== undefined,
        comment: commentAt(tree, member.pos),
      };
    });
}

/** The doc comment that begins at a place, where nothing but space and other comments comes before it. */
function commentAt(tree: SourceFile, pos: number): Comment {
  const texts = (getLeadingCommentRanges(tree.text, pos) ?? []).map((range) => tree.text.slice(range.pos, range.end));
  return readComment(texts.findLast((text) => text.startsWith('/**')) ?? '');
}

function readComment(comment: string): Comment {
  const text = comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .replaceAll(/^[ \t]*\*[ \t]?/gm, '');
  const [words = '', ...tags] = text.split(/(?:^|\s)@(?=[a-z]+\b)/m);
  const given = tags.find((tag) => tag.startsWith('default '));
  return {
    paragraphs: words
      .split(/\n\s*\n/)
      .map((paragraph) => oneLine(paragraph.replaceAll(/\{@link (\w+)\}/g, '`$1`')))
      .filter(Boolean),
    default: given === undefined ? undefined : oneLine(given.slice('default '.length)),
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
