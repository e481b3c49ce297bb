import type * as tf from '@tensorflow/tfjs';
import type { DataSet } from '../data';
import { projectLayers, requireMasks } from '../graph';
import type { ChannelGraph, KeepSet, Unit } from '../graph';
import { BatchStatistics, clearMasks, prunable, setMasks } from '../layers';
import { reestimate, sampleBatches } from './batch-statistics';
import { evaluate } from './accuracy';

/** How a copy is settled and judged. */
export interface PrunedCopyOptions {
  readonly data: DataSet;
  /** Images per batch. */
  readonly batchSize: number;
  readonly seed: number;
  /** Training batches on which BatchNormalization is measured anew; 0 leaves its averages. */
  readonly bnBatches: number;
  /** Ends the work after a batch. */
  readonly signal?: AbortSignal;
}

/**
 * A copy of a trained network on which pruning is tried out: the network itself stays as it is.
 *
 * Its BatchNormalization averages are those of the last keep set that it was settled on.
 */
export class PrunedCopy {
  /** Prunable; its masks are full between two calls. The copy owns it. */
  readonly model: tf.LayersModel;
  /** Whether there is a BatchNormalization to measure anew. */
  readonly hasStatistics: boolean;

  /**
   * @param model stock or prunable; borrowed.
   * @param graph of it.
   * @throws {NotPrunableError} when a layer that could lose units has no masks.
   */
  constructor(
    model: tf.LayersModel,
    private readonly graph: ChannelGraph,
    unit: Unit,
    private readonly options: PrunedCopyOptions,
  ) {
    this.model = prunable(model);
    try {
      requireMasks({ model: this.model, graph }, unit);
    } catch (error) {
      this.model.dispose();
      throw error;
    }
    this.hasStatistics = new BatchStatistics(this.model).count > 0;
  }

  /** Measures BatchNormalization anew on what `keep` leaves, where there is one and that is asked for. */
  async settle(keep: KeepSet): Promise<void> {
    const { data, batchSize, seed, bnBatches, signal } = this.options;
    if (bnBatches === 0 || !this.hasStatistics) return;
    const batches = sampleBatches(data, { seed, batchSize, batches: bnBatches });
    await reestimate({ model: this.model, graph: this.graph }, keep, batches, signal);
  }

  /** Top-1 on the validation images of what `keep` leaves, once it is settled; in [0, 1]. */
  async accuracyOf(keep: KeepSet): Promise<number> {
    const { data, batchSize, signal } = this.options;
    await this.settle(keep);
    setMasks(this.model, projectLayers(this.graph, keep), 'unit');
    try {
      return (await evaluate(this.model, data.validation, data, batchSize, { signal })).top1;
    } finally {
      clearMasks(this.model);
    }
  }

  [Symbol.dispose](): void {
    this.model.dispose();
  }
}
