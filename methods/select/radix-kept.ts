const HALF = 1 << 16;

/**
 * What stays when the `count` lowest scores go, of equal ones the higher index first: the set that
 * `lowest` names, without its order.
 *
 * Formula: the bits of a float32 ascend as the number does once the sign is turned, so that counting the
 *   upper halves of all and the lower halves of one bucket finds the score at the border: three passes.
 *
 * @param scores finite; 0 and -0 are equal.
 * @param count of those that `left` leaves, at most as many.
 * @param held 0/1 per unit; what it names as gone stays gone. Default all are there.
 * @returns 0/1 per unit.
 */
export function radixKept(scores: Float32Array, count: number, held?: Uint8Array): Uint8Array {
  const kept = held?.slice() ?? new Uint8Array(scores.length).fill(1);
  if (count <= 0) return kept;
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
  const border = borderOf(bits, kept, count);
  let equals = border.equals;
  for (let unit = bits.length - 1; unit >= 0; unit--) {
    const key = keyOf(bits[unit]!);
    if (key > border.key || kept[unit] === 0) continue;
    if (key < border.key || equals-- > 0) kept[unit] = 0;
  }
  return kept;
}

/** The key of the last score that goes, and how many with this key go. */
function borderOf(
  bits: Uint32Array,
  kept: Uint8Array,
  count: number,
): { readonly key: number; readonly equals: number } {
  const upper = new Uint32Array(HALF);
  for (let unit = 0; unit < bits.length; unit++) upper[keyOf(bits[unit]!) >>> 16]! += kept[unit]!;
  const high = bucketOf(upper, count);
  const lower = new Uint32Array(HALF);
  for (let unit = 0; unit < bits.length; unit++) {
    const key = keyOf(bits[unit]!);
    if (key >>> 16 === high.bucket) lower[key & (HALF - 1)]! += kept[unit]!;
  }
  const low = bucketOf(lower, high.rest);
  return { key: high.bucket * HALF + low.bucket, equals: low.rest };
}

/** The bucket that holds the unit of rank `count` (from 1), and its rank within. */
function bucketOf(
  sizes: Uint32Array,
  count: number,
): { readonly bucket: number; readonly rest: number } {
  let [bucket, rest] = [0, count];
  while (rest > sizes[bucket]!) rest -= sizes[bucket++]!;
  return { bucket, rest };
}

/** A word that ascends with the number whose bits these are. */
function keyOf(bits: number): number {
  const positive = bits === 0x80000000 ? 0 : bits; // -0
  return (positive ^ ((positive >> 31) | 0x80000000)) >>> 0;
}
