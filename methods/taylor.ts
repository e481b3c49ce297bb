import * as tf from '@tensorflow/tfjs';
import { Methodology } from './methodology';
import type { Observes, ScoreContext } from './scoring';

/**
 * Removes the filters without which the loss would change least, by its first-order expansion.
 *
 * Formula: s_j = mean over batches of (sum over w in F_j of g_w * w)^2, where g is the gradient of
 *   the batch's mean loss.
 * Source: Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019,
 *   arXiv:1906.10771, eq. 8 (group form). Deviates: the mean over the batches stands at each event
 *   anew; the paper's momentum from event to event is left out.
 */
export class TaylorFilter extends Methodology {
  override readonly observes: Observes = 'gradients';

  /** @returns [out] */
  override observe(kernel: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
    const inputs = kernel.shape.map((_, axis) => axis).slice(0, -1);
    return tf.square(tf.sum(tf.mul(gradient, kernel), inputs));
  }

  protected override score(_kernel: tf.Tensor, { evidence }: ScoreContext): tf.Tensor {
    return tf.clone(evidence!); // a method that observes has evidence
  }
}

/**
 * Removes the single weights without which the loss would change least.
 *
 * Formula: s_w = mean over batches of (g_w * w)^2, g as in TaylorFilter.
 * Source: as TaylorFilter, eq. 6 (one parameter).
 */
export class TaylorWeight extends Methodology {
  override readonly observes: Observes = 'gradients';

  /** @returns of the kernel's shape. */
  override observe(kernel: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
    return tf.square(tf.mul(gradient, kernel));
  }

  protected override score(_kernel: tf.Tensor, { evidence }: ScoreContext): tf.Tensor {
    return tf.clone(evidence!); // a method that observes has evidence
  }
}
