import { isJsonObject } from '../../files';
import type { JsonValue } from '../../files';
import { canPlay, isRegistered } from '../tfjs/layer-kind';
import { behind, show } from './draft';
import type { Draft, Piece } from './draft';

/** Whether a value is 1, or one for each axis, or none at all. */
export const isOne = (value: JsonValue): boolean =>
  [value].flat().every((part) => part === null || part === 1);

/** The layer itself with some keys changed. */
export function change(
  { className, config }: Draft,
  changes: Readonly<Record<string, JsonValue | undefined>> = {},
): Piece {
  const own: Record<string, JsonValue> = { ...config };
  for (const [key, value] of Object.entries(changes)) if (value !== undefined) own[key] = value;
  return { className, config: own };
}

/** Keras writes an axis as a list of one as well. */
const alone = (axis: JsonValue | undefined): JsonValue | undefined =>
  Array.isArray(axis) && axis.length === 1 ? (axis[0] as JsonValue) : axis;

const numberOf = (value: JsonValue | undefined): number => (typeof value === 'number' ? value : 0);

/**
 * ReLU of Keras: x where it is above the threshold, min(x, max_value) at most, and negative_slope *
 * (x - threshold) elsewhere; in the layers of this library that have one of these keys each.
 */
export function rectify(draft: Draft): readonly Piece[] {
  const { negativeSlope, threshold, maxValue = null, ...rest } = draft.config;
  const [slope, theta] = [numberOf(negativeSlope), numberOf(threshold)];
  if (theta === 0 && slope === 0) return [{ className: 'ReLU', config: { ...rest, maxValue } }];
  if (theta === 0 && maxValue === null) {
    return [{ className: 'LeakyReLU', config: { ...rest, alpha: slope } }];
  }
  const above: Piece[] =
    theta === 0
      ? [{ className: 'ReLU', config: { ...rest, maxValue } }]
      : [{ className: 'ThresholdedReLU', config: { ...rest, theta } }];
  if (theta !== 0 && maxValue !== null) above.push(behind(draft, 'max', 'ReLU', { maxValue }));
  if (slope === 0) return above;
  return [
    ...above,
    behind(draft, 'mirrored', 'Rescaling', { scale: -1, offset: theta }, ['input']),
    behind(draft, 'below', 'ReLU'),
    behind(draft, 'sloped', 'Rescaling', { scale: -slope, offset: 0 }),
    behind(draft, 'sum', 'Add', {}, [above.length - 1, above.length + 2]),
  ];
}

/** A global pooling that keeps its axes of space with length one. */
export function keepDims(draft: Draft): readonly Piece[] {
  const { className, config, refuse, shape, askShape } = draft;
  if (config.keepdims !== true) return [change(draft)];
  if (config.dataFormat === 'channelsFirst') refuse('has keepdims with channels_first');
  const space = className.endsWith('1D') ? [1] : [1, 1];
  if (shape !== null) {
    const targetShape = [...space, shape.at(-1) ?? null];
    return [change(draft), behind(draft, 'keepdims', 'Reshape', { targetShape })];
  }
  askShape();
  const repeat = { className: 'RepeatVector', config: { name: 'repeat', n: 1 } };
  const first = behind(draft, 'keepdims', 'RepeatVector', { n: 1 }); // [n, c] to [n, 1, c]
  const second = behind(draft, 'keepdims_2d', 'TimeDistributed', { layer: repeat }); // to [n, 1, 1, c]
  return space.length === 1 ? [change(draft), first] : [change(draft), first, second];
}

/** Conv1D with causal padding: as many zeros as the kernel reaches back, before the first step. */
export function causal(draft: Draft): readonly Piece[] {
  const { config, shape, askShape, refuse } = draft;
  if (config.padding !== 'causal') return [change(draft)];
  if (config.dataFormat === 'channelsFirst') {
    refuse('has padding causal with data_format channels_first, which no stock layer computes');
  }
  if (shape === null) {
    askShape();
    return [change(draft, { padding: 'same' })]; // as long
  }
  const [, steps = null, width = null] = shape;
  const [kernel, dilation] = [config.kernelSize, config.dilationRate].map((of) => numberIn(of, 1));
  const zeros = (kernel! - 1) * dilation!;
  const padded = steps === null ? null : steps + zeros;
  const whole = Object.entries(config).filter(([key]) => key !== 'batchInputShape');
  return [
    behind(draft, 'flat', 'Reshape', { targetShape: [steps, 1, width] }),
    behind(draft, 'zeros', 'ZeroPadding2D', {
      padding: [
        [zeros, 0],
        [0, 0],
      ],
      dataFormat: 'channelsLast',
    }),
    behind(draft, 'padded', 'Reshape', { targetShape: [padded, width] }),
    { className: draft.className, config: { ...Object.fromEntries(whole), padding: 'valid' } },
  ];
}

/** The first number of a list, or a number. */
function numberIn(value: JsonValue | undefined, otherwise: number): number {
  const first: unknown = [value].flat()[0];
  return typeof first === 'number' ? first : otherwise;
}

/**
 * BatchNormalization: TensorFlow.js computes it up to rank 4. Of rank 5, the two axes behind the batch
 * become one for it.
 */
