import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceSubset, selectImages, splitByClass } from '../../data/split';
import { numberedImages } from './fixtures';

const labelsOf = fc
  .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 80 })
  .map((labels) => Uint16Array.from(labels));

function countsOf(labels: Uint16Array, indexes: Uint32Array): number[] {
  const counts = [0, 0, 0, 0, 0];
  for (const index of indexes) counts[labels[index]!]!++;
  return counts;
}

describe('stratifiedSplit', () => {
  it('holds out the fraction of each class, and parts all images in two', () => {
    fc.assert(
      fc.property(labelsOf, fc.integer(), fc.integer({ min: 0, max: 99 }), (labels, seed, cent) => {
        const fraction = cent / 100;
        const { kept, heldOut } = splitByClass(labels, { fraction, seed });
        const both = [...kept, ...heldOut].sort((one, other) => one - other);
        expect(both).toEqual([...labels.keys()]);
        const all = countsOf(labels, Uint32Array.from(labels.keys()));
        expect(countsOf(labels, heldOut)).toEqual(all.map((size) => Math.round(fraction * size)));
      }),
      { seed: 1 },
    );
  });

  it('holds out other images for another seed', () => {
    const labels = new Uint16Array(100);
    const heldOut = (seed: number) => splitByClass(labels, { fraction: 0.1, seed }).heldOut;
    expect(heldOut(1)).toEqual(heldOut(1));
    expect(heldOut(1)).not.toEqual(heldOut(2));
  });
});

describe('balancedSubset', () => {
  it('takes as many of each class, give or take one, unless a class runs out', () => {
    fc.assert(
      fc.property(labelsOf, fc.integer(), fc.nat(), (labels, seed, draw) => {
        const limit = draw % (labels.length + 1);
        const indexes = balanceSubset(labels, { limit, seed });
        expect(new Set(indexes).size).toBe(limit);
        expect([...indexes]).toEqual([...indexes].sort((one, other) => one - other));
        const counts = countsOf(labels, indexes);
        const all = countsOf(labels, Uint32Array.from(labels.keys()));
        const most = Math.max(...counts);
        counts.forEach((count, label) => {
          expect(count === all[label] || count >= most - 1).toBe(true);
        });
      }),
      { seed: 1 },
    );
  });

  it('takes from small classes all they have: 2 + 4 + 4 of 2, 9 and 9', () => {
    const labels = Uint16Array.from([
      0,
      0,
      ...Array<number>(9).fill(1),
      ...Array<number>(9).fill(2),
    ]);
    const indexes = balanceSubset(labels, { limit: 10, seed: 3 });
    expect(countsOf(labels, indexes)).toEqual([2, 4, 4, 0, 0]);
  });

  it('grows with its limit', () => {
    const labels = Uint16Array.from({ length: 60 }, (_, index) => index % 5);
    const small = balanceSubset(labels, { limit: 13, seed: 1 });
    const large = new Set(balanceSubset(labels, { limit: 31, seed: 1 }));
    expect(small.every((index) => large.has(index))).toBe(true);
    expect(small).not.toEqual(balanceSubset(labels, { limit: 13, seed: 2 }));
  });
});

describe('selectImages', () => {
  it('copies the pixels and labels named, in their order', () => {
    const images = numberedImages(5);
    const chosen = selectImages(images, Uint32Array.of(4, 1));
    expect([...chosen.labels]).toEqual([4, 1]);
    expect(chosen).toMatchObject({ count: 2, height: 5, width: 4, channels: 3 });
    expect(chosen.pixels.subarray(0, 60)).toEqual(images.pixels.subarray(240, 300));
    expect(chosen.pixels.subarray(60)).toEqual(images.pixels.subarray(60, 120));
  });
});
