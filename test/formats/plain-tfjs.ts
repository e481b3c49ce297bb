import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectFolder } from '../compiled';

/**
 * Loads exports with nothing but `@tensorflow/tfjs` and says what they compute: for an input of the
 * model's shape with values sin(0), sin(1), ... on the `cpu` backend.
 */
const reader = `
const fs = require('node:fs');
const path = require('node:path');
const tf = require('@tensorflow/tfjs');

async function load(folder) {
  const json = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
  const parts = json.weightsManifest.flatMap(({ paths }) => paths);
  const data = Buffer.concat(parts.map((name) => fs.readFileSync(path.join(folder, name))));
  const weightData = Uint8Array.from(data).buffer;
  const weightSpecs = json.weightsManifest.flatMap(({ weights }) => weights);
  const { modelTopology } = json;
  return tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
}

/** Zeroes what pruning.json says is gone, by the description of its format alone. */
function silence(model, { layers }) {
  for (const [name, { outputs, kept }] of Object.entries(layers)) {
    const layer = name.split('/').reduce((outer, own) => outer.getLayer(own), model);
    for (const weight of layer.weights) {
      const kind = weight.originalName.split('/').pop();
      if (kind === 'moving_variance') continue;
      const values = weight.read().dataSync().slice();
      const width = kind === 'depthwise_kernel' ? outputs : weight.shape[weight.shape.length - 1];
      if (width !== outputs) throw new Error(name + '/' + kind + ' has ' + width + ' outputs');
      for (let index = 0; index < values.length; index++) {
        if (!kept.includes(index % outputs)) values[index] = 0;
      }
      weight.write(tf.tensor(values, weight.shape));
    }
  }
}

(async () => {
  await tf.setBackend('cpu');
  const answers = [];
  for (const { folder, manifest } of JSON.parse(process.argv[2])) {
    const model = await load(folder);
    if (manifest) silence(model, JSON.parse(fs.readFileSync(manifest, 'utf8')));
    const shape = [2, ...model.inputs[0].shape.slice(1)];
    const size = shape.reduce((product, length) => product * length, 1);
    const x = tf.tensor(Float32Array.from({ length: size }, (_, index) => Math.sin(index)), shape);
    const classes = model.layers.map((layer) => layer.getClassName());
    answers.push({ output: [...model.predict(x).dataSync()], classes });
  }
  const modules = Object.keys(require.cache);
  fs.writeSync(1, JSON.stringify({ answers, modules }));
})();`;

/** A network to load, with the pruning.json by which to silence it first. */
export interface PlainRequest {
  readonly folder: string;
  readonly manifest?: string;
}

/** What plain tfjs said. */
export interface PlainAnswer {
  readonly output: number[];
  readonly classes: string[];
}

/** A folder outside the project in which `@tensorflow/tfjs` can be required, and nothing of ours. */
export function folderWithTensorFlow(folder: string): string {
  fs.mkdirSync(folder, { recursive: true });
  fs.symlinkSync(path.join(projectFolder, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

/** Asks a process that knows plain tfjs only. */
export function askPlainTensorFlow(
  folder: string,
  requests: readonly PlainRequest[],
): {
  answers: PlainAnswer[];
  modules: string[];
} {
  const script = path.join(folder, 'reader.js');
  fs.writeFileSync(script, reader);
  const said = execFileSync(process.execPath, [script, JSON.stringify(requests)], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(said) as { answers: PlainAnswer[]; modules: string[] };
}
