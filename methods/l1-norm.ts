import * as tf from '@tensorflow/tfjs';

/**
 * The sum of the magnitudes of weights, to be added to a loss.
 *
 * Formula: sum_i |w_i|; the subgradient is sign(w_i), 0 at w_i = 0, so that a weight at zero is not
 * moved. (The gradient of tf.abs at 0 is -1: it pushes such a weight upwards.)
 *
 * @param weights of any shapes; not disposed. Gradients reach them.
 * @returns 0 of no weights; the caller owns it.
 */
export function l1Norm(weights: readonly tf.Tensor[]): tf.Scalar {
  if (weights.length === 0) return tf.scalar(0);
  return tf.tidy(() => {
    const all = tf.concat1d(weights.map((weight) => tf.reshape(weight, [-1])));
    return tf.sum(tf.mul(all, tf.sign(all))); // the gradient of sign is zero
  });
}
