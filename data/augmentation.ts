import { RandomStream, seedOf } from '../random/seeds';
import type { Augmentation, ImageSet } from './data-set';

/** Where a training image is cut and whether it is mirrored. */
export interface Placement {
  /** Rows that the picture moves up, in [-pad, pad]. */
  readonly top: number;
  /** Columns that the picture moves left, before mirroring, in [-pad, pad]. */
  readonly left: number;
  readonly isFlipped: boolean;
}

/** The placement that leaves an image as it is. */
export const UNMOVED: Placement = { top: 0, left: 0, isFlipped: false };

/**
 * The placement of one image in one epoch: a function of its key alone, whatever the batch.
 *
 * @param index of the image in its split.
 */
export function placementOf(
  { pad, flip }: Augmentation,
  { seed, epoch, index }: { seed: number; epoch: number; index: number },
): Placement {
  const random = new RandomStream(seedOf('augment', seed, epoch, index));
  return {
    top: random.integer(2 * pad + 1) - pad,
    left: random.integer(2 * pad + 1) - pad,
    isFlipped: random.next() < 0.5 && flip,
  };
}

/**
 * The normalised value of every pixel value: entry `256 c + p` is `(p / 255 - mean[c]) / deviation[c]`.
 *
 * @returns [channels * 256].
 */
export function normalisation(mean: readonly number[], deviation: readonly number[]): Float32Array {
  return Float32Array.from({ length: mean.length * 256 }, (_, entry) => {
    const channel = entry >> 8;
    return ((entry & 255) / 255 - mean[channel]!) / deviation[channel]!;
  });
}

/**
 * Writes one image, moved, mirrored and normalised; pixels from outside the picture are black before
 * normalisation, as if it had been padded with zeros and cropped.
 *
 * @param index  of the image in `images`.
 * @param table  from `normalisation`.
 * @param target [n, height, width, channels], flat; written from `offset` on.
 */
export function writeImage(
  images: ImageSet,
  index: number,
  { top, left, isFlipped }: Placement,
  table: Float32Array,
  target: Float32Array,
  offset: number,
): void {
  const { height, width, channels, pixels } = images;
  const first = index * height * width * channels;
  let to = offset;
  for (let y = 0; y < height; y++) {
    const row = y + top;
    const isRowInside = row >= 0 && row < height;
    for (let x = 0; x < width; x++) {
      const column = (isFlipped ? width - 1 - x : x) + left;
      const isInside = isRowInside && column >= 0 && column < width;
      const from = first + (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) {
        target[to++] = table[channel * 256 + (isInside ? pixels[from + channel]! : 0)]!;
      }
    }
  }
}
