import type * as tf from '@tensorflow/tfjs';
import { batchCount, chooseLearning, findImbalance, weighClasses } from '../data';
import type {
  Asked,
  ClassWeights,
  DataSet,
  ImageCounts,
  Imbalance,
  InputScale,
  Learning,
  Recipe,
} from '../data';
import { OptionError, requireWhole } from '../errors';
import { requireWritable } from '../formats';
import type { FormatId } from '../formats';
import { chooseInputShapes } from '../graph';
import type { KeepSet, Network } from '../graph';
import { BatchStatistics, disposeWeights, prunable, requireFiniteWeights } from '../layers';
import type { LossChoice } from '../measure/head';
import { blockLayers } from '../models';
import type { LearningRate, OnNan, Optimizer } from '../trainer';
import { chooseMethod, noteFrozen, traceNetwork } from './choose-method';
import type { MethodChoice, PruningOptions } from './choose-method';
import { describeFed, feedImages } from './feed-images';
import { createLearningRate, createOptimizer } from './learning';
import type { SgdChoice } from './learning';
import { hashNetwork } from './hash-network';
import { loadImages, requireValidation } from './load-images';
import type { ImageOptions } from './load-images';
import { loadModel, requireFit } from './load-model';
import type { LoadedModel, ModelOptions } from './load-model';
import { loadTeacher } from './load-teacher';
import type { Teacher, TeacherOptions } from './load-teacher';
import { requireMore } from './more-epochs';
import { findRate, planRemoval } from './plan-removal';
import { requireEvents } from './pruning-times';
import type { TimeOptions } from './pruning-times';
import type { MetTarget, TargetOptions } from './targets';

/**
 * What a training is made of. What is missing, or null, is the recipe's of the data set where that says something,
 * else the default.
 */
export interface TrainingOptions
  extends
    Pick<ModelOptions, 'model' | 'arch' | 'shortcut' | 'note'>,
    ImageOptions,
    Asked<Pick<ImageCounts, 'batchSize'>>,
    Asked<Learning>,
    PruningOptions,
    TimeOptions,
    TargetOptions,
    TeacherOptions,
    SgdChoice {
  /** Of every random choice. Default 1. */
  readonly seed?: number;
  /** Beyond `epochs`, to which learning rate and schedule keep; a run that is done can be lengthened by it. Default 0. */
  readonly moreEpochs?: number;
  /** Random crops and flips: `auto` where the data set names some. Default auto. */
  readonly augment?: 'auto' | 'on' | 'off';
  /** In [0, 1). Default 0. */
  readonly labelSmoothing?: number;
  /** What the samples of a class count in the cross entropy of the training; measures stay unweighed. Default none. */
  readonly classWeights?: ClassWeights;
  /** What the network answers. Default auto: read from how it ends. */
  readonly loss?: LossChoice | undefined;
  /**
   * What becomes of a run whose loss or weights are no longer finite: `lower` goes on from the end of the last epoch at
   * a tenth of the learning rate, up to three times. Default stop.
   */
  readonly onNan?: OnNan;
  /** Batches that a method that observes sees before each event. Default 10. */
  readonly observeBatches?: number;
  /** Batches on which BatchNormalization is measured anew before the network is written. Default 0. */
  readonly bnBatches?: number | null;
  /** Forms to write the small network in. Default tfjs. */
  readonly format?: readonly FormatId[];
  /** Images of the proof. Default 64. */
  readonly verifySamples?: number;
  /** Steps between two checkpoints; null for the ends of epochs. Default null. */
  readonly checkpointEvery?: number | null;
  /** Default 2. */
  readonly keepCheckpoints?: number;
}

