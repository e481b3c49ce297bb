import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { ChannelGraph, constrain, findOutputsBehind } from '../../graph';

beforeAll(async () => {
  await startEngine('cpu');
});

type Symbolic = tf.SymbolicTensor;

const conv = (name: string, filters = 2, kernelSize = 1): tf.layers.Layer =>
  tf.layers.conv2d({ name, filters, kernelSize, padding: 'same' });

/** The layer that makes the tensor behind each call of a kernel's layer. */
function makersBehind(model: tf.LayersModel, layer: string): string[] {
  const graph = ChannelGraph.of(model);
  const behind = findOutputsBehind(graph, `${layer}/kernel`);
  return behind.map(
    (tensor) => graph.calls.find(({ outputs }) => outputs.includes(tensor))?.path ?? 'nobody',
  );
}

/** What is behind `conv` where these layers follow it, then a convolution. */
function behindIn(...layers: tf.layers.Layer[]): string[] {
  const input = tf.input({ shape: [4, 4, 2] });
  const chain = [conv('conv'), ...layers, conv('reader')];
  const outputs = chain.reduce<Symbolic>((x, layer) => layer.apply(x) as Symbolic, input);
  return makersBehind(tf.model({ inputs: input, outputs }), 'conv');
}

describe('what the readers of filters see', () => {
  it('is the layer itself where a convolution reads it', () => {
    expect(behindIn()).toEqual(['conv']);
  });

  it.each([
    ['normalisation', tf.layers.batchNormalization({ name: 'last' })],
    ['ReLU', tf.layers.reLU({ name: 'last' })],
    ['PReLU', tf.layers.prelu({ name: 'last' })],
    ['a function of each value', tf.layers.activation({ name: 'last', activation: 'sigmoid' })],
    ['dropout', tf.layers.dropout({ name: 'last', rate: 0.5 })],
  ])('is behind %s', (_name, layer) => {
    expect(behindIn(layer)).toEqual(['last']);
  });

  it('is behind all of a chain', () => {
    const chain = [
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.reLU({ name: 'relu' }),
      tf.layers.dropout({ name: 'last', rate: 0.1 }),
    ];
    expect(behindIn(...chain)).toEqual(['last']);
  });

  it.each([
    ['pooling', tf.layers.maxPooling2d({ name: 'next', poolSize: 2 })],
    [
      'pooling that keeps the size',
      tf.layers.maxPooling2d({ name: 'next', poolSize: 3, strides: 1, padding: 'same' }),
    ],
    [
      'a depthwise convolution',
      tf.layers.depthwiseConv2d({ name: 'next', kernelSize: 3, padding: 'same' }),
    ],
    [
      'a wrapped one',
      tf.layers.timeDistributed({
        name: 'next',
        layer: tf.layers.averagePooling1d({ poolSize: 1, strides: 1 }),
      }),
    ],
    ['padding', tf.layers.zeroPadding2d({ name: 'next' })],
  ])('is before %s, which mixes positions', (_name, layer) => {
    expect(behindIn(layer)).toEqual(['conv']);
  });

  it('is before a tensor goes two ways or meets another', () => {
    const input = tf.input({ shape: [4, 4, 2] });
    const stem = conv('stem').apply(input) as Symbolic; // read by inner and by the addition
    let x = conv('inner').apply(stem) as Symbolic;
    x = tf.layers.batchNormalization({ name: 'bn' }).apply(x) as Symbolic;
    x = tf.layers.add({ name: 'add' }).apply([x, stem]) as Symbolic;
    const outputs = tf.layers.reLU({ name: 'relu' }).apply(x) as Symbolic;
    const model = tf.model({ inputs: input, outputs });
    expect(makersBehind(model, 'stem')).toEqual(['stem']);
    expect(makersBehind(model, 'inner')).toEqual(['bn']);
  });

  it('does not take a coupled reader of equal shape for part of the chain', () => {
    // inner has the channels of stem, since the two are added, and their shape
    const input = tf.input({ shape: [4, 4, 2] });
    const stem = conv('stem').apply(input) as Symbolic;
    const relu = tf.layers.reLU({ name: 'relu' }).apply(stem) as Symbolic;
    const inner = conv('inner').apply(relu) as Symbolic;
    const outputs = conv('head').apply(inner) as Symbolic;
    const graph = ChannelGraph.of(tf.model({ inputs: input, outputs }));
    const coupled = constrain(graph, { couple: [['stem', 'inner']], close: new Map() });
    const [behind] = findOutputsBehind(coupled, 'stem/kernel');
    expect(coupled.calls.find(({ outputs: made }) => made.includes(behind!))?.path).toBe('relu');
  });

  it('lies in a nested model where the chain leads there', () => {
    const nested = tf.sequential({
      name: 'nested',
      layers: [
        tf.layers.reLU({ name: 'relu', inputShape: [4, 4, 2] }),
        tf.layers.conv2d({ name: 'inside', filters: 2, kernelSize: 1 }),
      ],
    });
    expect(behindIn(nested)).toEqual(['nested/relu']);
  });

  it('is told for each call of a shared layer', () => {
    const shared = conv('shared');
    const inputs = [0, 1].map(() => tf.input({ shape: [4, 4, 2] }));
    const [one, other] = inputs.map((input) => shared.apply(input) as Symbolic);
    const relu = tf.layers.reLU({ name: 'relu' }).apply(one!) as Symbolic;
    const outputs = [conv('a').apply(relu), conv('b').apply(other!)] as Symbolic[];
    expect(makersBehind(tf.model({ inputs, outputs }), 'shared')).toEqual(['relu', 'shared']);
  });

  it('ends at a layer that reads what it has made itself', () => {
    const shared = conv('shared');
    const input = tf.input({ shape: [4, 4, 2] });
    const first = tf.layers.reLU({ name: 'relu' }).apply(shared.apply(input)) as Symbolic;
    const outputs = shared.apply(first) as Symbolic;
    expect(makersBehind(tf.model({ inputs: input, outputs }), 'shared')).toEqual([
      'relu',
      'shared',
    ]);
  });

  it('is the output of the network for its last layer', () => {
    const input = tf.input({ shape: [3] });
    const logits = tf.layers.dense({ name: 'head', units: 2 }).apply(input) as Symbolic;
    const outputs = tf.layers.softmax({ name: 'softmax' }).apply(logits) as Symbolic;
    expect(makersBehind(tf.model({ inputs: input, outputs }), 'head')).toEqual(['softmax']);
  });
});
