/**
 * What the options leave to the recipe of the data set, filled in: after this nothing asks the recipe any more.
 *
 * A run saves its options as they were given, so that a later version that resumes it fills them in as this one
 * does: resolve after the options of a saved run have been merged in.
 */
import type { ConfigOf } from '../config';
import { dataSets } from '../data/catalogue';
import type { DataSetId } from '../data/catalogue';
import type { Recipe } from '../data/data-set';
import { dataOptions } from './options/data';

/** The options that say how many images are looked at; null, or missing, is the recipe's. */
interface ImageChoice {
  readonly dataset: DataSetId;
  /** Empty for all. */
  readonly subsetClasses: readonly string[];
  readonly validationFraction: number;
  readonly batchSize: number | null;
  readonly limitTrain?: number | null;
  readonly limitTest?: number | null;
  readonly limitValidation?: number | null;
}

/** How many images are looked at; a limit of 0 takes all. */
export interface ImageCounts {
  readonly batchSize: number;
  readonly limitTrain: number;
  readonly limitTest: number;
  readonly limitValidation: number;
}

/** The options of training that a recipe fills in. */
type LearningKey =
  | 'epochs'
  | 'optimizer'
  | 'learningRate'
  | 'lrSchedule'
  | 'milestones'
  | 'lrDecay'
  | 'warmupEpochs'
  | 'weightDecay';

type Filled<T, K extends keyof T> = { readonly [P in K]: NonNullable<T[P]> };

/** How the weights are learnt. */
export type Learning = Filled<ConfigOf<'train'>, LearningKey>;

/** The options of a training with nothing left to the recipe. */
export type TrainingConfig = Omit<ConfigOf<'train'>, keyof Learning | keyof ImageCounts> &
  Learning &
  ImageCounts;

/** The options with the recipe's batches and numbers of images where they name none. */
export function resolveImages<C extends ImageChoice>(
  config: C,
): Omit<C, keyof ImageCounts> & ImageCounts {
  return { ...config, ...countImages(config) };
}

/** The options of a training with all that the recipe says where they say nothing. */
export function resolveTraining(config: ConfigOf<'train'>): TrainingConfig {
  const { recipe } = dataSets[config.dataset];
  return { ...config, ...countImages(config), ...chooseLearning(config, recipe) };
}

function countImages(config: ImageChoice): ImageCounts {
  const { recipe, classes }: { recipe: Recipe; classes: readonly string[] } =
    dataSets[config.dataset];
  const { length } = config.subsetClasses;
  // What the recipe takes of all classes, it takes of each: fewer classes give fewer images.
  const share = (limit: number): number =>
    length === 0 ? limit : Math.floor((limit * length) / classes.length);
  // The recipe counts the validation images under its own fraction: another fraction means all it holds out.
  const isUsual = config.validationFraction === dataOptions.validationFraction.default;
  return {
    batchSize: config.batchSize ?? recipe.batchSize,
    limitTrain: config.limitTrain ?? share(recipe.limitTrain),
    limitTest: config.limitTest ?? share(recipe.limitTest),
    limitValidation: config.limitValidation ?? (isUsual ? share(recipe.limitValidation) : 0),
  };
}

/** Adam's usual rate, where the recipe's is SGD's. */
const ADAM_RATE = 1e-3;

/** The papers' 60, 120 and 160 of 200 epochs, as shares of any length. */
const MILESTONES = [0.3, 0.6, 0.8];

/** The papers' factor at each of them. */
const DECAY = 0.2;

function chooseLearning(config: ConfigOf<'train'>, recipe: Recipe): Learning {
  const epochs = config.epochs ?? recipe.epochs;
  const optimizer = config.optimizer ?? 'sgd';
  return {
    epochs,
    optimizer,
    learningRate: config.learningRate ?? (optimizer === 'adam' ? ADAM_RATE : recipe.learningRate),
    lrSchedule: config.lrSchedule ?? recipe.schedule,
    milestones: config.milestones ?? MILESTONES.map((share) => Math.round(share * epochs)),
    lrDecay: config.lrDecay ?? DECAY,
    warmupEpochs: config.warmupEpochs ?? 0,
    weightDecay: config.weightDecay ?? recipe.weightDecay,
  };
}
