/**
 * Every layer class that tfjs-layers can load with every option that its config can hold: what the writers of
 * other formats are tried on. `layer-options.test.ts` asks tfjs itself whether one is missing.
 */
import * as tf from '@tensorflow/tfjs';
import type { RandomStream } from '../../random/seeds';

/** Options of a layer as its config has them: plain data. */
export type Config = Readonly<Record<string, unknown>>;

/** A layer class and what it can be told. */
export interface LayerClass {
  readonly className: string;
  /** What it reads, without the batch: one or more shapes; several lists where it takes several ranks. */
  readonly inputs: readonly (readonly number[])[][];
  /** What its config must say. */
  readonly config: Config;
  /** Values to try of each other option. */
  readonly options: Readonly<Record<string, readonly unknown[]>>;
  /** Inputs are whole numbers from 0 to below this. */
  readonly below?: number;
  /** It overwrites the declared shape of what it reads, so that a model's input cannot be that. */
  readonly overwrites?: boolean;
  /** The config of the layer that is called; this class is inside it. */
  readonly inside?: (config: Config) => Named;
}

interface Named {
  readonly className: string;
  readonly config: Config;
}

const named = (className: string, config: Config = {}): Named => ({ className, config });

/** What every layer can be told besides its own options; the first two by the first layer of a Sequential. */
export const ofEveryLayer = ['batchInputShape', 'dtype', 'name', 'trainable'] as const;

const activationNames = [
  'linear', 'relu', 'relu6', 'elu', 'selu', 'sigmoid', 'hardSigmoid', 'softplus', 'softsign', 'tanh', 'softmax',
  'logSoftmax', 'swish', 'mish', 'gelu', 'gelu_new',
]; // prettier-ignore
const fewActivations = ['linear', 'relu', 'hardSigmoid', 'logSoftmax'];

const initializers = [
  named('Constant', { value: 0.25 }),
  named('VarianceScaling', { scale: 2, mode: 'fanIn', distribution: 'uniform', seed: null }),
];
const regularizers = [named('L1L2', { l1: 0.01, l2: 0.02 })];
const constraints = [
  named('MaxNorm', { maxValue: 2, axis: 0 }),
  named('MinMaxNorm', { minValue: 0.1, maxValue: 2, axis: 0, rate: 0.5 }),
];

/** All that a weight's options can be, for a class or two. */
const every = {
  initializers: [
    ...initializers,
    ...['Zeros', 'Ones', 'GlorotUniform', 'GlorotNormal', 'HeNormal', 'HeUniform', 'LeCunNormal', 'LeCunUniform'].map((name) => named(name)),
    named('RandomUniform', { minval: -0.1, maxval: 0.1, seed: 3 }),
    named('RandomNormal', { mean: 0, stddev: 0.1, seed: null }),
    named('TruncatedNormal', { mean: 0, stddev: 0.1 }),
    named('Orthogonal', { gain: 2, seed: null }),
  ],
  regularizers: [...regularizers, named('L1L2', { l1: 0.01, l2: 0 }), named('L1L2', { l1: 0, l2: 0.01 })],
  constraints: [...constraints, named('UnitNorm', { axis: 0 }), named('NonNeg'), named('UnitNorm', { axis: [0, 1] }), named('MaxNorm', { maxValue: 2, axis: [0] })],
}; // prettier-ignore

type Options = Readonly<Record<string, readonly unknown[]>>;

/** The three options of a weight. */
const ofWeight = (weight: string): Options => ({
  [`${weight}Initializer`]: initializers,
  [`${weight}Regularizer`]: regularizers,
  [`${weight}Constraint`]: constraints,
});

const biased: Options = {
  activation: fewActivations,
  useBias: [false],
  ...ofWeight('bias'),
  activityRegularizer: regularizers,
};

const ofConvolution = (rank: number): Options => ({
  ...biased,
  strides: [2, [2, 1, 2].slice(0, rank)],
  padding: ['same', 'valid', ...(rank < 3 ? ['causal'] : [])],
  dataFormat: ['channelsFirst', 'channelsLast'],
  dilationRate: [2, [1, 2, 1].slice(0, rank)],
});

const ofPooling = (rank: number): Options => ({
  poolSize: rank === 1 ? [3, [3]] : [3, [3, 2, 2].slice(0, rank)],
  strides: rank === 1 ? [1, [3]] : [1, [1, 2, 2].slice(0, rank)],
  padding: ['same', 'valid'],
  ...(rank === 1 ? {} : { dataFormat: ['channelsFirst', 'channelsLast'] }),
});

