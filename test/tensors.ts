import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { RandomStream } from '../random/seeds';

/** Largest difference over largest magnitude: float32 sums of some hundred terms, in other orders. */
const tolerance = 1e-5;

/** A tensor of numbers in [-1, 1) that depend on the arguments alone. */
export function random(shape: readonly number[], seed = 1): tf.Tensor {
  const stream = new RandomStream(seed);
  const values = Float32Array.from(
    { length: tf.util.sizeFromShape([...shape]) },
    () => stream.next() * 2 - 1,
  );
  return tf.tensor(values, [...shape]);
}

/** Makes tensors and brings their values home; nothing stays on the device. */
export function valuesOf(make: () => tf.Tensor[]): Float32Array[] {
  const tensors = tf.tidy(make);
  const values = tensors.map((tensor) => Float32Array.from(tensor.dataSync()));
  tf.dispose(tensors);
  return values;
}

/** Expects the same values up to `limit` times the largest magnitude. */
export function expectClose(
  received: ArrayLike<number>,
  expected: ArrayLike<number>,
  limit = tolerance,
): void {
  expect(received.length).toBe(expected.length);
  let [largest, difference] = [1e-3, 0]; // where all is 0, so must be the other
  for (let index = 0; index < expected.length; index++) {
    expect(received[index]).not.toBeNaN();
    largest = Math.max(largest, Math.abs(expected[index]!));
    difference = Math.max(difference, Math.abs(expected[index]! - received[index]!));
  }
  expect(difference / largest).toBeLessThanOrEqual(limit);
}

/** Expects that `action` leaves as many tensors as it found. */
export function expectNoLeak(action: () => void): void {
  action(); // what is made once and kept
  const before = tf.memory().numTensors;
  action();
  expect(tf.memory().numTensors).toBe(before);
}

/** Gives every weight of a model random values that depend on its place; variances are positive. */
export function randomizeWeights(model: tf.LayersModel, seed = 1): void {
  for (const [index, weight] of model.weights.entries()) {
    tf.tidy(() => {
      const value = random(weight.shape as number[], seed * 1000 + index);
      const positive = weight.originalName.includes('variance');
      weight.write(positive ? tf.add(tf.abs(value), 0.5) : value);
    });
  }
}
