import * as tf from '@tensorflow/tfjs';
import { sigmoidCrossEntropy, softmaxCrossEntropy } from '../backend/fused';
import { readHead } from './head';
import type { Head } from './head';

/** Keeps the logarithm of a probability finite, as Keras does; its gradient vanishes below. */
const SMALLEST = 1e-7;

/**
 * The network's logits for a batch, [n, classes]; one number that speaks for two classes becomes two.
 *
 * A network that ends in a softmax, as Keras classifiers do, answers probabilities: their logarithms
 * are logits of the same softmax. Those of sigmoids are log(p / (1 - p)).
 *
 * @param head how it answers. Default what `readHead` finds.
 */
export function logitsOf(
  model: tf.LayersModel,
  images: tf.Tensor,
  training: boolean,
  head: Head = readHead(model),
): tf.Tensor2D {
  return toLogits(answersOf(model, images, training), head);
}

/** What the network says of a batch as it stands, one row per image; to be made logits of by `toLogits`. */
export function answersOf(
  model: tf.LayersModel,
  images: tf.Tensor,
  training: boolean,
): tf.Tensor2D {
  const output = model.apply(images, { training }) as tf.Tensor;
  if (output.rank === 2) return output as tf.Tensor2D;
  const count = output.shape[0];
  return tf.reshape(output, [count, output.size / count]);
}

/** Logits [n, classes] of answers [n, units]. */
export function toLogits(answers: tf.Tensor2D, { kind, isBinary }: Head): tf.Tensor2D {
  if (kind === 'logits') return isBinary ? tf.concat([tf.zerosLike(answers), answers], 1) : answers;
  if (kind === 'softmax') return logarithm(answers);
  if (isBinary) return tf.concat([logarithm(tf.sub(1, answers)), logarithm(answers)], 1);
  return tf.sub(logarithm(answers), logarithm(tf.sub(1, answers)));
}

function logarithm(probabilities: tf.Tensor2D): tf.Tensor2D {
  return tf.log(tf.clipByValue(probabilities, SMALLEST, 1));
}

/**
 * Cross entropy of each sample in nats, [n]: of its label and the softmax, or the mean over sigmoids that
 * each answer for their class. See `softmaxCrossEntropy`, `sigmoidCrossEntropy`.
 */
export function crossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { kind, isBinary }: Head,
  smoothing = 0,
): tf.Tensor1D {
  const compare = kind === 'sigmoid' && !isBinary ? sigmoidCrossEntropy : softmaxCrossEntropy;
  return compare(logits, labels, smoothing);
}

/** How the losses of samples are taken together. */
export interface MeanOptions {
  /** In [0, 1). Default 0. */
  readonly labelSmoothing?: number;
  /** What a sample of each class counts, [classes] by label. Default all the same. */
  readonly classWeights?: readonly number[] | undefined;
}

/**
 * Mean cross entropy of a batch in nats.
 *
 * Formula: sum over samples of w[label] * loss / number of samples, as Keras' `class_weight` has it: not divided by
 *   the sum of the weights, so that a rare class counts more where it occurs. Without weights the plain mean.
 */
export function meanCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  head: Head,
  { labelSmoothing = 0, classWeights }: MeanOptions = {},
): tf.Scalar {
  const losses = crossEntropy(logits, labels, head, labelSmoothing);
  if (!classWeights) return tf.mean(losses);
  const weights = tf.gather(tf.tensor1d([...classWeights]), labels); // [n]
  return tf.mean(tf.mul(losses, weights));
}
