import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { mask } from '../../surgery/harden';
import {
  ChannelGraph,
  checkKeep,
  countMacs,
  countParams,
  findGroup,
  layerHandler,
  NotPrunableError,
  projectLayers,
  requireMasks,
} from '../../graph';
import { prunable, setMasks } from '../../layers';
import {
  compareExactly,
  fingerprint,
  randomInputs,
  randomize,
  randomKeep,
  useExactBackend,
} from './fixtures/law';

beforeAll(useExactBackend);

/** One layer class between a producer `source` of six channels and a Dense `reader`. */
interface Case {
  readonly className: string;
  readonly title: string;
  readonly build: () => tf.LayersModel;
  /** All slices that the layer called `under` registers, as weight:axis. */
  readonly slices?: readonly string[];
  /** Why the source's channels must stay; absent where some can go. */
  readonly closed?: RegExp;
  /** How many of the source's six channels can go one by one; default 6. */
  readonly open?: number;
  /** What of the class no mask can silence while it trains, so that a training is refused. */
  readonly unmasked?: string;
  /** False where the library itself cannot run the layer in a model. */
  readonly runs?: boolean;
}

type Applied = tf.SymbolicTensor;
const through = (layer: tf.layers.Layer, x: Applied | Applied[]): Applied =>
  layer.apply(x) as Applied;

const sources: Record<number, { shape: number[]; layer: () => tf.layers.Layer }> = {
  2: { shape: [3], layer: () => tf.layers.dense({ units: 6, name: 'source' }) },
  3: {
    shape: [5, 2],
    layer: () => tf.layers.conv1d({ filters: 6, kernelSize: 2, name: 'source' }),
  },
  4: {
    shape: [5, 5, 2],
    layer: () => tf.layers.conv2d({ filters: 6, kernelSize: 2, name: 'source' }), // [4, 4, 6]
  },
  5: {
    shape: [3, 3, 3, 2],
    layer: () => tf.layers.conv3d({ filters: 6, kernelSize: 2, name: 'source' }), // [2, 2, 2, 6]
  },
};

/** input -> source -> what `wire` makes of its tensor and the model's input -> reader. */
function network(rank: number, wire: (x: Applied, input: Applied) => Applied): tf.LayersModel {
  const { shape, layer } = sources[rank]!;
  const input = tf.input({ shape });
  const tested = wire(through(layer(), input), input);
  return tf.model({
    inputs: input,
    outputs: through(tf.layers.dense({ units: 3, name: 'reader' }), tested),
  });
}

type Extra = Omit<Case, 'className' | 'title' | 'build'>;

/** The case of a layer with one input; `make` gets the name it must have. */
function one(
  title: string,
  rank: number,
  make: (name: string) => tf.layers.Layer,
  extra: Extra = {},
): Case {
  const className = make('under').getClassName();
  return {
    className,
    title,
    build: () => network(rank, (x) => through(make('under'), x)),
    ...extra,
  };
}

/** The case of a layer that merges the source's tensor with others. */
function merging(
  title: string,
  make: (name: string) => tf.layers.Layer,
  others: (x: Applied, input: Applied) => Applied[],
  extra: Extra & { rank?: number; order?: 'reversed' } = {},
): Case {
  const wire = (x: Applied, input: Applied): Applied => {
    const inputs = [x, ...others(x, input)];
    return through(make('under'), extra.order ? inputs.reverse() : inputs);
  };
  return {
    className: make('under').getClassName(),
    title,
    build: () => network(extra.rank ?? 4, wire),
    ...extra,
  };
}

const conv = (filters: number, activation: 'relu' | 'sigmoid' | 'linear' = 'relu') =>
  tf.layers.conv2d({ filters, kernelSize: 2, activation });

/** The squeeze-and-excite gate of x: [n, 1, 1, c] in (0, 1). */
function gate(x: Applied): Applied {
  const pooled = through(tf.layers.globalAveragePooling2d({}), x);
  const cell = through(tf.layers.reshape({ targetShape: [1, 1, 6] }), pooled);
  const reduced = through(tf.layers.dense({ units: 3, activation: 'relu' }), cell);
  return through(tf.layers.dense({ units: 6, activation: 'sigmoid' }), reduced);
}

const activations = [
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'tanh',
  'softsign',
  'swish',
  'mish',
  'gelu',
  'gelu_new',
];

