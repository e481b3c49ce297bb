import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { onTestFinished } from 'vitest';
import type { CifarLayout } from '../../data/cifar';
import type { DataSet, DataSetEntry, ImageSet } from '../../data/data-set';
import { sha256 } from '../../files';
import { RandomStream } from '../../random/seeds';

/** An empty folder that goes when the test ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'secateur-data-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

export function randomBytes(count: number, seed = 1): Uint8Array {
  const random = new RandomStream(seed);
  return Uint8Array.from({ length: count }, () => random.integer(256));
}

/** An IDX file: uint8, with the given sizes. */
export function idx(sizes: number[], content: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length);
  sizes.forEach((size, axis) => header.writeUInt32BE(size, 4 + 4 * axis));
  return Buffer.concat([header, Uint8Array.from(content)]);
}

/** The four files of a tiny data set in the IDX format: 40 + 20 images, 3 x 4, labels 0..9 in turn. */
export function idxFiles(): Record<string, Buffer> {
  const labels = (count: number) => Array.from({ length: count }, (_, index) => index % 10);
  return {
    'train-images-idx3-ubyte': idx([40, 3, 4], randomBytes(480, 1)),
    'train-labels-idx1-ubyte': idx([40], labels(40)),
    't10k-images-idx3-ubyte': idx([20, 3, 4], randomBytes(240, 2)),
    't10k-labels-idx1-ubyte': idx([20], labels(20)),
  };
}

export function writeFiles(folder: string, files: Record<string, Uint8Array>): string {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

export interface Member extends Partial<Header> {
  readonly name: string;
  readonly content?: Uint8Array;
}

/** A tar archive with these members. */
export async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of members) {
    if (content === undefined)
      archive.entry(header); // only plain files have content
    else archive.entry(header, content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** CIFAR records: label bytes, then random pixels (planes R, G, B). */
export function cifarFile(labels: number[][], seed: number): Uint8Array {
  return Buffer.concat(
    labels.flatMap((bytes, record) => [Uint8Array.from(bytes), randomBytes(3072, seed + record)]),
  );
}

/** The files of a tiny CIFAR: 2 x 4 training and 2 test images of 2 classes. */
export function tinyCifarFiles(): Record<string, Uint8Array> {
  return {
    'batch_1.bin': cifarFile([[0], [1], [0], [1]], 10),
    'batch_2.bin': cifarFile([[1], [1], [0], [0]], 20),
    'test.bin': cifarFile([[1], [0]], 30),
  };
}

export function membersOf(files: Record<string, Uint8Array>): Member[] {
  return Object.entries(files).map(([name, content]) => ({ name: `tiny-bin/${name}`, content }));
}

/** The layout of the tiny CIFAR as if `archive` had been published. */
export function tinyLayout(archive: Uint8Array): CifarLayout {
  return {
    folder: 'tiny-bin',
    labels: [2],
    train: { files: ['batch_1.bin', 'batch_2.bin'], imagesPerFile: 4 },
    test: { files: ['test.bin'], imagesPerFile: 2 },
    archive: {
      name: 'tiny.tar.gz',
      url: 'https://example.invalid/tiny.tar.gz',
      bytes: archive.byteLength,
      sha256: sha256(archive),
    },
  };
}

export async function tinyArchive(members = membersOf(tinyCifarFiles())): Promise<Buffer> {
  return gzipSync(await tarOf(members));
}

/** Random images of 5 x 4 x 3; the label of each image is its index, so that it can be told. */
export function numberedImages(count: number): ImageSet {
  const pixels = randomBytes(count * 60, count);
  const labels = Uint16Array.from({ length: count }, (_, index) => index);
  return { count, height: 5, width: 4, channels: 3, pixels, labels };
}

/** A data set of numbered images with every augmentation. */
export function numberedSet(count: number): DataSet {
  return {
    name: 'numbered',
    classes: Array.from({ length: count }, (_, index) => `image ${index}`),
    train: numberedImages(count),
    validation: numberedImages(1),
    test: numberedImages(1),
    mean: [0.5, 0.4, 0.3],
    deviation: [0.25, 0.5, 0.2],
    augmentation: { pad: 2, flip: true },
    fingerprint: '',
  };
}

/** An entry that counts how often the splits of `images` are read. */
export function countingEntry(train: ImageSet, test: ImageSet): DataSetEntry & { reads: string[] } {
  const reads: string[] = [];
  const reading = (split: string, images: ImageSet) => () => {
    reads.push(split);
    return { images, files: [{ name: split, bytes: images.pixels.length, sha256: '' }] };
  };
  return {
    reads,
    title: 'Counting',
    classes: ['a', 'b', 'c'],
    height: train.height,
    width: train.width,
    channels: train.channels,
    mean: [0, 0, 0],
    deviation: [1, 1, 1],
    augmentation: { pad: 0, flip: false },
    recipe: {
      epochs: 1,
      batchSize: 1,
      learningRate: 0.1,
      momentum: 0,
      weightDecay: 0,
      schedule: 'cosine',
      limitTrain: 0,
      limitValidation: 0,
      limitTest: 0,
    },
    open: () =>
      Promise.resolve({
        place: 'memory',
        readTrain: reading('train', train),
        readTest: reading('test', test),
      }),
  };
}
