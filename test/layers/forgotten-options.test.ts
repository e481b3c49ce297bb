import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { configOf, modelOf } from '../../layers';

beforeAll(async () => {
  await startEngine('cpu');
});

afterAll(() => {
  tf.disposeVariables();
});

const { layers } = tf;

describe('a layer tells in its config', () => {
  const l2 = tf.regularizers.l2({ l2: 0.01 });
  const depthwiseConstraint = tf.constraints.maxNorm({ maxValue: 2, axis: 0 });
  const options = { kernelSize: 2, depthwiseRegularizer: l2 };

  it.each([
    ['that a Conv1D is channelsFirst', [3, 7], () => layers.conv1d({ filters: 2, kernelSize: 2, dataFormat: 'channelsFirst' }), { dataFormat: 'channelsFirst' }],
    ['the multiplier of a SeparableConv2D', [5, 5, 2], () => layers.separableConv2d({ filters: 2, kernelSize: 2, depthMultiplier: 3 }), { depthMultiplier: 3 }],
    ['the constraint of a DepthwiseConv2D', [5, 5, 2], () => layers.depthwiseConv2d({ ...options, depthwiseConstraint }), { depthwiseConstraint: { className: 'MaxNorm', config: { maxValue: 2, axis: 0 } } }],
    ['that a regularized DepthwiseConv2D has none', [5, 5, 2], () => layers.depthwiseConv2d(options), { depthwiseConstraint: null }],
  ] as const)('%s, so that it can be rebuilt', (_, shape, make, told) => {
    const layer = make();
    const input = tf.input({ shape: [...shape] });
    const model = tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
    expect(layer.getConfig()).toMatchObject(told);
    const rebuilt = modelOf(configOf(model), model);
    expect(rebuilt.getConfig()).toEqual(model.getConfig());
    expect(rebuilt.weights.map((weight) => weight.shape)).toEqual(model.weights.map((weight) => weight.shape));
    // Writing a weight applies the constraint.
    for (const weight of rebuilt.weights) tf.tidy(() => { weight.write(tf.ones(weight.shape as number[])); });
    model.dispose();
    rebuilt.dispose();
  }); // prettier-ignore

  it('nothing of a Conv1D that is channelsLast', () => {
    expect(layers.conv1d({ filters: 1, kernelSize: 1 }).getConfig()).not.toHaveProperty(
      'dataFormat',
    );
  });
});
