import type { JsonValue } from '../../files';
import { kindOf } from '../tfjs/layer-kind';
import { withActivation } from './activations';
import { show } from './draft';
import type { Draft, Piece } from './draft';
import {
  causal,
  change,
  depthwise,
  isOne,
  keepDims,
  normalize,
  outputPadded,
  rectify,
  standardize,
} from './rules';

/** Layers of Keras that pass on what they get, except in training. TensorFlow.js has none of them. */
const idle = new Set([
  ...['ActivityRegularization', 'Identity', 'SpatialDropout2D', 'SpatialDropout3D'],
  ...['RandomBrightness', 'RandomColorDegeneration', 'RandomColorJitter', 'RandomContrast'],
  ...['RandomElasticTransform', 'RandomErasing', 'RandomFlip', 'RandomGaussianBlur'],
  ...['RandomGrayscale', 'RandomHeight', 'RandomHue', 'RandomInvert', 'RandomPerspective'],
  ...['RandomPosterization', 'RandomRotation', 'RandomSaturation', 'RandomSharpness'],
  ...['RandomShear', 'RandomTranslation', 'RandomWidth', 'RandomZoom'],
  ...['AugMix', 'CutMix', 'MixUp', 'RandAugment'],
]);

/** Whether the layer only does something in training, and TensorFlow.js cannot do that. */
export function isIdle(className: string): boolean {
  return idle.has(className) && kindOf(className) === null;
}

type Harmless = (value: JsonValue) => boolean;

const isOff: Harmless = (value) => value === null || value === false;
const isLast: Harmless = (value) => value === null || value === 'channelsLast';

const oneGroup = { groups: isOne };
const inOrder = { timeMajor: isOff, zeroOutputForMask: isOff };
const channelsLast = { dataFormat: isLast };
const transposed = { ...oneGroup, dilationRate: isOne };
const aspect = { padToAspectRatio: isOff, antialias: isOff };

/**
 * Keys that TensorFlow.js does not read, by class, with the values that change nothing. What a rule below
 * translates is not among them.
 */
const ignored: Readonly<Record<string, Readonly<Record<string, Harmless>>>> = {
  InputLayer: { sparse: isOff, ragged: isOff },
  Conv1D: oneGroup,
  Conv2D: oneGroup,
  Conv3D: oneGroup,
  SeparableConv2D: oneGroup,
  DepthwiseConv2D: oneGroup,
  Conv2DTranspose: transposed,
  Conv3DTranspose: transposed,
  BatchNormalization: { renorm: isOff },
  LayerNormalization: { rmsScaling: isOff },
  ELU: { alpha: isOne },
  MaxPooling1D: channelsLast,
  AveragePooling1D: channelsLast,
  GlobalMaxPooling1D: channelsLast,
  GlobalAveragePooling1D: channelsLast,
  CenterCrop: channelsLast,
  Resizing: { ...channelsLast, ...aspect },
  CategoryEncoding: { sparse: isOff },
  SimpleRNN: inOrder,
  LSTM: inOrder,
  RNN: inOrder,
  ConvLSTM2D: inOrder,
  GRU: { ...inOrder, resetAfter: isOff },
  GRUCell: { resetAfter: isOff },
  UpSampling2D: { interpolation: (value) => value === 'nearest' || value === 'bilinear' },
};

/** What a class becomes, but for its activation. */
type Rule = (draft: Draft) => readonly Piece[];

const rules: Readonly<Record<string, Rule>> = {
  BatchNormalization: normalize,
  Conv1D: causal,
  Conv2DTranspose: outputPadded,
  Conv3DTranspose: outputPadded,
  DepthwiseConv2D: depthwise,
  GlobalAveragePooling1D: keepDims,
  GlobalAveragePooling2D: keepDims,
  GlobalMaxPooling1D: keepDims,
  GlobalMaxPooling2D: keepDims,
  LeakyReLU(draft) {
    const { alpha, negativeSlope } = draft.config;
    return [change(draft, { alpha: alpha ?? negativeSlope })];
  },
  Normalization: standardize,
  ReLU: rectify,
};

/** The stock layers that compute what one layer of the file does. */
export function piecesOf(draft: Draft): readonly Piece[] {
  refuseIgnored(draft);
  const rule = Object.hasOwn(rules, draft.className) ? rules[draft.className] : undefined;
  const pieces = rule ? rule(draft) : [change(draft)];
  return withActivation(pieces, draft, piecesOf);
}

function refuseIgnored({ className, config, refuse }: Draft): void {
  const keys = Object.hasOwn(ignored, className) ? ignored[className]! : {};
  for (const [key, isHarmless] of Object.entries(keys)) {
    const value = config[key];
    if (value === undefined || isHarmless(value)) continue;
    refuse(`has ${snake(key)} ${show(value)}, which TensorFlow.js does not compute`);
  }
  for (const key of ['quantizationConfig', 'loraRank']) {
    if (config[key] !== undefined && config[key] !== null) {
      refuse(`has a ${snake(key)}, which TensorFlow.js does not compute`);
    }
  }
}

const snake = (key: string): string =>
  key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
