import * as tf from '@tensorflow/tfjs';
import { cifarResNet } from '../../models';
import { randomize } from '../graph/networks';

type Layer = tf.layers.Layer;

const apply = (x: tf.SymbolicTensor, ...chain: Layer[]): tf.SymbolicTensor =>
  chain.reduce((value, layer) => layer.apply(value) as tf.SymbolicTensor, x);

/** ResNet-8 with three narrow stages: streams, inner convolutions, option A shortcuts. */
export function residualBlock(): tf.LayersModel {
  return randomize(cifarResNet(8, { inputShape: [8, 8, 3], classes: 4, widths: [6, 8, 12] }));
}

/** Depthwise convolutions with a multiplier, biases and a Dense layer after Flatten. */
export function separableNet(): tf.LayersModel {
  const { layers } = tf;
  const input = tf.input({ name: 'image', shape: [8, 8, 3] });
  const output = apply(
    input,
    layers.conv2d({ name: 'conv', filters: 7, kernelSize: 3, padding: 'same', activation: 'relu' }),
    layers.depthwiseConv2d({ name: 'dw', kernelSize: 3, depthMultiplier: 2 }),
    layers.batchNormalization({ name: 'bn', scale: false }),
    layers.reLU({ name: 'relu' }),
    layers.conv2d({ name: 'point', filters: 5, kernelSize: 1, useBias: false }),
    layers.maxPooling2d({ name: 'pool', poolSize: 2 }),
    layers.flatten({ name: 'flat' }),
    layers.dense({ name: 'hidden', units: 9, activation: 'tanh' }),
    layers.dense({ name: 'classes', units: 3 }),
  );
  return randomize(tf.model({ name: 'separable', inputs: input, outputs: output }));
}

/** Two inverted residual blocks, the second with its shortcut. */
export function mobileNetV2Like(): tf.LayersModel {
  const { layers } = tf;
  const convolution = (name: string, filters: number): Layer[] => [
    layers.conv2d({ name: `${name}_conv`, filters, kernelSize: 1, useBias: false }),
    layers.batchNormalization({ name: `${name}_bn` }),
  ];
  const block = (x: tf.SymbolicTensor, name: string): tf.SymbolicTensor =>
    apply(
      x,
      ...convolution(`${name}_expand`, 12),
      layers.reLU({ name: `${name}_relu1`, maxValue: 6 }),
      layers.depthwiseConv2d({
        name: `${name}_dw`,
        kernelSize: 3,
        padding: 'same',
        useBias: false,
      }),
      layers.batchNormalization({ name: `${name}_dw_bn` }),
      layers.reLU({ name: `${name}_relu2`, maxValue: 6 }),
      ...convolution(`${name}_project`, 6),
    );
  const input = tf.input({ name: 'image', shape: [6, 6, 3] });
  const first = block(input, 'a');
  const sum = layers.add({ name: 'add' }).apply([first, block(first, 'b')]) as tf.SymbolicTensor;
  const pooled = apply(sum, layers.globalAveragePooling2d({ name: 'pool' }));
  const output = apply(pooled, layers.dense({ name: 'classes', units: 3 }));
  return randomize(tf.model({ name: 'inverted', inputs: input, outputs: output }));
}
