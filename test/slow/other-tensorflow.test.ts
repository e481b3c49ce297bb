import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../compiled';
import { installPacked, online, runNode, withoutRegistry } from './fixtures/packed';

const { peerDependencies } = JSON.parse(
  readFileSync(join(projectFolder, 'package.json'), 'utf8'),
) as { readonly peerDependencies: Readonly<Record<string, string>> };

/** The oldest TensorFlow.js that the package says it works with. */
const lowest = peerDependencies['@tensorflow/tfjs']!.replace(/^\^/, '');

/** Trains, prunes, proves, writes and reads with whatever TensorFlow.js is there. */
const program = `
const tf = require('@tensorflow/tfjs');
const { Network, pruneOnce, readModel, startEngine, trainAndPrune } = require('secateur');
(async () => {
  await startEngine('wasm');
  const small = { epochs: 1, limitTrain: 64, limitValidation: 32, limitTest: 32, batchSize: 32 };
  const run = { arch: 'resnet20', data: 'mnist', method: 'fpgm', rate: 0.3, runDir: 'run', ...small };
  const trained = await trainAndPrune({ ...run, pruneAt: { from: 0, every: 1, atStart: true } });
  const pruned = await pruneOnce({ model: 'run/export/model.json', rate: 0.3, out: 'smaller' });
  const read = await readModel('smaller');
  const { maxAbsDiff, maxAbsOutput } = pruned.verification;
  console.log(tf.version.tfjs, trained.exported.macs, Network.of(read).costs().params === pruned.exported.params, maxAbsDiff <= 1e-5 * maxAbsOutput);
})();
`;

/** Hands the model of another copy to the library. */
const twoCopies = `
const tf = require('other-tfjs');
const { Network, OptionError } = require('secateur');
const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
try {
  Network.of(model);
} catch (error) {
  console.log(error instanceof OptionError, error.message);
}
`;

/** Tests that hold in any TensorFlow.js of the range: they use no layer or activation that came later. */
const slice = ['layers', 'measure', 'surgery/harden', 'surgery/verify', 'surgery/inflate', 'graph/channel', 'graph/schema', 'graph/resnet', 'formats/tfjs/model-files']; // prettier-ignore

describe.skipIf(!online)(`the oldest TensorFlow.js, ${lowest}${withoutRegistry}`, () => {
  let folder = '';

  beforeAll(async () => {
    folder = await installPacked(`@tensorflow/tfjs@${lowest}`);
  }, 300_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('trains, prunes, proves and writes', async () => {
    writeFileSync(join(folder, 'program.js'), program);
    const said = await runNode(['program.js'], folder);
    expect(said).toMatch(new RegExp(`^${lowest.replaceAll('.', '\\.')} 16255710 true true$`, 'm'));
  }, 300_000);

  it('passes the tests of layers, surgery, graph and files', async () => {
    const copy = join(folder, 'copy');
    const modules = join(copy, 'node_modules');
    mkdirSync(modules, { recursive: true });
    for (const name of readdirSync(projectFolder)) {
      if (/^(node_modules|\.git|\.native|dist|runs)$/.test(name)) continue;
      cpSync(join(projectFolder, name), join(copy, name), { recursive: true });
    }
    for (const name of readdirSync(join(projectFolder, 'node_modules'))) {
      if (name === '@tensorflow') continue;
      symlinkSync(join(projectFolder, 'node_modules', name), join(modules, name));
    }
    cpSync(join(folder, 'node_modules', '@tensorflow'), join(modules, '@tensorflow'), { recursive: true }); // prettier-ignore
    const own = join(folder, 'node_modules', 'secateur', 'node_modules', '@tensorflow');
    expect(existsSync(own), 'the WASM engine keeps a core of its own version').toBe(true);
    const wasm = join(modules, '@tensorflow', 'tfjs-backend-wasm');
    cpSync(join(own, 'tfjs-backend-wasm'), wasm, { recursive: true });
    for (const name of readdirSync(own).filter((one) => one !== basename(wasm))) {
      cpSync(join(own, name), join(wasm, 'node_modules', '@tensorflow', name), { recursive: true });
    }
    const args = ['vitest', 'run', '--reporter=json', ...slice.map((name) => `test/${name}`)];
    const { stdout } = await promisify(execFile)('npx', args, {
      cwd: copy,
      maxBuffer: 2 ** 27,
    }).catch((error: unknown) => error as { readonly stdout: string });
    const { numFailedTests, numPassedTests } = JSON.parse(
      stdout.slice(stdout.indexOf('{"numTotalTestSuites"')),
    ) as { readonly numFailedTests: number; readonly numPassedTests: number };
    expect(numFailedTests).toBe(0);
    expect(numPassedTests).toBeGreaterThan(300);
  }, 600_000);
});

describe.skipIf(!online)(
  `another TensorFlow.js beside the one of the library${withoutRegistry}`,
  () => {
    it('is named with both versions and places', async () => {
      const folder = await installPacked('other-tfjs@npm:@tensorflow/tfjs@4.21.0');
      try {
        writeFileSync(join(folder, 'program.js'), twoCopies);
        const said = await runNode(['program.js'], folder);
        expect(said).toMatch(/^true model was made by another copy of @tensorflow\/tfjs/m);
        expect(said).toContain('tfjs-layers 4.21.0');
        expect(said).toMatch(/loaded: 4\.\d+\.0 in \S+tfjs-layers and 4\.\d+\.0 in \S+tfjs-layers/);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }, 300_000);
  },
);
