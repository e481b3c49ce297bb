/**
 * What the options leave to the recipe of the data set, filled in: after this nothing asks the recipe any more.
 *
 * A run saves its options as they were given, so that a later version that resumes it fills them in as this one
 * does: resolve after the options of a saved run have been merged in.
 */
import type { ConfigOf } from '../config';
import { dataSets } from '../data/catalogue';
import type { DataSetId } from '../data/catalogue';
import { chooseLearning, countImages } from '../data/recipe';
import type { ImageCounts, Learning } from '../data/recipe';

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

/** The options of a training with nothing left to the recipe. */
export type TrainingConfig = Omit<ConfigOf<'train'>, keyof Learning | keyof ImageCounts> &
  Learning &
  ImageCounts;

/** The options with the recipe's batches and numbers of images where they name none. */
export function resolveImages<C extends ImageChoice>(
  config: C,
): Omit<C, keyof ImageCounts> & ImageCounts {
  const { dataset, subsetClasses, validationFraction } = config;
  const { recipe, classes } = dataSets[dataset];
  const share = [subsetClasses.length || classes.length, classes.length] as const;
  return { ...config, ...countImages(config, recipe, { share, validationFraction }) };
}

/** The options of a training with all that the recipe says where they say nothing. */
export function resolveTraining(config: ConfigOf<'train'>): TrainingConfig {
  const { recipe } = dataSets[config.dataset];
  return { ...resolveImages(config), ...chooseLearning(config, recipe) };
}
