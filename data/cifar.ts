import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OptionError } from '../errors';
import { statusOf } from '../files/path-status';
import { sha256 } from '../files/sha256';
import { readArchive } from './archive';
import { DataError } from './data-error';
import type { DataOptions, ImageSet, OpenedDataSet, SplitReading } from './data-set';
import { download, type PublishedFile } from './download';
import { digestOf, isFile, readWhole } from './files';
import { checkLabels } from './idx';

/** One split of a CIFAR publication: files of `imagesPerFile` records each. */
interface CifarSplit {
  readonly files: readonly string[];
  readonly imagesPerFile: number;
}

/** How a CIFAR data set is published in its binary version. */
export interface CifarLayout {
  /** Folder inside the archive. */
  readonly folder: string;
  /** Classes of each label byte that opens a record; the last byte is the label used. */
  readonly labels: readonly number[];
  readonly train: CifarSplit;
  readonly test: CifarSplit;
  readonly archive: PublishedFile & { readonly name: string };
}

const SIDE = 32;
const PLANE = SIDE * SIDE;
const CHANNELS = 3;

type ReadFile = (name: string) => Uint8Array;

/**
 * Opens a CIFAR data set from `folder`: the .bin files in it or in its published subfolder, else the
 * published tar.gz in it (or `folder` is the archive itself), else, with `download`, fetched into it.
 *
 * An archive must have the published size and SHA-256 and is unpacked in memory; since it is one
 * stream, the bytes of its test file pass by here, unread until `readTest`.
 *
 * @throws {OptionError} without a folder. @throws {DataError} when files are missing or damaged.
 */
export async function openCifar(layout: CifarLayout, options: DataOptions): Promise<OpenedDataSet> {
  const { folder } = options;
  if (folder === undefined) {
    throw new OptionError({
      option: 'folder',
      problem: `must name where ${layout.archive.name} or its unpacked .bin files are (with download: where to put it)`,
      received: 'none',
    });
  }
  const unpacked = [folder, join(folder, layout.folder)].find((candidate) =>
    existsSync(join(candidate, layout.train.files[0]!)),
  );
  return unpacked === undefined
    ? openArchive(layout, folder, options)
    : openFolder(layout, unpacked);
}

function openFolder(layout: CifarLayout, folder: string): OpenedDataSet {
  for (const [name, size] of Object.entries(sizesOf(layout))) {
    const file = join(folder, name);
    const found = statusOf(file);
    if (!found?.isFile() || found.size !== size) {
      throw new DataError({
        file,
        expected: `a file of ${size} bytes`,
        found: found?.isFile() ? `${found.size} bytes` : 'no such file',
      });
    }
  }
  return openWith(layout, folder, (name) => readWhole(join(folder, name)));
}

async function openArchive(
  layout: CifarLayout,
  folder: string,
  options: DataOptions,
): Promise<OpenedDataSet> {
  const { name, ...published } = layout.archive;
  const path = isFile(folder) ? folder : join(folder, name);
  if (!isFile(path)) {
    if (!options.download) {
      throw new DataError({
        file: path,
        expected: `that archive, or ${layout.train.files[0]!} and its siblings`,
        found: 'neither',
        remedy: `download it from ${published.url}, or ask for the download`,
      });
    }
    const url = options.archiveUrl ?? published.url;
    await download({ ...published, url }, path, options.onDownload);
  }
  const bytes = await readPublished(path, published);
  const files = await readArchive(bytes, path, { folder: layout.folder, sizes: sizesOf(layout) });
  return openWith(layout, path, (file) => files.get(file)!);
}

async function readPublished(path: string, published: PublishedFile): Promise<Uint8Array> {
  const size = statSync(path).size;
  if (size !== published.bytes) {
    const expected = `the published archive of ${published.bytes} bytes`;
    throw new DataError({ file: path, expected, found: `${size} bytes` });
  }
  const bytes = await readFile(path);
  const found = sha256(bytes);
  if (found !== published.sha256) {
    throw new DataError({ file: path, expected: `SHA-256 ${published.sha256}`, found });
  }
  return bytes;
}

function openWith(layout: CifarLayout, place: string, read: ReadFile): OpenedDataSet {
  return {
    place,
    readTrain: () => readSplit(layout, layout.train, place, read),
    readTest: () => readSplit(layout, layout.test, place, read),
  };
}

function sizesOf({ labels, train, test }: CifarLayout): Record<string, number> {
  const recordBytes = labels.length + CHANNELS * PLANE;
  return Object.fromEntries(
    [train, test].flatMap(({ files, imagesPerFile }) =>
      files.map((file) => [file, imagesPerFile * recordBytes]),
    ),
  );
}

function readSplit(
  layout: CifarLayout,
  split: CifarSplit,
  place: string,
  read: ReadFile,
): SplitReading {
  const count = split.files.length * split.imagesPerFile;
  const images: ImageSet = {
    count,
    height: SIDE,
    width: SIDE,
    channels: CHANNELS,
    pixels: new Uint8Array(count * PLANE * CHANNELS),
    labels: new Uint16Array(count),
  };
  const files = split.files.map((name, position) => {
    const bytes = read(name);
    const first = position * split.imagesPerFile;
    readRecords({ bytes, file: join(place, name), labels: layout.labels }, images, first);
    return digestOf(name, bytes);
  });
  checkBalance(images.labels, layout.labels.at(-1)!, place);
  return { images, files };
}

/** Copies the records of one file into `images` from image `first` on, from CHW to HWC. */
function readRecords(
  { bytes, file, labels }: { bytes: Uint8Array; file: string; labels: readonly number[] },
  images: ImageSet,
  first: number,
): void {
  const recordBytes = labels.length + CHANNELS * PLANE;
  const records = bytes.byteLength / recordBytes;
  labels.forEach((classes, position) => {
    const found = Uint16Array.from(
      { length: records },
      (_, n) => bytes[n * recordBytes + position]!,
    );
    // The last label byte is written last, and stays: CIFAR-100 has the coarse class before the fine one.
    images.labels.set(checkLabels(found, classes, file), first);
  });
  for (let record = 0; record < records; record++) {
    const source = record * recordBytes + labels.length;
    interleave(bytes, source, images.pixels, (first + record) * PLANE * CHANNELS);
  }
}

function interleave(planes: Uint8Array, from: number, pixels: Uint8Array, to: number): void {
  for (let pixel = 0; pixel < PLANE; pixel++) {
    const target = to + pixel * CHANNELS;
    pixels[target] = planes[from + pixel]!;
    pixels[target + 1] = planes[from + PLANE + pixel]!;
    pixels[target + 2] = planes[from + 2 * PLANE + pixel]!;
  }
}

/** CIFAR has the same number of images in each class of a split; damaged labels rarely do. */
function checkBalance(labels: Uint16Array, classes: number, place: string): void {
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label]!++;
  const wrong = counts.findIndex((count) => count !== labels.length / classes);
  if (wrong >= 0) {
    throw new DataError({
      file: place,
      expected: `${labels.length / classes} images of each class`,
      found: `${counts[wrong]!} of class ${wrong}`,
    });
  }
}