const cases: Case[] = [
  one(
    'with bias and stride',
    3,
    (name) => tf.layers.conv1d({ name, filters: 4, kernelSize: 2, strides: 2 }),
    {
      slices: ['kernel:1', 'kernel:2', 'bias:0'],
    },
  ),
  one('dilated', 3, (name) =>
    tf.layers.conv1d({ name, filters: 4, kernelSize: 2, dilationRate: 2 }),
  ),
  one(
    'same padding',
    4,
    (name) => tf.layers.conv2d({ name, filters: 4, kernelSize: 3, padding: 'same' }),
    {
      slices: ['kernel:2', 'kernel:3', 'bias:0'],
    },
  ),
  one(
    'one filter',
    4,
    (name) => tf.layers.conv2d({ name, filters: 1, kernelSize: 3, useBias: false }),
    {
      slices: ['kernel:2', 'kernel:3'],
    },
  ),
  one(
    'channelsFirst',
    4,
    (name) => tf.layers.conv2d({ name, filters: 4, kernelSize: 2, dataFormat: 'channelsFirst' }),
    {
      closed: /under is channelsFirst/,
    },
  ),
  one(
    'same padding',
    5,
    (name) => tf.layers.conv3d({ name, filters: 4, kernelSize: 2, padding: 'same' }),
    {
      slices: ['kernel:3', 'kernel:4', 'bias:0'],
    },
  ),
  one(
    'stride 2',
    4,
    (name) => tf.layers.conv2dTranspose({ name, filters: 4, kernelSize: 3, strides: 2 }),
    {
      slices: ['kernel:3', 'kernel:2', 'bias:0'],
    },
  ),
  one(
    'stride 2',
    5,
    (name) => tf.layers.conv3dTranspose({ name, filters: 4, kernelSize: 2, strides: 2 }),
    {
      slices: ['kernel:4', 'kernel:3', 'bias:0'],
    },
  ),
  one('multiplier 1', 4, (name) => tf.layers.depthwiseConv2d({ name, kernelSize: 3 }), {
    slices: ['depthwise_kernel:2', 'bias:0'],
  }),
  one(
    'multiplier 3',
    4,
    (name) => tf.layers.depthwiseConv2d({ name, kernelSize: 2, depthMultiplier: 3 }),
    {
      slices: ['depthwise_kernel:2', 'bias:0'],
    },
  ),
  one(
    'multiplier 2',
    4,
    (name) => tf.layers.separableConv2d({ name, filters: 4, kernelSize: 2, depthMultiplier: 2 }),
    {
      slices: ['depthwise_kernel:2', 'pointwise_kernel:2', 'pointwise_kernel:3', 'bias:0'],
    },
  ),
  one('rank 2', 2, (name) => tf.layers.dense({ name, units: 4 }), {
    slices: ['kernel:0', 'kernel:1', 'bias:0'],
  }),
  one('rank 3', 3, (name) => tf.layers.dense({ name, units: 4, useBias: false })),
  one('rank 4', 4, (name) => tf.layers.dense({ name, units: 4 })),
  {
    className: 'Embedding',
    title: 'its columns are channels',
    unmasked: 'source',
    build: () => {
      const tokens = tf.input({ shape: [5], name: 'tokens' });
      const table = tf.layers.embedding({ inputDim: 4, outputDim: 6, name: 'source' });
      const read = tf.layers.conv1d({ filters: 3, kernelSize: 2 });
      return tf.model({ inputs: tokens, outputs: through(read, through(table, tokens)) });
    },
  },

  ...([2, 3, 4] as const).map((rank) =>
    one(`rank ${rank}`, rank, (name) => tf.layers.batchNormalization({ name }), {
      slices: ['gamma:0', 'beta:0', 'moving_mean:0', 'moving_variance:0'],
    }),
  ),
  one('without scale', 4, (name) => tf.layers.batchNormalization({ name, scale: false })),
  one('without center', 4, (name) => tf.layers.batchNormalization({ name, center: false })),
  one('without both', 4, (name) =>
    tf.layers.batchNormalization({ name, center: false, scale: false }),
  ),
  one('over another axis', 4, (name) => tf.layers.batchNormalization({ name, axis: 1 }), {
    closed: /under normalizes axis 1/,
  }),
  one('over the channels', 4, (name) => tf.layers.layerNormalization({ name }), {
    closed: /under takes mean and variance over all channels/,
  }),

  ...activations.map((activation) =>
    one(activation, 4, (name) => tf.layers.activation({ name, activation: activation as 'relu' })),
  ),
  ...(['sigmoid', 'hardSigmoid', 'softplus'] as const).map((activation) =>
    one(activation, 4, (name) => tf.layers.activation({ name, activation }), {
      closed: /reader would read a constant other than zero/,
    }),
  ),
  one('softmax', 4, (name) => tf.layers.activation({ name, activation: 'softmax' }), {
    closed: /under: softmax mixes the channels/,
  }),
  one('plain', 4, (name) => tf.layers.reLU({ name })),
  one('clipped', 4, (name) => tf.layers.reLU({ name, maxValue: 0.5 })),
  one('slope 0.2', 4, (name) => tf.layers.leakyReLU({ name, alpha: 0.2 })),
  one('plain', 4, (name) => tf.layers.elu({ name })),
  one('theta 0.3', 4, (name) => tf.layers.thresholdedReLU({ name, theta: 0.3 })),
  one('over the channels', 4, (name) => tf.layers.softmax({ name, axis: -1 }), {
    closed: /under: softmax mixes the channels/,
  }),
  one('per value', 4, (name) => tf.layers.prelu({ name }), { slices: ['alpha:2'] }),
  one('shared over space', 4, (name) => tf.layers.prelu({ name, sharedAxes: [1, 2] }), {
    slices: ['alpha:2'],
  }),
  one('shared over all', 4, (name) => tf.layers.prelu({ name, sharedAxes: [1, 2, 3] }), {
    slices: [],
  }),
  one('of a vector', 2, (name) => tf.layers.prelu({ name }), { slices: ['alpha:0'] }),

  one('plain', 4, (name) => tf.layers.dropout({ name, rate: 0.4 })),
  one(
    'noise over the channels',
    4,
    (name) => tf.layers.dropout({ name, rate: 0.4, noiseShape: [2, 1, 1, 6] }),
    {
      closed: /under has a noiseShape of 6 channels/,
    },
  ),
  one('plain', 3, (name) => tf.layers.spatialDropout1d({ name, rate: 0.4 })),
  one('plain', 4, (name) => tf.layers.gaussianNoise({ name, stddev: 1 })),
  one('plain', 4, (name) => tf.layers.gaussianDropout({ name, rate: 0.4 })),
  one('plain', 4, (name) => tf.layers.alphaDropout({ name, rate: 0.4 })),

  one('plain', 3, (name) => tf.layers.maxPooling1d({ name, poolSize: 2 })),
  one('same padding', 4, (name) =>
    tf.layers.maxPooling2d({ name, poolSize: 3, strides: 2, padding: 'same' }),
  ),
  one('plain', 5, (name) => tf.layers.maxPooling3d({ name, poolSize: 2 })),
  one('plain', 3, (name) => tf.layers.averagePooling1d({ name, poolSize: 2 })),
  one('same padding', 4, (name) =>
    tf.layers.averagePooling2d({ name, poolSize: 3, padding: 'same' }),
  ),
  one('plain', 5, (name) => tf.layers.averagePooling3d({ name, poolSize: 2 })),
  one('plain', 3, (name) => tf.layers.globalAveragePooling1d({ name })),
  one('plain', 4, (name) => tf.layers.globalAveragePooling2d({ name })),
  one('plain', 3, (name) => tf.layers.globalMaxPooling1d({ name })),
  one('plain', 4, (name) => tf.layers.globalMaxPooling2d({ name })),
  one(
    'channelsFirst',
    4,
    (name) => tf.layers.globalMaxPooling2d({ name, dataFormat: 'channelsFirst' }),
    {
      closed: /under is channelsFirst/,
    },
  ),
  one('nearest', 4, (name) => tf.layers.upSampling2d({ name, size: [2, 2] })),
  one('over space', 4, (name) => tf.layers.zeroPadding2d({ name, padding: [1, 2] })),
  one('over the channels', 4, (name) =>
    tf.layers.zeroPadding2d({
      name,
      padding: [
        [0, 0],
        [2, 3],
      ],
      dataFormat: 'channelsFirst',
    }),
  ),
  one('over space', 4, (name) =>
    tf.layers.cropping2D({
      name,
      cropping: [
        [1, 0],
        [0, 1],
      ],
    }),
  ),
  one('over the channels', 4, (name) =>
    tf.layers.cropping2D({
      name,
      cropping: [
        [0, 0],
        [1, 2],
      ],
      dataFormat: 'channelsFirst',
    }),
  ),
  one('smaller', 4, (name) => tf.layers.centerCrop({ name, height: 2, width: 2 })),

  one('of an image', 4, (name) => tf.layers.flatten({ name })),
  one('of an image, channelsFirst', 4, (name) =>
    tf.layers.flatten({ name, dataFormat: 'channelsFirst' }),
  ),
  one('of a sequence', 3, (name) => tf.layers.flatten({ name })),
  one('channels stay last', 4, (name) => tf.layers.reshape({ name, targetShape: [16, 6] })),
  one('to a vector', 4, (name) => tf.layers.reshape({ name, targetShape: [96] })),
  one('pairs of channels', 4, (name) => tf.layers.reshape({ name, targetShape: [4, 4, 2, 3] }), {
    open: 3,
  }),
  one(
    'to fours, of which twos agree',
    4,
    (name) => tf.layers.reshape({ name, targetShape: [6, 4, 4] }),
    { open: 2 },
  ),
  one(
    'channels to positions',
    4,
    (name) => tf.layers.reshape({ name, targetShape: [4, 4, 6, 1] }),
    {
      closed: /under mixes the channels: 6 into 1/,
    },
  ),
  one('of space', 4, (name) => tf.layers.permute({ name, dims: [2, 1, 3] })),
  one('of the channels', 4, (name) => tf.layers.permute({ name, dims: [3, 1, 2] }), {
    closed: /under moves the channels to another axis/,
  }),
  one('of a vector', 2, (name) => tf.layers.repeatVector({ name, n: 3 })),

  ...(['add', 'average', 'maximum', 'minimum', 'multiply'] as const).flatMap((kind) => {
    const make = (name: string): tf.layers.Layer => tf.layers[kind]({ name });
    const twin = (_: Applied, input: Applied): Applied[] => [through(conv(6), input)];
    const single = (_: Applied, input: Applied): Applied[] => [through(conv(1), input)];
    const constant = { closed: /reader would read a constant other than zero/ };
    return [
      merging('equal widths', make, twin),
      merging('of itself', make, (x) => [x, x]),
      merging('with one channel', make, single, kind === 'multiply' ? {} : constant),
      merging('one channel first', make, single, {
        order: 'reversed',
        ...(kind === 'multiply' ? {} : constant),
      }),
    ];
  }),
  merging(
    'squeeze and excite',
    (name) => tf.layers.multiply({ name }),
    (x) => [gate(x)],
  ),
  merging(
    'squeeze and excite, gate first',
    (name) => tf.layers.multiply({ name }),
    (x) => [gate(x)],
    {
      order: 'reversed',
    },
  ),
  merging(
    'a bias for each image',
    (name) => tf.layers.add({ name }),
    (_, input) => [
      through(tf.layers.globalMaxPooling2d({}), through(conv(6), input)), // [n, 6], broadcast over space
    ],
  ),
  merging(
    'on the channels',
    (name) => tf.layers.concatenate({ name }),
    (x, input) => [through(conv(4), input), x],
  ),
  merging(
    'on rows',
    (name) => tf.layers.concatenate({ name, axis: 1 }),
    (_, input) => [through(conv(6), input)],
  ),
  merging(
    'on columns, counted from behind',
    (name) => tf.layers.concatenate({ name, axis: -2 }),
    (_, input) => [through(conv(6), input)],
    { closed: /under tells a wrong shape/, runs: false },
  ),
  merging(
    'of vectors',
    (name) => tf.layers.dot({ name, axes: -1 }),
    (_, input) => [through(tf.layers.dense({ units: 6 }), input)],
    { rank: 2 },
  ),
  merging(
    'normalized',
    (name) => tf.layers.dot({ name, axes: 1, normalize: true }),
    (_, input) => [through(tf.layers.dense({ units: 6 }), input)],
    { rank: 2 },
  ),
  merging(
    'normalized, one a constant where it is removed',
    (name) => tf.layers.dot({ name, axes: 1, normalize: true }),
    (_, input) => [through(tf.layers.dense({ units: 6, activation: 'sigmoid' }), input)],
    { rank: 2, closed: /under would add a constant/ },
  ),
  merging(
    'over the channels of sequences',
    (name) => tf.layers.dot({ name, axes: [2, 2] }),
    (_, input) => [through(tf.layers.conv1d({ filters: 6, kernelSize: 3 }), input)],
    { rank: 3 },
  ),
  merging(
    'over the steps of sequences',
    (name) => tf.layers.dot({ name, axes: [1, 1] }),
    (_, input) => [through(tf.layers.conv1d({ filters: 5, kernelSize: 2 }), input)],
    { rank: 3, closed: /under contracts another axis/ },
  ),

  one('of zero', 3, (name) => tf.layers.masking({ name })),
  one('of another value', 3, (name) => tf.layers.masking({ name, maskValue: 1 }), {
    closed: /under compares every channel with a value other than zero/,
  }),
  one(
    'of Dense',
    3,
    (name) => tf.layers.timeDistributed({ name, layer: tf.layers.dense({ units: 4 }) }),
    {
      slices: ['kernel:0', 'kernel:1', 'bias:0'],
      unmasked: 'under',
    },
  ),
  one(
    'of Conv1D over images',
    4,
    (name) =>
      tf.layers.timeDistributed({ name, layer: tf.layers.conv1d({ filters: 4, kernelSize: 2 }) }),
    { slices: ['kernel:1', 'kernel:2', 'bias:0'], unmasked: 'under' },
  ),
  one(
    'of BatchNormalization',
    3,
    (name) => tf.layers.timeDistributed({ name, layer: tf.layers.batchNormalization({}) }),
    { slices: ['gamma:0', 'beta:0', 'moving_mean:0', 'moving_variance:0'], unmasked: 'under' },
  ),
  one('of Flatten', 4, (name) => tf.layers.timeDistributed({ name, layer: tf.layers.flatten() })),
  {
    className: 'TimeDistributed',
    title: 'of a model',
    build: () => {
      const inner = tf.sequential({ layers: [tf.layers.dense({ units: 4, inputShape: [6] })] });
      const wrapper = tf.layers.timeDistributed({ name: 'under', layer: inner });
      return network(3, (x) => through(wrapper, x));
    },
    closed: /under wraps the class Sequential/,
  },
  ...(
    [
      (name: string) => tf.layers.simpleRNN({ name, units: 3 }),
      (name: string) => tf.layers.gru({ name, units: 3, returnSequences: true }),
      (name: string) => tf.layers.lstm({ name, units: 3 }),
      (name: string) =>
        tf.layers.rnn({ name, cell: tf.layers.lstmCell({ units: 3 }) }) as tf.layers.Layer,
      (name: string) =>
        tf.layers.rnn({
          name,
          cell: [tf.layers.gruCell({ units: 3 }), tf.layers.simpleRNNCell({ units: 2 })],
        }) as tf.layers.Layer,
      (name: string) =>
        tf.layers.bidirectional({
          name,
          layer: tf.layers.lstm({ units: 3 }),
          mergeMode: 'concat',
        }),
    ] as const
  ).map((make) => one('recurrent', 3, make, { closed: /under is recurrent/ })),
  {
    className: 'ConvLSTM2D',
    title: 'recurrent',
    build: () =>
      network(5, (x) =>
        through(tf.layers.convLstm2d({ name: 'under', filters: 3, kernelSize: 2 }), x),
      ),
    closed: /under is recurrent/,
  },

  one('scale only', 4, (name) => tf.layers.rescaling({ name, scale: 0.5 })),
  one('with an offset', 4, (name) => tf.layers.rescaling({ name, scale: 0.5, offset: 1 }), {
    closed: /reader would read a constant other than zero/,
  }),
  ...[
    (name: string) => tf.layers.resizing({ name, height: 3, width: 3 }),
    (name: string) => tf.layers.randomWidth({ name, factor: 0.3 }),
  ].map((make): Case => ({
    className: make('under').getClassName(),
    title: 'shape unknown',
    build: () => {
      const input = tf.input({ shape: sources[4]!.shape });
      const source = through(sources[4]!.layer(), input);
      return tf.model({ inputs: input, outputs: through(make('under'), source) });
    },
    closed: /under tells a wrong shape/,
    runs: false,
  })),
  one(
    'of numbers',
    2,
    (name) => tf.layers.categoryEncoding({ name, numTokens: 4, outputMode: 'multiHot' }),
    {
      closed: /under reads category numbers/,
      runs: false,
    },
  ),
];

