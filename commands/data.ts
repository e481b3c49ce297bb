import type { ImageCounts } from '../config/resolve';
import { DataError, dataSets, readDataSet, subsetOf } from '../data';
import type { DataSet, DataSetEntry, DataSetId } from '../data';
import { OptionError } from '../errors';
import { asUsage, FailedError } from './usage';

/** The options that choose images, with how many of them. */
export interface DataChoice extends Omit<ImageCounts, 'batchSize'> {
  readonly dataset: DataSetId;
  /** Empty for all. */
  readonly subsetClasses: readonly string[];
  readonly dataDir: string | null;
  readonly download: boolean;
  readonly seed: number;
  readonly validationFraction: number;
}

/**
 * Loads the images that the options choose.
 *
 * @throws {UsageError} when a limit asks for more images than there are.
 * @throws {FailedError} when a file is missing or damaged.
 */
export async function dataOf(config: DataChoice): Promise<DataSet> {
  const whole: DataSetEntry = dataSets[config.dataset];
  const entry = await asUsage(() => entryOf(whole, config.subsetClasses));
  const options = {
    folder: config.dataDir ?? undefined,
    download: config.download || undefined,
    seed: config.seed,
    validationFraction: config.validationFraction,
    limitTrain: config.limitTrain,
    limitValidation: config.limitValidation,
    limitTest: config.limitTest,
  };
  try {
    return await asUsage(async () => {
      const data = await readDataSet(config.dataset, entry, options);
      // Test images are read last; a limit beyond them must not come to light only then.
      if (config.limitTest > 0) readTest(data);
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
