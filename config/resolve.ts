/**
 * What the options leave to the recipe of the data set, filled in: after this nothing asks the recipe any more.
 *
 * A run saves its options as they were given, so that a later version that resumes it fills them in as this one
 * does: resolve after the options of a saved run have been merged in.
 */
import type { ConfigOf } from '../config';
import { entryOf } from '../data/catalogue';
import type { DataSetId } from '../data/catalogue';
import { chooseLearning } from '../data/recipe';
import type { Learning } from '../data/recipe';

/** The options that say which images make a batch; null is the recipe's. */
interface ImageChoice {
  readonly dataset: DataSetId;
  readonly batchSize: number | null;
}

interface BatchSize {
  readonly batchSize: number;
}

/** The options of a training with nothing left to the recipe. */
export type TrainingConfig = Omit<ConfigOf<'train'>, keyof Learning | 'batchSize'> &
  Learning &
  BatchSize;

/** The options with the recipe's batches where they name none; how many images there are tells the data set alone. */
export function resolveImages<C extends ImageChoice>(config: C): Omit<C, 'batchSize'> & BatchSize {
  return { ...config, batchSize: config.batchSize ?? entryOf(config.dataset).recipe.batchSize };
}

/** The options of a training with all that the recipe says where they say nothing. */
export function resolveTraining(config: ConfigOf<'train'>): TrainingConfig {
  const { recipe } = entryOf(config.dataset);
  return { ...resolveImages(config), ...chooseLearning(config, recipe) };
}
