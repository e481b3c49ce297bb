import * as tf from '@tensorflow/tfjs';
import { native, T } from './native';

/**
 * Cross entropy of each sample between its label and the softmax of its logits, in nats.
 *
 * Formula: -sum_k q_k log softmax(logits)_k, q = (1 - s) onehot(label) + s / classes.
 * Source of the smoothing s: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016.
 *
 * @param logits    [n, classes]
 * @param labels    [n] int32, each in [0, classes)
 * @param smoothing s, in [0, 1)
 * @returns [n]; the caller owns it. The gradient reaches the logits.
 */
export function softmaxCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  smoothing = 0,
): tf.Tensor1D {
  const classes = logits.shape[1];
  const targets = (): tf.Tensor =>
    tf.add(tf.mul(tf.oneHot(labels, classes), 1 - smoothing), smoothing / classes);
  const loss = tf.customGrad((...args) => {
    const [values, save] = args as unknown as [tf.Tensor2D, (kept: tf.Tensor[]) => void];
    const [perSample, dLogits] =
      smoothing === 0 ? sparse(values, labels) : dense(values, targets());
    save([dLogits]);
    return {
      value: perSample,
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved!),
    };
  });
  return loss(logits) as tf.Tensor1D;
}

/** Loss [n] and its gradient with respect to the logits [n, classes]. */
type LossAndGradient = [tf.Tensor, tf.Tensor];

function sparse(logits: tf.Tensor2D, labels: tf.Tensor1D): LossAndGradient {
  const engine = native('SparseSoftmaxCrossEntropyWithLogits');
  if (!engine) return composite(logits, tf.oneHot(labels, logits.shape[1]));
  const attributes = { ...T, Tlabels: { type: 'int32' as const } };
  const inputs = [logits, labels];
  return engine.run(
    'SparseSoftmaxCrossEntropyWithLogits',
    attributes,
    inputs,
    2,
  ) as LossAndGradient;
}

function dense(logits: tf.Tensor2D, targets: tf.Tensor): LossAndGradient {
  const engine = native('SoftmaxCrossEntropyWithLogits');
  if (!engine) return composite(logits, targets);
  return engine.run('SoftmaxCrossEntropyWithLogits', T, [logits, targets], 2) as LossAndGradient;
}

function composite(logits: tf.Tensor2D, targets: tf.Tensor): LossAndGradient {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  const logProbabilities = tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
  const loss = tf.neg(tf.sum(tf.mul(targets, logProbabilities), 1));
  return [loss, tf.sub(tf.exp(logProbabilities), targets)];
}

/**
 * Cross entropy of each sample between its label and one sigmoid per class, the mean over the classes, in
 * nats: Keras' binary_crossentropy of a one-hot label.
 *
 * Formula: mean_k of max(z_k, 0) - z_k q_k + log(1 + exp(-|z_k|)), q = (1 - s) onehot(label) + s / 2;
 *   gradient by z_k: (sigmoid(z_k) - q_k) / classes.
 *
 * @param logits    [n, classes]
 * @param labels    [n] int32, each in [0, classes)
 * @param smoothing s, in [0, 1)
 * @returns [n]; the caller owns it. The gradient reaches the logits.
 */
export function sigmoidCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  smoothing = 0,
): tf.Tensor1D {
  const classes = logits.shape[1];
  const loss = tf.customGrad((...args) => {
    const [z, save] = args as unknown as [tf.Tensor2D, (kept: tf.Tensor[]) => void];
    const own = tf.cast(tf.oneHot(labels, classes), 'float32');
    const targets = smoothing === 0 ? own : tf.add(tf.mul(own, 1 - smoothing), smoothing / 2);
    const surprise = tf.log1p(tf.exp(tf.neg(tf.abs(z))));
    save([tf.div(tf.sub(tf.sigmoid(z), targets), classes)]);
    return {
      value: tf.mean(tf.add(tf.sub(tf.relu(z), tf.mul(z, targets)), surprise), 1),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved!),
    };
  });
  return loss(logits) as tf.Tensor1D;
}
