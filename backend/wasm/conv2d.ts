import * as tf from '@tensorflow/tfjs';
import { checkOutputShape, compose } from './composition';
import type { Composition, KernelCall } from './composition';
import { geometryOf } from './convolution-geometry';
import type { Axis, ConvolutionAttributes, Geometry } from './convolution-geometry';
import { filterGradient } from './filter-gradient';
import { gradientOfInput } from './input-gradient';
import { explicitPadding } from './padding';

/**
 * Gradient of Conv2D with respect to its input (also the forward pass of conv2dTranspose).
 *
 * NHWC, any stride, kernel and padding, dilation 1. Several times faster than the kernel that the
 * WASM backend brings, which is a scalar loop.
 *
 * @throws {OptionError} for NCHW. @throws {RangeError} when dy does not have the shape of the output
 */
export function conv2DBackpropInput({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
  const attributes = attrs as unknown as ConvolutionAttributes & { inputShape: number[] };
  const name = tf.Conv2DBackpropInput;
  const geometry = geometryOf(name, attributes.inputShape, filter.shape, attributes);
  checkOutputShape(name, dy, geometry.outShape);
  return compose(backend, (calls) => {
    const swapped = transpose(calls, filter, [0, 1, 3, 2]); // [kh, kw, out, in]
    return gradientOfInput(calls, geometry, swapped, geometry.inChannels, (part, pad) =>
      convolve(calls, dy, part, pad),
    );
  });
}

/**
 * Gradient of Conv2D with respect to its filter, which the WASM backend lacks.
 *
 * NHWC, any stride, kernel and padding, dilation 1.
 *
 * @throws {OptionError} for NCHW. @throws {RangeError} when dy does not have the shape of the output
 */
export function conv2DBackpropFilter({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const attributes = attrs as unknown as ConvolutionAttributes & { filterShape: number[] };
  const name = tf.Conv2DBackpropFilter;
  const geometry = geometryOf(name, x.shape, attributes.filterShape, attributes);
  checkOutputShape(name, dy, geometry.outShape);
  return compose(
    backend,
    (calls) =>
      filterGradient(calls, x, dy, geometry) ?? filterGradientByConvolution(calls, x, dy, geometry),
  );
}

/**
 * The same as one forward convolution: of x, its channels as the batch and the batch as channels,
 * with dy as the filter, dilated by the stride.
 */
function filterGradientByConvolution(
  calls: Composition,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  { rows, columns, inChannels, outChannels }: Geometry,
): tf.TensorInfo {
  const input = transpose(calls, x, [3, 1, 2, 0]); // [in, h, w, n]
  const filter = transpose(calls, dy, [1, 2, 0, 3]); // [oh, ow, n, out]
  const taps = convolve(calls, input, filter, explicitPadding(padding(rows), padding(columns)), [
    rows.stride,
    columns.stride,
  ]); // [in, >= kh, >= kw, out]
  const kernel = [inChannels, rows.kernel, columns.kernel, outChannels];
  return transpose(calls, slice(calls, taps, kernel), [1, 2, 0, 3]);
}

/** Length of the input, padding included, that the windows of a kernel cover. */
function reach({ output, stride, kernel }: Axis): number {
  return (output - 1) * stride + kernel;
}

function padding(axis: Axis): [number, number] {
  return [axis.before, Math.max(0, reach(axis) - axis.before - axis.input)];
}

function convolve(
  calls: Composition,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  pad: tf.backend_util.ExplicitPadding,
  dilations: [number, number] = [1, 1],
): tf.TensorInfo {
  const attributes = { strides: [1, 1], pad, dataFormat: 'NHWC', dilations };
  return calls.run(tf.Conv2D, { x, filter }, attributes);
}

function transpose(calls: Composition, x: tf.TensorInfo, perm: number[]): tf.TensorInfo {
  return calls.run(tf.Transpose, { x }, { perm });
}

/** The first elements along each axis. */
function slice(calls: Composition, x: tf.TensorInfo, size: number[]): tf.TensorInfo {
  if (tf.util.arraysEqual(x.shape, size)) return x;
  return calls.run(tf.Slice, { x }, { begin: size.map(() => 0), size });
}
