import { describe, expect, it } from 'vitest';
import { normalisation, placementOf, UNMOVED, writeImage } from '../../data/augmentation';
import type { ImageSet } from '../../data/data-set';

/** Two grey images of 2 x 3; the second is 1 2 3 / 4 5 6. */
const grey: ImageSet = {
  count: 2,
  height: 2,
  width: 3,
  channels: 1,
  pixels: Uint8Array.of(9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6),
  labels: Uint16Array.of(0, 1),
};

/** A table that changes nothing: mean 0, deviation 1/255. */
const identity = normalisation([0], [1 / 255]);

function moved(top: number, left: number, isFlipped: boolean): number[] {
  const target = new Float32Array(8).fill(-1);
  writeImage(grey, 1, { top, left, isFlipped }, identity, target, 1);
  expect([target[0], target[7]]).toEqual([-1, -1]); // the neighbours are not touched
  return [...target.subarray(1, 7)].map((value) => Math.round(value * 1000) / 1000);
}

describe('writeImage', () => {
  // Padded by 1 the image is   0 0 0 0 0
  //                            0 1 2 3 0
  //                            0 4 5 6 0
  //                            0 0 0 0 0 ; a crop of 2 x 3 at row 1 + top, column 1 + left.
  it.each([
    { top: 0, left: 0, isFlipped: false, expected: [1, 2, 3, 4, 5, 6] },
    { top: -1, left: -1, isFlipped: false, expected: [0, 0, 0, 0, 1, 2] },
    { top: 1, left: 1, isFlipped: false, expected: [5, 6, 0, 0, 0, 0] },
    { top: -1, left: 1, isFlipped: false, expected: [0, 0, 0, 2, 3, 0] },
    { top: 0, left: 0, isFlipped: true, expected: [3, 2, 1, 6, 5, 4] },
    { top: 1, left: -1, isFlipped: true, expected: [5, 4, 0, 0, 0, 0] }, // crop 0 4 5 / 0 0 0, mirrored
  ])(
    'crops at ($top, $left), flipped $isFlipped, as computed by hand',
    ({ top, left, isFlipped, expected }) => {
      expect(moved(top, left, isFlipped)).toEqual(expected);
    },
  );

  it('normalises each channel by its own figures and pads with black', () => {
    const colour: ImageSet = {
      count: 1,
      height: 1,
      width: 2,
      channels: 2,
      pixels: Uint8Array.of(255, 0, 51, 102),
      labels: Uint16Array.of(0),
    };
    const table = normalisation([0.5, 0.2], [0.25, 0.4]);
    const values = new Float32Array(4);
    writeImage(colour, 0, UNMOVED, table, values, 0);
    // (1 - 0.5) / 0.25 = 2; (0 - 0.2) / 0.4 = -0.5; (0.2 - 0.5) / 0.25 = -1.2; (0.4 - 0.2) / 0.4 = 0.5
    expect([...values]).toEqual([2, -0.5, -1.2, 0.5].map(Math.fround));
    writeImage(colour, 0, { top: 0, left: 1, isFlipped: false }, table, values, 0);
    // black is (0 - 0.5) / 0.25 = -2 and (0 - 0.2) / 0.4 = -0.5
    expect([...values]).toEqual([-1.2, 0.5, -2, -0.5].map(Math.fround));
  });
});

describe('placementOf', () => {
  const placements = Array.from({ length: 5000 }, (_, index) =>
    placementOf({ pad: 2, flip: true }, { seed: 1, epoch: 0, index }),
  );

  it('moves by every distance up to the padding, equally often, and flips half', () => {
    for (const side of ['top', 'left'] as const) {
      for (const distance of [-2, -1, 0, 1, 2]) {
        const times = placements.filter((placement) => placement[side] === distance).length;
        expect(Math.abs(times - 1000)).toBeLessThan(120); // four times sqrt(5000 * 0.2 * 0.8) = 28
      }
    }
    const flips = placements.filter(({ isFlipped }) => isFlipped).length;
    expect(Math.abs(flips - 2500)).toBeLessThan(150); // four times sqrt(5000 / 4) = 35
  });

  it('is a function of seed, epoch and index', () => {
    const key = { seed: 1, epoch: 2, index: 3 };
    const at = (change: object) =>
      Array.from({ length: 20 }, (_, offset) =>
        placementOf({ pad: 4, flip: true }, { ...key, ...change, index: key.index + offset }),
      );
    expect(at({})).toEqual(at({}));
    expect(at({ seed: 2 })).not.toEqual(at({}));
    expect(at({ epoch: 3 })).not.toEqual(at({}));
  });

  // Computed apart from this project, in Python, from the published FNV-1a, MurmurHash3 and splitmix32:
  //   def mix(v): m = v ^ v >> 16; m = m * 0x85ebca6b & M; m ^= m >> 13; m = m * 0xc2b2ae35 & M; return m ^ m >> 16
  //   def seed(*key):
  //     h = 0x811c9dc5
  //     for c in '\0'.join(map(str, key)): h = (h ^ ord(c)) * 0x01000193 & M
  //     return mix(h) >> 1 or 1
  //   def draws(s):
  //     while True: s = s + 0x9e3779b9 & M; yield mix(s) / 2**32
  //   M = 2**32 - 1
  //   for i in range(4): r = draws(seed('augment', 1, 0, i)); print(int(next(r)*9)-4, int(next(r)*9)-4, next(r) < .5)
  it('stays what it was in earlier versions: a resumed run depends on it', () => {
    const key = { seed: 1, epoch: 0 };
    expect(
      [0, 1, 2, 3].map((index) => placementOf({ pad: 4, flip: true }, { ...key, index })),
    ).toEqual([
      { top: 3, left: 3, isFlipped: false },
      { top: 0, left: 4, isFlipped: false },
      { top: 0, left: 4, isFlipped: true },
      { top: -1, left: 0, isFlipped: true },
    ]);
  });

  it('does nothing where nothing is asked', () => {
    const still = { pad: 0, flip: false };
    for (let index = 0; index < 50; index++) {
      const placement = placementOf(still, { seed: 1, epoch: 0, index });
      expect({ ...placement, top: placement.top + 0 }).toEqual(UNMOVED);
    }
  });
});
