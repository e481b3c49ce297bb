import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { forEachLayer } from '../../layers';
import { withoutTrainingLayers } from '../../surgery';
import { randomizeWeights } from '../tensors';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const { layers } = tf;

/** Expects the same outputs and weights from a copy without these layers; answers what is left. */
function expectSame(model: tf.LayersModel): string[] {
  randomizeWeights(model);
  const lean = withoutTrainingLayers(model)!;
  const input = tf.randomUniform(
    [2, ...(model.inputs[0]!.shape.slice(1) as number[])],
    -1,
    1,
    'float32',
    7,
  );
  const outputsOf = (network: tf.LayersModel): number[][] =>
    [network.predict(input)].flat().map((output) => [...output.dataSync()]);
  expect(outputsOf(lean)).toEqual(outputsOf(model));
  expect(lean.weights.map(({ originalName }) => originalName)).toEqual(
    model.weights.map(({ originalName }) => originalName),
  );
  const left: string[] = [];
  forEachLayer(lean, (_, path) => left.push(path));
  return left;
}

describe('layers that only do something in training are left out', () => {
  it('between others, one after the other, as the last and under a shared layer', () => {
    const input = tf.input({ name: 'in', shape: [4] });
    const shared = layers.dropout({ rate: 0.5, name: 'shared' });
    const dense = layers.dense({ units: 4, name: 'dense' });
    let x = shared.apply(dense.apply(input)) as tf.SymbolicTensor;
    x = layers.gaussianNoise({ stddev: 1, name: 'noise' }).apply(x) as tf.SymbolicTensor;
    const y = shared.apply(layers.reLU({ name: 'relu' }).apply(x)) as tf.SymbolicTensor;
    const z = layers.add({ name: 'add' }).apply([x, y]) as tf.SymbolicTensor;
    const last = layers.alphaDropout({ rate: 0.5, name: 'alpha' }).apply(z) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: [last, y] });
    expect(expectSame(model)).toEqual(['in', 'dense', 'relu', 'add']);
  });

  it('first in a Sequential and in a nested model; a model of nothing else stays', () => {
    const model = tf.sequential({
      layers: [
        layers.gaussianDropout({ rate: 0.5, name: 'first', inputShape: [3] }),
        tf.sequential({
          name: 'nested',
          layers: [
            layers.dense({ units: 2, name: 'dense', inputShape: [3] }),
            layers.dropout({ rate: 0.5, name: 'drop' }),
          ],
        }),
        tf.sequential({
          name: 'only',
          layers: [layers.dropout({ rate: 0.5, name: 'alone', inputShape: [2] })],
        }),
      ],
    });
    expect(expectSame(model)).toEqual(['first', 'nested/dense', 'only/alone']);
  });

  it('and where there are none, nothing is made', () => {
    const model = tf.sequential({ layers: [layers.dense({ units: 2, inputShape: [3] })] });
    expect(withoutTrainingLayers(model)).toBeNull();
  });
});
