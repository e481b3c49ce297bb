import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SecateurError } from '../../errors';
import { startEngine } from '../../backend/engine';
import {
  ChannelGraph,
  checkKeep,
  countCosts,
  countMacs,
  countParams,
  findGroup,
  keepAll,
  projectIndices,
  projectLayers,
  registerLayerHandler,
} from '../../graph';
import type { ChannelGroup, GraphOptions } from '../../graph';
import { prunable } from '../../layers';
import { keepWithout } from './networks';

type Symbol = tf.SymbolicTensor;

const made: tf.LayersModel[] = [];

beforeAll(async () => {
  await startEngine('cpu');
});

afterAll(() => {
  for (const model of made) model.dispose();
});

function apply(layer: tf.layers.Layer, x: Symbol | Symbol[]): Symbol {
  return layer.apply(x) as Symbol;
}

const conv = (name: string, filters: number, options: object = {}): tf.layers.Layer =>
  tf.layers.conv2d({ name, filters, kernelSize: 3, padding: 'same', ...options });

const dense = (name: string, units: number, options: object = {}): tf.layers.Layer =>
  tf.layers.dense({ name, units, ...options });

/** The graph of the layers one after the other, on an input of the shape. */
function chainOf(
  layers: readonly tf.layers.Layer[],
  shape: readonly number[] = [4, 4, 2],
): ChannelGraph {
  const input = tf.input({ shape: [...shape], name: 'input' });
  return graphOf(
    input,
    layers.reduce<Symbol>((x, layer) => apply(layer, x), input),
  );
}

function graphOf(
  inputs: Symbol | Symbol[],
  outputs: Symbol | Symbol[],
  options: GraphOptions = {},
): ChannelGraph {
  const model = tf.model({ inputs, outputs });
  made.push(model);
  return ChannelGraph.of(model, options);
}

const frozen = (graph: ChannelGraph): Record<string, string | null> =>
  Object.fromEntries(graph.groups.map(({ id, frozen }) => [id, frozen]));

const described = ({ id, channels, producers, followers, consumers }: ChannelGroup): object => ({
  id,
  channels,
  producers: producers.map(({ layer }) => layer),
  followers,
  consumers,
});