/** The parts of a training before it has a folder; whoever prepared it disposes it. */
export interface PreparedTraining extends Disposable {
  readonly options: TrainingOptions;
  /** Scaled as the network takes them. */
  readonly data: DataSet;
  /** How, where that is not the data set's own way; else null. */
  readonly scale: InputScale | null;
  /** What a sample of each class counts, [classes] by label; undefined where all count the same. */
  readonly classWeights: readonly number[] | undefined;
  /** Classes without training images, or with few beside others; null where there are none. */
  readonly imbalance: Imbalance | null;
  readonly batchSize: number;
  readonly epochs: number;
  readonly learningRate: LearningRate;
  /** Of a prunable model. */
  readonly network: Network;
  /** Where the network came from. */
  readonly source: string;
  /** By which a network that was given is known again; null for one that was built. */
  readonly sha256: string | null;
  /** Null trains without pruning. */
  readonly pruning: MethodChoice | null;
  /** The rate that a target asked for, on the weights before training; null without a target. */
  readonly met: MetTarget | null;
  /** What the rate would leave of the network as it is; null without pruning. */
  readonly planned: KeepSet | null;
  readonly optimizer: Optimizer;
  readonly teacher: Teacher | null;
}

/**
 * Loads and checks all that a training needs; nothing is written.
 *
 * @param isResumed whether the run has begun already: the rate of its target is then that of its beginning.
 * @throws {OptionError} when an option cannot be used with this network and data.
 * @throws {UnreachableTargetError} with the attainable range, when a target is outside.
 */