/** Classes that are no layer of a graph by themselves: models, the input, cells inside RNN. */
const elsewhere = [
  'InputLayer',
  'Model',
  'Functional',
  'Sequential',
  'SimpleRNNCell',
  'GRUCell',
  'LSTMCell',
  'StackedRNNCells',
  'ConvLSTM2DCell',
];

/** Every layer class that the library registers for loading. */
function loadableClasses(): string[] {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  return Object.entries(classNameMap)
    .filter(
      ([, [Class]]) =>
        (Class as unknown as { prototype: unknown }).prototype instanceof tf.layers.Layer,
    )
    .map(([name]) => name)
    .filter((name) => !name.startsWith('Prunable'));
}

describe('handlers', () => {
  it('know every layer class that the library can load', () => {
    const models = ['Model', 'Functional', 'Sequential'];
    const unknown = loadableClasses().filter(
      (name) => !models.includes(name) && !layerHandler(name),
    );
    expect(loadableClasses().length).toBeGreaterThan(60);
    expect(unknown).toEqual([]);
  });

  it('are all tested below', () => {
    const tested = new Set([...elsewhere, ...cases.map(({ className }) => className)]);
    expect(loadableClasses().filter((name) => !tested.has(name))).toEqual([]);
  });

  describe.each(cases.map((test) => ({ ...test, name: `${test.className}, ${test.title}` })))(
    '$name',
    (test) => {
      it(test.closed ? 'is closed, and says why' : 'computes hard what it computes masked', () => {
        const model = test.build();
        randomize(model, 1);
        const before = fingerprint(model);
        const graph = ChannelGraph.of(model);
        if (test.slices) {
          const own = graph.slices.filter(({ layer }) => layer === 'under');
          const found = own.map(({ weight, axis }) => `${weight}:${axis}`).sort();
          expect(found).toEqual(test.slices.map((slice) => `under/${slice}`).sort());
        }
        if (test.closed) expectClosed(graph, test.closed);
        else expectOpen(graph, test.open ?? 6);
        if (test.runs ?? true) expectLaw(model, graph);
        if (!test.closed) expectMasks(model, test.unmasked ?? null);
        expect(fingerprint(model)).toBe(before);
        model.dispose();
      });
    },
  );
});

