import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../data/data-error';
import { parseIdxImages, parseIdxLabels } from '../../data/idx';
import { idx } from './fixtures';

describe('parseIdxImages', () => {
  it('reads big-endian sizes and row-major pixels', () => {
    // magic 00000803, count 1, height 2, width 3, then two rows
    const header = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    const bytes = Uint8Array.from([...header, 1, 2, 3, 4, 5, 6]);
    const images = parseIdxImages(bytes, 'images');
    expect([images.count, images.height, images.width]).toEqual([1, 2, 3]);
    expect([...images.pixels]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('names the file, the magic number expected and the one found', () => {
    expect(() => parseIdxImages(idx([2], Array(12).fill(0)), 'here/images')).toThrow(
      'here/images: expected IDX magic number 0x00000803 (uint8, 3 dimensions), found 0x00000801',
    );
  });

  it('refuses sizes of zero', () => {
    expect(() => parseIdxImages(idx([0, 28, 28], []), 'images')).toThrow('0 x 28 x 28');
  });

  it('refuses every length but the one promised', () => {
    const whole = idx([3, 2, 2], Array(12).fill(7));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), (length) => {
        fc.pre(length !== whole.byteLength);
        const bytes = Buffer.concat([whole, Buffer.alloc(20)]).subarray(0, length);
        expect(() => parseIdxImages(bytes, 'images')).toThrow(DataError);
      }),
      { seed: 1 },
    );
    expect(() => parseIdxImages(whole.subarray(0, 27), 'images')).toThrow(
      'images: expected 28 bytes for its sizes 3 x 2 x 2, all above 0, found 27 bytes',
    );
  });
});

describe('parseIdxLabels', () => {
  it('reads labels', () => {
    expect([...parseIdxLabels(idx([3], [9, 0, 4]), 'labels', 10)]).toEqual([9, 0, 4]);
  });

  it('names the first label out of range and its image', () => {
    expect(() => parseIdxLabels(idx([3], [9, 10, 11]), 'labels', 10)).toThrow(
      'labels: expected labels 0 to 9, found label 10 for image 1',
    );
  });
});
