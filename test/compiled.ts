import * as fs from 'node:fs';
import * as path from 'node:path';
import * as ts from 'typescript';

/** The project's own folder. */
export const projectFolder = path.resolve(__dirname, '..');

/**
 * Writes modules of the project, and all that they import of it, as plain JavaScript under the same paths in
 * `folder`: a child process then starts in milliseconds, and a browser can load them.
 *
 * @param names paths without extension, `files/leftovers`.
 * @param kind of modules; ES modules name the files they import in full.
 */
export function compileInto(
  folder: string,
  names: readonly string[],
  kind: 'commonjs' | 'es' = 'commonjs',
): void {
  const module = kind === 'es' ? ts.ModuleKind.ES2022 : ts.ModuleKind.CommonJS;
  const compilerOptions = { module, target: ts.ScriptTarget.ES2022 };
  const open = [...names];
  const done = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (done.has(name)) continue;
    done.add(name);
    const source = fs.readFileSync(path.join(projectFolder, `${name}.ts`), 'utf8');
    const { outputText } = ts.transpileModule(source, { compilerOptions });
    const at = path.dirname(name);
    const text = outputText.replace(
      /(from |require\(|import\()(['"])(\.[^'"]*)\2/g,
      (_, head: string, quote: string, relative: string) => {
        open.push(moduleAt(path.join(at, relative)));
        return `${head}${quote}${relative}${kind === 'es' ? '.js' : ''}${quote}`;
      },
    );
    fs.mkdirSync(path.join(folder, at), { recursive: true });
    fs.writeFileSync(path.join(folder, `${name}.js`), text);
  }
}

/** The module that a path names: a file, or the index of a folder. */
function moduleAt(name: string): string {
  return fs.existsSync(path.join(projectFolder, `${name}.ts`)) ? name : path.join(name, 'index');
}