const ofRecurrentWeights: Options = {
  activation: fewActivations,
  useBias: [false],
  ...ofWeight('kernel'),
  ...ofWeight('recurrent'),
  ...ofWeight('bias'),
  dropout: [0.2],
  recurrentDropout: [0.2],
  activityRegularizer: regularizers,
};
const gated: Options = { recurrentActivation: ['sigmoid', 'logSoftmax'], implementation: [1, 2] };
const unrolled: Options = {
  returnSequences: [true],
  returnState: [true],
  goBackwards: [true],
  stateful: [false],
  unroll: [true],
};

const forms = [[[4, 5, 3]], [[4, 3]], [[5]], [[2, 3, 2, 3]]];
const images = [[[4, 5, 3]]];
const noOptions: Options = {};

const shaped = (
  className: string,
  inputs: LayerClass['inputs'],
  config: Config = {},
  options: Options = noOptions,
): LayerClass => ({ className, inputs, config, options });

/** A class of cells, called within an RNN. */
const cell = (
  className: string,
  config: Config,
  options: Options,
  inputs: LayerClass['inputs'] = [[[4, 3]]],
): LayerClass => ({
  ...shaped(className, inputs, config, options),
  inside: (own) => named('RNN', { cell: named(className, own) }),
});

const pairs = [[[4, 5, 3], [4, 5, 3]], [[4, 3], [4, 3], [4, 3]], [[4, 5, 3], [1, 1, 3]], [[4, 5, 3], [3]]]; // prettier-ignore

