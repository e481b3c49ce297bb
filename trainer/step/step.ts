import type * as tf from '@tensorflow/tfjs';
import type { LabelledBatch } from '../../data';
import type { Network } from '../../graph';
import type { LossOptions } from './loss';
import type { Optimizer } from './optimizer';

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
  /**
   * Brings the weights, the moving averages and the optimizer's slots back to the model and the optimizer, where
   * the step keeps them elsewhere. Called before anyone reads them; costs nothing when nothing changed since.
   */
  sync(): void;
  /**
   * Goes on with a network as it is now: another one, or the same after someone else changed weights, masks or
   * slots. What the step held of the one before is forgotten: `sync` first.
   */
  rebind(network: Network): void;
  /** Frees what the step made itself. */
  dispose(): void;
}

/** What a step is made of; all of it is borrowed. */
export interface StepParts extends LossOptions {
  readonly network: Network;
  readonly optimizer: Optimizer;
  /** What dropout draws by. */
  readonly seed: number;
}

/** Makes the step of a run. */
export type StepFactory = (parts: StepParts) => TrainingStep;
