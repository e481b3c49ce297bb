import { describe, expect, it } from 'vitest';
import { readDataSet, subsetOf } from '../../data';
import type { ImageSet } from '../../data';
import { countingEntry, numberedImages } from './fixtures';

/** Images of 3 classes in turn; pixel 0 of each image is its number. */
function images(count: number): ImageSet {
  const all = numberedImages(count);
  const pixels = all.pixels.slice();
  for (let index = 0; index < count; index++) pixels[index * 60] = index;
  return { ...all, pixels, labels: Uint16Array.from({ length: count }, (_, index) => index % 3) };
}

const entryOf = () => ({ ...countingEntry(images(90), images(30)), classes: ['cat', '0', 'ship'] });

describe('subsetOf', () => {
  it('keeps the images of the classes and counts their labels anew', async () => {
    const set = await readDataSet('some', subsetOf(entryOf(), ['ship', 'cat']), { seed: 1 });
    expect(set.classes).toEqual(['cat', 'ship']); // in the order of the whole
    expect([set.train.count, set.validation.count, set.test.count]).toEqual([54, 6, 20]); // of 60 and 20
    for (const split of [set.train, set.validation, set.test]) {
      for (let index = 0; index < split.count; index++) {
        // the number of an image, by 3, is its old label: 0 became 0 and 2 became 1
        expect(split.labels[index]).toBe((split.pixels[index * 60]! % 3) / 2);
      }
    }
  });

  it('limits what is left, balanced, and has a fingerprint of its own', async () => {
    const options = { seed: 1, limitTrain: 10 };
    const [some, all] = [
      await readDataSet('set', subsetOf(entryOf(), ['cat', 'ship']), options),
      await readDataSet('set', entryOf(), options),
    ];
    expect([...some.train.labels].filter((label) => label === 1)).toHaveLength(5);
    expect(some.fingerprint).not.toBe(all.fingerprint);
  });

  it('reads the test images when asked and not before', async () => {
    const entry = countingEntry(images(90), images(30));
    const two = subsetOf({ ...entry, classes: ['a', 'b', 'c'] }, ['a', 'b']);
    const set = await readDataSet('some', two, { seed: 1 });
    expect(entry.reads).toEqual(['train']);
    expect(set.test.count).toBe(20);
    expect(entry.reads).toEqual(['train', 'test']);
  });

  it('takes labels for names, unless a class has that name', () => {
    expect(subsetOf(entryOf(), ['2', '1']).classes).toEqual(['0', 'ship']);
    expect(subsetOf(entryOf(), ['0', 'ship']).classes).toEqual(['0', 'ship']);
  });

  it.each([
    [['cat', 'dog'], 'classes must be among cat, 0, ship, or labels below 3, got dog'],
    [['cat', '3'], 'classes must be among cat, 0, ship, or labels below 3, got 3'],
    [['ship', '2'], 'classes must differ, got 2 twice'],
    [['ship'], 'classes must be two or more, got 1'],
  ])('refuses %j', (classes, message) => {
    expect(() => subsetOf(entryOf(), classes)).toThrow(
      expect.objectContaining({ name: 'OptionError', message }),
    );
  });
});
