import type * as tf from '@tensorflow/tfjs';
import { layerOf, weightsByName } from './rebuild';

/** Paths of the layers of which nothing is trained: by their own flag, or by that of a model around them. */
export function frozenLayers(model: tf.LayersModel): Set<string> {
  const trained = new Set(model.trainableWeights);
  const frozen = new Set<string>();
  const open = new Set<string>();
  for (const [name, weight] of weightsByName(model)) {
    (trained.has(weight) ? open : frozen).add(layerOf(name));
  }
  return new Set([...frozen].filter((path) => !open.has(path)));
}