export async function prepareTraining(
  options: TrainingOptions,
  { isResumed = false }: { readonly isResumed?: boolean } = {},
): Promise<PreparedTraining> {
  const owned: Disposable[] = [];
  const dispose = (): void => {
    for (const part of owned.splice(0)) part[Symbol.dispose]();
  };
  try {
    return { ...(await prepare(options, isResumed, owned)), [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** @param owned takes what the training owns. */
async function prepare(
  options: TrainingOptions,
  isResumed: boolean,
  owned: Disposable[],
): Promise<Omit<PreparedTraining, typeof Symbol.dispose>> {
  const given = await loadImages(options);
  const recipe = requireRecipe(given);
  const learning = chooseLearning(options, recipe);
  const epochs = learning.epochs + requireMore(options, learning);
  const batchSize = options.batchSize ?? recipe.batchSize;
  requireCounts(options, learning, batchSize);
  const classWeights = weighClasses(options.classWeights ?? 'none', given);
  const imbalance = findImbalance(given, options.classWeights);
  const stepsPerEpoch = batchCount(given.train.count, batchSize);
  requireTimes(options, { ...learning, epochs }, stepsPerEpoch);
  const learningRate = createLearningRate(learning, stepsPerEpoch);
  requireValidation(given, 'by which the best epoch is chosen');
  const dense = await loadDense(options, given);
  const { data, teacher, sha256 } = await feed(options, dense, given).catch((error: unknown) => {
    dense[Symbol.dispose]();
    throw error;
  });
  const traced = traceNetwork(makePrunable(dense, options, owned), options);
  const { height, width, channels } = data.train;
  const network = traced.at(chooseInputShapes(traced.model, [height, width, channels]));
  if (teacher) owned.push(teacher);
  requireTrained(network);
  if (options.note && options.method !== 'none') noteFrozen(network, options.note);
  requireStatistics(network, options);
  const shown = { batchSize, weights: classWeights };
  const met = isResumed ? null : await findRate(network, data, { ...options, ...shown });
  const chosen = met ? { ...options, rate: met.rate } : options;
  const pruning = chooseMethod(chosen);
  const planned = pruning && (await planRemoval(network, data, { ...chosen, ...shown }, pruning));
  const optimizer = createOptimizer(learning, options);
  owned.push({
    [Symbol.dispose]: () => {
      optimizer.dispose();
    },
  });
  const learnt = { batchSize, epochs, learningRate, optimizer, teacher };
  const scale = describeFed(data, given);
  return {
    ...learnt,
    classWeights,
    imbalance,
    sha256,
    data,
    scale,
    network,
    pruning,
    met,
    planned,
    options: chosen,
    source: dense.source,
  };
}

/** The images as the network takes them, its teacher, and by what it is known again. */
async function feed(
  options: TrainingOptions,
  dense: LoadedModel,
  data: DataSet,
): Promise<Pick<PreparedTraining, 'data' | 'teacher' | 'sha256'>> {
  const fed = feedImages(dense.model, data, options);
  const sha256 = options.model == null ? null : await hashNetwork(dense.model, options.model);
  return { data: fed, sha256, teacher: await loadTeacher(options, dense, { data, fed }) };
}

/** @throws {OptionError} when the data set has no recipe. */
function requireRecipe({ name, recipe }: DataSet): Recipe {
  if (recipe) return recipe;
  throw new OptionError({
    option: 'data',
    problem: `must have a recipe that says what a training needs; ${name} has none`,
  });
}

/** What the parts would refuse later, when there is a folder already. */
function requireCounts(options: TrainingOptions, { epochs }: Learning, batchSize: number): void {
  const { observeBatches = 1, checkpointEvery, keepCheckpoints = 1, labelSmoothing = 0 } = options;
  const counts = { epochs, batchSize, observeBatches, keepCheckpoints };
  const all = { ...counts, checkpointEvery: checkpointEvery ?? 1 };
  for (const [option, count] of Object.entries(all)) requireWhole(option, count, 1);
  if (labelSmoothing >= 0 && labelSmoothing < 1) return;
  throw new OptionError({
    option: 'labelSmoothing',
    allowed: 'in [0, 1)',
    received: labelSmoothing,
  });
}

function requireTimes(options: TrainingOptions, learning: Learning, stepsPerEpoch: number): void {
  const { epochs, warmupEpochs } = learning;
  if (warmupEpochs > epochs) {
    throw new OptionError({
      option: 'warmupEpochs',
      problem: `must be at most the ${epochs} epochs, or the learning rate is never reached`,
      received: warmupEpochs,
    });
  }
  if (options.method === 'none') return;
  requireEvents(options, { epochs, stepsPerEpoch, regrowth: options.regrowth ?? 'hard' });
}

/** The network as it is given or built, of the size of the images. */
async function loadDense(options: TrainingOptions, data: DataSet): Promise<LoadedModel> {
  const { height, width, channels } = data.train;
  const size = { inputShape: [height, width, channels], classes: data.classes.length };
  const dense = await loadModel({ ...options, ...size });
  try {
    if (options.model != null) requireFiniteWeights(dense.model, dense.source);
    requireFit(dense, data.train, data.classes.length, { loss: options.loss });
    requireWritable(dense.model, options.format ?? ['tfjs'], { blocksOf: blockLayers });
    return dense;
  } catch (error) {
    dense[Symbol.dispose]();
    throw error;
  }
}

/** The network with masks; a dense one that nobody learns from is freed. */
function makePrunable(
  dense: LoadedModel,
  { teacher }: TrainingOptions,
  owned: Disposable[],
): tf.LayersModel {
  const model = prunable(dense.model);
  owned.push({
    [Symbol.dispose]: () => {
      disposeWeights(model);
    },
  });
  if (teacher === 'dense') owned.push(dense);
  else dense[Symbol.dispose]();
  return model;
}

/** @throws {OptionError} when the network has no weight that a step could change. */
function requireTrained({ model }: Network): void {
  if (model.trainableWeights.length > 0) return;
  throw new OptionError({
    option: 'model',
    problem: 'has nothing to train: all layers are frozen (trainable: false)',
  });
}

/** @throws {OptionError} when there are no statistics that `bnBatches` could measure. */
function requireStatistics({ model }: Network, { bnBatches = 0 }: TrainingOptions): void {
  if (!bnBatches || new BatchStatistics(model).count > 0) return;
  const problem = 'has no effect: the network has no BatchNormalization';
  throw new OptionError({ option: 'bnBatches', problem, received: bnBatches });
}
