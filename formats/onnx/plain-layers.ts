import type * as tf from '@tensorflow/tfjs';
import type { HostWeight } from '../../layers/host-weights';
import { activate } from './activations';
import { permuteAxes } from './kernel-layers';
import type { Attribute } from './messages';
import { PLAIN as plainShape, mapAxis } from './site';
import type { OnnxWriter, Site, Value } from './site';

/** A layer that at inference does nothing. */
export const identity: OnnxWriter = ({ inputs }) => [...inputs];

/** Activation: the function by its name. */
export const activation: OnnxWriter = (site) => [activate(site, site.input)];

/** ReLU, up to a largest value where it has one. */
export const relu: OnnxWriter = (site) => {
  const { name, shape } = site.input;
  const { maxValue } = site.config;
  if (maxValue === null || maxValue === undefined) return [site.node('Relu', [name], shape)];
  if (typeof maxValue !== 'number') return site.refuse(`has maxValue ${JSON.stringify(maxValue)}`);
  return [site.node('Clip', [name, site.scalar(0), site.scalar(maxValue)], shape)];
};

/** An operator with one number, which the layer calls `option` and ONNX `alpha`. */
const withAlpha =
  (operator: string, option: string): OnnxWriter =>
  (site) => {
    const alpha = { float: site.config[option] as number };
    return [site.node(operator, [site.input.name], site.input.shape, { alpha })];
  };

export const leakyReLU: OnnxWriter = withAlpha('LeakyRelu', 'alpha');
export const elu: OnnxWriter = withAlpha('Elu', 'alpha');
export const thresholdedReLU: OnnxWriter = withAlpha('ThresholdedRelu', 'theta');

/** PReLU: alpha is [h, w, c], 1 along shared axes. */
export const prelu: OnnxWriter = (site) => {
  const alpha = site.weight('alpha')!;
  const slope = alpha.shape.length === 3 ? permuteAxes(alpha, [2, 0, 1]) : alpha;
  return [site.node('PRelu', [site.input.name, site.floats('alpha', slope)], site.input.shape)];
};

/**
 * Softmax along the last axis, or along the several that a list names.
 *
 * A list of one is that axis. Along another single axis tfjs does not compute it.
 */
export const softmax: OnnxWriter = (site) => {
  const { name, shape } = site.input;
  const axes = axesOf(site.config.axis ?? 1, shape.length);
  const isLast = axes.length === 1 && axes[0] === shape.length - 1;
  const areSeveral =
    axes.length > 1 && new Set(axes).size === axes.length && axes.every((axis) => axis in shape);
  if (!isLast && !areSeveral) {
    const axis = JSON.stringify(site.config.axis);
    site.refuse(`has axis ${axis}, tfjs computes the last of one axis or a list of several`);
  }
  if (isLast) {
    return [site.node('Softmax', [name], shape, { axis: { int: mapAxis(-1, shape.length) } })];
  }
  // exp(x - log(sum(exp(x)))), as tfjs has it
  const along = { axes: { ints: axes.map((axis) => mapAxis(axis, shape.length)) } };
  const summed = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const total = site.node('ReduceLogSumExp', [name], summed, along);
  const difference = site.node('Sub', [name, total.name], shape);
  return [site.node('Exp', [difference.name], shape)];
};

/** Axes from 0, of one or of a list of them that may count from the end. */
function axesOf(value: unknown, rank: number): number[] {
  return ([value].flat() as number[]).map((axis) => (axis < 0 ? axis + rank : axis));
}

/**
 * BatchNormalization over the last axis, which Keras also writes as a list of one; without scale or
 * center with ones or zeros.
 *
 * Over another axis the engines of tfjs do not agree with one another.
 */
export const batchNormalization: OnnxWriter = (site) => {
  const { input, config } = site;
  const rank = input.shape.length;
  const axis = config.axis ?? -1;
  const axes = axesOf(axis, rank);
  if (axes.length !== 1 || axes[0] !== rank - 1) {
    site.refuse(`has axis ${JSON.stringify(axis)}, written is the last`);
  }
  if (rank > 4) site.refuse(`has an input of rank ${rank}, tfjs computes 2, 3 and 4`);
  const width = input.shape.at(-1)!;
  const filled = (value: number): HostWeight => ({
    shape: [width],
    values: new Float32Array(width).fill(value),
  });
  const weights = [
    site.floats('gamma', site.weight('gamma') ?? filled(1)),
    site.floats('beta', site.weight('beta') ?? filled(0)),
    site.floats('moving_mean', site.weight('moving_mean')!),
    site.floats('moving_variance', site.weight('moving_variance')!),
  ];
  const epsilon = { float: config.epsilon as number };
  const normalized = (name: string, shape: tf.Shape): Value =>
    site.node('BatchNormalization', [name, ...weights], shape, { epsilon });
  if (rank !== 3) return [normalized(input.name, input.shape)];
  return [site.channelsFirstNode('BatchNormalization', [site.channelsFirst(input), ...weights], input.shape, { epsilon })]; // prettier-ignore
};