describe('a chain', () => {
  const graph = (): ChannelGraph =>
    chainOf([
      conv('conv', 3),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.activation({ activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      dense('fc', 5),
    ]);

  it('has one group with what follows and what reads it', () => {
    const [group, last] = graph().groups;
    expect(described(group!)).toEqual({
      id: 'conv',
      channels: 3,
      producers: ['conv'],
      followers: ['bn'],
      consumers: ['fc'],
    });
    expect(group!.producers).toEqual([
      { layer: 'conv', weight: 'conv/kernel', axis: 3, indices: [0, 1, 2] },
    ]);
    expect([group!.frozen, last!.id, last!.frozen]).toEqual([null, 'fc', 'model output']);
  });

  it('slices every weight, the rows of the dense kernel in strides (NHWC)', () => {
    const left = projectIndices(graph(), keepWithout(graph(), { conv: [1] }));
    const of = (weight: string): Record<number, number[]> =>
      Object.fromEntries(left.get(weight) ?? []);
    expect(of('conv/kernel')).toEqual({ 2: [0, 1], 3: [0, 2] });
    for (const weight of [
      'conv/bias',
      'bn/gamma',
      'bn/beta',
      'bn/moving_mean',
      'bn/moving_variance',
    ]) {
      expect(of(weight)).toEqual({ 0: [0, 2] });
    }
    // 2 x 2 positions, 3 channels: row (y * 2 + x) * 3 + c
    expect(of('fc/kernel')).toEqual({ 0: [0, 2, 3, 5, 6, 8, 9, 11], 1: [0, 1, 2, 3, 4] });
  });

  it('costs kernel size x inputs x outputs x positions', () => {
    const costs = countCosts(graph(), keepWithout(graph(), { conv: [1] }));
    const of = (path: string): [number, number] => {
      const { macs, params } = costs.find((cost) => cost.path === path)!;
      return [macs, params];
    };
    // 3 * 3 * 2 * 2 * 16 positions; kernel 36 + bias 2
    expect(of('conv')).toEqual([576, 38]);
    expect(of('bn')).toEqual([0, 4]);
    // 8 rows * 5; + bias 5
    expect(of('fc')).toEqual([40, 45]);
  });

  it('is the same for the prunable twin', () => {
    const stock = made.at(-1)!;
    const twin = prunable(stock);
    made.push(twin);
    const [one, other] = [ChannelGraph.of(stock), ChannelGraph.of(twin)];
    expect(other.groups).toEqual(one.groups);
    expect([countMacs(other), countParams(other)]).toEqual([countMacs(one), countParams(one)]);
  });

  it('tells the masks of the layers that lose outputs', () => {
    const keeps = projectLayers(graph(), {
      ...keepWithout(graph(), { conv: [1] }),
      weights: new Map([['fc/kernel', new Uint8Array(60)]]),
    });
    expect(Object.fromEntries(keeps)).toEqual({
      conv: { outputs: Uint8Array.of(1, 0, 1) },
      bn: { outputs: Uint8Array.of(1, 0, 1) },
      fc: { kernel: new Uint8Array(60) },
    });
    expect(projectLayers(graph(), keepAll).size).toBe(0);
  });
});

describe('a depthwise convolution', () => {
  it('takes its channels in blocks of the multiplier', () => {
    const graph = chainOf([
      conv('conv', 3),
      tf.layers.depthwiseConv2d({ name: 'dw', kernelSize: 3, depthMultiplier: 2 }),
      conv('next', 4),
      conv('last', 1),
    ]);
    expect(described(findGroup(graph, 'conv'))).toMatchObject({
      channels: 3,
      followers: ['dw'],
      consumers: ['next'],
    });
    const left = projectIndices(graph, keepWithout(graph, { conv: [1] }));
    expect(left.get('dw/depthwise_kernel')).toEqual(new Map([[2, [0, 2]]]));
    expect(left.get('dw/bias')).toEqual(new Map([[0, [0, 1, 4, 5]]]));
    expect(left.get('next/kernel')!.get(2)).toEqual([0, 1, 4, 5]);
    const cost = countCosts(graph, keepWithout(graph, { conv: [1] })).find(
      ({ path }) => path === 'dw',
    )!;
    // 3 * 3 * 4 outputs * 2 * 2 positions; kernel 9 * 2 * 2 + bias 4
    expect([cost.macs, cost.params]).toEqual([144, 40]);
    expect(graph.kernels).not.toContain('dw/depthwise_kernel');
  });

  it('of the model input cannot lose a channel', () => {
    const depthwise = tf.layers.depthwiseConv2d({ name: 'dw', kernelSize: 3 });
    const graph = chainOf([depthwise, conv('conv', 2), conv('last', 1)]);
    expect(graph.groups.map(({ id }) => id)).toEqual(['conv', 'last']);
  });
});

describe('a concatenation', () => {
  it('shifts the later channels', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const [a, b] = [apply(conv('a', 2), input), apply(conv('b', 3), input)];
    const joined = apply(tf.layers.concatenate(), [a, b]);
    const graph = graphOf(input, apply(conv('last', 1), joined));
    expect(graph.prunable.map(({ id, channels }) => [id, channels])).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
    const left = projectIndices(graph, keepWithout(graph, { a: [1], b: [0] }));
    // channels 0, 1 of a are 0, 1; channels 0, 1, 2 of b are 2, 3, 4
    expect(left.get('last/kernel')!.get(2)).toEqual([0, 3, 4]);
  });

  it('of a tensor with itself reads each channel twice', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const a = apply(conv('a', 2), input);
    const graph = graphOf(input, apply(conv('last', 1), apply(tf.layers.concatenate(), [a, a])));
    const left = projectIndices(graph, keepWithout(graph, { a: [0] }));
    expect(left.get('last/kernel')!.get(2)).toEqual([1, 3]);
  });
});

