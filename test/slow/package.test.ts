import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import * as ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../compiled';
import { installPacked, npm, online, runNode, withoutRegistry } from './fixtures/packed';

/** What a user's program says: it subclasses a method, prunes, proves, writes and reads. */
const program = `
import { rmSync } from 'node:fs';
import type { Tensor } from '@tensorflow/tfjs';
import {
  ChannelGraph,
  harden,
  Methodology,
  Network,
  OptionError,
  readModel,
  resnet20,
  verify,
  writeModel,
} from 'secateur';
import type { KeepSet, TrainerOptions, Verification } from 'secateur';
import { unpackSparse } from 'secateur/sparse';

export class SumFilter extends Methodology {
  protected override score(kernel: Tensor): Tensor {
    return kernel.sum([0, 1, 2]);
  }
}

export type Trained = TrainerOptions['network'];

export async function unpacked(bytes: Uint8Array): Promise<number> {
  return (await unpackSparse(bytes, [])).byteLength;
}

async function main(): Promise<void> {
  const model = resnet20({ inputShape: [8, 8, 1], classes: 3 });
  const network = new Network(model, ChannelGraph.of(model));
  const [group] = network.graph.prunable;
  if (!group) throw new OptionError({ option: 'model', problem: 'has no channels that can go' });
  const half = Uint8Array.from({ length: group.channels }, (_, channel) => channel % 2);
  const keep: KeepSet = { groups: new Map([[group.id, half]]), weights: new Map() };
  const hard = harden(network, keep);
  const images = model.inputs[0]!.shape.map((size) => size ?? 1);
  const sample = model.layers[1]!.getWeights()[0]!.flatten().slice(0, 64).reshape(images);
  const comparison = { model, graph: network.graph, keep, hard };
  const proof: Verification = await verify(comparison, [sample]);
  await writeModel(hard, 'export');
  const read = await readModel('export/model.json');
  rmSync('export', { recursive: true });
  console.log(proof.maxAbsDiff, read.countParams() === hard.countParams());
}

void main();
`;

/** Where the package is used: what the nearest package.json says, and how TypeScript finds modules. */
const consumers = {
  'CommonJS, node16': { type: 'commonjs', module: 'Node16', moduleResolution: 'Node16' },
  'CommonJS, nodenext': { type: 'commonjs', module: 'NodeNext', moduleResolution: 'NodeNext' },
  'ES modules, node16': { type: 'module', module: 'Node16', moduleResolution: 'Node16' },
  'ES modules, nodenext': { type: 'module', module: 'NodeNext', moduleResolution: 'NodeNext' },
  'ES modules, bundler': { type: 'module', module: 'ES2022', moduleResolution: 'Bundler' },
} as const;

/**
 * Declarations of TensorFlow.js 4.22 that do not hold under `skipLibCheck: false`, whoever imports them: index
 * signatures of PyJsonDict that its own properties break, and a class that misses a member of its interface.
 */
const foreignFaults = [
  'engine/training.d.ts TS2420',
  'keras_format/topology_config.d.ts TS2411',
  'keras_format/training_config.d.ts TS2411',
  'keras_format/types.d.ts TS2411',
  'layers/core.d.ts TS2411',
].map((fault) => `node_modules/@tensorflow/tfjs-layers/dist/${fault}`);

