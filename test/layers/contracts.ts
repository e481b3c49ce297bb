import * as tf from '@tensorflow/tfjs';

/** A stock layer that has a prunable twin, and one way to use it. */
export interface LayerCase {
  readonly title: string;
  readonly layer: () => tf.layers.Layer;
  /** Of one sample. */
  readonly input: readonly number[];
  /** Output channels; those of a depthwise layer are in * multiplier. */
  readonly outputs: number;
  /** Whether tfjs can differentiate it; not where a kernel is dilated. Default true. */
  readonly trains?: boolean;
  /** Whether the activation turns a silenced channel into something else than 0. Default false. */
  readonly speaksAtZero?: boolean;
}

type Convolution = Parameters<typeof tf.layers.conv2d>[0];
type Depthwise = Parameters<typeof tf.layers.depthwiseConv2d>[0];

function convolution(title: string, options: Partial<Convolution>, rest = {}): LayerCase {
  const config = { filters: 4, kernelSize: 3, ...options };
  const layer = (): tf.layers.Layer => tf.layers.conv2d({ ...config, name: 'layer' });
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
    normalization('no scale', [3, 4, 5], { scale: false }),
    normalization('no center', [3, 4, 5], { center: false }),
    normalization('neither scale nor center', [5], { scale: false, center: false }),
    normalization('momentum and epsilon', [3, 4, 2], { momentum: 0.5, epsilon: 0.1 }),
    normalization('one channel', [3, 4, 1]),
  ],
};