/** source and another convolution, merged by `kind` and read. */
const mergedBy = (kind: 'add' | 'average' | 'maximum' | 'multiply'): tf.LayersModel =>
  network(4, (x, input) =>
    through(tf.layers[kind]({ name: 'under' }), [x, through(conv(6), input)]),
  );

describe('residual modes', () => {
  it.each(['add', 'average'] as const)('inner keeps the stream of %s whole', (kind) => {
    const graph = ChannelGraph.of(mergedBy(kind), { residual: 'inner' });
    expectClosed(graph, /residual stream at under is kept whole \(inner\)/);
  });

  it.each(['add', 'average'] as const)('stream scatters narrowed channels into %s', (kind) => {
    const model = mergedBy(kind);
    randomize(model, 1);
    const graph = ChannelGraph.of(model, { residual: 'stream' });
    expect(graph.prunable.map(({ channels }) => channels)).toEqual([6, 6]); // not coupled
    expectLaw(model, graph);
  });

  it.each(['maximum', 'multiply'] as const)('%s is coupled in every mode', (kind) => {
    for (const residual of ['coupled', 'inner', 'stream'] as const) {
      const [group, ...more] = ChannelGraph.of(mergedBy(kind), { residual }).prunable;
      expect(group!.producers).toHaveLength(2);
      expect(more).toEqual([]);
    }
  });

  it('add of one full width and one channel is no stream', () => {
    const model = network(4, (x, input) => {
      const sum = through(tf.layers.add({ name: 'under' }), [x, through(conv(1), input)]);
      return through(tf.layers.batchNormalization({}), sum); // makes removed channels zero again
    });
    randomize(model, 1);
    const graph = ChannelGraph.of(model, { residual: 'inner' });
    expectOpen(graph, 6);
    expectLaw(model, graph);
  });
});

