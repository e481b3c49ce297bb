import { describe, expect, it } from 'vitest';
import { findImbalance, requireClassWeights, weighClasses } from '../../data';
import type { DataSet } from '../../data';

/** A data set of so many training images of each class. */
function taught(counts: Readonly<Record<string, number>>): Pick<DataSet, 'classes' | 'train'> {
  const classes = Object.keys(counts);
  const labels = Uint16Array.from(
    Object.values(counts).flatMap((count, label) => Array<number>(count).fill(label)),
  );
  const size = { height: 1, width: 1, channels: 1, pixels: new Uint8Array(labels.length) };
  return { classes, train: { ...size, count: labels.length, labels } };
}

describe('weights of the classes', () => {
  const pets = taught({ cat: 12, dog: 4, bird: 8 });

  it('are none where none are asked for', () => {
    expect(weighClasses('none', pets)).toBeUndefined();
  });

  it('balanced: images / (classes * images of the class), as scikit-learn', () => {
    // 24 / (3 * 12), 24 / (3 * 4), 24 / (3 * 8)
    expect(weighClasses('balanced', pets)).toEqual([24 / 36, 2, 1]);
    expect(weighClasses('balanced', taught({ a: 5, b: 5 }))).toEqual([1, 1]);
  });

  it('balanced: count only the classes that have images', () => {
    // 16 / (2 * 12), none, 16 / (2 * 4)
    expect(weighClasses('balanced', taught({ a: 12, b: 0, c: 4 }))).toEqual([16 / 24, 1, 2]);
    expect(weighClasses('balanced', taught({ a: 0, b: 7 }))).toEqual([1, 1]);
  });

  it('are taken by name or label, 1 for the others; a name goes before a label', () => {
    expect(weighClasses({ dog: 3, '2': 0.5 }, pets)).toEqual([1, 3, 0.5]);
    expect(weighClasses({ '1': 5 }, taught({ '1': 1, '0': 1 }))).toEqual([1, 5]); // JSON sorts: 0, 1
  });

  it.each([
    [{ cow: 1 }, 'classWeights must be none, balanced, or name classes among cat, dog, bird, got cow'],
    [{ '3': 1 }, 'name classes among cat, dog, bird, got 3'],
    [{ cat: 1, '0': 2 }, 'classWeights must name each class once, cat is named twice'],
    [{ cat: 0 }, 'classWeights of cat must be a number above 0, got 0'],
    [{ cat: Number.NaN }, 'classWeights of cat must be a number above 0, got NaN'],
    [{ cat: Infinity }, 'classWeights of cat must be a number above 0'],
  ])('refuse %j', (given, message) => {
    expect(() => weighClasses(given as Record<string, number>, pets)).toThrow(message);
  }); // prettier-ignore

  it('are refused by label unless there is one above 0 for each class', () => {
    requireClassWeights(undefined, pets.classes);
    requireClassWeights([1, 2, 3], pets.classes);
    for (const wrong of [[1, 2], [1, 2, 3, 4], [1, 0, 2], [1, Number.NaN, 2]]) {
      expect(() => {
        requireClassWeights(wrong, pets.classes);
      }).toThrow('classWeights must be 3 numbers above 0, one for each class');
    } // prettier-ignore
  });
});

describe('classes out of balance', () => {
  it('are those at 4 to 1 or more', () => {
    expect(findImbalance(taught({ a: 399, b: 100 }))).toBeNull();
    expect(findImbalance(taught({ a: 400, b: 100, c: 200 }))).toEqual({
      problem: 'the training images are out of balance, 4 to 1: a 400, b 100, c 200',
      isWeighable: true,
    });
  });

  it('are said no more where they are weighed', () => {
    expect(findImbalance(taught({ a: 90, b: 10 }), 'balanced')).toBeNull();
    expect(findImbalance(taught({ a: 90, b: 10 }), { b: 2 })).toBeNull();
  });

  it('with a class that has no images are said even so', () => {
    const given = { a: 9, b: 0, c: 10 };
    const problem = '1 class has no training images: a 9, b 0, c 10';
    expect(findImbalance(taught(given))).toEqual({ problem, isWeighable: false });
    expect(findImbalance(taught(given), 'balanced')).toEqual({ problem, isWeighable: false });
    expect(findImbalance(taught({ a: 1, b: 0, c: 10, d: 0 }))).toEqual({
      problem:
        '2 classes have no training images; the training images are out of balance, 10 to 1: a 1, b 0, c 10, d 0',
      isWeighable: true,
    });
  });

  it('of one class alone teach nothing', () => {
    expect(findImbalance(taught({ a: 0, b: 7 }))).toEqual({
      problem: 'all training images are of one class, b: a network learns nothing from them (a 0, b 7)',
      isWeighable: false,
    }); // prettier-ignore
  });

  it('are listed from both ends where there are many', () => {
    const counts = Object.fromEntries(
      Array.from({ length: 30 }, (_, label) => [`c${label}`, 5 + label]),
    );
    expect(findImbalance(taught(counts))?.problem).toBe(
      'the training images are out of balance, 7 to 1: c0 5, c1 6, c2 7, c3 8, c4 9, ..., ' +
        'c25 30, c26 31, c27 32, c28 33, c29 34',
    );
  });
});
