import * as tf from '@tensorflow/tfjs';
import { weightsByName } from '../layers';
import type { NamedArray } from '../files/run/checkpoint';
import { readArrays, takePrefix, tensorOf, underPrefix } from './arrays';
import type { Optimizer } from './step/optimizer';

/** All weights of a model by name, masks and moving averages too, on the host. */
export function readWeights(model: tf.LayersModel): Map<string, NamedArray> {
  return readArrays(
    new Map([...weightsByName(model)].map(([name, weight]) => [name, weight.read()])),
  );
}

/** All weights of the model (masks and moving averages too) and all slots, on the host. */
export function captureTensors(
  model: tf.LayersModel,
  optimizer: Optimizer,
): Map<string, NamedArray> {
  return new Map([
    ...underPrefix('model', readWeights(model)),
    ...underPrefix('optimizer', optimizer.state().slots),
  ]);
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
  optimizer.restore({ slots: takePrefix('optimizer', tensors), steps });
}

/** The name of a weight that holds NaN or infinity; null where none does. */
export function weightNotFinite(model: tf.LayersModel): string | null {
  for (const [name, weight] of weightsByName(model)) {
    const isFinite = tf.tidy(() => tf.all(tf.isFinite(weight.read())).dataSync()[0] === 1);
    if (!isFinite) return name;
  }
  return null;
}
