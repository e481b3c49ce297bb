import { OptionError } from '../errors';
import { sha256 } from '../files/sha256';
import { seedOf } from '../random/seeds';
import { DataError } from './data-error';
import type { DataOptions, DataSet, DataSetEntry, FileDigest, ImageSet } from './data-set';
import { USUAL_FRACTION } from './recipe';
import type { ImageLimits } from './recipe';
import { balanceSubset, selectImages, splitByClass } from './split';

/**
 * Loads a data set from its entry: training images now, test images when first asked for.
 *
 * The validation images are held out first, from all training images, so they stay the same whatever
 * `limitTrain` is; `limitTrain` then takes its balanced share of the rest.
 *
 * @param name how the result calls itself.
 * @throws {OptionError} on an option out of range. @throws {DataError} on missing or damaged files.
 */
export async function readDataSet(
  name: string,
  entry: DataSetEntry,
  options: DataOptions,
): Promise<DataSet> {
  checkOptions(options);
  const opened = await entry.open(options);
  const { images, files } = opened.readTrain();
  checkChannels(images, entry, opened.place);
  const { train, validation } = splitTraining(images, options);
  let test: ImageSet | undefined;
  const readTest = () => {
    const found = opened.readTest().images;
    checkAlike(images, found, opened.place);
    return limitImages(found, options, 'limitTest', seedOf('test', options.seed));
  };
  const { classes, mean, deviation, augmentation, recipe } = entry;
  return {
    name,
    classes,
    train,
    validation,
    get test() {
      return (test ??= readTest());
    },
    mean,
    deviation,
    augmentation,
    recipe,
    fingerprint: fingerprintOf(files, classes),
  };
}

function splitTraining(
  images: ImageSet,
  options: DataOptions,
): { train: ImageSet; validation: ImageSet } {
  const { seed, validationFraction = USUAL_FRACTION } = options;
  const { kept, heldOut } = splitByClass(images.labels, {
    fraction: validationFraction,
    seed: seedOf('validation', seed),
    least: validationFraction === USUAL_FRACTION ? 1 : 0,
  });
  if (kept.length === 0 || (heldOut.length === 0 && validationFraction > 0)) {
    throw new OptionError({
      option: 'validationFraction',
      problem: 'must leave images on both sides',
      received: `${validationFraction}: ${kept.length} of ${images.count} to train on, ${heldOut.length} held out`,
    });
  }
  const part = (indexes: Uint32Array, option: keyof ImageLimits) =>
    limitImages(selectImages(images, indexes), options, option, seedOf(option, seed));
  return { train: part(kept, 'limitTrain'), validation: part(heldOut, 'limitValidation') };
}

/** The images that are looked at: what is wanted must be there, of what is usual there may be fewer. */
function limitImages(
  images: ImageSet,
  options: DataOptions,
  option: keyof ImageLimits,
  seed: number,
): ImageSet {
  const wanted = options[option];
  if (wanted !== undefined && wanted > images.count) {
    throw new OptionError({
      option,
      allowed: `at most the ${images.count} there are`,
      received: wanted,
    });
  }
  const limit = wanted ?? Math.min(options.usual?.[option] ?? 0, images.count);
  return limit === 0 || limit === images.count
    ? images
    : selectImages(images, balanceSubset(images.labels, { limit, seed }));
}

function checkOptions(options: DataOptions): void {
  const { seed, validationFraction = USUAL_FRACTION } = options;
  if (!Number.isSafeInteger(seed)) {
    throw new OptionError({ option: 'seed', allowed: 'an integer', received: seed });
  }
  if (!(validationFraction >= 0 && validationFraction < 1)) {
    throw new OptionError({
      option: 'validationFraction',
      allowed: 'in [0, 1)',
      received: validationFraction,
    });
  }
  for (const option of ['limitTrain', 'limitValidation', 'limitTest'] as const) {
    const limit = options[option] ?? 0;
    if (!Number.isSafeInteger(limit) || limit < 0) {
      throw new OptionError({ option, allowed: 'an integer >= 0', received: limit });
    }
  }
}

function checkChannels(images: ImageSet, entry: DataSetEntry, file: string): void {
  if (images.channels !== entry.channels) {
    throw new DataError({
      file,
      expected: `images of ${entry.channels} channels`,
      found: `${images.channels}`,
    });
  }
}

function checkAlike(train: ImageSet, test: ImageSet, file: string): void {
  const size = ({ height, width, channels }: ImageSet) => `${height} x ${width} x ${channels}`;
  if (size(train) !== size(test)) {
    throw new DataError({
      file,
      expected: `test images of ${size(train)}, as the training images`,
      found: size(test),
    });
  }
}

function fingerprintOf(files: readonly FileDigest[], classes: readonly string[]): string {
  return sha256(JSON.stringify({ format: 'secateur-data/1', files, classes }));
}
