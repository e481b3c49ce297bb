import type * as tf from '@tensorflow/tfjs';
import type { Composition } from './composition';
import { valuesOf } from './composition';
import type { Axis, Geometry } from './convolution-geometry';
import { explicitPadding } from './padding';

/**
 * Runs a stride-1 forward convolution of dy: the part in which the convolutions differ.
 *
 * @param filter [rows, columns, ...the last two axes of the filter given to `gradientOfInput`]
 * @param pad    explicit, NHWC
 */
export type Convolve = (
  filter: tf.TensorInfo,
  pad: tf.backend_util.ExplicitPadding,
) => tf.TensorInfo;

/**
 * Gradient of a convolution with respect to its input, as forward convolutions of dy.
 *
 * Row r of the input meets row i of the kernel at output row (r + before - i) / stride. So the rows
 * with the same phase (r + before) mod stride meet the same kernel rows, and their gradient is one
 * stride-1 convolution of dy with these, turned around. No zeros are inserted into dy, so a strided
 * convolution costs backwards what it costs forwards.
 *
 * @param filter   [kh, kw, a, b], owned by the caller
 * @param channels of dx
 * @returns [n, h, w, channels]
 */
export function gradientOfInput(
  composition: Composition,
  geometry: Geometry,
  filter: tf.TensorInfo,
  channels: number,
  convolve: Convolve,
): tf.TensorInfo {
  const { batch, rows, columns } = geometry;
  if (isPlain(rows) && isPlain(columns)) {
    const turned = phaseFilter(composition, filter, phaseOf(rows, 0), phaseOf(columns, 0));
    return convolve(turned, explicitPadding(plainPadding(rows), plainPadding(columns)));
  }
  const phases = phasesOf(rows).flatMap((row) => phasesOf(columns).map((column) => [row, column]));
  const parts = phases.map(([row, column]) => {
    const part = phaseFilter(composition, filter, row!, column!);
    return convolve(part, explicitPadding(fullPadding(row!), fullPadding(column!)));
  });
  const dx = composition.zeros([batch, rows.input, columns.input, channels]);
  phases.forEach(([row, column], index) => {
    scatter(composition, parts[index]!, dx, row!, column!);
  });
  return dx;
}

/** The kernel elements of one phase, and where their results go along one axis. */
interface Phase {
  readonly axis: Axis;
  /** First kernel element; the others follow at distances of the stride. */
  readonly first: number;
  readonly taps: number;
}

function phaseOf(axis: Axis, first: number): Phase {
  return { axis, first, taps: Math.ceil((axis.kernel - first) / axis.stride) };
}

function phasesOf(axis: Axis): Phase[] {
  const count = Math.min(axis.stride, axis.kernel);
  return Array.from({ length: count }, (_, first) => phaseOf(axis, first));
}

/** True where one convolution of dy yields exactly the input's length. */
function isPlain(axis: Axis): boolean {
  return axis.stride === 1 && plainPadding(axis).every((padding) => padding >= 0);
}

function plainPadding({ input, output, kernel, before }: Axis): [number, number] {
  return [kernel - 1 - before, input + before - output];
}

function fullPadding({ taps }: Phase): [number, number] {
  return [taps - 1, taps - 1];
}

/** The kernel elements of a phase, in reversed order: [row.taps, column.taps, a, b]. */
function phaseFilter(
  composition: Composition,
  filter: tf.TensorInfo,
  row: Phase,
  column: Phase,
): tf.TensorInfo {
  const [, width = 0, a = 0, b = 0] = filter.shape;
  const part = composition.empty([row.taps, column.taps, a, b]);
  const to = valuesOf(composition.backend, part);
  const from = valuesOf(composition.backend, filter);
  let offset = 0;
  for (let i = row.taps - 1; i >= 0; i--) {
    for (let j = column.taps - 1; j >= 0; j--) {
      const tap = (row.first + i * row.axis.stride) * width + column.first + j * column.axis.stride;
      to.set(from.subarray(tap * a * b, (tap + 1) * a * b), offset);
      offset += a * b;
    }
  }
  return part;
}

/** Writes the full convolution of a phase to every stride-th row and column of dx. */
function scatter(
  composition: Composition,
  part: tf.TensorInfo,
  dx: tf.TensorInfo,
  row: Phase,
  column: Phase,
): void {
  const [batch = 0, height = 0, width = 0, channels = 0] = part.shape;
  const from = valuesOf(composition.backend, part);
  const to = valuesOf(composition.backend, dx);
  const rows = targetsOf(row, height);
  const columns = targetsOf(column, width);
  for (let image = 0; image < batch; image++) {
    for (const [sourceRow, targetRow] of rows) {
      const source = (image * height + sourceRow) * width * channels;
      const target = (image * row.axis.input + targetRow) * column.axis.input * channels;
      copyRow(from, source, to, target, columns, channels);
    }
  }
}

/** Pairs (index in the full convolution, index in dx) along one axis. */
function targetsOf({ axis, first }: Phase, length: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let source = 0; source < length; source++) {
    const target = source * axis.stride + first - axis.before;
    if (target >= 0 && target < axis.input) pairs.push([source, target]);
  }
  return pairs;
}

function copyRow(
  from: Float32Array,
  source: number,
  to: Float32Array,
  target: number,
  columns: readonly [number, number][],
  channels: number,
): void {
  for (const [sourceColumn, targetColumn] of columns) {
    const start = source + sourceColumn * channels;
    const destination = target + targetColumn * channels;
    // A plain loop: with few channels it is faster than a subarray for each pixel.
    for (let channel = 0; channel < channels; channel++) {
      to[destination + channel] = from[start + channel]!;
    }
  }
}
