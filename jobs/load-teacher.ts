import * as tf from '@tensorflow/tfjs';
import type { DataSet, InputScale } from '../data';
import { OptionError } from '../errors';
import { CheckpointStateError } from '../files/run/checkpoint-errors';
import { weightsHash } from '../layers';
import type { LossChoice } from '../measure/head';
import { Distillation } from '../trainer';
import type { LossTerm } from '../trainer';
import { describeFed, feedTeacher } from './feed-images';
import type { FeedOptions } from './feed-images';
import { loadModel, requireFit } from './load-model';
import type { LoadedModel } from './load-model';

/** What chooses a teacher. */
export interface TeacherOptions extends Pick<FeedOptions, 'inputScale'> {
  /** `dense` for the network before pruning, a model, which is borrowed, or a file. Null or missing: none. */
  readonly teacher?: tf.LayersModel | string | null;
  /** Share of the loss that compares with its answers, in (0, 1]. Default 0.5. */
  readonly distillWeight?: number;
  /** Default 4. */
  readonly temperature?: number;
  /** What the network before pruning answers. Default auto. */
  readonly loss?: LossChoice | undefined;
}

/** The network that the trained one also learns from; to be disposed. */
export interface Teacher extends Disposable {
  /** What it adds to the loss. */
  readonly term: LossTerm;
  /** Of its weights: a run that goes on must have the same. */
  readonly sha256: string;
  /** How its images are scaled; null where as those of the network. */
  readonly scale: InputScale | null;
}

/** The images of a training, as the data set has them and as the network is fed with them. */
export interface FedData {
  readonly data: DataSet;
  readonly fed: DataSet;
}

/**
 * The teacher that the options ask for; null where they ask for none.
 *
 * @param dense the network before pruning; borrowed for as long as the teacher is used.
 * @throws {OptionError} when it takes other images, answers other classes or has a weight that is not finite.
 */
export async function loadTeacher(
  { teacher = null, distillWeight, temperature, loss: given, inputScale }: TeacherOptions,
  dense: LoadedModel,
  { data, fed }: FedData,
): Promise<Teacher | null> {
  if (teacher === null) return null;
  const isDense = teacher === 'dense';
  const loss = isDense ? given : 'auto';
  const loaded = isDense ? dense : await loadModel({ model: teacher });
  const dispose = (): void => {
    if (!isDense) loaded[Symbol.dispose]();
  };
  try {
    requireFit(loaded, data.train, data.classes.length, { option: 'teacher', loss });
    const own = isDense ? fed : feedTeacher(loaded.model, data, { inputScale });
    const scale = describeFed(own, fed);
    const term = new Distillation(loaded.model, {
      loss,
      ...(scale && { feed: (images: tf.Tensor) => convert(images, fed, scale) }),
      ...(distillWeight !== undefined && { weight: distillWeight }),
      ...(temperature !== undefined && { temperature }),
    });
    return { term, scale, sha256: hashWeights(loaded), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Images of one scale in another. */
function convert(images: tf.Tensor, from: InputScale, to: InputScale): tf.Tensor {
  const factor = from.deviation.map((deviation, channel) => deviation / to.deviation[channel]!);
  const shift = from.mean.map((mean, at) => (mean - to.mean[at]!) / to.deviation[at]!);
  return tf.add(tf.mul(images, factor), shift);
}

function hashWeights({ model, source }: LoadedModel): string {
  try {
    return weightsHash(model);
  } catch (error) {
    if (!(error instanceof CheckpointStateError)) throw error;
    const problem = `must have finite weights: ${error.message}`;
    throw new OptionError({ option: 'teacher', problem, received: source }, { cause: error });
  }
}
