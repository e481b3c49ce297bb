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

/** TensorFlow.js makes geluNew of the name with which it writes gelu_new, and knows no such activation. */
class GeluNew extends tf.serialization.Serializable {
  static className = 'geluNew';
  static fromConfig() { return new GeluNew(); }
  getConfig() { return {}; }
  apply(x) {
    return tf.tidy(() => {
      const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
      return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
    });
  }
}
tf.serialization.registerClass(GeluNew);

/** All layers by path, those of nested models too. */
function layersOf(model, prefix = '') {
  return model.layers.flatMap((layer) => layer.layers
    ? layersOf(layer, prefix + layer.name + '/') : [[prefix + layer.name, layer]]);
}

/** Zeroes what pruning.json says is gone, by the description of its format alone. */
function silence(model, { layers: named }) {
  const all = new Map(layersOf(model));
  for (const [name, { outputs, kept }] of Object.entries(named)) {
    const layer = all.get(name);
    const className = (layer.layer ?? layer).getClassName();
    for (const weight of layer.weights) {
      const kind = weight.originalName.split('/').pop();
      if (kind === 'moving_variance') continue;
      if (kind === 'depthwise_kernel' && className === 'SeparableConv2D') continue; // of what comes in
      if (kind === 'alpha' && weight.shape[weight.shape.length - 1] === 1 && outputs > 1) continue; // shared
      // Kernels of transposed convolutions have their outputs last but one.
      const isTurned = kind === 'kernel' && className.endsWith('Transpose');
      const values = weight.read().dataSync().slice();
      const inner = isTurned ? weight.shape[weight.shape.length - 1] : 1;
      const width = kind === 'depthwise_kernel'
        ? outputs : weight.shape[weight.shape.length - (isTurned ? 2 : 1)];
      if (width !== outputs) throw new Error(name + '/' + kind + ' has ' + width + ' outputs');
      for (let index = 0; index < values.length; index++) {
        if (!kept.includes(Math.floor(index / inner) % outputs)) values[index] = 0;
      }
      weight.constraint = null; // it would change the others
      weight.write(tf.tensor(values, weight.shape));
    }
  }
}

/** Zeroes the weights that are zero in another network, and counts them; all others must be the same. */
async function thin(model, folder) {
  const others = new Map((await load(folder)).weights.map((weight) => [weight.originalName, weight]));
  let count = 0;
  for (const weight of model.weights) {
    const [own, other] = [weight, others.get(weight.originalName)].map((one) => one.read().dataSync());
    weight.constraint = null;
    weight.write(tf.tensor(own.map((value, at) => {
      if (other[at] !== value && other[at] !== 0) throw new Error(weight.originalName + ' changed');
      if (other[at] === 0 && value !== 0) count++;
      return other[at];
    }), weight.shape));
  }
  return count;
}

async function answer({ folder, manifest, thinnedAs, free, integersBelow }) {
  const model = await load(folder);
  if (manifest) silence(model, JSON.parse(fs.readFileSync(manifest, 'utf8')));
  const thinned = thinnedAs ? await thin(model, thinnedAs) : 0;
  const inputs = model.inputs.map((input, at) => {
    const below = Array.isArray(integersBelow) ? integersBelow[at] : integersBelow;
    const value = (index) => below
      ? Math.floor(Math.abs(Math.sin(index)) * below) : Math.sin(index);
    const shape = [2, ...input.shape.slice(1).map((length) => length ?? free)];
    const size = shape.reduce((product, length) => product * length, 1);
    const values = Float32Array.from({ length: size }, (_, index) => value(index + 7 * at));
    return tf.tensor(values, shape);
  });
  const outputs = [model.predict(inputs)].flat();
  const output = outputs.flatMap((one) => [...one.dataSync()].map((value) =>
    Number.isFinite(value) ? value : String(value)));
  const classes = model.layers.map((layer) => layer.getClassName());
  tf.disposeVariables();
  return { output, classes, thinned, shapes: outputs.map(({ shape }) => shape) };
}

(async () => {
  await tf.setBackend('cpu');
  const answers = [];
  const { requests, isTolerant } = JSON.parse(fs.readFileSync(0, 'utf8'));
  for (const request of requests) {
    try {
      answers.push(await answer(request));
    } catch (error) {
      if (!isTolerant) throw error;
      answers.push({ output: [], classes: [], thinned: 0, shapes: [], error: String(error.stack) });
    }
  }
  const modules = Object.keys(require.cache);
  fs.writeFileSync('answers.json', JSON.stringify({ answers, modules }));
})();`;

/** A network to load, with the pruning.json by which to silence it first. */
export interface PlainRequest {
  readonly folder: string;
  readonly manifest?: string;
  /** A folder whose network has some of the weights at zero, which are zero here then too. */
  readonly thinnedAs?: string;
  /** How long an axis is that the network leaves free. */
  readonly free?: number;
  /** Inputs are integers below this, all or each as the list says; numbers where it is null. */
  readonly integersBelow?: number | readonly (number | null)[];
}

/** What plain tfjs said. */
export interface PlainAnswer {
  /** All outputs one after the other; what is not finite as text. */
  readonly output: number[];
  readonly shapes: number[][];
  readonly classes: string[];
  /** Weights that became zero after another network. */
  readonly thinned: number;
  /** Why there is no output. */
  readonly error?: string;
}

/** A folder outside the project in which `@tensorflow/tfjs` can be required, and nothing of ours. */
export function folderWithTensorFlow(folder: string): string {
  fs.mkdirSync(folder, { recursive: true });
  fs.symlinkSync(path.join(projectFolder, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

/**
 * Asks a process that knows plain tfjs only.
 *
 * @param options.isTolerant whether a network that fails is an answer too.
 */
export function askPlainTensorFlow(
  folder: string,
  requests: readonly PlainRequest[],
  { isTolerant = false } = {},
): {
  answers: PlainAnswer[];
  modules: string[];
} {
  const script = path.join(folder, 'reader.js');
  fs.writeFileSync(script, reader);
  execFileSync(process.execPath, [script], {
    cwd: folder,
    input: JSON.stringify({ requests, isTolerant }),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const said = fs.readFileSync(path.join(folder, 'answers.json'), 'utf8');
  return JSON.parse(said) as { answers: PlainAnswer[]; modules: string[] };
}
