import { schema } from '../config';
import { DataError, dataSets, readDataSet, subsetOf } from '../data';
import type { DataSet, DataSetEntry, DataSetId } from '../data';
import { OptionError } from '../errors';
import { asUsage, FailedError } from './usage';

/** The options that choose images. */
export interface DataChoice {
  readonly dataset: DataSetId;
  /** Empty for all. */
  readonly subsetClasses: readonly string[];
  readonly dataDir: string | null;
  readonly download: boolean;
  readonly seed: number;
  readonly validationFraction: number;
  readonly limitTrain: number | null;
  readonly limitTest: number | null;
  /** Null, or no such choice, for the recipe's. */
  readonly limitValidation?: number | null;
}

/**
 * Loads the images that the options choose; what they leave open follows the data set's recipe.
 *
 * @throws {UsageError} when a limit asks for more images than there are.
 * @throws {FailedError} when a file is missing or damaged.
 */
export async function dataOf(config: DataChoice): Promise<DataSet> {
  const whole: DataSetEntry = dataSets[config.dataset];
  const entry = await asUsage(() => entryOf(whole, config.subsetClasses));
  const { recipe } = whole;
  // What the recipe takes of all classes, it takes of each: fewer classes give fewer images.
  const share = (limit: number): number =>
    Math.floor((limit * entry.classes.length) / whole.classes.length);
  // The recipe counts the validation images under its own fraction: another fraction means all it holds out.
  const isUsual = config.validationFraction === schema.validationFraction.default;
  const options = {
    folder: config.dataDir ?? undefined,
    download: config.download || undefined,
    seed: config.seed,
    validationFraction: config.validationFraction,
    limitTrain: config.limitTrain ?? share(recipe.limitTrain),
    limitValidation: config.limitValidation ?? (isUsual ? share(recipe.limitValidation) : 0),
    limitTest: config.limitTest ?? share(recipe.limitTest),
  };
  try {
    return await asUsage(async () => {
      const data = await readDataSet(config.dataset, entry, options);
      // Test images are read last; a limit beyond them must not come to light only then.
      if (config.limitTest !== null) readTest(data);
      return data;
    });
  } catch (error) {
    if (error instanceof DataError) throw new FailedError(error.message, { cause: error });
    throw error;
  }
}

function entryOf(whole: DataSetEntry, classes: readonly string[]): DataSetEntry {
  if (classes.length === 0) return whole;
  try {
    return subsetOf(whole, classes);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { problem } = error;
    throw new OptionError({ option: 'subsetClasses', problem }, { cause: error });
  }
}

function readTest(data: DataSet): number {
  return data.test.count;
}