/** Every class, its options with the values to try. */
export const layerClasses: readonly LayerClass[] = [
  shaped('Conv1D', [[[7, 3]]], { filters: 4, kernelSize: [2] }, { ...ofConvolution(1), ...ofWeight('kernel'), kernelSize: [3], filters: [1] }),
  shaped('Conv2D', [[[6, 7, 3]]], { filters: 4, kernelSize: [3, 2] }, { ...ofConvolution(2), ...ofWeight('kernel'), activation: activationNames, kernelSize: [1, [1, 3]], filters: [1] }),
  shaped('Conv3D', [[[4, 5, 4, 2]]], { filters: 3, kernelSize: [2, 2, 2] }, { ...ofConvolution(3), ...ofWeight('kernel'), kernelSize: [1, [1, 2, 1]], filters: [1] }),
  shaped('Conv2DTranspose', [[[4, 5, 3]]], { filters: 4, kernelSize: [3, 2] }, { ...ofConvolution(2), ...ofWeight('kernel'), kernelSize: [2], filters: [1] }),
  shaped('Conv3DTranspose', [[[2, 3, 2, 3]]], { filters: 2, kernelSize: [2, 2, 2] }, { ...ofConvolution(3), ...ofWeight('kernel'), kernelSize: [1], filters: [1] }),
  shaped('DepthwiseConv2D', [[[7, 6, 3]]], { kernelSize: [3, 2] }, { ...ofConvolution(2), ...ofWeight('depthwise'), kernelSize: [2], depthMultiplier: [2] }),
  shaped('SeparableConv2D', [[[7, 6, 3]]], { filters: 4, kernelSize: [3, 2] }, { ...ofConvolution(2), ...ofWeight('depthwise'), ...ofWeight('pointwise'), kernelSize: [2], depthMultiplier: [2], filters: [1] }),
  shaped('Dense', [[[5]], [[4, 5]], [[3, 4, 5]], [[2, 3, 2, 5]]], { units: 4 }, { ...biased, activation: activationNames, kernelInitializer: every.initializers, kernelRegularizer: every.regularizers, kernelConstraint: every.constraints, units: [1] }),
  { ...shaped('Embedding', [[[6]], [[2, 3]]], { inputDim: 9, outputDim: 4 }, { ...ofWeight('embeddings'), activityRegularizer: regularizers, maskZero: [true, false], inputLength: [6, [6]], outputDim: [1] }), below: 9 },
  shaped('BatchNormalization', [[[4, 5, 3]], [[4, 3]], [[3]], [[2, 3, 2, 3]]], {}, {
    axis: [-1, 3, [3], 1, [1], 2, [2], -2], momentum: [0.5], epsilon: [0.01], center: [false], scale: [false],
    ...ofWeight('beta'), ...ofWeight('gamma'), movingMeanInitializer: initializers, movingVarianceInitializer: initializers,
  }),
  shaped('LayerNormalization', forms, {}, {
    axis: [-1, 1, [1], [1, 2]], epsilon: [0.01], center: [false], scale: [false],
    betaInitializer: initializers, gammaInitializer: initializers, betaRegularizer: regularizers, gammaRegularizer: regularizers,
  }),
  shaped('Activation', forms, { activation: 'relu' }, { activation: activationNames }),
  shaped('ReLU', forms, {}, { maxValue: [0, 0.5, 6] }),
  shaped('LeakyReLU', forms, {}, { alpha: [0, 0.1, 1.5] }),
  shaped('ELU', forms, {}, { alpha: [1] }),
  shaped('ThresholdedReLU', forms, {}, { theta: [0, 0.4, -0.3] }),
  shaped('PReLU', forms, {}, { ...ofWeight('alpha'), sharedAxes: [1, [1], [1, 2]] }),
  shaped('Softmax', forms, { axis: -1 }, { axis: [-1, 1, 2, 3, [-1], [3], [1, 2], [-1, 1], [1, 2, 3]] }),
  shaped('Dropout', forms, { rate: 0.3 }, { rate: [0, 0.5], noiseShape: [[null, 1, 3], [2, 1, 3]], seed: [7] }),
  shaped('SpatialDropout1D', [[[4, 3]]], { rate: 0.3 }, { rate: [0], noiseShape: [[null, 1, 3]], seed: [7] }),
  shaped('GaussianNoise', forms, { stddev: 0.3 }, { stddev: [0] }),
  shaped('GaussianDropout', forms, { rate: 0.3 }, { rate: [0] }),
  shaped('AlphaDropout', forms, { rate: 0.3 }, { rate: [0] }),
  shaped('MaxPooling1D', [[[7, 3]]], {}, ofPooling(1)),
  shaped('AveragePooling1D', [[[7, 3]]], {}, ofPooling(1)),
  shaped('MaxPooling2D', [[[7, 6, 3]]], {}, ofPooling(2)),
  shaped('AveragePooling2D', [[[7, 6, 3]]], {}, ofPooling(2)),
  shaped('MaxPooling3D', [[[4, 5, 4, 3]]], {}, ofPooling(3)),
  shaped('AveragePooling3D', [[[4, 5, 4, 3]]], {}, ofPooling(3)),
  shaped('GlobalAveragePooling1D', [[[4, 3]]]),
  shaped('GlobalMaxPooling1D', [[[4, 3]]]),
  shaped('GlobalAveragePooling2D', images, {}, { dataFormat: ['channelsFirst', 'channelsLast'] }),
  shaped('GlobalMaxPooling2D', images, {}, { dataFormat: ['channelsFirst', 'channelsLast'] }),
  shaped('UpSampling2D', images, {}, { size: [[2, 3], [1, 2], [4, 4]], dataFormat: ['channelsFirst', 'channelsLast'], interpolation: ['nearest', 'bilinear'] }),
  shaped('ZeroPadding2D', images, {}, { padding: [2, [1, 2], [[0, 1], [2, 0]]], dataFormat: ['channelsFirst', 'channelsLast'] }),
  shaped('Cropping2D', [[[6, 7, 5]]], { cropping: 1 }, { cropping: [2, [1, 0], [[0, 1], [2, 0]]], dataFormat: ['channelsFirst', 'channelsLast'] }),
  { ...shaped('CenterCrop', [[[6, 7, 3]]], { height: 4, width: 5 }, { height: [6], width: [3] }), overwrites: true },
  shaped('Flatten', [[[4, 5, 3]], [[4, 3]], [[2, 3, 2, 3]]], {}, { dataFormat: ['channelsFirst', 'channelsLast'] }),
  shaped('Reshape', [[[4, 3, 2]], [[24]], [[4, 6]]], { targetShape: [6, 4] }, { targetShape: [[24], [-1, 3], [2, 3, 4], [2, null, 2], [2, 3, 2, 2]] }),
  shaped('Permute', [[[4, 5, 3]]], { dims: [2, 1, 3] }, { dims: [[3, 1, 2], [1, 2, 3]] }),
  shaped('RepeatVector', [[[5]]], { n: 3 }, { n: [1] }),
  shaped('Add', pairs), shaped('Average', pairs), shaped('Maximum', pairs), shaped('Minimum', pairs), shaped('Multiply', pairs),
  shaped('Concatenate', [[[4, 5, 3], [4, 5, 3]], [[4, 3], [4, 3], [4, 3]], [[5], [5]]], {}, { axis: [-1, 1, 2, 3, -2, 0] }),
  shaped('Dot', [[[4, 3], [4, 3]], [[3], [3]]], { axes: -1 }, { axes: [1, [1, 1], [2, 2]], normalize: [true, false] }),
  shaped('Masking', [[[4, 3]]], {}, { maskValue: [0, 0.5] }),
  shaped('TimeDistributed', [[[4, 3]]], { layer: named('Dense', { units: 2 }) }, {
    layer: [named('Dense', { units: 2, activation: 'relu', kernelConstraint: named('NonNeg'), biasRegularizer: null }), named('BatchNormalization'), named('ReLU', { maxValue: null }), named('Dropout', { rate: 0.2, noiseShape: null })],
  }),
  shaped('Bidirectional', [[[4, 3]]], { layer: named('LSTM', { units: 2, returnSequences: true }) }, {
    layer: [named('GRU', { units: 2 }), named('SimpleRNN', { units: 2, kernelInitializer: named('Ones'), activityRegularizer: null })],
    mergeMode: ['concat', 'sum', 'mul', 'ave'],
  }),
  shaped('SimpleRNN', [[[4, 3]]], { units: 2 }, { ...ofRecurrentWeights, ...unrolled }),
  shaped('GRU', [[[4, 3]]], { units: 2 }, { ...ofRecurrentWeights, ...gated, ...unrolled, resetAfter: [false] }),
  shaped('LSTM', [[[4, 3]]], { units: 2 }, { ...ofRecurrentWeights, ...gated, ...unrolled, unitForgetBias: [true, false] }),
  shaped('ConvLSTM2D', [[[3, 5, 5, 2]]], { filters: 2, kernelSize: [2, 2] }, {
    ...ofRecurrentWeights, ...gated, ...unrolled, unitForgetBias: [true, false],
    kernelSize: [2], strides: [2, [2, 1]], padding: ['same', 'valid'], dataFormat: ['channelsFirst', 'channelsLast'], dilationRate: [2], filters: [1],
  }),
  shaped('RNN', [[[4, 3]]], { cell: named('SimpleRNNCell', { units: 2 }) }, {
    ...unrolled,
    cell: [named('StackedRNNCells', { cells: [named('LSTMCell', { units: 2 })] })],
  }),
  cell('SimpleRNNCell', { units: 2 }, ofRecurrentWeights),
  cell('GRUCell', { units: 2 }, { ...ofRecurrentWeights, ...gated, resetAfter: [false] }),
  cell('LSTMCell', { units: 2 }, { ...ofRecurrentWeights, ...gated, unitForgetBias: [true, false] }),
  cell('StackedRNNCells', { cells: [named('GRUCell', { units: 2 }), named('SimpleRNNCell', { units: 3 })] }, { cells: [[named('LSTMCell', { units: 2, unitForgetBias: null })]] }),
  shaped('Rescaling', forms, { scale: 0.5 }, { scale: [2, [0.5, 0.25, 2], [0.5], [[[0.1, 0.2, 0.3]]]], offset: [-1, [1, 0, -1], [0.5]] }),
  { ...shaped('CategoryEncoding', [[[5]]], { numTokens: 6 }, { outputMode: ['multiHot', 'oneHot', 'count'] }), below: 6, overwrites: true },
  shaped('Resizing', images, { height: 3, width: 4 }, { interpolation: ['bilinear', 'nearest'], cropToAspectRatio: [true, false], height: [8], width: [2] }),
  shaped('RandomWidth', images, { factor: 0.1 }, { factor: [[0, 0.1]], interpolation: ['bilinear', 'nearest'], seed: [3] }),
]; // prettier-ignore

