import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { permutation, seedOf } from '../random/seeds';
import { normalisation, placementOf, UNMOVED, writeImage, type Placement } from './augmentation';
import type { DataSet, ImageSet } from './data-set';

/** Normalised images and their labels, as a step and a method that observes take them; borrowed. */
export interface LabelledBatch {
  /** [n, h, w, c], normalised. */
  readonly images: tf.Tensor;
  /** [n] int32. */
  readonly labels: tf.Tensor1D;
}

/** Some images and their labels as tensors; whoever receives it disposes it. */
export interface Batch {
  /** [n, h, w, c], float32, normalised. */
  readonly images: tf.Tensor4D;
  /** [n], int32. */
  readonly labels: tf.Tensor1D;
  /** Index of the batch in its epoch, from 0. */
  readonly index: number;
  dispose(): void;
}

/** Which batches of which epoch. */
export interface TrainingBatchOptions {
  readonly seed: number;
  /** 0-based. */
  readonly epoch: number;
  /** Images per batch. */
  readonly batchSize: number;
  /** Whether the data set's augmentation is applied. */
  readonly augment: boolean;
  /** Batch to begin with, for a resumed epoch. @default 0 */
  readonly firstBatch?: number | undefined;
  /** Whether a last, smaller batch is left out. @default false */
  readonly dropLast?: boolean | undefined;
  /** Batches prepared ahead. @default 2 */
  readonly prefetch?: number | undefined;
}

/**
 * The training batches of one epoch, in the order `permutation(count, seedOf('order', seed, epoch))`.
 *
 * What a batch holds follows from (seed, epoch, batch size, index) alone: beginning at `firstBatch`
 * gives, bit for bit, the rest of the epoch. The consumer may leave at any time; it owes a `dispose`
 * for the batches it was given and nothing else.
 *
 * @throws {OptionError} at once, on an option out of range.
 */
export function trainingBatches(
  set: DataSet,
  options: TrainingBatchOptions,
): AsyncIterableIterator<Batch> {
  const { seed, epoch, batchSize, augment, firstBatch = 0, dropLast = false } = options;
  const { train, augmentation } = set;
  checkInteger('epoch', epoch, 0);
  const batches = batchCount(train.count, batchSize, dropLast);
  if (batches === 0) {
    throw new OptionError({
      option: 'batchSize',
      allowed: `at most the ${train.count} training images with dropLast`,
      received: batchSize,
    });
  }
  checkInteger('firstBatch', firstBatch, 0, batches);
  const place = (index: number) =>
    augment ? placementOf(augmentation, { seed, epoch, index }) : UNMOVED;
  const order = permutation(train.count, seedOf('order', seed, epoch));
  const source = { images: train, order, place, table: normalisation(set.mean, set.deviation) };
  return feed({ source, batchSize, firstBatch, batches }, options.prefetch);
}

/**
 * All images of a split in their own order, unaltered but for the normalisation by `set`'s figures.
 *
 * @throws {OptionError} at once, when the batch size is not a positive integer.
 */
export function evaluationBatches(
  split: ImageSet,
  set: Pick<DataSet, 'mean' | 'deviation'>,
  batchSize: number,
): AsyncIterableIterator<Batch> {
  const batches = batchCount(split.count, batchSize);
  const order = Uint32Array.from(split.labels.keys());
  const table = normalisation(set.mean, set.deviation);
  const source = { images: split, order, place: () => UNMOVED, table };
  return feed({ source, batchSize, firstBatch: 0, batches });
}

/**
 * The number of batches that `count` images make.
 *
 * @param dropLast whether a last, smaller batch is left out.
 * @throws {OptionError} when the batch size is not a positive integer.
 */
export function batchCount(count: number, batchSize: number, dropLast = false): number {
  checkInteger('batchSize', batchSize, 1);
  return dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
}

/** Where the values of a batch come from. */
interface BatchSource {
  readonly images: ImageSet;
  /** [count], image indexes. */
  readonly order: Uint32Array;
  readonly place: (index: number) => Placement;
  readonly table: Float32Array;
}

interface BatchPlan {
  readonly source: BatchSource;
  readonly batchSize: number;
  readonly firstBatch: number;
  /** Batches in the whole epoch. */
  readonly batches: number;
}

/** A batch before it becomes tensors: plain arrays, which nobody needs to dispose. */
interface HostBatch extends tf.TensorContainerObject {
  readonly index: number;
  readonly images: Float32Array;
  readonly labels: Int32Array;
}

function feed(plan: BatchPlan, prefetch = 2): AsyncIterableIterator<Batch> {
  checkInteger('prefetch', prefetch, 1);
  return handOver(plan, prefetch);
}

/**
 * Turns prefetched arrays into tensors one batch at a time: tfjs-data never disposes what it has
 * prefetched for a consumer that leaves early, so no tensor may enter its buffer.
 */
async function* handOver(plan: BatchPlan, prefetch: number): AsyncGenerator<Batch, void> {
  const { height, width, channels } = plan.source.images;
  const prepared = tf.data.generator<HostBatch>(() => assembleAll(plan)).prefetch(prefetch);
  const iterator = await prepared.iterator();
  for (;;) {
    const next = await iterator.next();
    if (next.done) return;
    const { index, images, labels } = next.value;
    yield batchOf(
      index,
      tf.tensor4d(images, [labels.length, height, width, channels], 'float32'),
      tf.tensor1d(labels, 'int32'),
    );
  }
}

function batchOf(index: number, images: tf.Tensor4D, labels: tf.Tensor1D): Batch {
  return {
    index,
    images,
    labels,
    dispose: () => {
      images.dispose();
      labels.dispose();
    },
  };
}

function* assembleAll(plan: BatchPlan): Generator<HostBatch, void> {
  const { source, batchSize, firstBatch, batches } = plan;
  for (let index = firstBatch; index < batches; index++) {
    yield assemble(source, index, batchSize);
  }
}

function assemble(source: BatchSource, index: number, batchSize: number): HostBatch {
  const { images, order, place, table } = source;
  const chosen = order.subarray(index * batchSize, (index + 1) * batchSize);
  const size = images.height * images.width * images.channels;
  // A new array each time: the native backend may use it in place for as long as the tensor lives.
  const values = new Float32Array(chosen.length * size);
  chosen.forEach((image, position) => {
    writeImage(images, image, place(image), table, values, position * size);
  });
  const labels = Int32Array.from(chosen, (image) => images.labels[image]!);
  return { index, images: values, labels };
}

function checkInteger(name: string, value: number, least: number, most = Infinity): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    const range = most === Infinity ? `>= ${least}` : `from ${least} to ${most}`;
    throw new OptionError({ option: name, allowed: `an integer ${range}`, received: value });
  }
}
