import type * as tf from '@tensorflow/tfjs';
import { evaluationBatches } from '../data';
import type { DataSet, ImageSet } from '../data';
import { modelBytes, setUsage, weightFileSizes, writeChecked } from '../formats';
import type { Extras } from '../formats';
import { keepAll } from '../graph';
import type { KeepSet, Network } from '../graph';
import { disposeWeights } from '../layers';
import { measureLatency } from '../measure/latency';
import { inputShapesOf } from '../measure/sample-inputs';
import type { Progress } from '../report/progress';
import type { Measures } from '../report/comparison';
import { evaluate } from '../measure/accuracy';
import type { EvaluationOptions } from '../measure/accuracy';
import { breathe } from '../stopping';
import { harden, mask, withoutTrainingLayers } from '../surgery';
import type { Verification } from '../surgery';
import { describeUsage } from './describe-usage';
import type { DescribeUsage } from './describe-usage';
import { writeProven } from './write-proven';
import type { Pruned } from './write-proven';
import type { FileLayer } from '../files';

/** A network and what stays of it. */
export interface HandOver {
  /** Of a prunable or stock model; borrowed. */
  readonly network: Network;
  readonly keep: KeepSet;
  /** The network before anything was removed, stock; borrowed. Default there is none to show. */
  readonly dense?: tf.LayersModel | null;
  /** Where the small network goes. */
  readonly folder: string;
  readonly facts: Pruned['facts'];
  /** What the small network says of its use. Default what the network says, but for its accuracy. */
  readonly usage?: DescribeUsage;
  /** Further files of the small network, which is borrowed; none without it. */
  readonly extras?: (hard: tf.LayersModel) => Extras;
  /** Inputs for the proof, borrowed one by one; asked for once for each form that is written. */
  readonly samples: Pruned['samples'];
  /** Measures accuracy and loss of a network, named for who waits; null where there is nothing to measure them on. */
  readonly classify: ((model: tf.LayersModel, name: string) => Promise<Quality>) | null;
  readonly progress: Progress;
  /** Ends the hand-over between two pieces of work. */
  readonly signal?: AbortSignal | undefined;
  /** The disk; a test may give one that fails. */
  readonly files?: FileLayer | undefined;
}

type Quality = Pick<Measures, 'accuracy' | 'loss'>;
type Figures = Omit<Measures, keyof Quality>;

/** What was handed over, and what it was made of. */
export interface HandedOver {
  /** The network before anything was removed; null where there is none to show. */
  readonly dense: Measures | null;
  /** The network at full width, with everything removed silenced: it computes what the exported one does. */
  readonly masked: Measures;
  /** The small network. */
  readonly exported: Measures;
  readonly verification: Verification;
  /** The content of pruning.json. */
  readonly manifest: object;
}

/**
 * Makes the small network, proves that its files compute what the masked network computes, and measures them.
 *
 * All is measured before anything is written, and nothing takes its place unless the proof holds: it is of the
 * files, read back by plain tfjs.
 *
 * @throws {VerificationError} when the two networks part. @throws {ReadBackError} when a file is not as it should be.
 * @throws {StoppedError} once the signal has been aborted; nothing is written then.
 */
export async function handOver(options: HandOver): Promise<HandedOver> {
  const { network, keep, folder, facts, progress, signal } = options;
  const { usage = describeUsage(network.model, null) } = options;
  const hard = dropTrainingLayers(harden(network, keep));
  const masked = mask(network, keep);
  try {
    const { dense = null, classify } = options;
    const models = [...(dense ? [dense] : []), masked, hard];
    const inputShapes = inputShapesOf(network);
    const times = await measureLatency(models, { inputShapes, signal });
    const qualityOf = async (model: tf.LayersModel, name: string): Promise<Quality> =>
      (await classify?.(model, name)) ?? { accuracy: null, loss: null };
    const figuresOf = async (model: tf.LayersModel, stays: KeepSet): Promise<Figures> => ({
      ...network.costs(stays),
      bytes: await modelBytes(model),
      latency: times[models.indexOf(model)]!,
    });
    const measure = async (model: tf.LayersModel, name: string): Promise<Measures> => ({
      ...(await qualityOf(model, name)),
      ...(await figuresOf(model, keepAll)),
    });
    const whole = {
      dense: dense && (await measure(dense, 'dense')),
      masked: await measure(masked, 'masked'),
    };
    const quality = await qualityOf(hard, 'exported');
    setUsage(hard, usage(quality.accuracy)); // before its files are counted
    const exported = {
      ...quality,
      ...(await figuresOf(hard, keep)),
      ...(keep.weights.size > 0 && { weightFile: weightFileSizes(hard) }),
    };
    await breathe(signal);
    progress.note('verify: the small network, as it is read back, against the masked one');
    const { verification, manifest } = await writeProven(
      { network, keep, hard, facts, samples: options.samples, progress, signal },
      (check) =>
        writeChecked(hard, folder, {
          ...{ extras: options.extras?.(hard) ?? {}, check, files: options.files },
        }),
    );
    return { ...whole, exported, verification, manifest };
  } finally {
    disposeWeights(hard);
    disposeWeights(masked);
  }
}

/** The network without the layers that only do something in training; takes the model that it is given. */
function dropTrainingLayers(model: tf.LayersModel): tf.LayersModel {
  const lean = withoutTrainingLayers(model);
  if (lean) disposeWeights(model);
  return lean ?? model;
}

/** The first `count` images of a split, normalised, in batches; each is freed when the next is asked for. */
export async function* sampleImages(
  split: ImageSet,
  data: Pick<DataSet, 'mean' | 'deviation'>,
  count: number,
): AsyncGenerator<tf.Tensor> {
  const size = split.height * split.width * split.channels;
  const images = Math.min(count, split.count);
  const first: ImageSet = {
    ...split,
    count: images,
    pixels: split.pixels.subarray(0, images * size),
    labels: split.labels.subarray(0, images),
  };
  for await (const batch of evaluationBatches(first, data, Math.min(64, images))) {
    try {
      yield batch.images;
    } finally {
      batch.dispose();
    }
  }
}

/** Accuracy and loss on a split, with progress; throws as `evaluate`. */
export function createClassifier(
  split: () => ImageSet,
  data: DataSet,
  batchSize: number,
  progress: Progress,
  { loss, signal }: Pick<EvaluationOptions, 'loss' | 'signal'> = {},
): NonNullable<HandOver['classify']> {
  return async (model, name) => {
    const images = split();
    progress.start(images.count, `test ${name}`);
    try {
      const found = await evaluate(model, images, data, batchSize, {
        loss,
        signal,
        onProgress: (done) => {
          progress.update(done);
        },
      });
      return { accuracy: found.top1, loss: found.loss };
    } finally {
      progress.stop();
    }
  };
}