/** One layer with its options, called on inputs of its own. */
export interface LayerCase {
  readonly title: string;
  readonly className: string;
  /** The layer that is called, as a config has it. */
  readonly entry: Named;
  /** Shapes of what it reads, null where the length is free. */
  readonly shapes: readonly tf.Shape[];
  /** The shapes that are tried, without the batch. */
  readonly sizes: readonly (readonly number[])[];
  readonly of: LayerClass;
}

/** The case of a class with these options. */
export function caseOf(
  layerClass: LayerClass,
  options: Config,
  { inputs = layerClass.inputs[0]!, isFree = false } = {},
): LayerCase {
  const { className, inside } = layerClass;
  const config = { ...layerClass.config, ...options };
  const entry = inside ? inside(config) : named(className, config);
  const shapes = inputs.map((sizes): tf.Shape => (isFree ? [...sizes.slice(0, -1).map(() => null), sizes.at(-1)!] : [...sizes])); // prettier-ignore
  const title = `${className} ${JSON.stringify(options)} on ${JSON.stringify(shapes)}`;
  return { title, className, entry, shapes, sizes: inputs, of: layerClass };
}

/**
 * The cases of a class: each value of each option alone, all others at null, as the first layer of a Sequential
 * is told its input, every rank of its inputs, free lengths.
 */