describe('what freezes a group', () => {
  it.each([
    ['sigmoid', 'next would read a constant other than zero'],
    ['softplus', 'next would read a constant other than zero'],
    ['hardSigmoid', 'next would read a constant other than zero'],
    ['softmax', 'act: softmax mixes the channels'],
  ] as const)('%s', (activation, reason) => {
    const layer = tf.layers.activation({ name: 'act', activation });
    expect(frozen(chainOf([conv('conv', 3), layer, conv('next', 2)])).conv).toBe(reason);
    const inside = conv('act', 3, { activation });
    expect(frozen(chainOf([inside, conv('next', 2)])).act).toBe(reason);
  });

  it.each(['relu', 'relu6', 'elu', 'selu', 'tanh', 'softsign', 'swish', 'mish', 'linear'] as const)(
    'not %s: it leaves zero at zero',
    (activation) => {
      const layers = [conv('conv', 3, { activation }), conv('next', 2)];
      expect(frozen(chainOf(layers)).conv).toBeNull();
    },
  );

  it('a constant only where something reads it: BatchNormalization silences it again', () => {
    const layers = (options: object): tf.layers.Layer[] => [
      conv('conv', 3, { activation: 'sigmoid' }),
      tf.layers.batchNormalization(options),
      conv('next', 2),
    ];
    expect(frozen(chainOf(layers({}))).conv).toBeNull();
    // Without gamma the constant passes.
    expect(frozen(chainOf(layers({ scale: false }))).conv).toBe(
      'next would read a constant other than zero',
    );
  });

  it('BatchNormalization over another axis', () => {
    const bn = tf.layers.batchNormalization({ name: 'bn', axis: 1 });
    expect(frozen(chainOf([conv('conv', 3), bn, conv('next', 2)])).conv).toBe(
      'bn normalizes axis 1, not the channels',
    );
  });

  it('a model output, even one in the middle', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const middle = apply(conv('middle', 3), input);
    const last = apply(conv('last', 2), apply(conv('hidden', 3), middle));
    expect(frozen(graphOf(input, [middle, last]))).toEqual({
      middle: 'model output',
      hidden: null,
      last: 'model output',
    });
  });

  it('channelsFirst', () => {
    const first = { dataFormat: 'channelsFirst' };
    const graph = chainOf([conv('conv', 3, first), conv('next', 2, first)]);
    for (const { frozen } of graph.groups) expect(frozen).toMatch(/is channelsFirst$/);
    expect(graph.prunable).toEqual([]);
  });

  it('a layer class that nobody knows, until it gets a handler', () => {
    class Twice extends tf.layers.Layer {
      static className = 'Twice';
      override call(x: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return tf.mul([x].flat()[0]!, 2);
      }
      override computeOutputShape(shape: tf.Shape): tf.Shape {
        return shape;
      }
    }
    tf.serialization.registerClass(Twice);
    const layers = (): tf.layers.Layer[] => [
      conv('conv', 3),
      new Twice({ name: 'twice' }),
      conv('next', 2),
    ];
    expect(frozen(chainOf(layers())).conv).toBe(
      'twice is of the unknown class Twice (registerLayerHandler opens it, in a registered module)',
    );
    registerLayerHandler('Twice', { trace: (call) => [call.inputs[0]!] });
    expect(frozen(chainOf(layers())).conv).toBeNull();
  });
});

