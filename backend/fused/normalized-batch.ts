import * as tf from '@tensorflow/tfjs';

/** A batch normalized by its own statistics. */
export interface NormalizedBatch {
  /** The shape of x. */
  readonly y: tf.Tensor4D;
  /** Mean of each channel, [c]. */
  readonly mean: tf.Tensor1D;
  /** Biased variance of each channel, [c]. */
  readonly variance: tf.Tensor1D;
  /** 1 / sqrt(variance + epsilon), [c]: what the backward pass needs. */
  readonly inverse: tf.Tensor1D;
}

/**
 * Normalizes a batch by its own statistics: the composite twin of TensorFlow's fused operation, in
 * passes that the WASM backend does fast.
 *
 * Sums over pixels are average pooling, and a product and sum per channel is a depthwise convolution
 * of size 1: both are vectorised there, while reductions and broadcasts are several times slower.
 *
 * @param x     [n, h, w, c]
 * @param gamma [c]
 * @param beta  [c]
 * @returns tensors that the caller owns
 */
export function batchNormForward(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  epsilon: number,
): NormalizedBatch {
  return tf.tidy(() => {
    const mean = channelMeans(x);
    const variance = channelMeans(
      tf.square(affine(x, tf.onesLike(mean), tf.neg<tf.Tensor1D>(mean))),
    );
    const inverse = tf.rsqrt(tf.add<tf.Tensor1D>(variance, epsilon));
    const scale = tf.mul<tf.Tensor1D>(gamma, inverse);
    const y = affine(x, scale, tf.sub<tf.Tensor1D>(beta, tf.mul(mean, scale)));
    return { y, mean, variance, inverse };
  });
}

/**
 * Gradients of a normalized batch with respect to x, gamma and beta.
 *
 * Formula, with means m(.) per channel: dx = gamma inverse (dy - m(dy) - xhat m(dy xhat)).
 * Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, arXiv:1502.03167, section 3.
 *
 * @param dy      [n, h, w, c]
 * @param x       [n, h, w, c], what was normalized
 * @param mean    [c], and `inverse` [c]: as `batchNormForward` returned them
 * @returns [dx, dGamma, dBeta], owned by the caller
 */
export function batchNormBackward(
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  mean: tf.Tensor1D,
  inverse: tf.Tensor1D,
): [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D] {
  return tf.tidy(() => {
    const count = x.size / gamma.size; // values per channel
    const meanDy = channelMeans(dy);
    // (x - mean) is formed before the product: with a mean far from 0 the two would cancel.
    const normalized = affine(x, inverse, tf.neg(tf.mul<tf.Tensor1D>(mean, inverse)));
    const meanProduct = channelMeans(tf.mul(dy, normalized));
    const scale = tf.mul<tf.Tensor1D>(gamma, inverse);
    const dx = tf.add<tf.Tensor4D>(
      affine(dy, scale, tf.neg(tf.mul<tf.Tensor1D>(meanDy, scale))),
      affine(normalized, tf.neg(tf.mul<tf.Tensor1D>(meanProduct, scale))),
    );
    return [dx, tf.mul(meanProduct, count), tf.mul(meanDy, count)];
  });
}

/** Mean over images and pixels, [c]. */
function channelMeans(x: tf.Tensor4D): tf.Tensor1D {
  const [images, height, width, channels] = x.shape;
  const pooled = tf.avgPool(x, [height, width], 1, 'valid'); // [n, 1, 1, c]
  return tf.mean(tf.reshape(pooled, [images, channels]), 0);
}

/** x * scale + offset for each channel. */
function affine(x: tf.Tensor4D, scale: tf.Tensor1D, offset?: tf.Tensor1D): tf.Tensor4D {
  const filter = tf.reshape<tf.Rank.R4>(scale, [1, 1, scale.size, 1]);
  if (!offset) return tf.depthwiseConv2d(x, filter, 1, 'valid');
  return tf.fused.depthwiseConv2d({ x, filter, strides: 1, pad: 'valid', bias: offset });
}
