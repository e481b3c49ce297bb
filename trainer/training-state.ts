import type * as tf from '@tensorflow/tfjs';
import { arrayOf, captureWeights, tensorOf, weightsByName } from '../layers';
import type { NamedArray } from '../files/run/training-state';
import type { Optimizer } from './step/optimizer';

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
 * Why captured tensors are not those of this model and an optimizer of it; null where they are.
 *
 * @param tensors whatever a file holds.
 */
export function tensorsFault(
  model: tf.LayersModel,
  tensors: ReadonlyMap<string, NamedArray>,
): string | null {
  const weights = weightsByName(model);
  for (const [name, weight] of weights) {
    const saved = tensors.get(`model/${name}`);
    const [wanted, found] = [weight.shape.join(), saved?.shape.join()];
    if (wanted === found) continue;
    return `must hold ${name} of shape [${wanted}], it has ${saved ? `[${found}]` : 'none'}`;
  }
  for (const [name, { shape }] of tensors) {
    const [, slot, weight] = /^optimizer\/([^/]+)\/(.+)$/.exec(name) ?? [];
    if (weight === undefined || weights.get(weight)?.shape.join() === shape.join()) continue;
    return `must hold a ${slot} of the shape of ${weight}, it has [${shape.join()}]`;
  }
  return null;
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
  const fault = tensorsFault(model, tensors);
  if (fault !== null) throw new TypeError(`checkpoint ${fault}`);
  for (const [name, weight] of weightsByName(model)) {
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
