import type * as tf from '@tensorflow/tfjs';
import { widthOf } from './parts';
import type { ActivationId, Parts } from './parts';

/**
 * Scales each channel by a factor in (0, 1) that two 1x1 convolutions make of the channels' means.
 *
 * The mean is a pooling of the whole map, so that every tensor keeps four axes.
 * Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, arXiv:1709.01507, figure 2.
 */
export function squeezeExcite(
  parts: Parts,
  x: tf.SymbolicTensor,
  options: {
    readonly name: string;
    readonly filters: number;
    readonly activation: ActivationId;
  },
): tf.SymbolicTensor {
  const { name, filters, activation } = options;
  let y = parts.mean(x, `${name}_avgpool`); // [n, 1, 1, c]
  y = parts.convolution(y, { name: `${name}_fc1`, filters, size: 1, bias: true });
  y = parts.activation(y, `${name}_activation`, activation);
  y = parts.convolution(y, { name: `${name}_fc2`, filters: widthOf(x), size: 1, bias: true });
  y = parts.activation(y, `${name}_scale_activation`, 'sigmoid');
  return parts.multiply(`${name}_multiply`, x, y);
}
