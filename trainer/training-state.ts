import * as tf from '@tensorflow/tfjs';
import { weightsByName } from '../layers';
import type { NamedArray } from '../files/run/training-state';
import type { Optimizer } from './step/optimizer';

/** All weights of the model (masks and moving averages too), on the host, by `model/name`. */
export function captureWeights(model: tf.LayersModel): Map<string, NamedArray> {
  const weights = [...weightsByName(model)].map(([name, weight]) => [name, weight.read()] as const);
  return new Map(weights.map(([name, tensor]) => [`model/${name}`, arrayOf(tensor)]));
}

/** The weights of the model and all slots, by `optimizer/name`, on the host. */
export function captureTensors(
  model: tf.LayersModel,
  optimizer: Optimizer,
): Map<string, NamedArray> {
  const slots = [...optimizer.slots].map(
    ([name, slot]) => [`optimizer/${name}`, arrayOf(slot)] as const,
  );
  return new Map([...captureWeights(model), ...slots]);
}

/**
 * Puts captured tensors back.
 *
 * @param steps updates the optimizer had made.
 * @throws {TypeError} when a weight of the model is missing or has another shape; nothing changes then.
 */
export function restoreTensors(
  model: tf.LayersModel,
  optimizer: Optimizer,
  tensors: ReadonlyMap<string, NamedArray>,
  steps: number,
): void {
  const weights = weightsByName(model);
  for (const [name, weight] of weights) {
    const saved = tensors.get(`model/${name}`);
    const [wanted, found] = [weight.shape.join(), saved?.shape.join()];
    if (wanted !== found) {
      throw new TypeError(
        `checkpoint must hold ${name} of shape [${wanted}], it has ${saved ? `[${found}]` : 'none'}`,
      );
    }
  }
  for (const [name, weight] of weights) {
    const value = tensorOf(tensors.get(`model/${name}`)!);
    weight.write(value);
    value.dispose();
  }
  const slots = [...tensors].filter(([name]) => name.startsWith('optimizer/'));
  optimizer.restore({
    slots: new Map(
      slots.map(([name, array]) => [name.slice('optimizer/'.length), tensorOf(array)]),
    ),
    steps,
  });
}

/** The name of a weight that holds NaN or infinity; null where none does. */
export function weightNotFinite(model: tf.LayersModel): string | null {
  for (const [name, weight] of weightsByName(model)) {
    const isFinite = tf.tidy(() => tf.all(tf.isFinite(weight.read())).dataSync()[0] === 1);
    if (!isFinite) return name;
  }
  return null;
}

function arrayOf(tensor: tf.Tensor): NamedArray {
  const { shape } = tensor;
  const dtype = tensor.dtype as NamedArray['dtype'];
  return { shape, dtype, values: tensor.dataSync<'float32'>().slice() };
}

function tensorOf({ values, shape, dtype }: NamedArray): tf.Tensor {
  return tf.tensor(values, [...shape], dtype);
}
