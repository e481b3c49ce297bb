import type * as tf from '@tensorflow/tfjs';
import { trainingBatches } from '../../data';
import type { DataSet, LabelledBatch, TrainingBatchOptions } from '../../data';
import type { ChannelGraph } from '../../graph';
import type { Methodology } from '../../methods';
import { breathe } from '../../stopping';
import { firstBatches, observed } from './observation';

/**
 * The first training batches of an epoch, unaltered but for the normalisation, as a method observes
 * them; each is freed when the next is asked for.
 *
 * @throws {StoppedError} before a batch, once the signal has been aborted.
 */
export async function* observedBatches(
  data: DataSet,
  order: Pick<TrainingBatchOptions, 'seed' | 'epoch' | 'batchSize'>,
  count: number,
  signal?: AbortSignal,
): AsyncGenerator<LabelledBatch> {
  const batches = trainingBatches(data, { ...order, augment: false });
  for await (const batch of firstBatches(batches, count)) {
    await breathe(signal);
    yield batch;
  }
}

/** A method, and the network that it is to see. */
interface Observer {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly method: Methodology;
}

/**
 * Shows a method what it wants to see of the network at work, for as long as the answer is not disposed.
 *
 * @param batches asked for only where the method observes; borrowed one by one.
 */
export async function seen(
  { model, graph, method }: Observer,
  batches: AsyncIterable<LabelledBatch>,
): Promise<Disposable> {
  if (method.observes === 'nothing') return { [Symbol.dispose]: () => undefined };
  const evidence = await observed({ model, graph }, method, batches);
  method.evidence = evidence;
  return {
    [Symbol.dispose]: () => {
      method.evidence = null;
      for (const tensor of evidence.values()) tensor.dispose();
    },
  };
}

/** Runs `act` while the method has what it wants to see; `batches` as in `seen`. */
export async function withEvidence<T>(
  observer: Observer,
  batches: () => AsyncIterable<LabelledBatch>,
  act: () => T,
): Promise<T> {
  const evidence = await seen(observer, batches());
  try {
    return act();
  } finally {
    evidence[Symbol.dispose]();
  }
}
