import * as tf from '@tensorflow/tfjs';
import { assignWeight, weightsByName } from '.';

/** A weight on the host: row-major float32. */
export interface HostWeight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Copies a weight to the host. */
export function hostWeight(weight: tf.LayerVariable): HostWeight {
  return { shape: weight.shape as number[], values: new Float32Array(weight.read().dataSync()) };
}

/**
 * Gives every weight of a model its value.
 *
 * @param weights by name; those that the model does not have are left out.
 * @throws {TypeError} when one is missing.
 */
export function assignWeights(
  model: tf.LayersModel,
  weights: ReadonlyMap<string, HostWeight>,
): void {
  for (const [name, variable] of weightsByName(model)) {
    const weight = weights.get(name);
    if (!weight) throw new TypeError(`no value for the weight ${name}`);
    const value = tf.tensor(weight.values, weight.shape as number[]);
    assignWeight(variable, value);
    value.dispose();
  }
}

/**
 * The part of a weight that stays.
 *
 * @param kept per axis the indices that stay, ascending; axes that it does not name stay whole.
 */
export function slice(
  { shape, values }: HostWeight,
  kept: ReadonlyMap<number, readonly number[]>,
): HostWeight {
  let left: HostWeight = { shape, values };
  // The outermost axis first: its parts are the longest, and what they leave out is never looked at.
  for (const [axis, indices] of [...kept].sort(([one], [other]) => one - other)) {
    if (indices.length < shape[axis]!) left = sliceAlong(left, axis, indices);
  }
  return left;
}

/** The weight at these indices of an axis, in this order. */
export function sliceAlong(
  weight: HostWeight,
  axis: number,
  indices: readonly number[],
): HostWeight {
  const { outer, length, inner } = around(weight.shape, axis);
  const values = new Float32Array(outer * indices.length * inner);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    const start = block * length;
    if (inner === 1) {
      for (const index of indices) values[at++] = weight.values[start + index]!; // a view each would be dear
      continue;
    }
    for (const index of indices) {
      values.set(weight.values.subarray((start + index) * inner, (start + index + 1) * inner), at);
      at += inner;
    }
  }
  const shape = weight.shape.map((size, other) => (other === axis ? indices.length : size));
  return { shape, values };
}

/** A copy with zeros wherever the index along the axis is not kept. */
export function silenceAlong(
  weight: HostWeight,
  axis: number,
  stays: readonly boolean[],
): HostWeight {
  const { outer, length, inner } = around(weight.shape, axis);
  const gone = stays.flatMap((stay, index) => (stay ? [] : [index]));
  const values = weight.values.slice();
  for (let block = 0; block < outer; block++) {
    for (const index of gone) {
      const start = (block * length + index) * inner;
      values.fill(0, start, start + inner);
    }
  }
  return { shape: weight.shape, values };
}

/** A copy with zeros wherever the flag of the single weight is 0. */
export function silenceSingly(weight: HostWeight, flags: Uint8Array): HostWeight {
  const values = weight.values.map((value, index) => (flags[index] ? value : 0));
  return { shape: weight.shape, values };
}

/** The opposite of `sliceAlong`: the parts go to these indices of a copy of `whole`. */
export function placeAlong(
  { part, whole }: { part: HostWeight; whole: HostWeight },
  axis: number,
  indices: readonly number[],
): HostWeight {
  const { outer, length, inner } = around(whole.shape, axis);
  const values = whole.values.slice();
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const index of indices) {
      const start = (block * length + index) * inner;
      values.set(part.values.subarray(at, at + inner), start);
      at += inner;
    }
  }
  return { shape: whole.shape, values };
}

/** Sizes around an axis: row-major index = (block * length + index) * inner + offset. */
function around(
  shape: readonly number[],
  axis: number,
): { outer: number; length: number; inner: number } {
  const product = (sizes: readonly number[]): number =>
    sizes.reduce((size, part) => size * part, 1);
  return {
    outer: product(shape.slice(0, axis)),
    length: shape[axis]!,
    inner: product(shape.slice(axis + 1)),
  };
}