type Sides = [number, number];

/** What is added to or cut from each axis of the file: over space, or over [n, h, w, c]'s last two. */
function sidesOf(site: Site, option: 'padding' | 'cropping'): Sides[] {
  const both = site.config[option] as number | [number | Sides, number | Sides];
  const [first, second] = (typeof both === 'number' ? [both, both] : both).map((side): Sides =>
    typeof side === 'number' ? [side, side] : side,
  ) as [Sides, Sides];
  const none: Sides = [0, 0];
  const { dataFormat } = site.config;
  if (dataFormat !== 'channelsLast' && dataFormat !== 'channelsFirst') {
    site.refuse(`has dataFormat ${JSON.stringify(dataFormat)}`);
  }
  // With channelsFirst the layer takes axes 2 and 3, which of NHWC are width and channels.
  return dataFormat === 'channelsFirst' ? [none, second, none, first] : [none, none, first, second];
}

/** ZeroPadding2D; with channelsFirst it appends zero channels to NHWC. */
export const zeroPadding2d: OnnxWriter = (site) => {
  const sides = sidesOf(site, 'padding');
  const pads = site.integers(
    ...sides.map(([before]) => before),
    ...sides.map(([, after]) => after),
  );
  return [site.node('Pad', [site.input.name, pads, site.scalar(0)], site.outputShape)];
};

/** Cropping2D; with channelsFirst it slices the channels of NHWC. */
export const cropping2d: OnnxWriter = (site) => {
  const sides = sidesOf(site, 'cropping').slice(1);
  const starts = site.integers(...sides.map(([before]) => before));
  // Counted from the end; the far end is any number too large.
  const ends = site.integers(...sides.map(([, after]) => (after === 0 ? 2 ** 31 - 1 : -after)));
  const axes = site.integers(1, 2, 3);
  return [site.node('Slice', [site.input.name, starts, ends, axes], site.outputShape)];
};

/** UpSampling2D: position y reads floor(y / factor), or between it and the next. */
export const upSampling2d: OnnxWriter = (site) => {
  site.require('dataFormat', 'channelsLast');
  const { size } = site.config;
  if (!Array.isArray(size)) site.refuse(`has size ${String(size)}, tfjs computes two numbers only`);
  const [height, width] = size as [number, number];
  const isLinear = site.config.interpolation === 'bilinear';
  const attributes: Record<string, Attribute> = {
    mode: { text: isLinear ? 'linear' : 'nearest' },
    coordinate_transformation_mode: { text: 'asymmetric' },
    ...(isLinear ? {} : { nearest_mode: { text: 'floor' } }),
  };
  const scales = { shape: [4], values: Float32Array.of(1, 1, height, width) };
  const inputs = [site.input.name, '', site.floats('scales', scales)];
  return [site.node('Resize', inputs, site.outputShape, attributes)];
};

/** Flatten in the order of NHWC; with channelsFirst axis 1 goes behind the others first. */
export const flatten: OnnxWriter = (site) => {
  const { shape } = site.input;
  let name = site.plain(site.input);
  if (site.config.dataFormat === 'channelsFirst' && shape.length > 2) {
    const order = [0, ...shape.slice(2).keys()].map((axis, at) => (at === 0 ? 0 : axis + 2));
    const perm = [...order, 1];
    name = site.transposed(
      name,
      perm,
      perm.map((axis) => shape[axis]!),
      plainShape,
    );
  }
  return [{ name: site.reshaped(name, site.outputShape), shape: site.outputShape }];
};

/** Reshape of the values in the order of tfjs. */
export const reshape: OnnxWriter = (site) => {
  const name = site.reshaped(site.plain(site.input), site.outputShape);
  return [site.stored(name, site.outputShape)];
};

/** Permute: axes counted from 1, the batch is not among them. */
export const permute: OnnxWriter = (site) => {
  const perm = [0, ...(site.config.dims as number[])];
  const name = site.transposed(site.plain(site.input), perm, site.outputShape, plainShape);
  return [site.stored(name, site.outputShape)];
};

/** RepeatVector: [n, c] becomes [n, times, c]. */
export const repeatVector: OnnxWriter = (site) => {
  const [batch, , channels] = site.outputShape as [number | null, number, number | null];
  const times = site.integers(1, site.config.n as number, 1);
  const single = site.unsqueezed(site.input.name, 1, [batch, 1, channels], 1);
  return [site.node('Tile', [single, times], site.outputShape)];
};

/** Embedding: the row of the table that each number names. */
export const embedding: OnnxWriter = (site) => {
  const table = site.floats('embeddings', site.weight('embeddings')!);
  const { outputShape } = site;
  const rows = site.plainNode('Gather', [table, site.indices({ name: site.plain(site.input) })], outputShape); // prettier-ignore
  return [site.stored(rows, outputShape)];
};

