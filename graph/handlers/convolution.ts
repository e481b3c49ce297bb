import type * as tf from '@tensorflow/tfjs';
import type { Channels } from '../channels';
import type { LayerCall, LayerHandler, Remainder } from '../handler';
import { silenceBy } from './activation';

const channelsFirst = (call: LayerCall): boolean => call.config.dataFormat === 'channelsFirst';

const product = (sizes: readonly (number | null)[]): number =>
  sizes.reduce<number>((count, size) => count * (size ?? 1), 1);

/** The channels of a shape, behind the positions or before them. */
const widthOf = (call: LayerCall, shape: tf.Shape): number =>
  shape.at(channelsFirst(call) ? 1 : -1) ?? 1;

/** Positions of one sample: the product of the axes beside batch and channels; unknown ones are 1. */
const positions = (call: LayerCall, shape: tf.Shape): number =>
  product(channelsFirst(call) ? shape.slice(2) : shape.slice(1, -1));

const kernelSize = ({ call }: Remainder): number => product(call.config.kernelSize as number[]);

const widthIn = ({ call, inputShapes }: Remainder): number => widthOf(call, inputShapes[0]!);

const widthOut = ({ call, outputShapes }: Remainder): number => widthOf(call, outputShapes[0]!);

const positionsIn = ({ call, inputShapes }: Remainder): number => positions(call, inputShapes[0]!);

const positionsOut = ({ call, outputShapes }: Remainder): number =>
  positions(call, outputShapes[0]!);

const multiplier = (call: LayerCall): number =>
  (call.config.depthMultiplier as number | undefined) ?? 1;

/** Each channel `count` times in a row: what a depthwise kernel makes of the list. */
const repeated = <T>(list: readonly T[], count: number): T[] =>
  list.flatMap((item) => Array<T>(count).fill(item));

function rewriteFilters(config: Record<string, unknown>, left: Remainder): void {
  config.filters = widthOut(left);
}

/** A convolution over `rank` axes of space: kernel [...space, in, out]. */
function convolution(rank: number): LayerHandler {
  return {
    trace(call, tracer) {
      if (channelsFirst(call)) return tracer.close(call, `${call.path} is channelsFirst`);
      tracer.consume(call, 'kernel', rank, call.inputs[0]!);
      const output = tracer.produce(call, call.config.filters as number, 'kernel', rank + 1);
      return [silenceBy(call, output, tracer)];
    },
    rewrite: rewriteFilters,
    macs: (left) => kernelSize(left) * widthIn(left) * widthOut(left) * positionsOut(left),
  };
}

/** A transposed convolution: kernel [...space, OUT, IN]; every input position meets the whole kernel. */
function transposedConvolution(rank: number): LayerHandler {
  return {
    trace(call, tracer) {
      if (channelsFirst(call)) return tracer.close(call, `${call.path} is channelsFirst`);
      tracer.consume(call, 'kernel', rank + 1, call.inputs[0]!);
      const output = tracer.produce(call, call.config.filters as number, 'kernel', rank);
      return [silenceBy(call, output, tracer)];
    },
    rewrite: rewriteFilters,
    macs: (left) => kernelSize(left) * widthIn(left) * widthOut(left) * positionsIn(left),
  };
}

/** Conv1D: kernel [k, in, out]. */
export const conv1d = convolution(1);

/** Conv2D: kernel [kh, kw, in, out]; a filter is an index of the last axis. */
export const conv2d = convolution(2);

/** Conv3D: kernel [kd, kh, kw, in, out]. */
export const conv3d = convolution(3);

/** Conv2DTranspose: kernel [kh, kw, out, in]. */
export const conv2dTranspose = transposedConvolution(2);

/** Conv3DTranspose: kernel [kd, kh, kw, out, in]. */
export const conv3dTranspose = transposedConvolution(3);

/** DepthwiseConv2D: kernel [kh, kw, in, multiplier]; output c * multiplier + m goes with input c. */
export const depthwiseConv2d: LayerHandler = {
  trace(call, tracer) {
    if (channelsFirst(call)) return tracer.close(call, `${call.path} is channelsFirst`);
    const [input] = call.inputs as [Channels];
    const classes = repeated(input.classes, multiplier(call));
    tracer.follow(call, 'depthwise_kernel', 2, input.classes);
    tracer.follow(call, 'bias', 0, classes);
    // Its own kernel is silenced with the channel, whatever comes in.
    return [silenceBy(call, { classes, silent: classes.map(() => true) }, tracer)];
  },
  mixesPositions: () => true,
  macs: (left) => kernelSize(left) * widthOut(left) * positionsOut(left),
};

/**
 * SeparableConv2D: depthwise kernel [kh, kw, in, multiplier], then pointwise kernel
 * [1, 1, in * multiplier, out]; channel c * multiplier + m between the two goes with input c.
 */
export const separableConv2d: LayerHandler = {
  trace(call, tracer) {
    if (channelsFirst(call)) return tracer.close(call, `${call.path} is channelsFirst`);
    const [input] = call.inputs as [Channels];
    const between = {
      classes: repeated(input.classes, multiplier(call)),
      silent: repeated(input.silent, multiplier(call)),
    };
    tracer.consume(call, 'depthwise_kernel', 2, input);
    tracer.consume(call, 'pointwise_kernel', 2, between);
    const output = tracer.produce(call, call.config.filters as number, 'pointwise_kernel', 3);
    return [silenceBy(call, output, tracer)];
  },
  rewrite: rewriteFilters,
  macs: (left) =>
    widthIn(left) *
    multiplier(left.call) *
    (kernelSize(left) + widthOut(left)) *
    positionsOut(left),
};

/** Dense: kernel [in, out] over the last axis, whatever the rank. */
export const dense: LayerHandler = {
  trace(call, tracer) {
    tracer.consume(call, 'kernel', 0, call.inputs[0]!);
    const output = tracer.produce(call, call.config.units as number, 'kernel', 1);
    return [silenceBy(call, output, tracer)];
  },
  rewrite(config, left) {
    config.units = widthOut(left);
  },
  macs: (left) => widthIn(left) * widthOut(left) * positionsOut(left),
};

/** Embedding: table [vocabulary, out]; its columns are channels, the indices it reads are not. */
export const embedding: LayerHandler = {
  trace(call, tracer) {
    const [input] = call.inputs as [Channels];
    tracer.classes.close(input.classes, `${call.path} reads indices, not channels`);
    return [tracer.produce(call, call.config.outputDim as number, 'embeddings', 1)];
  },
  rewrite(config, left) {
    config.outputDim = widthOut(left);
  },
};
