import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DataError, dataSets, loadDataSet } from '../../data';
import { idx, idxFiles, scratchFolder, writeFiles } from './fixtures';

const options = { seed: 1, validationFraction: 0.25 };

describe('a folder of IDX files', () => {
  it('may hold other data in the same format', async () => {
    const folder = writeFiles(scratchFolder(), idxFiles());
    const set = await loadDataSet('fashion-mnist', { ...options, folder });
    // 4 images of each of 10 classes, of which round(0.25 * 4) = 1 is held out
    expect([set.train.count, set.validation.count, set.test.count]).toEqual([30, 10, 20]);
    expect([set.train.height, set.train.width, set.train.channels]).toEqual([3, 4, 1]);
  });

  it('may be compressed or not: pixels and fingerprint are the same', async () => {
    const compressed: Record<string, Uint8Array> = {};
    for (const [name, bytes] of Object.entries(idxFiles())) {
      compressed[`${name}.gz`] = gzipSync(bytes);
    }
    const plain = writeFiles(scratchFolder(), idxFiles());
    const zipped = writeFiles(scratchFolder(), compressed);
    const one = await loadDataSet('mnist', { ...options, folder: plain });
    const other = await loadDataSet('mnist', { ...options, folder: zipped });
    expect(other.train).toEqual(one.train);
    expect(other.fingerprint).toBe(one.fingerprint);
  });

  it.each(Object.keys(idxFiles()))('is refused at once without %s', async (name) => {
    const folder = writeFiles(scratchFolder(), idxFiles());
    rmSync(join(folder, name));
    mkdirSync(join(folder, name)); // a folder of that name is no file either
    const loading = loadDataSet('fashion-mnist', { ...options, folder });
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(
      `${join(folder, name)}: expected a file of that name, plain or .gz, found no such file; install`,
    );
  });

  it('is named when it does not exist', async () => {
    const folder = join(scratchFolder(), 'nowhere');
    await expect(loadDataSet('mnist', { ...options, folder })).rejects.toThrow(
      `found no folder ${folder}`,
    );
  });

  it('decompresses no more than its header promises', async () => {
    const names = idxFiles();
    const images = names['train-images-idx3-ubyte']!;
    const bomb = Buffer.concat([images, Buffer.alloc(2 ** 26)]);
    const files = { ...names, 'train-images-idx3-ubyte.gz': gzipSync(bomb, { level: 1 }) };
    const folder = writeFiles(scratchFolder(), files);
    rmSync(join(folder, 'train-images-idx3-ubyte'));
    await expect(loadDataSet('mnist', { ...options, folder })).rejects.toThrow(
      `a whole, readable gzip file of at most ${images.byteLength} bytes of content`,
    );
  });

  it.each([
    [[2 ** 30, 3, 4], 'labels, one for each image of'],
    [[40, 5_000, 4], 'expected images of at most 4096 x 4096, found sizes 40 x 5000 x 4'],
  ])('believes no header of %j images before the labels say so', async (sizes, message) => {
    const folder = writeFiles(scratchFolder(), {
      ...idxFiles(),
      'train-images-idx3-ubyte': idx(sizes, []),
    });
    await expect(loadDataSet('mnist', { ...options, folder })).rejects.toThrow(message);
  });

  it('must have the published content where it has the published count', async () => {
    const images = idx([60_000, 1, 1], new Uint8Array(60_000));
    const folder = writeFiles(scratchFolder(), {
      ...idxFiles(),
      'train-images-idx3-ubyte': images,
      'train-labels-idx1-ubyte': idx(
        [60_000],
        Array.from({ length: 60_000 }, (_, index) => index % 10),
      ),
    });
    await expect(loadDataSet('fashion-mnist', { ...options, folder })).rejects.toThrow(
      /train-images-idx3-ubyte: expected SHA-256 c59f468a\w+ after decompression.*, found \w{64}$/,
    );
  });

  it('must have a label for each image', async () => {
    const labels = idx([39], Array(39).fill(0));
    const files = { ...idxFiles(), 'train-labels-idx1-ubyte': labels };
    const folder = writeFiles(scratchFolder(), files);
    await expect(loadDataSet('mnist', { ...options, folder })).rejects.toThrow(
      /train-labels-idx1-ubyte: expected 40 labels, one for each image of .*, found 39/,
    );
  });

  it('is refused when a gzip file ends early, wherever', async () => {
    const { 'train-images-idx3-ubyte': images, ...rest } = idxFiles();
    const whole = gzipSync(images!);
    for (let length = 0; length < whole.length; length += 50) {
      const folder = writeFiles(scratchFolder(), {
        ...rest,
        'train-images-idx3-ubyte.gz': whole.subarray(0, length),
      });
      await expect(loadDataSet('mnist', { ...options, folder })).rejects.toThrow(DataError);
    }
    expect(whole.length).toBeGreaterThan(400);
  });

  it('gives up its test images only when asked: damage there is found then', async () => {
    const folder = writeFiles(scratchFolder(), idxFiles());
    writeFileSync(join(folder, 't10k-images-idx3-ubyte'), 'no images');
    const set = await loadDataSet('mnist', { ...options, folder });
    expect(set.train.count).toBe(30);
    expect(() => set.test).toThrow(/t10k-images-idx3-ubyte: expected an IDX header/);
  });

  it('cannot be downloaded', async () => {
    for (const name of ['mnist', 'fashion-mnist'] as const) {
      await expect(loadDataSet(name, { seed: 1, download: true })).rejects.toThrow(
        `download is for cifar10 and cifar100, got ${name}`,
      );
    }
  });
});

describe('MNIST', () => {
  it('is embedded, whole and loaded within a second', async () => {
    const times: number[] = [];
    for (let trial = 0; trial < 3; trial++) {
      const start = performance.now();
      const set = await loadDataSet('mnist', { seed: 1 });
      const counts = [set.train.count, set.validation.count, set.test.count];
      times.push(performance.now() - start);
      expect(counts).toEqual([54_000, 6_000, 10_000]);
      // The published labels of the first test images.
      expect([...set.test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    }
    expect(Math.min(...times)).toBeLessThan(1000); // the best of three: the machine may be busy
  });

  it('is as large as its entry says', async () => {
    const { height, width, channels } = (await loadDataSet('mnist', { seed: 1, limitTrain: 10 }))
      .train;
    expect({ height, width, channels }).toMatchObject({ height: 28, width: 28, channels: 1 });
    expect(dataSets.mnist).toMatchObject({ height, width, channels });
  });
});

const debian = '/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz';
if (!existsSync(debian)) {
  console.log('Fashion-MNIST tests skipped: the Debian package dataset-fashion-mnist is not there');
}

describe.skipIf(!existsSync(debian))('Fashion-MNIST', () => {
  it('is read from the Debian package and has the published checksums', async () => {
    const set = await loadDataSet('fashion-mnist', { seed: 1 });
    expect([set.train.count, set.validation.count, set.test.count]).toEqual([
      54_000, 6_000, 10_000,
    ]);
    // The first test images: ankle boot, pullover, trouser, trouser, shirt.
    expect([...set.test.labels.subarray(0, 5)]).toEqual([9, 2, 1, 1, 6]);
  });
});