/** LayerNormalization over the last axes; tfjs computes no rank above 4. */
export const layerNormalization: OnnxWriter = (site) => {
  const { input, config } = site;
  const rank = input.shape.length;
  const axes = axesOf(config.axis ?? -1, rank).sort((a, b) => a - b);
  const first = rank - axes.length;
  const areLast = axes.every((axis, at) => axis === first + at);
  if (!areLast) site.refuse(`has axis ${JSON.stringify(config.axis)}, written are the last ones`);
  if (rank > 4) site.refuse(`has an input of rank ${rank}, tfjs computes 2, 3 and 4`);
  const shape = input.shape.slice(first) as number[];
  const values = new Float32Array(shape.reduce((size, length) => size * length, 1)).fill(1);
  const gamma = site.floats('gamma', site.weight('gamma') ?? { shape, values });
  const beta = site.weight('beta');
  const inputs = [site.plain(input), gamma, ...(beta ? [site.floats('beta', beta)] : [])];
  const attributes = { axis: { int: first }, epsilon: { float: config.epsilon as number } };
  return [site.stored(site.plainNode('LayerNormalization', inputs, input.shape, attributes), input.shape)]; // prettier-ignore
};

/** Rescaling: scale * x + offset, each a number or a list of numbers that lies over the last axes. */
export const rescaling: OnnxWriter = (site) => {
  const { name, shape } = site.input;
  const { scale, offset } = site.config;
  const scaled = site.node('Mul', [name, overLastAxes(site, 'scale', scale)], shape);
  const shift = overLastAxes(site, 'offset', offset ?? 0);
  return [site.node('Add', [scaled.name, shift], shape)];
};

/** A number, or nested lists of numbers, as a constant that is broadcast over the input as tfjs does. */
function overLastAxes(site: Site, option: string, value: unknown): string {
  if (typeof value === 'number') return site.scalar(value);
  const { shape: input } = site.input;
  const own: number[] = [];
  for (let list = value; Array.isArray(list); list = list[0]) own.push(list.length);
  const values = Float32Array.from([value].flat(Infinity) as number[]);
  const known = input.slice(input.length - own.length);
  const fits = own.every((length, axis) => length === 1 || length === known[axis]);
  if (own.length === 0 || own.length > input.length || !fits || values.some(Number.isNaN)) {
    const shapes = `an input of shape [${input.map((length) => length ?? 'any').join()}]`;
    site.refuse(`has ${option} ${JSON.stringify(value)} over ${shapes}`);
  }
  const filled = [...Array<number>(input.length - own.length).fill(1), ...own];
  const plain = { shape: filled, values };
  return site.floats(option, filled.length === 4 ? permuteAxes(plain, [0, 3, 1, 2]) : plain);
}

/** All inputs at one rank: tfjs puts axes of length 1 behind the batch of those of lower rank. */
function align(site: Site): Value[] {
  const rank = Math.max(...site.inputs.map(({ shape }) => shape.length));
  return site.inputs.map((input) => {
    const missing = rank - input.shape.length;
    if (missing === 0) return input;
    const shape = [input.shape[0]!, ...Array<number>(missing).fill(1), ...input.shape.slice(1)];
    return site.stored(site.unsqueezed(site.plain(input), 1, shape, missing), shape);
  });
}

/** An operator that takes any number of inputs. */
const merge =
  (operator: string): OnnxWriter =>
  (site) => [
    site.node(
      operator,
      align(site).map(({ name }) => name),
      site.outputShape,
    ),
  ];

export const add: OnnxWriter = merge('Sum');
export const average: OnnxWriter = merge('Mean');
export const maximum: OnnxWriter = merge('Max');
export const minimum: OnnxWriter = merge('Min');

/** Multiply: the product of two, times the next, and so on. */
export const multiply: OnnxWriter = (site) => {
  const [first, ...others] = align(site) as [Value, ...Value[]];
  const shape = site.outputShape;
  return [others.reduce((left, { name }) => site.node('Mul', [left.name, name], shape), first)];
};

/** Concatenate along any axis but the batch. */
export const concatenate: OnnxWriter = (site) => {
  const given = (site.config.axis ?? -1) as number;
  const rank = site.input.shape.length;
  // tfjs declares the shape for the axis it is given, then joins along the last for any outside.
  if (given < -1 || given >= rank) {
    site.refuse(`has axis ${given}, which tfjs declares and does not compute`);
  }
  if (given === 0) site.refuse('has axis 0, which joins samples');
  const names = site.inputs.map(({ name }) => name);
  const axis = { int: mapAxis(given, rank) };
  return [site.node('Concat', names, site.outputShape, { axis })];
};
