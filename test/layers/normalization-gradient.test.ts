import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { prunable, stock, weightsByName } from '../../layers';
import { describeOn } from '../engines';
import { random, randomizeWeights } from '../tensors';

const { layers } = tf;

/** A kernel behind which batches are normalized, along the last axis or another one. */
function network(options: object, axis = -1): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      layers.conv2d({ name: 'c', filters: 3, kernelSize: 2, inputShape: [4, 4, 2] }),
      layers.batchNormalization({ name: 'b', axis, ...options }),
      layers.flatten(),
      layers.dense({ name: 'd', units: 2 }),
    ],
  });
  randomizeWeights(model);
  return model;
}

/** The network with a gamma of ones and a beta of zeros where it has none. */
function withBoth(model: tf.LayersModel, axis: number): tf.LayersModel {
  const whole = network({}, axis);
  const own = weightsByName(model);
  for (const [name, weight] of weightsByName(whole)) {
    const known = own.get(name)?.read();
    const filled = name.endsWith('gamma')
      ? tf.onesLike(weight.read())
      : tf.zerosLike(weight.read());
    weight.write(known ?? filled);
  }
  return whole;
}

/** The gradient of the sum of the squared outputs by the kernel. */
function gradientOf(model: tf.LayersModel, x: tf.Tensor, training: boolean): number[] {
  return tf.tidy(() => {
    const kernel = weightsByName(model).get('c/kernel')!.read();
    const loss = (): tf.Scalar => tf.sum(tf.square(model.apply(x, { training }) as tf.Tensor));
    const [gradient] = tf.grads(loss)([kernel]);
    return [...gradient!.dataSync()];
  });
}

const lacking = [{ scale: false }, { center: false }, { scale: false, center: false }];

describeOn(['cpu', 'tensorflow', 'wasm'], 'BatchNormalization', () => {
  it.each(lacking)('has at inference the gradient of ones and zeros, with %o', (options) => {
    for (const make of [stock, prunable]) {
      const model = network(options);
      const x = random([2, 4, 4, 2]);
      const expected = gradientOf(withBoth(model, -1), x, false);
      const found = gradientOf(make(model), x, false);
      found.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at]!, 3);
      });
      expect(Math.max(...found.map(Math.abs))).toBeGreaterThan(0.1);
    }
  });

  it.each(lacking)('trains in a stock layer, with %o', (options) => {
    const model = network(options);
    const x = random([2, 4, 4, 2]);
    const expected = gradientOf(withBoth(model, -1), x, true);
    gradientOf(model, x, true).forEach((value, at) => {
      expect(value).toBeCloseTo(expected[at]!, 3);
    });
  });
});

describeOn(['cpu', 'tensorflow', 'wasm'], 'LayerNormalization', () => {
  it.each(lacking)('has the gradient of ones and zeros, with %o', (options) => {
    const input = tf.input({ shape: [3, 4] });
    const of = (own: object): tf.LayersModel => {
      const layer = layers.layerNormalization({ ...own, name: 'n' });
      return tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
    };
    const x = random([2, 3, 4]);
    const cubes = (model: tf.LayersModel): number[] => {
      const loss = (y: tf.Tensor): tf.Tensor => tf.sum(tf.pow(model.apply(y) as tf.Tensor, 3));
      return [...tf.grad(loss)(x).dataSync()];
    };
    const expected = cubes(of({})); // its weights begin as ones and zeros
    cubes(of(options)).forEach((value, at) => {
      expect(value).toBeCloseTo(expected[at]!, 3);
    });
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
  });
});

describe('an inference that nobody differentiates', () => {
  it('is the stock layer to the bit, and leaves it as it was', () => {
    const model = network({ scale: false });
    const layer = model.getLayer('b') as tf.layers.Layer & { scale: boolean; gamma?: object };
    const x = random([2, 4, 4, 2]);
    const before = [...(model.predict(x) as tf.Tensor).dataSync()];
    gradientOf(model, x, false);
    expect([...(model.predict(x) as tf.Tensor).dataSync()]).toEqual(before);
    expect([layer.scale, layer.gamma, layer.weights.length]).toEqual([false, undefined, 3]);
  });
});
