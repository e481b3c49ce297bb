import * as tf from '@tensorflow/tfjs';
import { RandomStream } from '../random/seeds';
import { assignWeight, weightsByName } from '../layers';

/** Noise drawn once and used over and over: drawing 138 million numbers would take half a minute. */
const LENGTH = 65_537;

/**
 * Gives a network He-scaled random kernels, and shifts and statistics away from their initial values,
 * so that deep networks neither explode nor fade and nothing is zero by chance.
 *
 * The noise repeats after a prime number of weights, which no layer's width divides: no two filters of
 * a layer are equal.
 */
export function fillWithNoise(model: tf.LayersModel, seed: number): void {
  const stream = new RandomStream(seed);
  const noise = Float32Array.from({ length: LENGTH }, () =>
    Math.max(-4, Math.min(4, stream.normal())),
  );
  for (const [name, weight] of weightsByName(model)) {
    const shape = weight.shape as number[];
    const [mean, deviation] = distribution(name, shape);
    const scaled = noise.map((value) => mean + deviation * value);
    const values = new Float32Array(tf.util.sizeFromShape(shape));
    let from = stream.integer(LENGTH); // elsewhere in each weight
    for (let at = 0; at < values.length;) {
      const part = scaled.subarray(from, from + values.length - at);
      values.set(part, at);
      at += part.length;
      from = 0;
    }
    const value = tf.tensor(values, shape);
    assignWeight(weight, value);
    value.dispose();
  }
}

function distribution(name: string, shape: readonly number[]): [mean: number, deviation: number] {
  if (name.endsWith('/moving_variance') || name.endsWith('/gamma')) return [1, 0.1];
  if (shape.length === 1) return [0, 0.1];
  const outputs = name.endsWith('/depthwise_kernel') ? shape.slice(-2) : shape.slice(-1);
  const fanIn = tf.util.sizeFromShape([...shape]) / tf.util.sizeFromShape(outputs);
  return [0, Math.sqrt(2 / fanIn)];
}
