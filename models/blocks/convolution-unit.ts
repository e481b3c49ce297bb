import type * as tf from '@tensorflow/tfjs';
import type { ConvolutionOptions, Parts } from './parts';

/** Convolution, BatchNormalization (epsilon 1e-3) and ReLU: torchvision's `BasicConv2d`. */
export function convolutionUnit(
  parts: Parts,
  x: tf.SymbolicTensor,
  options: ConvolutionOptions,
): tf.SymbolicTensor {
  const { name } = options;
  const y = parts.convolution(x, { ...options, name: `${name}_conv` });
  const normalized = parts.batchNormalization(y, `${name}_bn`, { epsilon: 1e-3 });
  return parts.activation(normalized, `${name}_relu`);
}