export function casesOf(layerClass: LayerClass): LayerCase[] {
  const { inputs, options } = layerClass;
  const free = Object.keys(options).filter((option) => !(option in layerClass.config));
  const values = Object.entries(options).flatMap(([option, tried]) =>
    tried.map((value) => ({ [option]: value })),
  );
  const [sizes] = inputs[0]!;
  const isFirst = inputs[0]!.length === 1 && !layerClass.inside && !layerClass.overwrites;
  const asFirst = [null, 2].map((batch) => ({ batchInputShape: [batch, ...sizes!], dtype: 'float32' })); // prettier-ignore
  return [
    caseOf(layerClass, { trainable: false }),
    ...(isFirst ? asFirst.map((options) => caseOf(layerClass, options)) : []),
    caseOf(layerClass, Object.fromEntries(free.map((option) => [option, null]))),
    ...values.map((own) => caseOf(layerClass, own)),
    ...inputs.flatMap((read) => [false, true].map((isFree) => caseOf(layerClass, {}, { inputs: read, isFree }))), // prettier-ignore
  ];
}

/** The cases of a class: each value of each option alone, null too, on every rank, with free lengths too. */
export function allCasesOf(layerClass: LayerClass): LayerCase[] {
  const values = Object.entries(layerClass.options).flatMap(
    ([option, tried]) =>
    [...tried, ...(option in layerClass.config ? [] : [null])].map((value) => ({ [option]: value })), // prettier-ignore
  );
  return layerClass.inputs.flatMap(
    (inputs) =>
    values.flatMap((options) => [false, true].map((isFree) => caseOf(layerClass, options, { inputs, isFree }))), // prettier-ignore
  );
}

/** A case with some options drawn at random, on random inputs. */
export function drawnCase(layerClass: LayerClass, random: RandomStream): LayerCase {
  const pick = <Item>(items: readonly Item[]): Item => items[random.integer(items.length)]!;
  const drawn = Object.entries(layerClass.options).flatMap(([option, values]) => {
    // tfjs refuses every layer that has one.
    if (option === 'activityRegularizer' || random.next() > 0.4) return [];
    const isNull = !(option in layerClass.config) && random.next() < 0.15;
    return [[option, isNull ? null : pick(values)] as const];
  });
  const isFree = random.next() < 0.3;
  return caseOf(layerClass, Object.fromEntries(drawn), { inputs: pick(layerClass.inputs), isFree });
}

/** A layer in a network of its own; the inputs are the network's alone. */
export interface LayerNetwork {
  readonly layerCase: LayerCase;
  readonly inputs: tf.SymbolicTensor[];
  readonly outputs: tf.SymbolicTensor[];
}

/**
 * Calls the layer of a case.
 *
 * @param name of the layer.
 * @returns why not, where tfjs does not build it.
 */
export function build(layerCase: LayerCase, name: string): LayerNetwork | Error {
  const { entry, shapes, of } = layerCase;
  try {
    const layer = layerOf({ ...entry, config: { ...entry.config, name } });
    const inputs = shapes.map((shape, at) => tf.input({ shape, name: `${name}_in${at}` }));
    const read = of.overwrites ? inputs.map(copied) : inputs;
    const output = layer.apply(read.length === 1 ? read[0]! : read);
    return { layerCase, inputs, outputs: [output].flat() as tf.SymbolicTensor[] };
  } catch (error) {
    return error as Error;
  }
}

/** A tensor behind another, with a shape of its own. */
function copied(input: tf.SymbolicTensor): tf.SymbolicTensor {
  const dims = input.shape.slice(1).map((_, axis) => axis + 1);
  return tf.layers.permute({ name: `${input.name}_copy`, dims }).apply(input) as tf.SymbolicTensor;
}

/** The layer that a config names. */
export function layerOf({ className, config }: Named): tf.layers.Layer {
  const [cls] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
  const made: unknown = cls.fromConfig(cls, structuredClone(config) as tf.serialization.ConfigDict);
  return made as tf.layers.Layer;
}

/** One model of several networks. */
export function joined(networks: readonly LayerNetwork[], name: string): tf.LayersModel {
  const inputs = networks.flatMap((network) => network.inputs);
  const outputs = networks.flatMap((network) => network.outputs);
  return tf.model({ name, inputs, outputs });
}
