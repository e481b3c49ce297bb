import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { readModel } from '../formats';
import { describeShape } from '../graph';
import { disposeWeights, requireOwnModel } from '../layers';
import { readHead } from '../measure/head';
import type { LossChoice } from '../measure/head';
import { findFailure } from '../measure/sample-inputs';
import { builderOf, findArchitecture, publishedSize } from '../models';
import type { AnyArchitectureId, Shortcut } from '../models';

/** What chooses a network: one that is there, a file, or an architecture and its size. */
export interface ModelOptions {
  /** A model, which is borrowed, or the path of a model.json; null or missing builds `arch`. */
  readonly model?: tf.LayersModel | string | null | undefined;
  /** Default resnet20. Other spellings of a name (`mobileNetV2`) are understood. */
  readonly arch?: AnyArchitectureId;
  /** Where the width changes; null is the network's own. */
  readonly shortcut?: Shortcut | null | undefined;
  /** Height, width and channels of the images of a network to build; null is what it was published for. */
  readonly inputShape?: readonly number[] | null | undefined;
  /** Null is what the network was published for. */
  readonly classes?: number | null | undefined;
  /** Hears, layer by layer, what a file says and the model does not do. Default nobody. */
  readonly note?: ((words: string) => void) | undefined;
  /** Of the initial weights; null leaves the kernels at zero, for counting. Default 1. */
  readonly seed?: number | null;
}

/** A model and a name for where it came from; whoever loaded it disposes it. */
export interface LoadedModel extends Disposable {
  readonly model: tf.LayersModel;
  readonly source: string;
}

/**
 * Builds or reads the network that the options choose.
 *
 * @returns to be disposed, which leaves a model that was given as it is.
 * @throws {OptionError} when the architecture cannot have that size.
 * @throws {ModelFileError} when the file cannot be read.
 */
export async function loadModel({ model, ...options }: ModelOptions): Promise<LoadedModel> {
  if (typeof model === 'object' && model !== null) {
    requireOwnModel(model);
    return { model, source: model.name, [Symbol.dispose]: () => undefined };
  }
  const { arch = 'resnet20' } = options;
  const made =
    typeof model === 'string' ? await readModel(model, options.note) : build(arch, options);
  const source = typeof model === 'string' ? model : arch;
  return {
    model: made,
    source,
    [Symbol.dispose]: () => {
      disposeWeights(made);
    },
  };
}

function build(named: AnyArchitectureId, options: Omit<ModelOptions, 'model'>): tf.LayersModel {
  const { shortcut, seed = 1 } = options;
  const arch = findArchitecture(named) ?? named;
  const builder = builderOf(arch);
  const published = publishedSize(arch);
  const model: unknown = builder({
    inputShape: (options.inputShape ?? published.inputShape) as readonly [number, number, number],
    classes: options.classes ?? published.classes,
    seed,
    ...(shortcut ? { shortcut } : {}),
  });
  if (model instanceof tf.LayersModel) return model;
  const problem = `${arch} must be a network that is a LayersModel of this program's TensorFlow.js`;
  throw new OptionError({ option: 'arch', problem });
}

/** The images and classes that a network is to fit. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Refuses a network that does not fit the images and classes of a data set: it must have one input and one output.
 *
 * Answers may have more axes of length 1 ([n, 1, 1, classes]); one number may speak for two classes.
 *
 * @param option that named the network. Default model. @param loss what it answers. Default auto.
 * @throws {OptionError}
 */
export function requireFit(
  loaded: Pick<LoadedModel, 'model' | 'source'>,
  images: ImageSize,
  classes: number,
  {
    option = 'model',
    loss,
  }: { readonly option?: string; readonly loss?: LossChoice | undefined } = {},
): void {
  const { outputs } = loaded.model;
  const answered = outputs.length === 1 ? countAnswers(outputs[0]!.shape, classes) : NaN;
  if (takesImages(loaded.model, images) && answered === classes) {
    requireAnswers(loaded.model, loaded.source, classes, { option, loss });
    requireComputed(loaded.model, images, option);
    return;
  }
  const where = outputs.length === 1 ? '' : ' in one output';
  throw refuseFit(loaded, images, ` and answer ${classes} classes${where}`, option);
}

/** Refuses a network that TensorFlow.js itself does not compute, which comes to light on images alone. */
function requireComputed(model: tf.LayersModel, images: ImageSize, option: string): void {
  const sample = tf.zeros([3, ...toShape(images)]);
  try {
    const failure = findFailure(model, sample);
    if (!failure) return;
    const { reason, cause } = failure;
    const problem = `must be a network that TensorFlow.js computes: ${reason}`;
    throw new OptionError({ option, problem }, { cause });
  } finally {
    sample.dispose();
  }
}

/** Refuses a network that does not fit the images of a data set, whatever it answers. Throws as `requireFit`. */
export function requireImageInput(
  loaded: Pick<LoadedModel, 'model' | 'source'>,
  images: ImageSize,
): void {
  if (!takesImages(loaded.model, images)) throw refuseFit(loaded, images, '', 'model');
}

/** Whether a network answers one row of classes: one output of [n, classes], more axes of length 1 aside. */
export function isClassifier({ outputs }: tf.LayersModel): boolean {
  return outputs.length === 1 && !Number.isNaN(countAnswers(outputs[0]!.shape, 1));
}

function takesImages({ inputs }: tf.LayersModel, images: ImageSize): boolean {
  const image = toShape(images);
  const input = inputs[0]!.shape.slice(1);
  return (
    inputs.length === 1 &&
    input.length === image.length &&
    input.every((size, axis) => size === null || size === image[axis])
  );
}

function toShape({ height, width, channels }: ImageSize): number[] {
  return [height, width, channels];
}

function refuseFit(
  { model, source }: Pick<LoadedModel, 'model' | 'source'>,
  images: ImageSize,
  wanted: string,
  option: string,
): OptionError {
  const place = model.inputs.length > 1 ? ' at one input' : '';
  const takes = model.inputs.map(({ shape }) => describeShape(shape.slice(1))).join(' and ');
  const answers = model.outputs.map(({ shape }) => `[${shape.slice(1).join()}]`).join(' and ');
  return new OptionError({
    option,
    problem:
      `must take images of ${toShape(images).join(' x ')}${place}${wanted}; ${source} takes ${takes} ` +
      `and answers ${answers} (the data set)`,
  });
}

/** The classes that an output [n, ...] tells apart of `classes`; NaN where no axis is theirs alone. */
function countAnswers(output: tf.Shape, classes: number): number {
  const sizes = output.slice(1).filter((size) => size !== 1);
  if (sizes.length === 0) return classes === 2 ? 2 : 1;
  return sizes.length === 1 ? (sizes[0] ?? NaN) : NaN;
}

/** Refuses an output that is not known to answer classes. */
function requireAnswers(
  model: tf.LayersModel,
  source: string,
  classes: number,
  { option, loss }: { readonly option: string; readonly loss: LossChoice | undefined },
): void {
  const own = option === 'model' ? 'loss' : 'teacherLoss'; // what a user says of this network
  try {
    const { isBinary } = readHead(model, loss);
    const isOne = model.outputs[0]!.shape.slice(1).every((size) => size === 1);
    if (!isOne || isBinary || classes !== 2) return;
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError({ option: own, problem: error.problem }, { cause: error });
  }
  throw new OptionError({
    option: own,
    problem:
      `must be sigmoid or logits, what the one number is that ${source} answers for two classes, unless ` +
      'the network ends in a sigmoid',
  });
}