describe('a layer called twice', () => {
  it('couples what it reads and makes the same channels', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const shared = conv('shared', 3);
    const branches = ['a', 'b'].map((name) => apply(shared, apply(conv(name, 2), input)));
    const graph = graphOf(input, apply(conv('last', 1), apply(tf.layers.concatenate(), branches)));
    expect(graph.prunable.map(described)).toEqual([
      { id: 'a', channels: 2, producers: ['a', 'b'], followers: [], consumers: ['shared'] },
      { id: 'shared', channels: 3, producers: ['shared'], followers: [], consumers: ['last'] },
    ]);
    const keep = keepWithout(graph, { a: [0], shared: [1] });
    expect(projectIndices(graph, keep).get('last/kernel')!.get(2)).toEqual([0, 2, 3, 5]);
    // 3 * 3 * 1 * 2 * 16 a call, but the weights are there once: 18 + bias 2
    const costs = countCosts(graph, keep).filter(({ path }) => path === 'shared');
    expect(costs.map(({ macs, params }) => [macs, params])).toEqual([
      [288, 20],
      [288, 0],
    ]);
  });

  it('couples the calls of a layer without weights where its config names a width', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const pad = tf.layers.zeroPadding2d({
      name: 'pad',
      padding: [
        [0, 0],
        [0, 2],
      ],
      dataFormat: 'channelsFirst', // pads the channels of an NHWC tensor
    });
    const graph = graphOf(
      input,
      ['a', 'b'].map((name) =>
        apply(conv(`${name}_last`, 1), apply(pad, apply(conv(name, 2), input))),
      ),
    );
    expect(graph.prunable.map(described)).toMatchObject([{ id: 'a', producers: ['a', 'b'] }]);
  });

  it('leaves the calls of a plain activation apart', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const relu = tf.layers.reLU();
    const outputs = ['a', 'b'].map((name) =>
      apply(conv(`${name}_last`, 1), apply(relu, apply(conv(name, 2), input))),
    );
    expect(graphOf(input, outputs).prunable.map(({ id }) => id)).toEqual(['a', 'b']);
  });
});

describe('nested models', () => {
  const inside = (): tf.LayersModel => {
    const input = tf.input({ shape: [4, 4, 3] });
    const hidden = apply(conv('hidden', 4), input);
    return tf.model({ inputs: input, outputs: apply(conv('out', 2), hidden), name: 'block' });
  };
  const sequence = (): tf.Sequential =>
    tf.sequential({
      name: 'block',
      layers: [conv('hidden', 4, { inputShape: [4, 4, 3] }), conv('out', 2)],
    });

  it.each([
    ['functional', inside],
    ['Sequential', sequence],
  ])('a %s one inside a functional one', (_, block) => {
    const input = tf.input({ shape: [4, 4, 2] });
    const x = block().apply(apply(conv('before', 3), input)) as Symbol;
    const graph = graphOf(input, apply(conv('last', 1), x));
    expect(graph.groups.map(described)).toEqual([
      { id: 'before', channels: 3, producers: ['before'], followers: [], consumers: ['block/hidden'] },
      { id: 'block/hidden', channels: 4, producers: ['block/hidden'], followers: [], consumers: ['block/out'] },
      { id: 'block/out', channels: 2, producers: ['block/out'], followers: [], consumers: ['last'] },
      { id: 'last', channels: 1, producers: ['last'], followers: [], consumers: [] },
    ]); // prettier-ignore
    expect(graph.prunable.length).toBe(3);
  });

  it.each([
    ['functional', inside],
    ['Sequential', sequence],
  ])('a %s one inside a Sequential one', (_, block) => {
    const layers = [conv('before', 3, { inputShape: [4, 4, 2] }), block(), conv('last', 1)];
    const model = tf.sequential({ layers });
    made.push(model);
    const graph = ChannelGraph.of(model);
    expect(graph.prunable.map(({ id, consumers }) => [id, consumers])).toEqual([
      ['before', ['block/hidden']],
      ['block/hidden', ['block/out']],
      ['block/out', ['last']],
    ]);
  });

  it('called twice have one set of channels, at their doors too', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const doors = tf.input({ shape: [4, 4, 3] });
    const pass = tf.model({ inputs: doors, outputs: apply(tf.layers.reLU(), doors), name: 'pass' });
    const outputs = ['a', 'b'].map((name) =>
      apply(conv(`${name}_last`, 1), pass.apply(apply(conv(name, 3), input)) as Symbol),
    );
    expect(graphOf(input, outputs).prunable.map(described)).toMatchObject([
      { id: 'a', producers: ['a', 'b'] },
    ]);
  });
});

