import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { prunable } from '../../layers';
import { findPreprocessing } from '../../measure/preprocessing';

const { layers } = tf;
const inputShape = [8, 8, 1];
const scaling = (name = 'scaling', options = {}): tf.layers.Layer =>
  layers.rescaling({ name, scale: 1 / 255, ...options });
const conv = (options = {}): tf.layers.Layer =>
  layers.conv2d({ filters: 2, kernelSize: 3, ...options });
const sequence = (...parts: tf.layers.Layer[]): tf.Sequential => tf.sequential({ layers: parts });

/** A network in which the layers follow one another behind an input. */
function chain(...parts: tf.layers.Layer[]): tf.LayersModel {
  const input = tf.input({ shape: inputShape });
  const output = parts.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return tf.model({ inputs: input, outputs: output });
}

describe('a network that scales its images itself', () => {
  it.each<[string, () => tf.LayersModel]>([
    ['first of a Sequential', () => sequence(scaling('scaling', { inputShape }), conv())],
    ['behind an input', () => chain(scaling(), conv())],
    ['behind padding', () => chain(layers.zeroPadding2d({ padding: 1 }), scaling(), conv())],
    ['behind Reshape', () => chain(layers.reshape({ targetShape: [4, 16, 1] }), scaling())],
    ['behind Dropout and nothing', () => chain(layers.dropout({ rate: 0.1 }), layers.activation({ activation: 'linear' }), scaling())], // prettier-ignore
    ['in a nested model', () => chain(sequence(scaling('scaling', { inputShape }), conv()))],
    ['two models deep', () => sequence(sequence(sequence(scaling('scaling', { inputShape }))), conv())], // prettier-ignore
    ['behind a nested model that only pads', () => chain(sequence(layers.zeroPadding2d({ inputShape })), scaling(), conv())], // prettier-ignore
    ['in a prunable model', () => prunable(chain(scaling(), conv()))],
  ])('is known by its layer %s', (_, make) => {
    const model = make();
    expect(findPreprocessing(model)).toBe('scaling');
    model.dispose();
  });

  it('is known where the grey channel is repeated first', () => {
    const input = tf.input({ shape: inputShape });
    const colours = layers.concatenate().apply([input, input, input]) as tf.SymbolicTensor;
    const output = conv().apply(scaling().apply(colours)) as tf.SymbolicTensor;
    expect(findPreprocessing(tf.model({ inputs: input, outputs: output }))).toBe('scaling');
  });

  it.each<[string, () => tf.LayersModel]>([
    ['none', () => chain(conv())],
    ['one behind a convolution', () => chain(conv(), scaling())],
    ['one behind BatchNormalization', () => chain(layers.batchNormalization(), scaling())],
    ['one behind a ReLU', () => chain(layers.reLU(), scaling())],
    ['one behind a nested convolution', () => chain(sequence(conv({ inputShape })), scaling())],
  ])('is not one with %s', (_, make) => {
    expect(findPreprocessing(make())).toBeNull();
  });
});
