import type { LayerVariable } from '@tensorflow/tfjs';

/** A weight on the host: row-major float32. */
export interface HostWeight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Copies a weight to the host. */
export function hostWeight(weight: LayerVariable): HostWeight {
  return { shape: weight.shape as number[], values: Float32Array.from(weight.read().dataSync()) };
}

/**
 * The part of a weight that stays.
 *
 * @param kept per axis the indices that stay, ascending; axes that it does not name stay whole.
 */
export function sliced(
  { shape, values }: HostWeight,
  kept: ReadonlyMap<number, readonly number[]>,
): HostWeight {
  let left: HostWeight = { shape, values };
  for (const [axis, indices] of kept) {
    if (indices.length < shape[axis]!) left = slicedAlong(left, axis, indices);
  }
  return left;
}

function slicedAlong(weight: HostWeight, axis: number, indices: readonly number[]): HostWeight {
  const { outer, length, inner } = around(weight.shape, axis);
  const values = new Float32Array(outer * indices.length * inner);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const index of indices) {
      const start = (block * length + index) * inner;
      values.set(weight.values.subarray(start, start + inner), at);
      at += inner;
    }
  }
  const shape = weight.shape.map((size, other) => (other === axis ? indices.length : size));
  return { shape, values };
}

/** A copy with zeros wherever the index along the axis is not kept. */
export function silencedAlong(
  weight: HostWeight,
  axis: number,
  stays: readonly boolean[],
): HostWeight {
  const { length, inner } = around(weight.shape, axis);
  const values = weight.values.map((value, index) =>
    stays[Math.floor(index / inner) % length] ? value : 0,
  );
  return { shape: weight.shape, values };
}

/** A copy with zeros wherever the flag of the single weight is 0. */
export function silencedSingly(weight: HostWeight, flags: Uint8Array): HostWeight {
  const values = weight.values.map((value, index) => (flags[index] ? value : 0));
  return { shape: weight.shape, values };
}

/** Sizes around an axis: row-major index = (block * length + index) * inner + offset. */
function around(
  shape: readonly number[],
  axis: number,
): { outer: number; length: number; inner: number } {
  const product = (sizes: readonly number[]): number =>
    sizes.reduce((size, part) => size * part, 1);
  return {
    outer: product(shape.slice(0, axis)),
    length: shape[axis]!,
    inner: product(shape.slice(axis + 1)),
  };
}
