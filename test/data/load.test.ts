import { describe, expect, it } from 'vitest';
import { OptionError } from '../../errors';
import { DataError, loadDataSet, readDataSet, type DataOptions, type ImageSet } from '../../data';
import { countingEntry, numberedImages } from './fixtures';

/** 90 images of 3 classes; pixel 0 of each image is its number. */
function images(count = 90): ImageSet {
  const all = numberedImages(count);
  const pixels = all.pixels.slice();
  for (let index = 0; index < count; index++) pixels[index * 60] = index;
  return { ...all, pixels, labels: Uint16Array.from({ length: count }, (_, index) => index % 3) };
}

const numbersOf = (split: ImageSet) =>
  Array.from({ length: split.count }, (_, index) => split.pixels[index * 60]!);

const classCounts = ({ labels }: ImageSet) =>
  [0, 1, 2].map((label) => labels.filter((found) => found === label).length);

const read = (options: Partial<DataOptions> = {}) =>
  readDataSet('counted', countingEntry(images(), images(30)), { seed: 1, ...options });

describe('readDataSet', () => {
  it('reads the test images when asked, once, and not before', async () => {
    const entry = countingEntry(images(), images(30));
    const set = await readDataSet('counted', entry, { seed: 1 });
    expect([set.train.count, set.validation.count]).toEqual([81, 9]);
    expect(entry.reads).toEqual(['train']);
    expect(set.test.count + set.test.count).toBe(60);
    expect(entry.reads).toEqual(['train', 'test']);
  });

  it('keeps training and validation images apart, each class in proportion', async () => {
    const { train, validation } = await read({ validationFraction: 0.2 });
    const both = [...numbersOf(train), ...numbersOf(validation)].sort((a, b) => a - b);
    expect(both).toEqual(Array.from({ length: 90 }, (_, index) => index));
    expect(classCounts(train)).toEqual([24, 24, 24]); // 30 of each class, less 20 %
    expect(classCounts(validation)).toEqual([6, 6, 6]);
  });

  it('limits each split to a balanced part, counted after the validation split', async () => {
    const all = await read();
    const part = await read({ limitTrain: 12, limitValidation: 6, limitTest: 9 });
    expect(classCounts(part.train)).toEqual([4, 4, 4]);
    expect(classCounts(part.validation)).toEqual([2, 2, 2]);
    expect(classCounts(part.test)).toEqual([3, 3, 3]);
    const kept = new Set(numbersOf(all.train));
    expect(numbersOf(part.train).every((number) => kept.has(number))).toBe(true);
  });

  it('takes of what is usual as many as there are, and all where 0 is wanted', async () => {
    const usual = { limitTrain: 12, limitValidation: 10, limitTest: 40 };
    const part = await read({ usual });
    expect([part.train.count, part.validation.count, part.test.count]).toEqual([12, 9, 30]);
    expect(part.train).toEqual((await read({ limitTrain: 12 })).train);
    const wanted = await read({ usual, limitTrain: 0, limitValidation: 3 });
    expect([wanted.train.count, wanted.validation.count]).toEqual([81, 3]);
  });

  it('holds out one image of each class that can spare it where the usual fraction makes none', async () => {
    const few = numberedImages(7);
    const tiny = { ...few, labels: Uint16Array.of(0, 0, 0, 0, 1, 1, 2) };
    const { train, validation } = await readDataSet('tiny', countingEntry(tiny, images(30)), {
      seed: 1,
    });
    expect(classCounts(train)).toEqual([3, 1, 1]); // round(0.1 * 4) = 0
    expect(classCounts(validation)).toEqual([1, 1, 0]);
  });

  it('holds out the same images whatever the limit on training images', async () => {
    const [all, part] = [await read(), await read({ limitTrain: 12 })];
    expect(part.validation).toEqual(all.validation);
    expect(part.fingerprint).toBe(all.fingerprint);
  });

  it('chooses by the seed', async () => {
    const options = { limitTrain: 12, limitTest: 9 };
    const [one, same, other] = [
      await read(options),
      await read(options),
      await read({ ...options, seed: 2 }),
    ];
    expect(numbersOf(same.train)).toEqual(numbersOf(one.train));
    expect(numbersOf(other.train)).not.toEqual(numbersOf(one.train));
    expect(numbersOf(other.validation)).not.toEqual(numbersOf(one.validation));
    expect(numbersOf(other.test)).not.toEqual(numbersOf(one.test));
  });

  it('reads 0 as all, and no validation images where none are wanted', async () => {
    const set = await read({ limitTrain: 0, limitTest: 0, validationFraction: 0 });
    expect([set.train.count, set.validation.count, set.test.count]).toEqual([90, 0, 30]);
  });

  it('has another fingerprint for other files or classes', async () => {
    const entry = countingEntry(images(), images(30));
    const renamed = { ...entry, classes: ['a', 'b', 'x'] };
    const smaller = countingEntry(images(60), images(30));
    const prints = await Promise.all(
      [entry, renamed, smaller].map(
        async (one) => (await readDataSet('counted', one, { seed: 1 })).fingerprint,
      ),
    );
    expect(new Set(prints).size).toBe(3);
    expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    [{ seed: 0.5 }, 'seed must be an integer, got 0.5'],
    [{ validationFraction: 1 }, 'validationFraction must be in [0, 1), got 1'],
    [{ validationFraction: Number.NaN }, 'validationFraction must be in [0, 1), got NaN'],
    [{ validationFraction: 0.01 }, 'must leave images on both sides, got 0.01: 90 of 90'],
    [{ validationFraction: 0.99 }, 'must leave images on both sides, got 0.99: 0 of 90'],
    [{ limitTrain: -1 }, 'limitTrain must be an integer >= 0, got -1'],
    [{ limitTrain: 82 }, 'limitTrain must be at most the 81 there are, got 82'],
    [{ limitValidation: 10 }, 'limitValidation must be at most the 9 there are, got 10'],
  ])('refuses %j', async (options, message) => {
    const loading = read(options);
    await expect(loading).rejects.toThrow(OptionError);
    await expect(loading).rejects.toThrow(message);
  });

  it('refuses a test limit above the test images, and images of another size', async () => {
    const set = await read({ limitTest: 31 });
    expect(() => set.test).toThrow('limitTest must be at most the 30 there are, got 31');
    const turned = { ...images(30), height: 4, width: 5 };
    const mixed = await readDataSet('mixed', countingEntry(images(), turned), { seed: 1 });
    expect(() => mixed.test).toThrow(DataError);
    expect(() => mixed.test).toThrow('expected test images of 5 x 4 x 3');
  });
});

describe('loadDataSet', () => {
  it('names the data sets there are when asked for another', async () => {
    await expect(loadDataSet('imagenet', { seed: 1 })).rejects.toThrow(
      'dataset must be one of mnist, fashion-mnist, cifar10, cifar100, got imagenet',
    );
  });
});
