import type * as tf from '@tensorflow/tfjs';
import { trainingBatches } from '../data';
import type { DataSet, TrainingBatchOptions } from '../data';
import type { ChannelGraph } from '../graph';
import type { Methodology } from '../methods';
import { firstBatches, observed } from './observation';
import type { LabelledBatch } from './step';

/**
 * The first training batches of an epoch, unaltered but for the normalisation, as a method observes
 * them; each is freed when the next is asked for.
 *
 * @param onBatch called before each batch, once signals had a turn; what it throws ends the observation.
 */
export async function* observedBatches(
  data: DataSet,
  order: Pick<TrainingBatchOptions, 'seed' | 'epoch' | 'batchSize'>,
  count: number,
  onBatch?: () => void,
): AsyncGenerator<LabelledBatch> {
  const batches = trainingBatches(data, { ...order, augment: false });
  for await (const batch of firstBatches(batches, count)) {
    await new Promise((resolve) => setImmediate(resolve));
    onBatch?.();
    yield batch;
  }
}

/**
 * Runs `act` while the method has what it wants to see of the network at work.
 *
 * @param batches asked for only where the method observes.
 */
export async function withEvidence<T>(
  { model, graph, method }: { model: tf.LayersModel; graph: ChannelGraph; method: Methodology },
  batches: () => AsyncIterable<LabelledBatch>,
  act: () => T,
): Promise<T> {
  if (method.observes === 'nothing') return act();
  const evidence = await observed(model, graph, method, batches());
  method.evidence = evidence;
  try {
    return act();
  } finally {
    method.evidence = null;
    for (const tensor of evidence.values()) tensor.dispose();
  }
}
