import { trainingBatches } from '../../data';
import type { DataSet, LabelledBatch, TrainingBatchOptions } from '../../data';
import type { Evidence, Methodology } from '../../methods';
import { breathe } from '../../stopping';
import { firstBatches, gatherEvidence } from './observation';
import type { Observed } from './observation';

/**
 * The first training batches of an epoch, unaltered but for the normalisation, as a method observes
 * them; each is freed when the next is asked for.
 *
 * @throws {StoppedError} before a batch, when the signal has been aborted.
 */
export async function* observationBatches(
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

/**
 * Runs `act` with what the method has to see of the network, which is freed after it.
 *
 * @param batches asked for only where the method observes; borrowed one by one.
 * @param act gets null for a method that observes nothing.
 */
export async function withEvidence<T>(
  network: Observed,
  method: Methodology,
  batches: () => AsyncIterable<LabelledBatch>,
  act: (evidence: Evidence | null) => T,
): Promise<T> {
  using gathered = await gatherEvidence(network, method, batches());
  return act(gathered.evidence);
}
