import * as tf from '@tensorflow/tfjs';
import { weightsByName } from '../layers';
import type { NamedArray } from '../files/run/training-state';
import type { Optimizer } from './step/optimizer';

/** Copies tensors to the host, by `prefix/name`. */
export function readAll(
  prefix: string,
  tensors: ReadonlyMap<string, tf.Tensor>,
): [string, NamedArray][] {
  return [...tensors].map(([name, tensor]) => [
    `${prefix}/${name}`,
    {
      shape: tensor.shape,
      dtype: tensor.dtype as NamedArray['dtype'],
      values: tensor.dataSync<'float32'>().slice(),
    },
  ]);
}

/** All weights of the model (masks and moving averages too) and all slots, on the host. */
export function captureTensors(
  model: tf.LayersModel,
  optimizer: Optimizer,
): Map<string, NamedArray> {
  const weights = new Map([...weightsByName(model)].map(([name, weight]) => [name, weight.read()]));
  return new Map([...readAll('model', weights), ...readAll('optimizer', optimizer.slots)]);
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
  optimizer.restore(
    new Map(slots.map(([name, array]) => [name.slice('optimizer/'.length), tensorOf(array)])),
    steps,
  );
}

/** The name of a weight that holds NaN or infinity; null where none does. */
export function weightNotFinite(model: tf.LayersModel): string | null {
  for (const [name, weight] of weightsByName(model)) {
    const isFinite = tf.tidy(() => tf.all(tf.isFinite(weight.read())).dataSync()[0] === 1);
    if (!isFinite) return name;
  }
  return null;
}

function tensorOf({ values, shape, dtype }: NamedArray): tf.Tensor {
  return tf.tensor(values, [...shape], dtype);
}