describe.skipIf(!online)(`the package as others get it${withoutRegistry}`, () => {
  let folder = '';
  let installed = '';

  beforeAll(async () => {
    folder = await installPacked();
    installed = join(folder, 'node_modules', 'secateur');
  }, 300_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** What a program prints that runs in the folder of a consumer. */
  function run(args: readonly string[], cwd = folder): Promise<string> {
    return runNode(args, cwd);
  }

  it('is required from CommonJS', async () => {
    const source = `
        const { ChannelGraph, resnet20 } = require('secateur');
        const { unpackSparse } = require('secateur/sparse');
        console.log(typeof ChannelGraph.of, typeof resnet20, typeof unpackSparse);`;
    expect(await run(['-e', source])).toMatch(/^function function function$/m);
  });

  it('is imported by name from ES modules, all of it', async () => {
    const source = `
        import { createRequire } from 'node:module';
        import * as whole from 'secateur';
        import { ChannelGraph, resnet20 } from 'secateur';
        import { unpackSparse } from 'secateur/sparse';
        const names = Object.keys(createRequire(process.cwd() + '/')('secateur'));
        console.log(typeof ChannelGraph.of, typeof resnet20, typeof unpackSparse);
        console.log('missing:', names.filter((name) => !(name in whole)).join());`;
    const said = await run(['--input-type=module', '-e', source]);
    expect(said).toMatch(/^function function function\nmissing:$/m);
  });

  it.each(Object.entries(consumers))('is compiled against: %s', async (name, consumer) => {
    const at = join(folder, name.replaceAll(/\W+/g, '-'));
    mkdirSync(at);
    writeFileSync(join(at, 'package.json'), JSON.stringify({ type: consumer.type }));
    writeFileSync(join(at, 'program.ts'), program);
    const faults = compile(at, consumer);
    expect([...new Set(faults)].sort()).toEqual(foreignFaults);
    expect(await run(['program.js'], at)).toMatch(/^0 true$/m);
  });

  /** Compiles program.ts strictly, declarations of packages too; each error as `file TScode`. */
  function compile(
    at: string,
    { module, moduleResolution }: (typeof consumers)[keyof typeof consumers],
  ): string[] {
    const options: ts.CompilerOptions = {
      strict: true,
      skipLibCheck: false,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind[module],
      moduleResolution: ts.ModuleResolutionKind[moduleResolution],
      typeRoots: [join(folder, 'node_modules', '@types')],
    };
    const built = ts.createProgram([join(at, 'program.ts')], options);
    built.emit();
    return ts.getPreEmitDiagnostics(built).map(({ file, code, messageText }) => {
      if (!file) return ts.flattenDiagnosticMessageText(messageText, '\n');
      return `${relative(folder, file.fileName).split(sep).join('/')} TS${code}`;
    });
  }

  it('prints its version by npx', async () => {
    const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect((await npm(['exec', '--no', '--', 'secateur', '--version'], folder)).trim()).toBe(
      version,
    );
  });

  it('holds only what a source of today was compiled to', () => {
    const compiled = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' });
    const sources = compiled
      .filter((name) => /\.c?js$/.test(name))
      .filter((name) => !existsSync(join(projectFolder, name.replace(/\.js$/, '.ts'))));
    expect(sources).toEqual([]);
  });

  it('has documents whose links lead into the package', () => {
    const documents = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.md') && !name.startsWith('node_modules'),
    );
    expect(documents).toEqual(expect.arrayContaining(['README.md', join('docs', 'methods.md')]));
    let count = 0;
    for (const document of documents) {
      const text = readFileSync(join(installed, document), 'utf8');
      const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)]
        .map(([, link, attribute]) => (link ?? attribute)!.replace(/#.*$/, ''))
        .filter((link) => link !== '' && !/^[a-z]+:/.test(link));
      for (const link of links) {
        expect(existsSync(join(installed, dirname(document), link)), `${document}: ${link}`).toBe(
          true,
        );
      }
      count += links.length;
    }
    expect(count).toBeGreaterThan(20);
  });

  it.each([
    ['--help', ['dist/run.js', '--help'], /tfjs|tar-stream|protobufjs|vega|pino|mnist|graphviz/],
    [
      'flops',
      ['dist/run.js', 'flops', '--arch', 'resnet20'],
      /tar-stream|protobufjs|vega|mnist|graphviz/,
    ],
    ['the library', ['-e', 'require("secateur")'], /tar-stream|protobufjs|vega|mnist|graphviz/],
  ])('loads only what it uses: %s', async (_, args, unused) => {
    const traced = join(folder, 'traced.cjs');
    writeFileSync(
      traced,
      String.raw`const { _load, _resolveFilename } = require('node:module');
       const found = new Set();
       // what cannot be found is not loaded: its asker hears of it
       const locate = (...asked) => { try { return _resolveFilename(...asked); } catch { return ''; } };
       require('node:module')._load = function (request, ...rest) {
         const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(locate(request, ...rest)) ?? [];
         if (name) found.add(name);
         return _load.call(this, request, ...rest);
       };
       process.on('exit', () => console.log('loaded:', [...found].join()));`,
    );
    const at = args.map((arg) => arg.replace(/^dist/, join(installed, 'dist')));
    const said = await run(['--require', traced, ...at]);
    const [, loaded] = /^loaded: (.*)$/m.exec(said)!;
    expect(loaded).toMatch(/secateur/);
    expect(loaded!.split(',').filter((name) => unused.test(name))).toEqual([]);
  });

  it('names no file of its own that it does not hold', () => {
    const { exports, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
      bin: Record<string, string>;
    };
    const named = [...Object.values(exports), bin].flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    );
    for (const name of named) expect(existsSync(join(installed, name)), name).toBe(true);
  });
});
