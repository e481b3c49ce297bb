import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import * as ts from 'typescript';

const root = path.resolve(__dirname, '../../..');

/** What a generated file exports. */
export interface Generated {
  readonly build: () => tf.LayersModel;
  readonly loadWeights: (
    model: tf.LayersModel,
    ...files: (ArrayBuffer | Uint8Array)[]
  ) => tf.LayersModel;
}

/** Compiles sources under the project's own options, as if they lay in its root; answers messages and modules. */
export function compiled(sources: ReadonlyMap<string, string>): {
  messages: string[];
  modules: Map<string, Generated>;
} {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as { config: { compilerOptions: object } }; // prettier-ignore
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const files = new Map([...sources].map(([name, text]) => [path.join(root, `${name}.generated.ts`), text])); // prettier-ignore
  const host = ts.createCompilerHost(options);
  const disk = { ...host };
  host.fileExists = (file) => files.has(file) || disk.fileExists(file);
  host.readFile = (file) => files.get(file) ?? disk.readFile(file);
  host.getSourceFile = (file, how, ...rest) => {
    const text = files.get(file);
    return text === undefined
      ? disk.getSourceFile(file, how, ...rest)
      : ts.createSourceFile(file, text, how);
  };
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: false }, host);
  const modules = new Map<string, Generated>();
  program.emit(undefined, (file, text) => {
    modules.set(path.basename(file, '.generated.js'), evaluated(text));
  });
  const messages = ts.getPreEmitDiagnostics(program).map(messageOf);
  return { messages, modules };
}

/** The compiler's message, behind it the line that it is about. */
function messageOf({ messageText, file, start, length }: ts.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined || start === undefined) return text;
  const line = file.text.slice(file.text.lastIndexOf('\n', start) + 1, start + (length ?? 0));
  return `${path.basename(file.fileName)}: ${text}: ${line}`;
}

function evaluated(text: string): Generated {
  const exported = {};
  // The compiled file as Node would wrap it: the project's own tfjs, nothing else.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function('require', 'exports', text) as (r: NodeJS.Require, e: object) => void;
  run(createRequire(__filename), exported);
  return exported as Generated;
}

/** The weight files of an export, first to last. */
export function weightFiles(where: string): Buffer[] {
  const { weightsManifest } = JSON.parse(fs.readFileSync(path.join(where, 'model.json'), 'utf8')) as { weightsManifest: { paths: string[] }[] }; // prettier-ignore
  return weightsManifest.flatMap(({ paths }) =>
    paths.map((file) => fs.readFileSync(path.join(where, file))),
  );
}
