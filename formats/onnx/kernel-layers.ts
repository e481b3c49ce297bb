import type * as tf from '@tensorflow/tfjs';
import type { HostWeight } from '../../layers/host-weights';
import { activate } from './activations';
import type { Attribute } from './messages';
import type { OnnxWriter, Site, Value } from './site';

/** The window of a convolution or pooling. */
export interface Window {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/**
 * The attributes of a window over [n, ...space, c].
 *
 * `same` puts the odd zero behind, so its padding is written out. With strides over a map of free size it
 * depends on the size: SAME_UPPER says the same, and tfjs takes no dilation there.
 */
export function windowOf(
  site: Site,
  { size, strides, dilations }: Window,
): Record<string, Attribute> {
  site.require('dataFormat', 'channelsLast');
  const attributes = { kernel_shape: { ints: size }, strides: { ints: strides } };
  const dilated = dilations.some((step) => step !== 1) ? { dilations: { ints: dilations } } : {};
  const { padding } = site.config;
  if (padding === 'valid') return { ...attributes, ...dilated };
  if (padding !== 'same') site.refuse(`has the padding ${String(padding)}, which is not written`);
  refuseShortWindow(site, size, strides);
  const totals = site.input.shape.slice(1, -1).map((length, axis) => {
    const extent = (size[axis]! - 1) * dilations[axis]! + 1;
    const stride = strides[axis]!;
    if (stride === 1) return extent - 1;
    return length && Math.max(0, (Math.ceil(length / stride) - 1) * stride + extent - length);
  });
  if (!isKnown(totals)) return { ...attributes, auto_pad: { text: 'SAME_UPPER' } };
  const before = totals.map((total) => Math.floor(total / 2));
  const pads = [...before, ...totals.map((total, axis) => total - before[axis]!)];
  return { ...attributes, ...dilated, pads: { ints: pads } };
}

/**
 * Refuses, of three axes with padding `same`, a window that the stride leaps past the end with: the plain JavaScript of tfjs
 * then begins one place before the input, its native engine at the input.
 */
export function refuseShortWindow(
  site: Site,
  size: readonly number[],
  strides: readonly number[],
): void {
  if (size.length < 3) return;
  const isShort = size.some((extent, axis) => {
    const [length, stride] = [site.input.shape[axis + 1], strides[axis]!];
    if (length == null) return extent < stride;
    return (Math.ceil(length / stride) - 1) * stride + extent < length;
  });
  if (isShort)
    site.refuse(
      'has a window shorter than its stride, with which engines of tfjs compute differently',
    );
}

const isKnown = (lengths: tf.Shape): lengths is number[] => !lengths.includes(null);

/** Conv1D, Conv2D and Conv3D: kernel [...window, in, out] becomes [out, in, ...window]. */
export const convolution: OnnxWriter = (site) => {
  const inputs = [site.channelsFirst(site.input), turnedKernel(site), ...biasOf(site)];
  const attributes = windowOf(site, dilateWindow(site));
  return [activate(site, site.channelsFirstNode('Conv', inputs, site.outputShape, attributes))];
};

/** The kernel with its last two axes in front, the last one first. */
function turnedKernel(site: Site): string {
  const kernel = site.weight('kernel')!;
  const window = kernel.shape.length - 2;
  return site.floats('kernel', permuteAxes(kernel, [window + 1, window, ...Array(window).keys()]));
}

/**
 * Conv2DTranspose and Conv3DTranspose: kernel [...window, out, in] becomes [in, out, ...window].
 *
 * The output is as long as the input times the stride, with `valid` what of the window reaches beyond it as well.
 * tfjs takes no dilation here.
 */
export const transposedConvolution: OnnxWriter = (site) => {
  site.require('dataFormat', 'channelsLast');
  const { size, strides } = kernelWindow(site);
  const beyond = size.map((length, axis) => length - strides[axis]!);
  const isSame = site.config.padding === 'same';
  if (!isSame) site.require('padding', 'valid');
  if (isSame && size.length === 3 && beyond.some((length) => length < 0))
    site.refuse(
      'has a window shorter than its stride, with which engines of tfjs compute differently',
    );
  const cut = beyond.map((length) => (isSame ? Math.max(0, length) : 0));
  const before = cut.map((total) => Math.floor(total / 2));
  const attributes = {
    kernel_shape: { ints: size },
    strides: { ints: strides },
    pads: { ints: [...before, ...cut.map((total, axis) => total - before[axis]!)] },
    output_padding: { ints: beyond.map((length) => Math.max(0, -length)) },
  };
  const inputs = [site.channelsFirst(site.input), turnedKernel(site), ...biasOf(site)];
  const { outputShape } = site;
  return [activate(site, site.channelsFirstNode('ConvTranspose', inputs, outputShape, attributes))];
};

/**
 * DepthwiseConv2D: output channel c * multiplier + m is the m-th of group c.
 *
 * tfjs takes its `dilationRate` and never uses it.
 */
export const depthwiseConv2d: OnnxWriter = (site) => {
  const window = { ...kernelWindow(site), dilations: [1, 1] };
  return [activate(site, depthwise(site, window, site.outputShape, biasOf(site)))];
};

/** SeparableConv2D: a depthwise convolution and a 1x1 one behind it. */
export const separableConv2d: OnnxWriter = (site) => {
  const { shape } = site.weight('depthwise_kernel')!;
  const between = [...site.outputShape.slice(0, 3), shape[2]! * shape[3]!];
  const { name } = depthwise(site, dilateWindow(site), between, []);
  const pointwise = permuteAxes(site.weight('pointwise_kernel')!, [3, 2, 0, 1]);
  const inputs = [name, site.floats('pointwise_kernel', pointwise), ...biasOf(site)];
  const attributes = { kernel_shape: { ints: [1, 1] } };
  return [activate(site, site.node('Conv', inputs, site.outputShape, attributes))];
};

function depthwise(site: Site, window: Window, shape: tf.Shape, bias: readonly string[]): Value {
  const kernel = site.weight('depthwise_kernel')!;
  const [height, width, channels, multiplier] = kernel.shape as [number, number, number, number];
  const { values } = permuteAxes(kernel, [2, 3, 0, 1]);
  const grouped = { shape: [channels * multiplier, 1, height, width], values };
  const inputs = [site.input.name, site.floats('depthwise_kernel', grouped), ...bias];
  const attributes = { ...windowOf(site, window), group: { int: channels } };
  return site.node('Conv', inputs, shape, attributes);
}

/** Dense over the last axis: on NHWC a 1x1 convolution, on [n, in] a Gemm, else a MatMul. */
export const dense: OnnxWriter = (site) => {
  const { input, outputShape } = site;
  const kernel = site.weight('kernel')!;
  const [inputs, outputs] = kernel.shape as [number, number];
  if (input.shape.length === 4) {
    const point = { shape: [outputs, inputs, 1, 1], values: permuteAxes(kernel, [1, 0]).values };
    const read = [input.name, site.floats('kernel', point), ...biasOf(site)];
    return [
      activate(site, site.node('Conv', read, outputShape, { kernel_shape: { ints: [1, 1] } })),
    ];
  }
  const read = [input.name, site.floats('kernel', kernel)];
  if (input.shape.length === 2) {
    return [activate(site, site.node('Gemm', [...read, ...biasOf(site)], outputShape))];
  }
  const product = site.node('MatMul', read, outputShape);
  const [bias] = biasOf(site);
  const sum = bias === undefined ? product : site.node('Add', [product.name, bias], outputShape);
  return [activate(site, sum)];
};

function biasOf(site: Site): string[] {
  const bias = site.weight('bias');
  return bias ? [site.floats('bias', bias)] : [];
}

function kernelWindow({ config, input }: Site): Window {
  const { kernelSize, strides, dilationRate } = config;
  const axes = input.shape.length - 2;
  const [size, steps, dilations] = [kernelSize, strides, dilationRate].map((value) => lengths(value, axes)); // prettier-ignore
  return { size: size!, strides: steps!, dilations: dilations! };
}

/** The window of a convolution that uses its `dilationRate`, which tfjs does only where it has no strides. */
function dilateWindow(site: Site): Window {
  const window = kernelWindow(site);
  const { strides, dilations } = window;
  if (strides.some((step) => step !== 1) && dilations.some((step) => step !== 1)) {
    const both = `strides ${JSON.stringify(strides)} and dilationRate ${JSON.stringify(dilations)}`;
    site.refuse(`has ${both}, which tfjs does not compute`);
  }
  return window;
}

/** A number for each axis: those of a list, whose first stands for what it lacks, or one for all; 1 where the layer says nothing. */
export function lengths(value: unknown, axes: number): number[] {
  const list = ([value].flat() as (number | null | undefined)[]).map((number) => number ?? 1);
  return Array.from({ length: axes }, (_, axis) => list[axis] ?? list[0]!);
}

/** The weight with its axes in another order. */
export function permuteAxes({ shape, values }: HostWeight, order: readonly number[]): HostWeight {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((n, length) => n * length, 1),
  );
  const target = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const moved = new Float32Array(values.length);
  const place = target.map(() => 0);
  let from = 0;
  for (let at = 0; at < moved.length; at++) {
    moved[at] = values[from]!;
    // Counts `place` up by one, the last axis first, and keeps `from` at its value.
    for (let axis = target.length - 1; axis >= 0; axis--) {
      place[axis]!++;
      from += steps[axis]!;
      if (place[axis]! < target[axis]!) break;
      from -= steps[axis]! * target[axis]!;
      place[axis] = 0;
    }
  }
  return { shape: target, values: moved };
}
