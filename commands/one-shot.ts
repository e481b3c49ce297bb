/** What pruning without training needs, at one rate or several: a choice, and inputs for the proof. */
import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../backend/random';
import type { ConfigOf } from '../config';
import { ConfigError } from '../config/error';
import { removedUnits } from '../graph';
import type { ChannelGraph, KeepSet } from '../graph';
import { weightsByName } from '../layers';
import { methodOf } from './network';
import { asUsage } from './usage';

/** A trained network, what may go of it, and where it comes from. */
export interface Trained {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly file: string;
}

/**
 * What stays of the network at a rate.
 *
 * @throws {ConfigError} when nothing would go.
 */
export async function keepAt(
  rate: number,
  { model, graph, file }: Trained,
  config: ConfigOf<'prune'>,
): Promise<KeepSet> {
  const weights = weightsByName(model);
  const keep = await asUsage(() =>
    methodOf({ ...config, rate, regrowth: 'hard' })?.choose(graph, (name) =>
      weights.get(name)!.read(),
    ),
  );
  if (keep && removedUnits(keep) > 0) return keep;
  throw new ConfigError({
    key: config.rates.length > 0 ? '--rates' : '--rate',
    problem: `must remove something from ${file}: nothing would go`,
    received: rate,
    source: 'command line or default',
  });
}

/** Standard normal inputs of the model's size, in batches of at most 16. */
export function* randomInputs(
  model: tf.LayersModel,
  count: number,
  seed: number,
): Generator<tf.Tensor> {
  const shape = model.inputs[0]!.shape.slice(1);
  if (model.inputs.length !== 1 || shape.includes(null)) {
    throw new TypeError('the network must have one input of a known size to be verified');
  }
  for (let done = 0; done < count; done += 16) {
    const batch = [Math.min(16, count - done), ...(shape as number[])];
    const input = tf.randomNormal(batch, 0, 1, 'float32', seedOf('verify', seed, done));
    try {
      yield input;
    } finally {
      input.dispose();
    }
  }
}
