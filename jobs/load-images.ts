import { entryOf, readDataSet, subsetOf, usualLimits } from '../data';
import type { Asked, DataSet, DataSetEntry, AnyDataSetId, ImageLimits } from '../data';
import { OptionError } from '../errors';
import { pickGiven } from './pick-given';

/** What chooses images. */
export interface ImageOptions extends Asked<ImageLimits> {
  /** A data set that is loaded, or the name of one. */
  readonly data: DataSet | AnyDataSetId;
  /** Folder of its files; null for the usual places. */
  readonly dataDir?: string | null;
  /** Fetches what is not there. Default false. */
  readonly download?: boolean;
  /** Only the images of these classes. Default all. */
  readonly subsetClasses?: readonly string[];
  /** Fraction of the training images held out. Default 0.1. */
  readonly validationFraction?: number;
  /** Chooses the images held out and the subsets. Default 1. */
  readonly seed?: number;
}

const limitNames: readonly (keyof ImageLimits)[] = ['limitTrain', 'limitTest', 'limitValidation'];

/**
 * Loads the images that the options choose; a data set that is loaded is answered as it is.
 *
 * @throws {OptionError} when a limit asks for more images than there are.
 * @throws {DataError} when a file is missing or damaged.
 */
export async function loadImages({ data, ...options }: ImageOptions): Promise<DataSet> {
  if (typeof data !== 'string') return data;
  const whole: DataSetEntry = entryOf(data);
  const { dataDir, download, seed = 1, validationFraction, subsetClasses = [] } = options;
  const share = [subsetClasses.length || whole.classes.length, whole.classes.length] as const;
  const parts = { share, ...(validationFraction !== undefined && { validationFraction }) };
  const loaded = await readDataSet(data, chooseClasses(whole, subsetClasses), {
    ...{ seed, validationFraction, ...pickGiven(options, limitNames) },
    usual: usualLimits(whole.recipe, parts),
    folder: dataDir ?? undefined,
    download: download === true || undefined,
  });
  // Test images are read last; a limit beyond them must not come to light only then.
  if ((options.limitTest ?? 0) > 0) requireTest(loaded);
  return loaded;
}

function chooseClasses(whole: DataSetEntry, classes: readonly string[]): DataSetEntry {
  if (classes.length === 0) return whole;
  try {
    return subsetOf(whole, classes);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { problem } = error;
    throw new OptionError({ option: 'subsetClasses', problem }, { cause: error });
  }
}

/** Reads the test images, which checks them. */
function requireTest({ test }: DataSet): number {
  return test.count;
}

/** @throws {OptionError} when no image is held out to choose or measure by. */
export function requireValidation(data: DataSet, purpose: string): void {
  if (data.validation.count > 0) return;
  throw new OptionError({
    option: 'validationFraction',
    problem: `must hold images out, ${purpose}`,
  });
}
