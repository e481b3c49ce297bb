import type * as tf from '@tensorflow/tfjs';
import type { DataSet } from '../data';
import { projectLayers, requireMasks } from '../graph';
import type { ChannelGraph, KeepSet, Network, Unit } from '../graph';
import { BatchStatistics, clearMasks, disposeWeights, prunable, setMasks } from '../layers';
import { reestimate, sampleBatches } from './batch-statistics';
import { evaluate } from './accuracy';
import type { LossChoice } from './head';

/** How a copy is settled and judged. */
export interface PrunedCopyOptions {
  readonly data: DataSet;
  /** Images per batch. */
  readonly batchSize: number;
  readonly seed: number;
  /** Training batches on which BatchNormalization is measured anew; 0 leaves its averages. */
  readonly bnBatches: number;
  /** What the network answers. Default auto. */
  readonly loss?: LossChoice | undefined;
  /** Asks the work to stop; it does before the next batch. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A copy of a trained network on which pruning is tried out: the network itself stays as it is.
 *
 * Its BatchNormalization averages are those of the last keep set that it was settled on.
 */
export class PrunedCopy {
  /** Prunable; its masks are full between two calls. The copy owns it. */
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  /** Whether there is a BatchNormalization to measure anew. */
  readonly hasStatistics: boolean;

  /**
   * @param network its model stock or prunable; borrowed.
   * @throws {NotPrunableError} when a layer that could lose units has no masks.
   */
  constructor(
    network: Pick<Network, 'model' | 'graph'>,
    unit: Unit,
    private readonly options: PrunedCopyOptions,
  ) {
    this.graph = network.graph;
    this.model = prunable(network.model);
    try {
      requireMasks(this, unit);
    } catch (error) {
      disposeWeights(this.model);
      throw error;
    }
    this.hasStatistics = new BatchStatistics(this.model).count > 0;
  }

  /**
   * Measures BatchNormalization anew on what `keep` leaves, where there is one and that is asked for.
   *
   * @throws {StoppedError} when the signal has been aborted.
   */
  async settle(keep: KeepSet): Promise<void> {
    const { data, batchSize, seed, bnBatches, signal } = this.options;
    if (bnBatches === 0 || !this.hasStatistics) return;
    const batches = sampleBatches(data, { seed, batchSize, batches: bnBatches });
    await reestimate(this, keep, batches, signal);
  }

  /** Top-1 on the validation images of what `keep` leaves, once it is settled; in [0, 1]. Throws as `settle`. */
  async accuracyOf(keep: KeepSet): Promise<number> {
    const { data, batchSize, loss, signal } = this.options;
    await this.settle(keep);
    setMasks(this.model, projectLayers(this.graph, keep), 'unit');
    try {
      return (await evaluate(this.model, data.validation, data, batchSize, { loss, signal })).top1;
    } finally {
      clearMasks(this.model);
    }
  }

  [Symbol.dispose](): void {
    disposeWeights(this.model);
  }
}
