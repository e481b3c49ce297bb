import type * as tf from '@tensorflow/tfjs';
import { ConfigError } from '../config/error';
import type { ConfigOf } from '../config';
import { readModel } from '../formats';
import { CheckpointStateError } from '../files/run/checkpoint-errors';
import { Distillation, weightsHash } from '../trainer/step/distillation';
import { checkFits } from './network';
import type { Network } from './network';

/** The network that the trained one also learns from. */
export interface Teacher {
  /** The caller owns it; with `dense` it is the network that was given. */
  readonly model: tf.LayersModel;
  /** A name for where it came from. */
  readonly source: string;
  /** Of its weights: a run that goes on must have the same. */
  readonly sha256: string;
  /** What it adds to the loss. */
  readonly term: Distillation;
}

/**
 * The teacher that the options ask for; null where they ask for none.
 *
 * @param dense the network before pruning.
 * @param image height, width and channels of the images.
 * @throws {ConfigError} when it takes other images, answers other classes or has a weight that is not
 *   finite.
 */
export async function teacherOf(
  config: Pick<ConfigOf<'train'>, 'teacher' | 'distillWeight' | 'temperature'>,
  dense: Network,
  image: readonly number[],
  classes: number,
): Promise<Teacher | null> {
  const { teacher: choice, distillWeight, temperature } = config;
  if (choice === null) return null;
  const network = choice === 'dense' ? dense : { model: await readModel(choice), source: choice };
  const { model, source } = network;
  checkFits(network, image, classes, '--teacher');
  const term = new Distillation(model, { weight: distillWeight, temperature });
  return { model, source, sha256: hashOf(model, source), term };
}

function hashOf(model: tf.LayersModel, source: string): string {
  try {
    return weightsHash(model);
  } catch (error) {
    if (!(error instanceof CheckpointStateError)) throw error;
    const problem = `must have finite weights: ${error.message}`;
    throw new ConfigError({ key: '--teacher', problem, received: source, source: 'the file' });
  }
}