describe('shared layers and nested models', () => {
  it('an inner model called twice keeps the same channels at both calls', () => {
    const model = network(4, (x) => {
      const inside = tf.input({ shape: [4, 4, 6] });
      const hidden = through(conv(4), through(tf.layers.zeroPadding2d(), inside));
      const squared = through(tf.layers.conv2d({ filters: 6, kernelSize: 2 }), hidden);
      const inner = tf.model({ inputs: inside, outputs: squared, name: 'inner' });
      return through(inner, through(inner, x));
    });
    randomize(model, 1);
    const graph = ChannelGraph.of(model);
    expect(graph.prunable.map(({ channels }) => channels).sort()).toEqual([4, 6]);
    expectLaw(model, graph);
  });

  it('a layer called on tensors of different widths whose config names one closes both', () => {
    const model = network(4, (x, input) => {
      const shared = tf.layers.reshape({ name: 'under', targetShape: [8, -1, 2] });
      const other = through(tf.layers.conv2d({ filters: 4, kernelSize: 2 }), input);
      return through(tf.layers.concatenate({ axis: 2 }), [
        through(shared, x),
        through(shared, other),
      ]);
    });
    const graph = ChannelGraph.of(model);
    expect(graph.prunable).toEqual([]);
    expect(findGroup(graph, 'source').frozen).toMatch(/under/);
  });

  it('slopes follow without being silenced: a keep asks for no mask of theirs', () => {
    const model = network(4, (x) => through(tf.layers.prelu({ name: 'under' }), x));
    const graph = ChannelGraph.of(model);
    const keeps = projectLayers(graph, randomKeep(graph, 1));
    expect([...keeps.keys()]).toEqual(['source']);
    expect(findGroup(graph, 'source').followers).toEqual(['under']);
  });
});

