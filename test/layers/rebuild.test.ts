import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { configOf, modelOf, weightsByName } from '../../layers';

/** A functional model in a functional model, around a Sequential one; every initializer draws ones. */
function nested(): tf.LayersModel {
  const conv = (name: string): tf.layers.Layer =>
    tf.layers.conv2d({ name, filters: 2, kernelSize: 1, kernelInitializer: 'ones' });
  const dense = tf.layers.dense({ name: 'fc', units: 2, kernelInitializer: 'ones' });
  const inside = tf.input({ shape: [3, 3, 2] });
  const chain = tf.sequential({
    name: 'chain',
    layers: [tf.layers.activation({ activation: 'relu', inputShape: [3, 3, 2] }), conv('deep')],
  });
  const inner = tf.model({
    name: 'inner',
    inputs: inside,
    outputs: chain.apply(conv('mid').apply(inside)) as tf.SymbolicTensor,
  });
  const input = tf.input({ shape: [3, 3, 2] });
  const flat = tf.layers.flatten().apply(inner.apply(conv('first').apply(input)));
  return tf.model({ inputs: input, outputs: dense.apply(flat) as tf.SymbolicTensor });
}

const largest = (model: tf.LayersModel): Record<string, number> =>
  Object.fromEntries(
    [...weightsByName(model)].map(([name, weight]) => [
      name,
      Math.max(...weight.read().dataSync().map(Math.abs)),
    ]),
  );

describe('modelOf', () => {
  beforeAll(async () => {
    await startEngine('cpu');
  });

  it('runs no initializer, however deep the layer', () => {
    const model = nested();
    const zeros = {
      'first/kernel': 0,
      'first/bias': 0,
      'inner/mid/kernel': 0,
      'inner/mid/bias': 0,
      'inner/chain/deep/kernel': 0,
      'inner/chain/deep/bias': 0,
      'fc/kernel': 0,
      'fc/bias': 0,
    };
    const built = modelOf(configOf(model), model);
    expect(largest(built)).toEqual(zeros);
    expect(largest(model)).toMatchObject({ 'inner/mid/kernel': 1, 'inner/chain/deep/kernel': 1 });
    built.dispose();
    model.dispose();
  });

  it('leaves the initializers to models that are built afterwards, even when it fails', () => {
    const model = nested();
    const config = configOf(model);
    config.layers[1]!.className = 'Unheard';
    expect(() => modelOf(config, model)).toThrow('Unheard');
    const next = nested();
    expect(largest(next)).toEqual(largest(model));
    expect(largest(next)['inner/chain/deep/kernel']).toBe(1);
    next.dispose();
    model.dispose();
  });
});
