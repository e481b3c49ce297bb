import { OptionError } from '../errors';
import { permutation } from '../random/seeds';
import type { ImageSet } from './data-set';

/**
 * Parts each class of `labels` by the seed: `round(fraction * size of the class)` images are held out.
 *
 * @param fraction in [0, 1).
 * @param least images held out of each class that has more, where the fraction of no class makes one. Default 0.
 * @returns image indexes, ascending; disjoint, and together all of them.
 */
export function splitByClass(
  labels: Uint16Array,
  { fraction, seed, least = 0 }: { fraction: number; seed: number; least?: number },
): { kept: Uint32Array; heldOut: Uint32Array } {
  const { ranks, sizes } = ranksInClass(labels, seed);
  const isTooSmall = [...sizes.values()].every((size) => Math.round(fraction * size) === 0);
  const shareOf = (size: number): number =>
    isTooSmall ? Math.min(least, size - 1) : Math.round(fraction * size);
  const isHeldOut = (index: number) => ranks[index]! < shareOf(sizes.get(labels[index]!)!);
  const all = Uint32Array.from(labels.keys());
  return {
    kept: all.filter((index) => !isHeldOut(index)),
    heldOut: all.filter(isHeldOut),
  };
}

/**
 * Chooses `limit` images by the seed, the same number of each class, give or take one.
 *
 * A class that has too few gives all it has, and the others make up for it. With one seed, a smaller
 * choice is part of a larger one.
 *
 * @param limit in [0, labels.length].
 * @returns image indexes, ascending.
 */
export function balanceSubset(
  labels: Uint16Array,
  { limit, seed }: { limit: number; seed: number },
): Uint32Array {
  const { ranks, order } = ranksInClass(labels, seed);
  // One image of each class in turn: rank first; among equal ranks the seed's order decides.
  return order
    .map((index) => index)
    .sort((one, other) => ranks[one]! - ranks[other]!)
    .slice(0, limit)
    .sort();
}

/** A copy of the named images, in the order given. */
export function selectImages(images: ImageSet, indexes: Uint32Array): ImageSet {
  const size = images.height * images.width * images.channels;
  const pixels = new Uint8Array(indexes.length * size);
  indexes.forEach((index, position) => {
    pixels.set(images.pixels.subarray(index * size, (index + 1) * size), position * size);
  });
  const labels = Uint16Array.from(indexes, (index) => images.labels[index]!);
  return { ...images, count: indexes.length, pixels, labels };
}

/** For each image, how many of its class come before it in the order that the seed determines. */
function ranksInClass(
  labels: Uint16Array,
  seed: number,
): { order: Uint32Array; ranks: Uint32Array; sizes: Map<number, number> } {
  const order = permutation(labels.length, seed);
  const ranks = new Uint32Array(labels.length);
  const sizes = new Map<number, number>();
  for (const index of order) {
    const rank = sizes.get(labels[index]!) ?? 0;
    ranks[index] = rank;
    sizes.set(labels[index]!, rank + 1);
  }
  return { order, ranks, sizes };
}

/** @throws {OptionError} when there are no images for a purpose, as `to learn from`. */
export function requireImages(option: string, purpose: string, received: number): void {
  if (received >= 1) return;
  throw new OptionError({ option, problem: `must hold images ${purpose}`, received });
}
