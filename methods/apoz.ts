import * as tf from '@tensorflow/tfjs';
import { Methodology } from './methodology';
import type { Observes, ScoreContext } from './scoring';

/**
 * Removes the filters whose activations are zero most often.
 *
 * Formula: s_j = 1 - APoZ_j, where APoZ_j is the mean over the batches of the fraction of zeros among
 *   the activations of filter j, over images and positions.
 * Source: Hu et al., "Network Trimming", 2016, arXiv:1607.03250. Deviates: every batch counts the
 *   same, a last and smaller one too. Filters whose activations are never exactly zero, such as those
 *   read from a BatchNormalization without a ReLU behind it, all score 1.
 */
export class AverageZeros extends Methodology {
  override readonly observes: Observes = 'activations';

  /** @returns [out], the fraction of zeros. */
  override observe(_kernel: tf.Tensor, activations: tf.Tensor): tf.Tensor {
    const places = activations.shape.map((_, axis) => axis).slice(0, -1);
    const zeros = tf.cast(tf.equal(activations, 0), 'float32');
    // 0 * x is 0, but NaN where x is not finite: that must not pass for an activation like others.
    return tf.mean(tf.add(zeros, tf.mul(activations, 0)), places);
  }

  protected override score(_kernel: tf.Tensor, { evidence }: ScoreContext): tf.Tensor {
    return tf.sub(1, evidence!); // a method that observes has evidence
  }
}
