/**
 * Our half of the comparison of outputs with PyTorch: bench/reference/zoo_outputs.py starts it.
 *
 * Reads a folder with `network.json`, `weights.bin` and `images.bin`, computes the logits on the native
 * engine and writes `logits.bin`; all numbers are float32, little-endian, in our layout.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../backend/engine';
import { weightsByName } from '../layers';
import { architectures } from '../models';
import type { ArchitectureId, Variant } from '../models';

/** What `network.json` says. */
interface Exchange {
  readonly arch: ArchitectureId;
  readonly variant: Variant;
  /** [n, h, w, c] */
  readonly images: [number, number, number, number];
  readonly classes: number;
  /** In the order of `weights.bin`. */
  readonly weights: readonly { readonly name: string; readonly shape: number[] }[];
}

const floats = (file: string): Float32Array => {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((size, length) => size * length, 1);

/** Gives the model the weights of the folder; every weight must be there once and have its shape. */
function assign(model: tf.LayersModel, { weights }: Exchange, values: Float32Array): void {
  const variables = weightsByName(model);
  let offset = 0;
  for (const { name, shape } of weights) {
    const variable = variables.get(name);
    if (!variable) throw new TypeError(`${model.name} has no weight ${name}`);
    const value = tf.tensor(values.slice(offset, offset + sizeOf(shape)), shape);
    variable.write(value); // throws where the shapes differ
    value.dispose();
    variables.delete(name);
    offset += sizeOf(shape);
  }
  if (variables.size > 0) {
    throw new TypeError(`no values for ${[...variables.keys()].join(', ')} of ${model.name}`);
  }
}

async function main(folder: string): Promise<void> {
  await startEngine('tensorflow');
  const text = fs.readFileSync(path.join(folder, 'network.json'), 'utf8');
  const exchange = JSON.parse(text) as Exchange;
  const { arch, variant, images, classes } = exchange;
  const [, height, width, channels] = images;
  const inputShape = [height, width, channels] as const;
  const model = architectures[arch]({ inputShape, classes, variant, seed: null });
  assign(model, exchange, floats(path.join(folder, 'weights.bin')));
  const logits = model.predict(tf.tensor(floats(path.join(folder, 'images.bin')), images));
  const values = (await (logits as tf.Tensor).data()) as Float32Array;
  fs.writeFileSync(path.join(folder, 'logits.bin'), values);
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('usage: ts-node bench/zoo-parity.ts FOLDER');
void main(folder);
