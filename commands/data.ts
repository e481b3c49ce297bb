import { schema } from '../config';
import { DataError, dataSets, loadDataSet } from '../data';
import type { DataSet, DataSetId } from '../data';
import { asUsage, FailedError } from './usage';

/** The options that choose images. */
export interface DataChoice {
  readonly dataset: DataSetId;
  readonly dataDir: string | null;
  readonly download: boolean;
  readonly seed: number;
  readonly validationFraction: number;
  readonly limitTrain: number | null;
  readonly limitTest: number | null;
}

/**
 * Loads the images that the options choose; what they leave open follows the data set's recipe.
 *
 * @throws {UsageError} when a limit asks for more images than there are.
 * @throws {FailedError} when a file is missing or damaged.
 */
export async function dataOf(config: DataChoice): Promise<DataSet> {
  const { recipe } = dataSets[config.dataset];
  // The recipe counts the validation images under its own fraction: another fraction means all it holds out.
  const isUsual = config.validationFraction === schema.validationFraction.default;
  const options = {
    folder: config.dataDir ?? undefined,
    download: config.download || undefined,
    seed: config.seed,
    validationFraction: config.validationFraction,
    limitTrain: config.limitTrain ?? recipe.limitTrain,
    limitValidation: isUsual ? recipe.limitValidation : 0,
    limitTest: config.limitTest ?? recipe.limitTest,
  };
  try {
    return await asUsage(async () => {
      const data = await loadDataSet(config.dataset, options);
      // Test images are read last; a limit beyond them must not come to light only then.
      if (config.limitTest !== null) readTest(data);
      return data;
    });
  } catch (error) {
    if (error instanceof DataError) throw new FailedError(error.message, { cause: error });
    throw error;
  }
}

function readTest(data: DataSet): number {
  return data.test.count;
}
