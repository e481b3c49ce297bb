import * as tf from '@tensorflow/tfjs';

/** A stock layer that has a prunable twin, and one way to use it. */
export interface LayerCase {
  readonly title: string;
  readonly layer: () => tf.layers.Layer;
  /** Of one sample. */
  readonly input: readonly number[];
  /** Output channels; those of a depthwise layer are in * multiplier. */
  readonly outputs: number;
  /** Whether tfjs can differentiate it: not dilated kernels, not Conv3DTranspose. Default true. */
  readonly trains?: boolean;
  /** Whether the activation turns a silenced channel into something else than 0. Default false. */
  readonly speaksAtZero?: boolean;
}

type Convolution = Parameters<typeof tf.layers.conv2d>[0];
type Sequence = Parameters<typeof tf.layers.conv1d>[0];
type Separable = Parameters<typeof tf.layers.separableConv2d>[0];
type Depthwise = Parameters<typeof tf.layers.depthwiseConv2d>[0];

function convolution(title: string, options: Partial<Convolution>, rest = {}): LayerCase {
  const config = { filters: 4, kernelSize: 3, ...options };
  const layer = (): tf.layers.Layer => tf.layers.conv2d({ ...config, name: 'layer' });
  return { title, layer, input: [6, 7, 3], outputs: config.filters, ...rest };
}

function sequence(title: string, options: Partial<Sequence>, rest = {}): LayerCase {
  const config = { filters: 4, kernelSize: 3, ...options };
  const layer = (): tf.layers.Layer => tf.layers.conv1d({ ...config, name: 'layer' });
  return { title, layer, input: [7, 3], outputs: config.filters, ...rest };
}

function volume(title: string, options: Partial<Convolution>, rest = {}): LayerCase {
  const config = { filters: 4, kernelSize: 2, ...options };
  const layer = (): tf.layers.Layer => tf.layers.conv3d({ ...config, name: 'layer' });
  return { title, layer, input: [3, 4, 3, 2], outputs: config.filters, ...rest };
}

/** Kernel [kh, kw, out, in]. */
function transposed(title: string, options: Partial<Convolution>, rest = {}): LayerCase {
  const config = { filters: 4, kernelSize: 3, ...options };
  const layer = (): tf.layers.Layer => tf.layers.conv2dTranspose({ ...config, name: 'layer' });
  return { title, layer, input: [4, 5, 3], outputs: config.filters, ...rest };
}

/** Kernel [kd, kh, kw, out, in]; the library has no gradient of it. */
function transposedVolume(title: string, options: Partial<Convolution>): LayerCase {
  const config = { filters: 4, kernelSize: 2, ...options };
  const layer = (): tf.layers.Layer => tf.layers.conv3dTranspose({ ...config, name: 'layer' });
  return { title, layer, input: [3, 2, 3, 3], outputs: config.filters, trains: false };
}

function separable(title: string, options: Partial<Separable>, rest = {}): LayerCase {
  const config = { filters: 4, kernelSize: 3, ...options };
  const layer = (): tf.layers.Layer => tf.layers.separableConv2d({ ...config, name: 'layer' });
  return { title, layer, input: [6, 7, 3], outputs: config.filters, ...rest };
}

function depthwise(title: string, options: Partial<Depthwise>, rest = {}): LayerCase {
  const config = { kernelSize: 3, ...options };
  const layer = (): tf.layers.Layer => tf.layers.depthwiseConv2d({ ...config, name: 'layer' });
  return { title, layer, input: [6, 7, 3], outputs: 3 * (config.depthMultiplier ?? 1), ...rest };
}

function dense(
  title: string,
  options: Partial<Parameters<typeof tf.layers.dense>[0]>,
  rest = {},
): LayerCase {
  const config = { units: 5, ...options };
  const layer = (): tf.layers.Layer => tf.layers.dense({ ...config, name: 'layer' });
  return { title, layer, input: [6], outputs: config.units, ...rest };
}

function normalization(
  title: string,
  input: readonly number[],
  options: Parameters<typeof tf.layers.batchNormalization>[0] = {},
): LayerCase {
  const layer = (): tf.layers.Layer => tf.layers.batchNormalization({ ...options, name: 'layer' });
  return { title, layer, input, outputs: input.at(-1)! };
}

