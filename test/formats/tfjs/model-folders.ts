import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll } from 'vitest';
import { randomizeWeights } from '../../tensors';

/** A JSON value that a test may take apart. */
export type Loose = null | boolean | number | string | Loose[] | { [key: string]: Loose };
export type LooseObject = Record<string, Loose>;

/** A model.json as a test changes it. */
export interface LooseModelJson {
  [key: string]: Loose;
  modelTopology: LooseObject;
  weightsManifest: { paths: string[]; weights: LooseObject[] }[];
}

/** A model's files: model.json and its weight file. */
export interface LooseModel {
  json: LooseModelJson;
  weights: Buffer;
}

/** A new folder that goes when the tests of the file are done. */
export function scratchFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-export-'));
  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Residual, with a shared layer, a nested model and both kinds of merge; 8x8x3 in, 3 out. */
export function functionalModel(): tf.LayersModel {
  const { layers } = tf;
  const conv = (name: string, filters: number): tf.layers.Layer =>
    layers.conv2d({ name, filters, kernelSize: 3, padding: 'same' });
  const input = tf.input({ name: 'image', shape: [8, 8, 3] });
  let x = conv('conv1', 6).apply(input) as tf.SymbolicTensor;
  x = layers.batchNormalization({ name: 'bn1' }).apply(x) as tf.SymbolicTensor;
  const shared = conv('shared', 6);
  const once = shared.apply(x) as tf.SymbolicTensor;
  const twice = shared.apply(once) as tf.SymbolicTensor;
  x = layers.add({ name: 'add' }).apply([once, twice]) as tf.SymbolicTensor;
  x = tf
    .sequential({
      name: 'block',
      layers: [
        layers.depthwiseConv2d({ name: 'inner1', kernelSize: 3, inputShape: [8, 8, 6] }),
        layers.reLU({ name: 'inner2' }),
      ],
    })
    .apply(x) as tf.SymbolicTensor;
  x = layers
    .concatenate({ name: 'both' })
    .apply([
      x,
      layers.reLU({ name: 'relu', maxValue: 6 }).apply(x) as tf.SymbolicTensor,
    ]) as tf.SymbolicTensor;
  x = layers.globalAveragePooling2d({ name: 'pool' }).apply(x) as tf.SymbolicTensor;
  const outputs = layers.dense({ name: 'fc', units: 3 }).apply(x) as tf.SymbolicTensor;
  const model = tf.model({ name: 'functional', inputs: input, outputs });
  randomizeWeights(model);
  return model;
}

/** As Teachable Machine writes it: a Sequential that holds a Sequential that holds a model, and a head. */
export function nestedModel(): tf.LayersModel {
  const { layers } = tf;
  const input = tf.input({ name: 'in', shape: [8, 8, 3] });
  const x = layers
    .conv2d({ name: 'stem', filters: 4, kernelSize: 3, strides: 2, useBias: false })
    .apply(input) as tf.SymbolicTensor;
  const y = layers.batchNormalization({ name: 'stem_bn' }).apply(x) as tf.SymbolicTensor;
  const features = tf.sequential({
    name: 'features',
    layers: [
      tf.model({ name: 'backbone', inputs: input, outputs: y }),
      layers.globalAveragePooling2d({ name: 'pool' }),
    ],
  });
  const head = tf.sequential({
    name: 'head',
    layers: [
      layers.dense({ name: 'hidden', units: 5, activation: 'relu', inputShape: [4] }),
      layers.dense({ name: 'classes', units: 2, useBias: false, activation: 'softmax' }),
    ],
  });
  const model = tf.sequential({ name: 'machine', layers: [features, head] });
  randomizeWeights(model);
  return model;
}

/** Convolutions and an LSTM: wrappers, cells, an Embedding's integer input stay out of its way. */
export function sequentialModel(): tf.LayersModel {
  const { layers } = tf;
  const model = tf.sequential({
    name: 'sequence',
    layers: [
      layers.timeDistributed({
        name: 'each',
        inputShape: [4, 5],
        layer: layers.dense({ name: 'point', units: 4, activation: 'tanh' }),
      }),
      layers.bidirectional({
        name: 'both_ways',
        layer: layers.lstm({ name: 'lstm', units: 3 }),
        mergeMode: 'concat',
      }),
      layers.dense({ name: 'out', units: 2 }),
    ],
  });
  randomizeWeights(model);
  return model;
}

/** The bits of all weights in the model's order. */
export function weightBits(model: tf.LayersModel): string[] {
  return model.weights.map((weight) => {
    const { buffer, byteOffset, byteLength } = weight.read().dataSync();
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  });
}

/** What the model computes for one fixed batch of its input's shape. */
export function outputOf(model: tf.LayersModel, batch = 2): number[] {
  const [, ...shape] = model.inputs[0]!.shape as number[];
  const size = tf.util.sizeFromShape(shape) * batch;
  const output = tf.tidy(() => {
    const x = tf.tensor(
      Float32Array.from({ length: size }, (_, index) => Math.sin(index)),
      [batch, ...shape],
    );
    return model.predict(x) as tf.Tensor;
  });
  const values = [...output.dataSync()];
  output.dispose();
  return values;
}

/** A written model with its weight files joined, free to be changed. */
export function readLoose(folder: string): LooseModel {
  const json = JSON.parse(
    fs.readFileSync(path.join(folder, 'model.json'), 'utf8'),
  ) as LooseModelJson;
  const names = json.weightsManifest.flatMap(({ paths }) => paths);
  json.convertedBy = null; // as others write it: it says no hash of the weights, which a test may change
  return {
    json,
    weights: Buffer.concat(names.map((name) => fs.readFileSync(path.join(folder, name)))),
  };
}

/** Writes a model's files into a new or emptied folder and returns the path of its model.json. */
export function writeLoose(folder: string, { json, weights }: LooseModel): string {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'model.json');
  fs.writeFileSync(file, JSON.stringify(json));
  fs.writeFileSync(path.join(folder, 'group1-shard1of1.bin'), weights);
  return file;
}

/** The same files as plain tfjs loads them, without this project's reader. */
export function plainlyLoaded({ json, weights }: LooseModel): Promise<tf.LayersModel> {
  const { modelTopology, weightsManifest } = structuredClone(json);
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology,
      weightSpecs: weightsManifest.flatMap(
        (group) => group.weights as unknown as tf.io.WeightsManifestEntry[],
      ),
      weightData: Uint8Array.from(weights).buffer,
    }),
  );
}

/** The entry of a layer in a model's config, in nested models too. */
export function layerEntry(topology: LooseObject, name: string): LooseObject {
  const search = (config: LooseObject): LooseObject | undefined => {
    for (const entry of (config.layers ?? []) as LooseObject[]) {
      const inner = entry.config as LooseObject;
      if (inner.name === name) return entry;
      const found = search(inner);
      if (found) return found;
    }
    return undefined;
  };
  const found = search(topology.config as LooseObject);
  if (!found) throw new RangeError(`no layer ${name}`);
  return found;
}
