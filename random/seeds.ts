/**
 * Randomness as a function, not a state: every random number is computed from a key such as
 * `('order', seed, epoch)`, so that a resumed run needs an index and nothing else.
 */

/**
 * Hashes a key path to a seed in [1, 2^31): never 0, which tfjs reads as "choose one yourself".
 *
 * Formula: FNV-1a over the parts joined by U+0000, finished by the 32-bit mixer of MurmurHash3.
 */
export function seedOf(...key: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of key.join('\0')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return mix(hash) >>> 1 || 1;
}

/** A stream of random numbers determined by its seed alone (splitmix32). */
export class RandomStream {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** The next number, uniform in [0, 1), with 32 random bits. */
  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    return (mix(this.state) >>> 0) / 0x1_0000_0000;
  }

  /** The next integer, uniform in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** The next number from the standard normal distribution (Box-Muller, cosine branch). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }
}

/** The integers 0..count-1 in the random order that `seed` determines (Fisher-Yates). */
export function permutation(count: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const random = new RandomStream(seed);
  for (let last = count - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const held = order[last]!;
    order[last] = order[other]!;
    order[other] = held;
  }
  return order;
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
