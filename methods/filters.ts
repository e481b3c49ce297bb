import * as tf from '@tensorflow/tfjs';

/** The filters of a kernel as rows: [..., out] to [out, n]; the caller owns the result. */
export function filterRows(kernel: tf.Tensor): tf.Tensor2D {
  const filters = kernel.shape.at(-1) ?? 1;
  return tf.tidy(() => tf.transpose(tf.reshape<tf.Rank.R2>(kernel, [-1, filters])));
}
