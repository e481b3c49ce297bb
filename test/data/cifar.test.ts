import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataError, dataSets, loadDataSet, readDataSet, type DataOptions } from '../../data';
import { openCifar, type CifarLayout } from '../../data/cifar';
import { cifar10Layout } from '../../data/cifar10';
import { cifar100Layout } from '../../data/cifar100';
import {
  cifarFile,
  membersOf,
  scratchFolder,
  tinyArchive,
  tinyCifarFiles,
  tinyLayout,
  writeFiles,
} from './fixtures';

const entryOf = (layout: CifarLayout) => ({
  ...dataSets.cifar10,
  classes: ['cat', 'dog'],
  open: (options: DataOptions) => openCifar(layout, options),
});

/** Reads the training split of tiny files whose archive plays no part. */
async function readFolder(files: Record<string, Uint8Array>, layout = tinyLayout(Buffer.of())) {
  const folder = writeFiles(scratchFolder(), files);
  return (await openCifar(layout, { folder, seed: 1 })).readTrain();
}

describe('CIFAR files', () => {
  it('are turned from planes to pixels', async () => {
    const files = tinyCifarFiles();
    const { images } = await readFolder(files);
    expect([...images.labels]).toEqual([0, 1, 0, 1, 1, 1, 0, 0]);
    // Image 5 is record 1 of the second file: 3073 + 1 bytes in; pixel (2, 3) is number 2 * 32 + 3 = 67.
    const record = files['batch_2.bin']!.subarray(3073 + 1);
    const first = 5 * 3072 + 67 * 3;
    expect([...images.pixels.subarray(first, first + 3)]).toEqual([
      record[67],
      record[1024 + 67],
      record[2048 + 67],
    ]);
    const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0);
    expect(sum(images.pixels.subarray(5 * 3072, 6 * 3072))).toBe(sum(record.subarray(0, 3072)));
  });

  it('with two label bytes are labelled by the second', async () => {
    const layout = {
      ...tinyLayout(Buffer.of()),
      labels: [2, 4],
      train: { files: ['train.bin'], imagesPerFile: 4 },
    };
    const files = {
      'train.bin': cifarFile(
        [
          [0, 3],
          [1, 0],
          [0, 2],
          [1, 1],
        ],
        1,
      ),
      'test.bin': cifarFile(
        [
          [0, 0],
          [1, 1],
        ],
        1,
      ),
    };
    expect([...(await readFolder(files, layout)).images.labels]).toEqual([3, 0, 2, 1]);
    files['train.bin'][3074] = 2; // the coarse label of image 1
    await expect(readFolder(files, layout)).rejects.toThrow(
      /train\.bin: expected labels 0 to 1, found label 2 for image 1/,
    );
  });

  it('are the same from a folder, its subfolder and the archive', async () => {
    const archive = await tinyArchive();
    const entry = entryOf(tinyLayout(archive));
    const options = { seed: 1, validationFraction: 0.25 };
    const above = scratchFolder();
    mkdirSync(join(above, 'tiny-bin'));
    writeFiles(join(above, 'tiny-bin'), tinyCifarFiles());
    const packed = writeFiles(scratchFolder(), { 'tiny.tar.gz': archive });
    const sets = await Promise.all(
      [above, join(above, 'tiny-bin'), packed, join(packed, 'tiny.tar.gz')].map((folder) =>
        readDataSet('tiny', entry, { ...options, folder }),
      ),
    );
    // 4 images of each class, of which one is held out
    expect(sets.map((set) => [set.train.count, set.validation.count, set.test.count])).toEqual(
      sets.map(() => [6, 2, 2]),
    );
    for (const set of sets.slice(1)) {
      expect(set.train).toEqual(sets[0]!.train);
      expect(set.test).toEqual(sets[0]!.test);
      expect(set.fingerprint).toBe(sets[0]!.fingerprint);
    }
  });

  it.each(Object.keys(tinyCifarFiles()).slice(1))(
    'are refused at once when %s is short or missing',
    async (name) => {
      const folder = writeFiles(scratchFolder(), tinyCifarFiles());
      truncateSync(join(folder, name), 3000);
      const open = () => openCifar(tinyLayout(Buffer.of()), { folder, seed: 1 });
      await expect(open()).rejects.toThrow(/expected a file of \d+ bytes, found 3000 bytes/);
      rmSync(join(folder, name));
      await expect(open()).rejects.toThrow(/found no such file/);
    },
  );

  it('are refused on a label out of range or classes out of balance', async () => {
    const wrong = { ...tinyCifarFiles(), 'batch_1.bin': cifarFile([[0], [1], [2], [1]], 1) };
    await expect(readFolder(wrong)).rejects.toThrow(
      /batch_1\.bin: expected labels 0 to 1, found label 2 for image 2/,
    );
    const uneven = { ...tinyCifarFiles(), 'batch_1.bin': cifarFile([[0], [1], [1], [1]], 1) };
    await expect(readFolder(uneven)).rejects.toThrow(
      'expected 4 images of each class, found 3 of class 0',
    );
  });

  it('in an archive other than the published one are refused', async () => {
    const archive = await tinyArchive();
    const open = (bytes: Uint8Array) => {
      const folder = writeFiles(scratchFolder(), { 'tiny.tar.gz': bytes });
      return openCifar(tinyLayout(archive), { folder, seed: 1 });
    };
    await expect(open(archive.subarray(1))).rejects.toThrow(
      `expected the published archive of ${archive.length} bytes, found ${archive.length - 1} bytes`,
    );
    const flipped = Buffer.from(archive);
    flipped[100]! ^= 1;
    await expect(open(flipped)).rejects.toThrow(/expected SHA-256 \w{64}, found \w{64}/);
  });

  it('in an archive that leaves its folder are refused even if it has the right checksum', async () => {
    const members = membersOf(tinyCifarFiles());
    const archive = await tinyArchive([...members, { name: '../evil', content: Buffer.of(1) }]);
    const folder = writeFiles(scratchFolder(), { 'tiny.tar.gz': archive });
    const opening = openCifar(tinyLayout(archive), { folder, seed: 1 });
    await expect(opening).rejects.toThrow('tiny.tar.gz: member ../evil');
  });

  it('that are nowhere are asked for, with the address', async () => {
    const folder = scratchFolder();
    const loading = loadDataSet('cifar10', { seed: 1, folder });
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(
      `${join(folder, 'cifar-10-binary.tar.gz')}: expected that archive, or data_batch_1.bin and its siblings, found neither; download it from https://www.cs.toronto.edu/`,
    );
    await expect(loadDataSet('cifar100', { seed: 1 })).rejects.toThrow(
      'folder must name where cifar-100-binary.tar.gz',
    );
  });

  it('of the real data sets have the published sizes', async () => {
    // 10,000 records of 1 + 3072 bytes; 50,000 and 10,000 of 2 + 3072
    const published: [CifarLayout, string, number][] = [
      [cifar10Layout, 'data_batch_1.bin', 30_730_000],
      [cifar100Layout, 'train.bin', 153_700_000],
    ];
    for (const [layout, name, size] of published) {
      const folder = scratchFolder();
      writeFileSync(join(folder, name), '');
      await expect(openCifar(layout, { seed: 1, folder })).rejects.toThrow(
        `${join(folder, name)}: expected a file of ${size} bytes, found 0 bytes`,
      );
    }
  });

  it('have a class name for each label', () => {
    expect(new Set(dataSets.cifar100.classes).size).toBe(100);
    expect(new Set(dataSets.cifar10.classes).size).toBe(10);
    expect(dataSets.cifar100.classes).toEqual([...dataSets.cifar100.classes].sort());
  });
});
