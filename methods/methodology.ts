import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph } from '../graph';
import type { Gathering, KernelReader, Observes, ScoreContext } from './scoring';
import type { Policy } from './select/policy';
import { layerAdaptive } from './select/ranking';
import type { Ranking } from './select/ranking';

/**
 * A pruning method: WHICH units go.
 *
 * A subclass answers one question, `score`, and remembers nothing: counting, ties, scope, merging and rounding are
 * of the policy (`Policy`), and what was chosen belongs to who asked (`choose`).
 */
export abstract class Methodology {
  /** What the method has to see of the network at work; see `observe`. */
  readonly observes: Observes = 'nothing';
  /** How what `observe` makes of each batch becomes one: its mean, or one after the other along axis 0. */
  readonly gathers: Gathering = 'mean';

  /**
   * Scores the units of one kernel: higher = keep.
   *
   * The shape of the answer says what a unit is: [out] removes filters, the kernel's own shape
   * removes single weights.
   *
   * @param kernel [..., in, out], the filters along the last axis whatever the layer's own order:
   *   Conv2D [kh, kw, in, out], Conv2DTranspose [kh, kw, in, out] too, Dense [in, out]; not disposed.
   * @param context what else may count.
   * @returns the scores; the caller owns them.
   */
  protected abstract score(kernel: tf.Tensor, context: ScoreContext): tf.Tensor;

  /** The answer of `score`, for who asks from outside. */
  scoreKernel(kernel: tf.Tensor, context: ScoreContext): tf.Tensor {
    return this.score(kernel, context);
  }

  /**
   * Makes of one batch what the score needs of it; gathered over the batches it becomes the evidence.
   *
   * Called only where `observes` is not `nothing`, once per kernel and batch.
   *
   * @param _kernel as `score` gets it.
   * @param seen with `gradients` the gradient of the loss by the kernel, of its shape; with `activations`
   *   what the next layers read of the kernel's output, [n, ..., out]; not disposed.
   * @returns of any shape, the same for every batch (but for axis 0 where it is strung together); the
   *   caller owns it.
   */
  observe(_kernel: tf.Tensor, seen: tf.Tensor): tf.Tensor {
    return tf.clone(seen);
  }

  /**
   * Makes the scores of one group or kernel comparable to those of others, for scope adaptive.
   *
   * Formula: s_u^2 / sum of s_v^2 over all v that stay at least as long as u (LAMP).
   * Source: Lee et al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021,
   *   arXiv:2010.07611. Deviates: scores below 0 are first raised by their minimum.
   */
  normalise(scores: ArrayLike<number>, ranking: Ranking): Float64Array {
    return layerAdaptive(scores, ranking);
  }

  /**
   * What the method adds to the loss of every training step; most add nothing.
   *
   * Called on the gradient tape: only differentiable operations, no reading to the host.
   *
   * @param read answers a weight by its name as the network computes with it: masked parts are zero and
   *   get no gradient.
   * @returns in nats; null where the method adds nothing to this network, at every step alike.
   */
  penalty?(graph: ChannelGraph, read: KernelReader): tf.Scalar | null;

  /**
   * How many filters of `filters` the method's published code removes at `rate`, where it has one.
   *
   * Used under `counting: 'paper'` only; the default is trunc(filters * rate).
   */
  paperCount(filters: number, rate: number): number {
    return Math.trunc(filters * rate);
  }

  /**
   * Refuses a policy that the method's own options contradict; most go with every one.
   *
   * @throws {OptionError} naming the option.
   */
  checkPolicy?(policy: Policy): void;
}
