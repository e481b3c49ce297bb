import type * as tf from '@tensorflow/tfjs';
import type { LabelledBatch } from '../../data';

/**
 * One door to training: a batch goes in, the weights change, the loss comes out. The Trainer knows
 * nothing else of how a step is computed.
 */
export interface TrainingStep {
  /**
   * Trains on one batch.
   *
   * @returns the mean loss of the batch in nats with all that is added to it (see TrainingLoss), a
   *   scalar still on the device; the caller owns it.
   */
  run(batch: LabelledBatch, learningRate: number): tf.Scalar;
}
