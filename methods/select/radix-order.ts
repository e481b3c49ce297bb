/** Bits of a digit: three digits make a word of 32 bits. */
const BITS = 11;
const DIGITS = 1 << BITS;

/**
 * The `count` indices of lowest score, ascending; those of equal scores in the order in which they come.
 *
 * Formula: a radix sort of the bits of the numbers, which for floating point ascend as the numbers do
 *   once the sign is turned: three passes for float32, six for float64, over the candidates that the
 *   uppermost digit leaves. A sort by comparison takes a call for each of n log n comparisons.
 *
 * @param scores finite; 0 and -0 are equal.
 * @param indices into `scores`, each once; not changed.
 */
export function radixOrder(
  scores: ArrayLike<number>,
  indices: Uint32Array,
  count: number,
): Uint32Array {
  const words = scores instanceof Float32Array ? [wordsOfSingle(scores)] : wordsOfDouble(scores);
  const chosen = candidates(words.at(-1)!, indices, count);
  // The keys travel with the indices, so that memory is read in order.
  let columns: Uint32Array[] = [
    chosen,
    ...words.map((word) => chosen.map((index) => word[index]!)),
  ];
  let others: Uint32Array[] = columns.map(({ length }) => new Uint32Array(length));
  for (let word = 1; word < columns.length; word++) {
    for (let shift = 0; shift < 32; shift += BITS) {
      const places = placesByDigit(columns[word]!, shift);
      columns.forEach((column, at) => {
        const other = others[at]!;
        for (let index = 0; index < places.length; index++) other[places[index]!] = column[index]!;
      });
      [columns, others] = [others, columns];
    }
  }
  return columns[0]!.subarray(0, Math.max(0, count));
}

/** The indices whose uppermost digit may be among those of the `count` lowest. */
function candidates(keys: Uint32Array, indices: Uint32Array, count: number): Uint32Array {
  if (count >= indices.length) return indices;
  const sizes = sizesByDigit(keys, 32 - BITS);
  let last = 0;
  for (let below = sizes[0]!; below < count; below += sizes[last]!) last++;
  const chosen = new Uint32Array(indices.length);
  let size = 0;
  for (const index of indices) if (keys[index]! >>> (32 - BITS) <= last) chosen[size++] = index;
  return chosen.subarray(0, size);
}

function sizesByDigit(keys: Uint32Array, shift: number): Uint32Array {
  const sizes = new Uint32Array(DIGITS);
  for (const key of keys) sizes[(key >>> shift) & (DIGITS - 1)]!++;
  return sizes;
}

/** Where each key goes in the order of one digit. */
function placesByDigit(keys: Uint32Array, shift: number): Uint32Array {
  const next = sizesByDigit(keys, shift);
  let start = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const size = next[digit]!;
    next[digit] = start;
    start += size;
  }
  return keys.map((key) => next[(key >>> shift) & (DIGITS - 1)]!++);
}

/** One word per number: the sign bit turned, and where it was set all others too. */
function wordsOfSingle(scores: Float32Array): Uint32Array {
  const values = scores.slice();
  for (let index = values.length - 1; index >= 0; index--) values[index]! += 0; // -0 becomes 0
  const bits = new Uint32Array(values.buffer);
  for (let index = bits.length - 1; index >= 0; index--) {
    bits[index]! ^= (bits[index]! >> 31) | 0x80000000;
  }
  return bits;
}

/** The lower and the upper word of each number, in this order. */
function wordsOfDouble(scores: ArrayLike<number>): [low: Uint32Array, high: Uint32Array] {
  const one = new DataView(new ArrayBuffer(8));
  const low = new Uint32Array(scores.length);
  const high = new Uint32Array(scores.length);
  for (let index = scores.length - 1; index >= 0; index--) {
    one.setFloat64(0, scores[index]! + 0); // -0 becomes 0
    const sign = one.getInt32(0) >> 31;
    high[index] = one.getUint32(0) ^ (sign | 0x80000000);
    low[index] = one.getUint32(4) ^ sign;
  }
  return [low, high];
}
