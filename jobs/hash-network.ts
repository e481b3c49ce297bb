import * as tf from '@tensorflow/tfjs';
import { readInput, sha256 } from '../files';
import { modelPlace } from '../formats';
import { weightsHash } from '../layers';

/**
 * The SHA-256 by which a network is known again: of its weights, and of its file where it has one.
 *
 * @param model as it was loaded; borrowed. @param given the model itself, or the path that it was read from.
 */
export async function hashNetwork(
  model: tf.LayersModel,
  given: tf.LayersModel | string,
): Promise<string> {
  // What a model in memory is called depends on how many there were before it: its weights tell it.
  const isFile = !(given instanceof tf.LayersModel);
  const file = isFile ? [await readInput(await modelPlace(given), Infinity)] : [];
  return sha256(...file, weightsHash(model));
}