it('follows several inputs and outputs', () => {
  const inputs = [tf.input({ shape: [4, 4, 1] }), tf.input({ shape: [4, 4, 2] })];
  const [a, b] = inputs.map((input, index) => apply(conv(`conv${index}`, 3), input));
  const sum = apply(tf.layers.add(), [a!, b!]);
  const outputs = [apply(conv('left', 1), sum), apply(conv('right', 2), b!)];
  expect(graphOf(inputs, outputs).groups.map(described)).toEqual([
    {
      id: 'conv0',
      channels: 3,
      producers: ['conv0', 'conv1'],
      followers: [],
      consumers: ['left', 'right'],
    },
    { id: 'left', channels: 1, producers: ['left'], followers: [], consumers: [] },
    { id: 'right', channels: 2, producers: ['right'], followers: [], consumers: [] },
  ]);
});

it('knows the weights of layers that are not trained', () => {
  const frozenConv = conv('conv', 3);
  frozenConv.trainable = false;
  const graph = chainOf([frozenConv, conv('last', 2)]);
  // 3 * 3 * 2 * 3 + 3 and 3 * 3 * 3 * 2 + 2
  expect(countParams(graph)).toBe(57 + 56);
  const weights = new Map([['conv/kernel', new Uint8Array(54)]]);
  expect(() => {
    checkKeep(graph, { groups: new Map(), weights });
  }).not.toThrow();
});

describe('a keep set that does not fit', () => {
  const graph = (): ChannelGraph => chainOf([conv('conv', 3), conv('last', 2)]);
  const check = (groups: Record<string, number[]>, weights: Record<string, number> = {}): void => {
    checkKeep(graph(), {
      groups: new Map(Object.entries(groups).map(([id, kept]) => [id, Uint8Array.from(kept)])),
      weights: new Map(Object.entries(weights).map(([name, size]) => [name, new Uint8Array(size)])),
    });
  };

  it.each([
    [{ conv: [1, 0] }, 'keep of conv must have 3 channels, got 2'],
    [{ conv: [0, 0, 0] }, 'keep of conv must keep at least one channel'],
    [{ last: [1, 0] }, 'last is frozen: model output'],
    [{ conv2: [1] }, 'group must be one of the graph, got conv2'],
    [{ conv: [1, 2, 0] }, 'keep of conv must hold 0 and 1 only, got 2'],
  ])('%j', (groups, message) => {
    expect(() => {
      check(groups);
    }).toThrow(message);
    expect(() => {
      check(groups);
    }).toThrow(SecateurError);
  });

  it('names the weight', () => {
    expect(() => {
      check({}, { 'conv/kernel': 7 });
    }).toThrow('keep of conv/kernel must have 54 weights, got 7');
    expect(() => {
      check({}, { 'conv/kernels': 54 });
    }).toThrow('keep must name weights of the network, got conv/kernels');
  });

  it('fits where a frozen group keeps all', () => {
    expect(() => {
      check({ last: [1, 1], conv: [1, 0, 0] }, { 'conv/kernel': 54 });
    }).not.toThrow();
  });
});

describe('two layers of one path', () => {
  it('are refused by the path', () => {
    const conv = (name: string): tf.layers.Layer =>
      tf.layers.conv2d({ name, filters: 2, kernelSize: 1, inputShape: [4, 4, 2] });
    const model = tf.sequential({
      layers: [tf.sequential({ name: 'enc', layers: [conv('conv')] }), conv('enc/conv')],
    });
    expect(() => ChannelGraph.of(model)).toThrow(
      'model must have one layer at the path enc/conv, it has two',
    );
  });
});
