import * as tf from '@tensorflow/tfjs';
import { checkOutputShape, compose, valuesOf, view } from './composition';
import type { Composition, KernelCall, WasmBackend } from './composition';
import { geometryOf } from './convolution-geometry';
import type { Axis, ConvolutionAttributes, Geometry } from './convolution-geometry';
import { gradientOfInput } from './input-gradient';

/**
 * Gradient of DepthwiseConv2dNative with respect to its input, which the WASM backend lacks.
 *
 * Depthwise convolutions of dy with the filter turned around, summed over the channel multiplier.
 * NHWC, any stride, kernel, padding and multiplier, dilation 1.
 *
 * @throws {OptionError} for a dilation. @throws {RangeError} when dy does not have the shape of the output
 */
export function depthwiseBackpropInput({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
  const attributes = attrs as unknown as ConvolutionAttributes & { inputShape: number[] };
  const name = tf.DepthwiseConv2dNativeBackpropInput;
  const geometry = geometryOf(name, attributes.inputShape, filter.shape, attributes, true);
  checkOutputShape(name, dy, geometry.outShape);
  const { batch, rows, columns, inChannels, outChannels } = geometry;
  return compose(backend, (calls) => {
    // One filter for each channel of dy; [kh, kw, in, multiplier] lies so in memory already.
    const single = view(filter, [rows.kernel, columns.kernel, outChannels, 1]);
    const spread = gradientOfInput(calls, geometry, single, outChannels, (part, pad) =>
      calls.run(
        tf.DepthwiseConv2dNative,
        { x: dy, filter: part },
        { strides: [1, 1], pad, dilations: [1, 1] },
      ),
    ); // [n, h, w, in * multiplier]
    if (inChannels === outChannels) return spread;
    const pixels = batch * rows.input * columns.input;
    const multiplier = outChannels / inChannels;
    const x = view(spread, [pixels * inChannels, multiplier]);
    const sum = calls.run(tf.Sum, { x }, { axis: [1], keepDims: false });
    return view(sum, [batch, rows.input, columns.input, inChannels]);
  });
}

/**
 * Gradient of DepthwiseConv2dNative with respect to its filter, which the WASM backend lacks.
 *
 * x and dy are laid on the grid of the padded input, dy with zeros between its elements where there
 * is a stride. For each element of the kernel the two grids are then multiplied at one fixed
 * distance in memory and summed by average pooling: few, long, contiguous passes.
 * NHWC, any stride, kernel, padding and multiplier, dilation 1.
 *
 * @throws {OptionError} for a dilation. @throws {RangeError} when dy does not have the shape of the output
 */
export function depthwiseBackpropFilter({ inputs, attrs, backend }: KernelCall): tf.TensorInfo {
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const attributes = attrs as unknown as ConvolutionAttributes & { filterShape: number[] };
  const name = tf.DepthwiseConv2dNativeBackpropFilter;
  const geometry = geometryOf(name, x.shape, attributes.filterShape, attributes, true);
  checkOutputShape(name, dy, geometry.outShape);
  const { inChannels, outChannels } = geometry;
  const multiplier = outChannels / inChannels;
  return compose(backend, (calls) => {
    const grid = gridOf(geometry);
    const images = padInput(calls, x, geometry, grid);
    const gradient = calls.empty(attributes.filterShape);
    for (let multiple = 0; multiple < multiplier; multiple++) {
      const spread = spreadGradient(calls, dy, geometry, grid, multiple);
      for (let tap = 0; tap < geometry.rows.kernel * geometry.columns.kernel; tap++) {
        const sums = tapGradient(backend, images, spread, grid, offsetOf(tap, geometry, grid));
        const from = valuesOf(backend, sums);
        const to = valuesOf(backend, gradient);
        for (let channel = 0; channel < inChannels; channel++) {
          to[(tap * inChannels + channel) * multiplier + multiple] = from[channel]!;
        }
        backend.disposeData(sums.dataId);
      }
    }
    return gradient;
  });
}

/** The padded input: every element that a window covers, and no others. */
interface Grid {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function gridOf({ batch, rows, columns, inChannels }: Geometry): Grid {
  const length = ({ output, stride, kernel }: Axis): number => (output - 1) * stride + kernel;
  return { batch, height: length(rows), width: length(columns), channels: inChannels };
}

function sizeOf({ batch, height, width, channels }: Grid): number {
  return batch * height * width * channels;
}

/** Distance in memory between an element of dy's grid and the input that this kernel element meets. */
function offsetOf(tap: number, { columns }: Geometry, grid: Grid): number {
  const row = Math.floor(tap / columns.kernel);
  return (row * grid.width + (tap % columns.kernel)) * grid.channels;
}

/** x on the grid, and behind it as many zeros as the largest offset reaches over the end. */
function padInput(
  calls: Composition,
  x: tf.TensorInfo,
  geometry: Geometry,
  grid: Grid,
): tf.TensorInfo {
  const { rows, columns } = geometry;
  const last = offsetOf(rows.kernel * columns.kernel - 1, geometry, grid);
  const padded = calls.zeros([sizeOf(grid) + last]);
  const from = valuesOf(calls.backend, x);
  const to = valuesOf(calls.backend, padded);
  const used = Math.min(columns.input, grid.width - columns.before) * grid.channels;
  if (used <= 0) return padded; // every window lies in the padding
  for (let image = 0; image < grid.batch; image++) {
    for (let row = 0; row < Math.min(rows.input, grid.height - rows.before); row++) {
      const source = (image * rows.input + row) * columns.input * grid.channels;
      const target = (image * grid.height + row + rows.before) * grid.width + columns.before;
      to.set(from.subarray(source, source + used), target * grid.channels);
    }
  }
  return padded;
}

/** One multiple of the channels of dy on the grid, zero where there is no output. */
function spreadGradient(
  calls: Composition,
  dy: tf.TensorInfo,
  { rows, columns, inChannels, outChannels }: Geometry,
  grid: Grid,
  multiple: number,
): tf.TensorInfo {
  const spread = calls.zeros([sizeOf(grid)]);
  const from = valuesOf(calls.backend, dy);
  const to = valuesOf(calls.backend, spread);
  const multiplier = outChannels / inChannels;
  let source = multiple;
  for (let image = 0; image < grid.batch; image++) {
    for (let row = 0; row < rows.output; row++) {
      const target = (image * grid.height + row * rows.stride) * grid.width;
      for (let column = 0; column < columns.output; column++) {
        const start = (target + column * columns.stride) * inChannels;
        for (let channel = 0; channel < inChannels; channel++) {
          to[start + channel] = from[source]!;
          source += multiplier;
        }
      }
    }
  }
  return spread;
}

/** Sums over images and pixels of x times dy at one distance: [channels]. */
function tapGradient(
  backend: WasmBackend,
  images: tf.TensorInfo,
  spread: tf.TensorInfo,
  grid: Grid,
  offset: number,
): tf.TensorInfo {
  const { batch, height, width, channels } = grid;
  return compose(backend, (calls) => {
    const shifted = calls.empty([sizeOf(grid)]);
    const input = valuesOf(backend, images).subarray(offset, offset + sizeOf(grid));
    valuesOf(backend, shifted).set(input);
    const product = calls.run(tf.Multiply, { a: shifted, b: spread }, {});
    const x = view(product, [batch, height, width, channels]);
    const window = [height, width];
    const pooled = calls.run(
      tf.AvgPool,
      { x },
      { filterSize: window, strides: window, pad: 'valid' },
    );
    const means = view(pooled, [batch, channels]);
    const sum = calls.run(tf.Sum, { x: means }, { axis: [0], keepDims: false });
    const values = valuesOf(backend, sum);
    values.forEach((mean, channel) => {
      values[channel] = mean * height * width;
    });
    return sum;
  });
}
