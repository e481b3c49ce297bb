import { OptionError } from '../errors';
import { DataError } from './data-error';
import type { FileDigest, ImageSet, OpenedDataSet, SplitReading } from './data-set';
import { digestOf, findFile, readBeginning, readWhole } from './files';
import { idxLength, parseIdxImages, parseIdxLabels, readIdxSizes } from './idx';

/** A published data set of four IDX files. */
export interface IdxPublication {
  readonly classes: number;
  /** Hex SHA-256 of each file after decompression, by file name. */
  readonly checksums: Readonly<Record<string, string>>;
  /** Said when a file is missing. */
  readonly remedy?: string;
}

type Split = 'train' | 't10k';

/** Image counts of the published files; a split of another count is somebody's own data. */
const PUBLISHED_COUNT = { train: 60_000, t10k: 10_000 } as const;

/**
 * Finds `{train,t10k}-{images-idx3,labels-idx1}-ubyte`, plain or `.gz`, in a folder.
 *
 * A split with the published number of images must have the published SHA-256; of any other only
 * the structure is checked, so a folder may hold other data in the same format.
 *
 * @throws {DataError} when a file is missing; the readers throw it when one is damaged.
 */
export function openIdxFolder(folder: string, publication: IdxPublication): OpenedDataSet {
  const paths = new Map(
    [...namesOf('train'), ...namesOf('t10k')].map((name) => [
      name,
      findFile(folder, name, publication.remedy),
    ]),
  );
  const read = (split: Split) => readSplit(split, paths, publication);
  return { place: folder, readTrain: () => read('train'), readTest: () => read('t10k') };
}

/** What a data set says that cannot be downloaded. */
export function noDownload(dataset: string): OptionError {
  return new OptionError({
    option: 'download',
    problem: 'is for cifar10 and cifar100',
    received: dataset,
  });
}

function namesOf(split: Split): [images: string, labels: string] {
  return [`${split}-images-idx3-ubyte`, `${split}-labels-idx1-ubyte`];
}

function readSplit(
  split: Split,
  paths: ReadonlyMap<string, string>,
  publication: IdxPublication,
): SplitReading {
  const [imagesName, labelsName] = namesOf(split);
  const [imagesPath, labelsPath] = [paths.get(imagesName)!, paths.get(labelsName)!];
  // What the headers say comes first: a few bytes of gzip may promise, or become, gigabytes.
  const sizes = readIdxSizes(readBeginning(imagesPath, 16), 3, imagesPath);
  const labelSizes = readIdxSizes(readBeginning(labelsPath, 8), 1, labelsPath);
  if (sizes[0] !== labelSizes[0]) {
    throw new DataError({
      file: labelsPath,
      expected: `${sizes[0]!} labels, one for each image of ${imagesPath}`,
      found: `${labelSizes[0]!}`,
    });
  }
  const imageBytes = readWhole(imagesPath, idxLength(sizes));
  const labelBytes = readWhole(labelsPath, idxLength(labelSizes));
  const images = parseIdxImages(imageBytes, imagesPath);
  const labels = parseIdxLabels(labelBytes, labelsPath, publication.classes);
  const files = [digestOf(imagesName, imageBytes), digestOf(labelsName, labelBytes)];
  if (images.count === PUBLISHED_COUNT[split]) {
    checkDigest(files[0]!, imagesPath, publication);
    checkDigest(files[1]!, labelsPath, publication);
  }
  const set: ImageSet = { ...images, channels: 1, labels };
  return { images: set, files };
}

function checkDigest(digest: FileDigest, path: string, { checksums }: IdxPublication): void {
  const published = checksums[digest.name];
  if (published !== undefined && published !== digest.sha256) {
    throw new DataError({
      file: path,
      expected: `SHA-256 ${published} after decompression, as published for this image count`,
      found: digest.sha256,
    });
  }
}
