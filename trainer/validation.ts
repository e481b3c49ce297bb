import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropy } from '../backend/fused';
import { evaluationBatches } from '../data';
import type { DataSet, ImageSet } from '../data';
import { logitsOf } from './logits';

/** How well a network classifies a split. */
export interface Evaluation {
  /** Mean cross entropy in nats. */
  readonly loss: number;
  /** Fraction of images whose most probable class is right, in [0, 1]. */
  readonly top1: number;
  /** Fraction whose class is among the five most probable; with fewer classes among all of them. */
  readonly top5: number;
  readonly images: number;
}

/**
 * Measures a classifier that ends in logits or a softmax on a split.
 *
 * @param normalization mean and deviation per channel of the data set the network was trained on.
 * @param onBatch called after each batch with the number of images so far.
 */
export async function evaluate(
  model: tf.LayersModel,
  split: ImageSet,
  normalization: Pick<DataSet, 'mean' | 'deviation'>,
  batchSize: number,
  onBatch?: (images: number) => void,
): Promise<Evaluation> {
  const sums = { loss: 0, top1: 0, top5: 0, images: 0 };
  for await (const batch of evaluationBatches(split, normalization, batchSize)) {
    const [loss, top1, top5] = tf
      .tidy(() => batchSums(model, batch.images, batch.labels))
      .dataSync();
    sums.loss += loss!;
    sums.top1 += top1!;
    sums.top5 += top5!;
    sums.images += batch.images.shape[0];
    batch.dispose();
    onBatch?.(sums.images);
  }
  const { images } = sums;
  if (images === 0) throw new RangeError('evaluate needs at least one image, the split has 0');
  return { loss: sums.loss / images, top1: sums.top1 / images, top5: sums.top5 / images, images };
}

/** [3]: summed loss, right top-1 answers, right top-5 answers. */
function batchSums(model: tf.LayersModel, images: tf.Tensor, labels: tf.Tensor1D): tf.Tensor1D {
  const logits = logitsOf(model, images, false); // [n, classes]
  const own = tf.sum(tf.mul(logits, tf.oneHot(labels, logits.shape[1])), 1, true); // [n, 1]
  const better = tf.sum(tf.cast(tf.greater(logits, own), 'float32'), 1); // classes above the label's
  const within = (count: number): tf.Tensor => tf.sum(tf.cast(tf.less(better, count), 'float32'));
  const loss = tf.sum(softmaxCrossEntropy(logits, labels));
  return tf.stack([loss, within(1), within(5)]) as tf.Tensor1D;
}