function expectClosed(graph: ChannelGraph, reason: RegExp): void {
  const group = graph.groups.find(({ producers }) =>
    producers.some(({ layer }) => layer === 'source'),
  )!;
  expect(group.frozen).toMatch(reason);
  const kept = new Uint8Array(group.channels).fill(1).fill(0, 0, 1);
  const keep = { groups: new Map([[group.id, kept]]), weights: new Map() };
  expect(() => {
    checkKeep(graph, keep);
  }).toThrow(NotPrunableError);
  expect(() => {
    checkKeep(graph, keep);
  }).toThrow(reason);
}

function expectOpen(graph: ChannelGraph, channels: number): void {
  const sources = graph.prunable.filter(({ producers }) =>
    producers.some(({ layer }) => layer === 'source'),
  );
  expect(sources.reduce((sum, group) => sum + group.channels, 0)).toBe(channels);
}

/** Masks in the layers silence what export silences; a layer without masks is named beforehand. */
function expectMasks(stock: tf.LayersModel, unmasked: string | null): void {
  const model = prunable(stock);
  const graph = ChannelGraph.of(model);
  if (unmasked !== null) {
    expect(() => {
      requireMasks({ model, graph }, 'filter');
    }).toThrow(`${unmasked} is frozen: it has no masks`);
    model.dispose();
    return;
  }
  requireMasks({ model, graph }, 'filter');
  requireMasks({ model, graph }, 'weight');
  const keep = randomKeep(graph, 3);
  const [inputs, masked] = [randomInputs(model, 3), mask({ model: stock, graph }, keep)];
  setMasks(model, projectLayers(graph, keep));
  const [silenced, expected] = [model, masked].map((network) =>
    tf.tidy(() => [network.predict(inputs)].flat().map((y) => [...y.dataSync()])),
  );
  expect(silenced).toEqual(expected);
  tf.dispose(inputs);
  masked.dispose();
  model.dispose();
}

function expectLaw(model: tf.LayersModel, graph: ChannelGraph): void {
  for (const seed of [1, 2]) {
    const keep = randomKeep(graph, seed);
    const { differing, compared, infinite, hard } = compareExactly(model, graph, keep, seed);
    expect({ differing, infinite }).toEqual({ differing: 0, infinite: 0 });
    expect(compared).toBeGreaterThan(0);
    const recounted = ChannelGraph.of(hard);
    expect(countParams(recounted)).toBe(countParams(graph, keep));
    expect(countMacs(recounted)).toBe(countMacs(graph, keep));
    hard.dispose();
  }
}
