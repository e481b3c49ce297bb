import * as tf from '@tensorflow/tfjs';
import { compose, kernelOf, valuesOf } from './composition';
import type { KernelCall, WasmKernel } from './composition';

/**
 * Slice that copies inside the heap, run by run.
 *
 * The kernel of the WASM backend first copies the whole input out of the heap. Other types than
 * float32 go to `stock`.
 */
export function sliceWith(stock: WasmKernel): WasmKernel {
  return (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype !== 'float32' || x.shape.length === 0) return stock(call);
    const { begin, size } = call.attrs as unknown as { begin: number[]; size: number[] };
    const [from, shape] = tf.slice_util.parseSliceParams(x, begin, size);
    tf.slice_util.assertParamsValid(x, from!, shape!);
    return compose(call.backend, (calls) => {
      const output = calls.empty(shape!);
      const target = valuesOf(call.backend, output);
      copyBlock(valuesOf(call.backend, x), x.shape, from!, target, shape!);
      return output;
    });
  };
}

/** Copies the block of `shape` that starts at `begin` of a tensor to the whole of `target`. */
function copyBlock(
  source: Float32Array,
  sourceShape: readonly number[],
  begin: readonly number[],
  target: Float32Array,
  shape: readonly number[],
): void {
  // Axes that are taken whole are one contiguous run with the last axis that is not.
  let axis = shape.length - 1;
  while (axis > 0 && shape[axis] === sourceShape[axis]) axis--;
  const strides = [...tf.util.computeStrides([...sourceShape]), 1];
  const run = shape[axis]! * strides[axis]!;
  const index = shape.slice(0, axis).map(() => 0);
  for (let offset = 0; offset < target.length; offset += run) {
    let start = begin[axis]! * strides[axis]!;
    index.forEach((step, outer) => (start += (begin[outer]! + step) * strides[outer]!));
    copyRun(source, start, target, offset, run);
    advance(index, shape);
  }
}

/** The next index in row-major order. */
function advance(index: number[], shape: readonly number[]): void {
  for (let axis = index.length - 1; axis >= 0; axis--) {
    index[axis]!++;
    if (index[axis]! < shape[axis]!) return;
    index[axis] = 0;
  }
}

/** Runs that are shorter than this are copied faster by a loop than by the engine's copy. */
const shortRun = 32;

function copyRun(
  source: Float32Array,
  start: number,
  target: Float32Array,
  offset: number,
  length: number,
): void {
  if (length >= shortRun) {
    target.set(source.subarray(start, start + length), offset);
    return;
  }
  for (let step = 0; step < length; step++) target[offset + step] = source[start + step]!;
}

/**
 * Tile that repeats contiguous blocks inside the heap, from the innermost axis outwards.
 *
 * The kernel of the WASM backend computes an index for each element (20 times slower), and the
 * gradients of Mean, Sum and FusedBatchNorm depend on it. Other types than float32 go to `stock`.
 */
export function tileWith(stock: WasmKernel): WasmKernel {
  return (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype !== 'float32' || x.shape.length === 0) return stock(call);
    const { reps } = call.attrs as unknown as { reps: number[] };
    return compose(call.backend, (calls) => {
      const output = calls.empty(x.shape.map((size, axis) => size * reps[axis]!));
      if (output.shape.includes(0)) return output;
      const target = valuesOf(call.backend, output);
      target.set(valuesOf(call.backend, x)); // compact at the front; each axis spreads it further
      for (let axis = x.shape.length - 1; axis >= 0; axis--) {
        repeatBlocks(target, x.shape, reps, axis);
      }
      return output;
    });
  };
}

/** Repeats every block of `axis`, whose inner axes are repeated already, in place. */
function repeatBlocks(
  target: Float32Array,
  shape: readonly number[],
  reps: readonly number[],
  axis: number,
): void {
  const times = reps[axis]!;
  if (times === 1) return;
  const inner = shape
    .slice(axis + 1)
    .reduce((size, length, i) => size * length * reps[axis + 1 + i]!, 1);
  const block = shape[axis]! * inner;
  const blocks = shape.slice(0, axis).reduce((count, length) => count * length, 1);
  // From the last block backwards, so that none is overwritten before it has been read.
  for (let index = blocks - 1; index >= 0; index--) {
    const start = index * block * times;
    target.copyWithin(start, index * block, (index + 1) * block);
    fillByDoubling(target, start, block, block * times);
  }
}

/** Repeats the first `filled` elements from `start` until there are `total` of them. */
function fillByDoubling(target: Float32Array, start: number, filled: number, total: number): void {
  for (let length = filled; length < total; length *= 2) {
    target.copyWithin(start + length, start, start + Math.min(length, total - length));
  }
}

/** The kernel that the WASM backend brings under this name, to be wrapped. */
export function stockKernel(kernelName: string): WasmKernel {
  const { kernelFunc } = kernelOf(kernelName);
  return (call: KernelCall) => kernelFunc(call) as tf.TensorInfo;
}