export function normalize(draft: Draft): readonly Piece[] {
  const { shape, refuse } = draft;
  const whole = change(draft, { axis: alone(draft.config.axis) });
  if (shape === null || shape.length < 5) return [whole];
  const { axis = -1 } = whole.config;
  const sizes = shape.slice(1);
  const isFree = sizes.filter((size) => size === null).length > 1;
  if (shape.length > 5 || isFree || (axis !== -1 && axis !== 4)) {
    refuse(`has an input of shape [${shape.join()}], which TensorFlow.js cannot normalize`);
  }
  const [depth, height, ...rest] = sizes as [number | null, number | null, ...(number | null)[]];
  const joined = depth === null || height === null ? null : depth * height;
  return [
    behind(draft, 'joined', 'Reshape', { targetShape: [joined, ...rest] }),
    { ...whole, config: { ...whole.config, axis: -1 } },
    behind(draft, 'parted', 'Reshape', { targetShape: sizes }),
  ];
}

/** DepthwiseConv2D: TensorFlow.js does not dilate it. */
export function depthwise(draft: Draft): readonly Piece[] {
  const { config, isKeras3, note, refuse } = draft;
  const { dilationRate = null, depthwiseConstraint } = config;
  if (!isOne(dilationRate)) {
    const words = `has dilation_rate ${show(dilationRate)}, which TensorFlow.js does not compute`;
    if (isKeras3) refuse(words);
    note(`${words}: it computes without`);
  }
  // TensorFlow.js writes the regularizer in the constraint's place, too.
  const className = isJsonObject(depthwiseConstraint) ? depthwiseConstraint.className : null;
  const isMistake = typeof className === 'string' && canPlay(className, 'regularizer');
  return [change(draft, isMistake ? { depthwiseConstraint: null } : {})];
}

/** One axis of a transposed convolution. */
interface Stretch {
  readonly kernel: number;
  readonly stride: number;
  /** What its output is longer by than with the smallest that the input can come from. */
  readonly extra: number;
}

/**
 * A transposed convolution whose `output_padding` says how long its output is: the stock layer where that
 * is as long, else all of its output, cropped.
 */
export function outputPadded(draft: Draft): readonly Piece[] {
  const { config, refuse } = draft;
  const { outputPadding = null, ...rest } = config;
  if (outputPadding === null) return [change(draft)];
  const axes = axesOf(draft);
  const isSame = config.padding === 'same';
  const plain = { className: draft.className, config: rest };
  const isAsLong = ({ kernel, stride, extra }: Stretch): boolean =>
    extra === (isSame ? stride - (kernel % 2) : Math.max(stride - kernel, 0));
  if (axes.every(isAsLong)) return [plain];
  const crops = axes.map(({ kernel, extra }) => 2 * Math.floor(kernel / 2) - extra);
  const isPossible = axes.every(({ kernel, stride }) => kernel >= stride);
  const isFlat = draft.className === 'Conv2DTranspose' && config.dataFormat !== 'channelsFirst';
  if (!isSame || !isFlat || !isPossible || crops.some((crop) => crop < 0)) {
    refuse(`has output_padding ${show(outputPadding)}, which TensorFlow.js does not compute`);
  }
  const cropping = crops.map((crop) => [Math.floor(crop / 2), Math.ceil(crop / 2)]);
  return [
    { ...plain, config: { ...rest, padding: 'valid' } },
    behind(draft, 'crop', 'Cropping2D', { cropping, dataFormat: 'channelsLast' }),
  ];
}

function axesOf({ className, config }: Draft): Stretch[] {
  const count = className === 'Conv2DTranspose' ? 2 : 3;
  const at = (key: string, axis: number): number => {
    const value = config[key];
    return numberOf(Array.isArray(value) ? (value[axis] as JsonValue | undefined) : value);
  };
  return Array.from({ length: count }, (_, axis) => ({
    kernel: at('kernelSize', axis),
    stride: at('strides', axis) || 1,
    extra: at('outputPadding', axis),
  }));
}

/** Normalization with its numbers in the config: (x - mean) / deviation of each channel. */
export function standardize(draft: Draft): readonly Piece[] {
  const { config, refuse } = draft;
  if (isRegistered('Normalization')) return [change(draft)];
  const [mean, variance] = [numbersOf(config.mean), numbersOf(config.variance)];
  const axis = alone(config.axis) ?? null;
  const isPerChannel = axis === null || axis === -1;
  if (!isPerChannel || mean.length === 0 || mean.length !== variance.length || config.invert) {
    refuse(
      'can be read only with mean and variance in its config, for the last axis: TensorFlow.js has ' +
        'no such layer; put a Rescaling in its place',
    );
  }
  const scale = variance.map((value) => 1 / Math.max(Math.sqrt(value), 1e-7));
  const offset = mean.map((value, index) => -value * scale[index]!);
  const kept = ['name', 'trainable', 'batchInputShape', 'dtype'].filter((key) => key in config);
  const own = Object.fromEntries(kept.map((key) => [key, config[key]!]));
  return [{ className: 'Rescaling', config: { ...own, scale, offset } }];
}

function numbersOf(value: JsonValue | undefined): number[] {
  const flat: unknown[] = [value].flat(8);
  return flat.every((item) => typeof item === 'number') ? flat : [];
}
