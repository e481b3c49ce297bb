import * as tf from '@tensorflow/tfjs';
import { namingMemory } from '../backend/out-of-memory';
import { batchCount, trainingBatches } from '../data';
import type { Batch, DataSet } from '../data';
import { OptionError } from '../errors';
import type { KeepSet, Network } from '../graph';
import { projectLayers } from '../graph';
import { BatchStatistics, clearMasks, setMasks } from '../layers';
import { breathe } from '../stopping';

/** Which training images are looked at. */
export interface SampleOptions {
  readonly seed: number;
  readonly batchSize: number;
  /** Batches in all. */
  readonly batches: number;
}

/**
 * The first training batches in the order of the seed, without augmentation; further epochs follow
 * where one is too short. A last, smaller batch is left out unless it is the only one.
 *
 * Each batch is freed when the next is asked for.
 */
export async function* sampleBatches(
  data: DataSet,
  { seed, batchSize, batches }: SampleOptions,
): AsyncGenerator<Batch> {
  const dropLast = batchCount(data.train.count, batchSize, true) > 0;
  let taken = 0;
  for (let epoch = 0; taken < batches; epoch++) {
    for await (const batch of trainingBatches(data, {
      seed,
      epoch,
      batchSize,
      augment: false,
      dropLast,
    })) {
      try {
        yield batch;
      } finally {
        batch.dispose();
      }
      if (++taken === batches) break;
    }
  }
}

/**
 * Measures the moving mean and variance of every BatchNormalization anew, on the network that `keep`
 * leaves: what they learnt was of the whole one.
 *
 * Each becomes the plain mean over the batches of the batch's own mean and (unbiased) variance, each
 * batch normalized by itself as in training, dropout off as in use. Nothing else changes; no gradient
 * is taken.
 *
 * @param model prunable; its masks are full after.
 * @param batches borrowed one by one.
 * @throws {OptionError} when the model has no BatchNormalization.
 * @throws {StoppedError} before a batch, when the signal has been aborted; the averages are then as they were.
 */
export async function reestimate(
  { model, graph }: Pick<Network, 'model' | 'graph'>,
  keep: KeepSet,
  batches: AsyncIterable<{ readonly images: tf.Tensor }>,
  signal?: AbortSignal,
): Promise<void> {
  const statistics = new BatchStatistics(model);
  if (statistics.count === 0) {
    const problem = 'has no BatchNormalization whose averages could be measured';
    throw new OptionError({ option: 'network', problem });
  }
  setMasks(model, projectLayers(graph, keep), 'unit');
  try {
    for await (const { images } of batches) {
      await breathe(signal);
      const attempt = { work: `measuring ${model.name}`, batchSize: images.shape[0] };
      namingMemory(attempt, () => {
        statistics.during(() => {
          tf.tidy(() => void model.apply(images, { training: false }));
        });
      });
    }
  } finally {
    clearMasks(model);
  }
  statistics.write();
}
