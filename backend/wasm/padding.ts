import * as tf from '@tensorflow/tfjs';
import type { WasmKernel } from './composition';

/** Padding as tfjs' operations take it. */
export type Padding = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;

/** Padding of NHWC images before and after rows and columns, in the form that kernels take. */
export function explicitPadding(
  rows: readonly [number, number],
  columns: readonly [number, number],
): tf.backend_util.ExplicitPadding {
  return [[0, 0], [...rows], [...columns], [0, 0]];
}

/**
 * The padding without the form "one number".
 *
 * For that form tfjs computes the output's width from the height of kernel and stride, so that a
 * kernel or stride that is not square gives a wrong shape, and the WASM backend writes past its end.
 */
export function withoutNumber(pad: Padding): Exclude<Padding, number> {
  return typeof pad === 'number' ? explicitPadding([pad, pad], [pad, pad]) : pad;
}

/** Pooling kernel whose padding is never one number: see {@link withoutNumber}. */
export function poolingWith(stock: WasmKernel): WasmKernel {
  return (call) => {
    const { pad, ...others } = call.attrs as unknown as { pad: Padding };
    return stock({ ...call, attrs: { ...others, pad: withoutNumber(pad) } });
  };
}

/** Attributes of the forward kernels of convolutions. */
interface ForwardAttributes {
  readonly pad: Padding;
  readonly strides: number | [number, number];
  readonly dilations?: number | [number, number] | null;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * Forward convolution kernel whose padding is never one number, and never 'same' where the stride is
 * larger than the kernel: there the WASM backend computes something else than every other backend.
 */
export function convolutionWith(stock: WasmKernel): WasmKernel {
  return (call) => {
    const { x, filter } = call.inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
    const attributes = call.attrs as unknown as ForwardAttributes;
    const pad = withoutNumber(attributes.pad);
    const explicit = pad === 'same' ? samePadding(x.shape, filter.shape, attributes) : pad;
    return stock({ ...call, attrs: { ...call.attrs, pad: explicit } });
  };
}

function samePadding(
  input: readonly number[],
  filter: readonly number[],
  { strides, dilations, dimRoundingMode }: ForwardAttributes,
): Exclude<Padding, number> {
  const [height, width] = [strides, strides].flat();
  if (filter[0]! >= height! && filter[1]! >= width!) return 'same';
  const { padInfo } = tf.backend_util.computeConv2DInfo(
    input as Shape4D,
    filter as Shape4D,
    strides,
    dilations ?? 1,
    'same',
    dimRoundingMode,
  );
  const { top, bottom, left, right } = padInfo;
  return explicitPadding([top, bottom], [left, right]);
}

type Shape4D = [number, number, number, number];
