import * as tf from '@tensorflow/tfjs';
import { explainMemory } from '../backend/out-of-memory';
import { OptionError } from '../errors';
import { evaluationBatches } from '../data';
import type { DataSet, ImageSet } from '../data';
import { breathe } from '../stopping';
import { readHead } from './head';
import type { Head, LossChoice } from './head';
import { answersOf, crossEntropy, toLogits } from './logits';

/** How well a network classifies a split. */
export interface Evaluation {
  /** Mean cross entropy in nats. */
  readonly loss: number;
  /** Fraction of images whose most probable class is right, in [0, 1]; of equals the first counts. */
  readonly top1: number;
  /** Fraction whose class is among the five most probable; with fewer classes among all of them. */
  readonly top5: number;
  readonly images: number;
}

/** How an evaluation is watched and stopped. */
export interface EvaluationOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the network answers. Default auto. */
  readonly loss?: LossChoice | undefined;
  /** Told after each batch how many images have been measured. */
  readonly onProgress?: (images: number) => void;
}

/**
 * Measures a classifier on a split; see `readHead` for how it may answer.
 *
 * @param normalization mean and deviation per channel of the data set the network was trained on.
 * @throws {OptionError} when the split has no image, or the network answers nothing that is known (`loss`).
 * @throws {OutOfMemoryError} naming the batch size. @throws {StoppedError} after the batch in which the signal was
 *   aborted.
 */
export async function evaluate(
  model: tf.LayersModel,
  split: ImageSet,
  normalization: Pick<DataSet, 'mean' | 'deviation'>,
  batchSize: number,
  { signal, loss, onProgress }: EvaluationOptions = {},
): Promise<Evaluation> {
  const head = readHead(model, loss);
  const sums = { loss: 0, top1: 0, top5: 0, images: 0 };
  try {
    for await (const batch of evaluationBatches(split, normalization, batchSize)) {
      try {
        const [entropy, top1, top5] = sumsOf(model, head, batch.images, batch.labels);
        sums.loss += entropy!;
        sums.top1 += top1!;
        sums.top5 += top5!;
        sums.images += batch.images.shape[0];
      } finally {
        batch.dispose();
      }
      onProgress?.(sums.images);
      await breathe(signal);
    }
  } catch (error) {
    throw explainMemory(error, { work: `evaluating ${model.name}`, batchSize });
  }
  const { images } = sums;
  if (images === 0) {
    throw new OptionError({
      option: 'split',
      problem: 'must hold at least one image',
      received: 0,
    });
  }
  return { loss: sums.loss / images, top1: sums.top1 / images, top5: sums.top5 / images, images };
}

function sumsOf(
  model: tf.LayersModel,
  head: Head,
  images: tf.Tensor,
  labels: tf.Tensor1D,
): tf.DataTypeMap['float32'] {
  const sums = tf.tidy(() => batchSums(model, head, images, labels));
  try {
    return sums.dataSync<'float32'>();
  } finally {
    sums.dispose();
  }
}

/** [3]: summed loss, right top-1 answers, right top-5 answers. */
function batchSums(
  model: tf.LayersModel,
  head: Head,
  images: tf.Tensor,
  labels: tf.Tensor1D,
): tf.Tensor1D {
  const answers = answersOf(model, images, false);
  const logits = toLogits(answers, head); // [n, classes]
  // The logarithm ends at the smallest probability, where many sigmoids may be.
  const scores = head.kind === 'sigmoid' && !head.isBinary ? answers : logits;
  const classes = logits.shape[1];
  const column = tf.expandDims(labels, 1); // [n, 1]
  const index = tf.range(0, classes, 1, 'int32'); // [classes]
  const isLabel = tf.equal(index, column); // [n, classes]
  const own = tf.sum(tf.where(isLabel, scores, tf.zerosLike(scores)), 1, true); // [n, 1]
  const equalAfter = tf.logicalAnd(tf.equal(scores, own), tf.greater(index, column));
  const behind = tf.logicalOr(tf.less(scores, own), equalAfter); // never, where a score is NaN
  const ahead = tf.sub(classes - 1, tf.sum(tf.cast(behind, 'float32'), 1)); // [n]
  const within = (count: number): tf.Tensor => tf.sum(tf.cast(tf.less(ahead, count), 'float32'));
  const loss = tf.sum(crossEntropy(logits, labels, head));
  return tf.stack([loss, within(1), within(5)]) as tf.Tensor1D;
}
