import * as tf from '@tensorflow/tfjs';
import { checkOutputShape, compose, valuesOf } from './composition';
import type { KernelCall } from './composition';
import { withoutNumber } from './padding';
import type { Padding } from './padding';

/** Attributes of the gradient kernels of pooling. */
interface PoolingAttributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: Padding;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Part of the input under one window: rows [top, bottom) and columns [left, right), image apart. */
interface Window {
  readonly image: number;
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  /** Index of the first channel of the output element. */
  readonly output: number;
}

/**
 * Gradient of MaxPool: dy goes to the first of the largest elements of each window.
 *
 * Replaces the kernel of the WASM backend, which loses the gradient of a window without a positive
 * element. Loops over the heap, since a composition would take several passes for each element of
 * the window.
 *
 * @throws RangeError when dy does not have the shape of the output
 */
export function maxPoolGrad({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
  const info = poolingOf(tf.MaxPoolGrad, input, dy, attrs as unknown as PoolingAttributes);
  return compose(backend, (calls) => {
    const dx = calls.zeros(input.shape);
    const [to, from, gradient] = [dx, input, dy].map((tensor) => valuesOf(backend, tensor));
    const channels = info.inChannels;
    const largest = new Float32Array(channels);
    const places = new Int32Array(channels);
    forEachWindow(info, (window) => {
      findLargest(from!, window, info, largest, places);
      for (let channel = 0; channel < channels; channel++) {
        const place = places[channel]!;
        if (place >= 0) to![place]! += gradient![window.output + channel]!;
      }
    });
    return dx;
  });
}

/**
 * Gradient of AvgPool: dy / (window size), spread over each window.
 *
 * As in tfjs, the divisor is the whole window, also where a part of it lies in the padding. Replaces
 * the kernel of the WASM backend for its speed: global average pooling is 50 times faster.
 *
 * @throws RangeError when dy does not have the shape of the output
 */
export function avgPoolGrad({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
  const info = poolingOf(tf.AvgPoolGrad, input, dy, attrs as unknown as PoolingAttributes);
  return compose(backend, (calls) => {
    const dx = calls.zeros(input.shape);
    const [to, gradient] = [dx, dy].map((tensor) => valuesOf(backend, tensor));
    const channels = info.inChannels;
    const share = 1 / (info.filterHeight * info.filterWidth);
    forEachWindow(info, (window) => {
      forEachPixel(window, info, (pixel) => {
        for (let channel = 0; channel < channels; channel++) {
          to![pixel + channel]! += gradient![window.output + channel]! * share;
        }
      });
    });
    return dx;
  });
}

function poolingOf(
  kernelName: string,
  input: tf.TensorInfo,
  dy: tf.TensorInfo,
  { filterSize, strides, pad, dimRoundingMode }: PoolingAttributes,
): tf.backend_util.Conv2DInfo {
  const shape = input.shape as [number, number, number, number];
  const dilation = 1;
  const info = tf.backend_util.computePool2DInfo(
    shape,
    filterSize,
    strides,
    dilation,
    withoutNumber(pad),
    dimRoundingMode,
  );
  checkOutputShape(kernelName, dy, info.outShape);
  return info;
}

function forEachWindow(info: tf.backend_util.Conv2DInfo, visit: (window: Window) => void): void {
  const { batchSize, outHeight, outWidth, outChannels, strideHeight, strideWidth, padInfo } = info;
  let output = 0;
  for (let image = 0; image < batchSize; image++) {
    for (let row = 0; row < outHeight; row++) {
      const corner = row * strideHeight - padInfo.top;
      const top = Math.max(0, corner);
      const bottom = Math.min(info.inHeight, corner + info.filterHeight);
      for (let column = 0; column < outWidth; column++) {
        const edge = column * strideWidth - padInfo.left;
        const left = Math.max(0, edge);
        const right = Math.min(info.inWidth, edge + info.filterWidth);
        visit({ image, top, bottom, left, right, output });
        output += outChannels;
      }
    }
  }
}

/** Calls `visit` with the index of the first channel of every pixel of the window. */
function forEachPixel(
  { image, top, bottom, left, right }: Window,
  { inHeight, inWidth, inChannels }: tf.backend_util.Conv2DInfo,
  visit: (pixel: number) => void,
): void {
  for (let row = top; row < bottom; row++) {
    const line = (image * inHeight + row) * inWidth;
    for (let column = left; column < right; column++) visit((line + column) * inChannels);
  }
}

/** The place of the first largest element of each channel, -1 where the window is all padding. */
function findLargest(
  values: Float32Array,
  window: Window,
  info: tf.backend_util.Conv2DInfo,
  largest: Float32Array,
  places: Int32Array,
): void {
  largest.fill(Number.NEGATIVE_INFINITY);
  places.fill(-1);
  forEachPixel(window, info, (pixel) => {
    for (let channel = 0; channel < largest.length; channel++) {
      const value = values[pixel + channel]!;
      if (value > largest[channel]!) {
        largest[channel] = value;
        places[channel] = pixel + channel;
      }
    }
  });
}
