import { OptionError } from '../../errors';

/** How windows lie on a map: PyTorch's rules in the terms of stock layers. */

type Pads = [[number, number], [number, number]];

/** What a max-pooling layer needs around its input. */
export interface PoolingPads {
  /** Whether the layer's own `same` does it. */
  readonly same: boolean;
  readonly none: boolean;
  /** [[top, bottom], [left, right]] */
  readonly zeros: Pads;
}

/**
 * The padding that makes a `valid` pooling see the windows of PyTorch's.
 *
 * A window count of PyTorch is (length + 2 padding - size) / stride + 1, rounded down, or up in ceil
 * mode, where the last window must still begin inside the map or the padding before it.
 *
 * @throws {OptionError} when the map is smaller than one window.
 */
export function poolingPads(
  lengths: readonly [number, number],
  options: { name: string; size: number; stride: number; padding?: number; ceil?: boolean },
): PoolingPads {
  const { name, size, stride, padding = 0 } = options;
  const zeros = lengths.map((length) => {
    if (length + 2 * padding < size) throw emptyMap(name, lengths, size);
    const end = (windows(length, options) - 1) * stride + size; // of the last window, in the padded map
    return [padding, Math.max(padding, end - length - padding)];
  }) as Pads;
  const same = lengths.every((length, axis) => {
    const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + size - length);
    const before = Math.floor(total / 2); // TensorFlow puts the odd zero behind
    return before === zeros[axis]![0] && total - before === zeros[axis]![1];
  });
  return { same, none: zeros.flat().every((count) => count === 0), zeros };
}

function windows(
  length: number,
  { size, stride, padding = 0, ceil = false }: Parameters<typeof poolingPads>[1],
): number {
  const steps = (length + 2 * padding - size) / stride;
  if (!ceil) return Math.floor(steps) + 1;
  const count = Math.ceil(steps) + 1;
  return (count - 1) * stride >= length + padding ? count - 1 : count;
}

/** Windows of one size at one distance; or each position `repeat` times. */
export interface AdaptivePooling {
  readonly size: number;
  readonly stride: number;
  readonly repeat: number;
}

/**
 * The windows of an adaptive pooling from `length` to `target` positions; null where they differ in
 * size, or lie at different distances.
 *
 * PyTorch's window i runs from floor(i * length / target) to ceil((i + 1) * length / target).
 */
export function adaptivePooling(length: number, target: number): AdaptivePooling | null {
  if (target % length === 0) return { size: 1, stride: 1, repeat: target / length };
  const starts = Array.from({ length: target }, (_, i) => Math.floor((i * length) / target));
  const sizes = starts.map((start, i) => Math.ceil(((i + 1) * length) / target) - start);
  const stride = target > 1 ? starts[1]! : 1;
  const regular =
    stride > 0 &&
    starts.every((start, i) => start === i * stride) &&
    sizes.every((size) => size === sizes[0]);
  return regular ? { size: sizes[0]!, stride, repeat: 1 } : null;
}

/** The error of a layer whose window is larger than its map. */
export function emptyMap(name: string, lengths: readonly number[], size: number): OptionError {
  return new OptionError({
    option: 'inputShape',
    problem: `is too small for this network: ${name} needs a map of at least ${size} x ${size} with its padding`,
    received: lengths.join(' x '),
  });
}