/** What every prunable layer must do is tested with each of these; a new one gets its lines here. */
export const layerCases: Readonly<Record<string, readonly LayerCase[]>> = {
  PrunableConv1D: [
    sequence('as it comes', {}),
    sequence('stride 2, padding same', { strides: 2, padding: 'same' }),
    sequence('dilation 2', { dilationRate: 2 }, { trains: false }),
    sequence('no bias', { useBias: false }),
    sequence('relu', { activation: 'relu' }),
    sequence('one filter', { filters: 1 }),
  ],
  PrunableConv2D: [
    convolution('as it comes', {}),
    convolution('padding same', { padding: 'same' }),
    convolution('stride 2', { strides: 2 }),
    convolution('stride 2, padding same', { strides: 2, padding: 'same' }),
    convolution('a 1 x 1 kernel, stride 2', { kernelSize: 1, strides: 2 }),
    convolution('a 1 x 3 kernel', { kernelSize: [1, 3] }),
    convolution('dilation 2', { dilationRate: 2 }, { trains: false }),
    convolution('no bias', { useBias: false }),
    convolution('relu', { activation: 'relu', padding: 'same' }),
    convolution('sigmoid', { activation: 'sigmoid' }, { speaksAtZero: true }),
    convolution('tanh, no bias', { activation: 'tanh', useBias: false }),
    convolution('one filter', { filters: 1 }),
    convolution('one channel', {}, { input: [5, 5, 1] }),
    convolution('channels first', { dataFormat: 'channelsFirst' }, { input: [3, 6, 7] }),
    convolution('a constraint and a regularizer', {
      kernelConstraint: tf.constraints.maxNorm({ maxValue: 1 }),
      kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }),
    }),
  ],
  PrunableConv3D: [
    volume('as it comes', {}),
    volume('stride 2, padding same', { strides: 2, padding: 'same' }),
    volume('no bias, relu', { useBias: false, activation: 'relu' }),
    volume('one filter', { filters: 1 }),
  ],
  PrunableConv2DTranspose: [
    transposed('as it comes', {}),
    transposed('stride 2', { strides: 2 }),
    transposed('stride 2, padding same', { strides: 2, padding: 'same' }),
    transposed('as many filters as channels', { filters: 3 }),
    transposed('no bias', { useBias: false }),
    transposed('relu', { activation: 'relu' }),
    transposed('one filter', { filters: 1 }),
    transposed('one channel', {}, { input: [4, 4, 1] }),
    transposed('channels first', { dataFormat: 'channelsFirst' }, { input: [3, 4, 5] }),
  ],
  PrunableConv3DTranspose: [
    transposedVolume('as it comes', {}),
    transposedVolume('stride 2', { strides: 2 }),
    transposedVolume('as many filters as channels', { filters: 3 }),
    transposedVolume('no bias', { useBias: false }),
  ],
  PrunableSeparableConv2D: [
    separable('as it comes', {}),
    separable('multiplier 2', { depthMultiplier: 2 }),
    separable('stride 2, padding same', { strides: 2, padding: 'same' }),
    separable('no bias, relu', { useBias: false, activation: 'relu' }),
    separable('a 1 x 1 kernel', { kernelSize: 1 }),
    separable('as many filters as channels', { filters: 3 }),
  ],
  PrunableDepthwiseConv2D: [
    depthwise('as it comes', {}),
    depthwise('multiplier 2', { depthMultiplier: 2 }),
    depthwise('stride 2, padding same', { strides: 2, padding: 'same' }),
    depthwise('no bias, multiplier 2', { useBias: false, depthMultiplier: 2 }),
    depthwise('relu', { activation: 'relu' }),
    depthwise('dilation 2', { dilationRate: 2 }, { trains: false }),
    depthwise('one channel', {}, { input: [5, 5, 1], outputs: 1 }),
  ],
  PrunableDense: [
    dense('as it comes', {}),
    dense('no bias', { useBias: false }),
    dense('relu', { activation: 'relu' }),
    dense('softmax', { activation: 'softmax' }, { speaksAtZero: true }),
    dense('one unit', { units: 1 }),
    dense('a sequence', {}, { input: [3, 6] }),
  ],
  PrunableBatchNormalization: [
    normalization('images', [3, 4, 5]),
    normalization('vectors', [5]),
    normalization('sequences', [4, 3]),
    normalization('axis 3', [3, 4, 5], { axis: 3 }),
    // As Keras writes it.
    normalization('axis [3]', [3, 4, 5], { axis: [3] as unknown as number }),
    normalization('no scale', [3, 4, 5], { scale: false }),
    normalization('no center', [3, 4, 5], { center: false }),
    normalization('neither scale nor center', [5], { scale: false, center: false }),
    normalization('momentum and epsilon', [3, 4, 2], { momentum: 0.5, epsilon: 0.1 }),
    normalization('one channel', [3, 4, 1]),
  ],
};
