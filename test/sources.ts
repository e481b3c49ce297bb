import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import * as ts from 'typescript';
import { projectFolder } from './compiled';

/** Folders of the project that are no part of the program. */
export const besideTheProgram = ['test', 'bench', 'examples', 'docs'];
const notWritten = ['dist', 'runs', 'coverage', 'node_modules'];

/** That one source names another, by paths in the project. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** Nothing of it is left when the program runs. */
  readonly isTypeOnly: boolean;
}

/** The text of each source of the program, by its path in the project (`trainer/step/loss.ts`). */
export function readSources(): ReadonlyMap<string, string> {
  const folders = readdirSync(projectFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .filter((name) => !besideTheProgram.includes(name) && !notWritten.includes(name));
  const paths = ['', ...folders].flatMap((folder) => sourcesIn(folder));
  return new Map(paths.map((path) => [path, readFileSync(join(projectFolder, path), 'utf8')]));
}

/** The TypeScript files, and scripts of the set-up, of a folder and of those in it; of the project's own folder only its own. */
function sourcesIn(folder: string): string[] {
  return readdirSync(join(projectFolder, folder), { recursive: folder !== '', encoding: 'utf8' })
    .filter((name) => /\.(ts|cjs)$/.test(name))
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')));
}

/**
 * What the sources import of one another, export of one another again, or load by `require` or `import()`.
 *
 * @throws when a source names a file that is not among them.
 */
export function findEdges(sources: ReadonlyMap<string, string>): Edge[] {
  return [...sources].flatMap(([from, text]) =>
    findImports(from, text).map(({ name, isTypeOnly }) => {
      const path = posix.join(posix.dirname(from), name);
      const to = [path, `${path}.ts`, `${path}/index.ts`].find((file) => sources.has(file));
      if (to === undefined) throw new Error(`${from} imports ${name}, which is no source`);
      return { from, to, isTypeOnly };
    }),
  );
}

/** The relative modules that a source names. */
function findImports(path: string, text: string): { name: string; isTypeOnly: boolean }[] {
  const found: { name: string; isTypeOnly: boolean }[] = [];
  const visit = (node: ts.Node): void => {
    const [module, isTypeOnly] = moduleOf(node);
    if (module && ts.isStringLiteralLike(module) && isOfTheProgram(module.text)) {
      found.push({ name: module.text, isTypeOnly });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022));
  return found;
}

/** A path, and not to package.json. */
function isOfTheProgram(module: string): boolean {
  return module.startsWith('.') && !module.endsWith('.json');
}

/** The module that a node names, if it is one that does, and whether it takes no more than types of it. */
function moduleOf(node: ts.Node): [ts.Node | undefined, boolean] {
  if (ts.isImportDeclaration(node)) return [node.moduleSpecifier, importsTypes(node)];
  if (ts.isExportDeclaration(node)) return [node.moduleSpecifier, exportsTypes(node)];
  if (ts.isExternalModuleReference(node)) return [node.expression, false];
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return [node.argument.literal, true];
  }
  return [ts.isCallExpression(node) && loads(node) ? node.arguments[0] : undefined, false];
}

function importsTypes({ importClause }: ts.ImportDeclaration): boolean {
  if (!importClause) return false; // imported for what it does
  const { phaseModifier, name, namedBindings } = importClause;
  if (phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  if (name || !namedBindings || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
}

function exportsTypes({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  if (isTypeOnly || !exportClause || !ts.isNamedExports(exportClause)) return isTypeOnly;
  return exportClause.elements.every((element) => element.isTypeOnly);
}

function loads({ expression }: ts.CallExpression): boolean {
  if (expression.kind === ts.SyntaxKind.ImportKeyword) return true;
  return ts.isIdentifier(expression) && expression.text === 'require';
}

/** The circles of edges, each as the sorted paths that are in it together. */
export function findCircles(edges: readonly Omit<Edge, 'isTypeOnly'>[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const reach = new Map([...next.keys()].map((path) => [path, reachOf(path, next)]));
  const circles = new Map<string, string[]>();
  for (const [path, reached] of reach) {
    if (!reached.has(path)) continue;
    const circle = [...reached].filter((other) => reach.get(other)?.has(path)).sort();
    circles.set(circle[0]!, circle);
  }
  return [...circles.values()];
}

/** All that a path leads to; itself only by a way back. */
function reachOf(path: string, next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const open = [...(next.get(path) ?? [])];
  for (let other = open.pop(); other !== undefined; other = open.pop()) {
    if (reached.has(other)) continue;
    reached.add(other);
    open.push(...(next.get(other) ?? []));
  }
  return reached;
}
