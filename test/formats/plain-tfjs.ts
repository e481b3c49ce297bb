import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectFolder } from '../compiled';

/**
 * Loads exports with nothing but `@tensorflow/tfjs` and says what they compute: for inputs of the
 * model's shapes with values sin(0), sin(1), ... on the `cpu` backend, all outputs one after the other.
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
  for (const { folder, manifest, free, integersBelow } of JSON.parse(process.argv[2])) {
    const model = await load(folder);
    if (manifest) silence(model, JSON.parse(fs.readFileSync(manifest, 'utf8')));
    const value = (index) => integersBelow
      ? Math.floor(Math.abs(Math.sin(index)) * integersBelow) : Math.sin(index);
    const inputs = model.inputs.map((input, at) => {
      const shape = [2, ...input.shape.slice(1).map((length) => length ?? free)];
      const size = shape.reduce((product, length) => product * length, 1);
      const values = Float32Array.from({ length: size }, (_, index) => value(index + 7 * at));
      return tf.tensor(values, shape);
    });
    const outputs = [model.predict(inputs)].flat();
    const classes = model.layers.map((layer) => layer.getClassName());
    answers.push({ output: outputs.flatMap((one) => [...one.dataSync()]), classes });
  }
  const modules = Object.keys(require.cache);
  fs.writeSync(1, JSON.stringify({ answers, modules }));
})();`;

/** A network to load, with the pruning.json by which to silence it first. */
export interface PlainRequest {
  readonly folder: string;
  readonly manifest?: string;
  /** How long an axis is that the network leaves free. */
  readonly free?: number;
  /** Inputs are integers below this. */
  readonly integersBelow?: number;
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
