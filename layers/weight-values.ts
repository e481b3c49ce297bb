import * as tf from '@tensorflow/tfjs';
import { stateHash } from '../files/run/encode-checkpoint';
import type { NamedArray } from '../files/run/training-state';
import { NotFiniteError } from './not-finite-error';
import { weightsByName } from './rebuild';

/** All weights of the model (masks and moving averages too), on the host, by `model/name`. */
export function captureWeights(model: tf.LayersModel): Map<string, NamedArray> {
  const weights = [...weightsByName(model)].map(([name, weight]) => [name, weight.read()] as const);
  return new Map(weights.map(([name, tensor]) => [`model/${name}`, arrayOf(tensor)]));
}

/**
 * The SHA-256 of a network's weights with their names, by which a resumed run knows its networks again.
 *
 * @throws {CheckpointStateError} when a weight is not finite; it names the weight.
 */
export function weightsHash(model: tf.LayersModel): string {
  return stateHash({ tensors: captureWeights(model), record: {} });
}

/** The name of a weight that holds NaN or infinity; null where none does. */
export function weightNotFinite(model: tf.LayersModel): string | null {
  for (const [name, weight] of weightsByName(model)) {
    const isFinite = tf.tidy(() => tf.all(tf.isFinite(weight.read())).dataSync()[0] === 1);
    if (!isFinite) return name;
  }
  return null;
}

/**
 * Refuses a network with a weight that holds NaN or infinity.
 *
 * @param source where the network comes from, for the error.
 * @throws {NotFiniteError} naming the weight.
 */
export function requireFiniteWeights(model: tf.LayersModel, source = model.name): void {
  const name = weightNotFinite(model);
  if (name !== null) throw new NotFiniteError(source, `the weight ${name} is not finite`);
}

/** A tensor's values on the host. */
export function arrayOf(tensor: tf.Tensor): NamedArray {
  const { shape } = tensor;
  const dtype = tensor.dtype as NamedArray['dtype'];
  return { shape, dtype, values: tensor.dataSync<'float32'>().slice() };
}

/** A tensor of these values; the caller owns it. */
export function tensorOf({ values, shape, dtype }: NamedArray): tf.Tensor {
  return tf.tensor(values, [...shape], dtype);
}
