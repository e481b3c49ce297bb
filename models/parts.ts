import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../backend/random';

/** Standard deviation of the standard normal truncated at two: tfjs draws truncated, papers do not. */
const TRUNCATED_DEVIATION = 0.8796;

/** A bias-free convolution with the padding of PyTorch: the same number of zeros on both sides. */
export interface ConvolutionOptions {
  readonly name: string;
  readonly filters: number;
  /** Kernel height and width; odd. */
  readonly size: number;
  readonly stride?: number;
  /** Determines the initial kernel together with the name. */
  readonly seed: number;
}

/**
 * Convolves with symmetric padding of floor(size / 2).
 *
 * TensorFlow's `same` is symmetric at stride 1 only, so a larger stride gets a ZeroPadding2D layer.
 * Kernel: He normal by fan-out (He et al., "Delving Deep into Rectifiers", ICCV 2015).
 */
export function convolution(x: tf.SymbolicTensor, options: ConvolutionOptions): tf.SymbolicTensor {
  const { name, filters, size, stride = 1, seed } = options;
  const padding = (size - 1) / 2;
  const pads = stride > 1 && padding > 0;
  const padded = pads
    ? (tf.layers.zeroPadding2d({ padding, name: `${name}_pad` }).apply(x) as tf.SymbolicTensor)
    : x;
  const kernelInitializer = tf.initializers.varianceScaling({
    scale: 2 / TRUNCATED_DEVIATION ** 2,
    mode: 'fanOut',
    distribution: 'normal',
    seed: seedOf('init', seed, name),
  });
  return tf.layers
    .conv2d({
      name,
      filters,
      kernelSize: size,
      strides: stride,
      padding: stride > 1 ? 'valid' : 'same',
      useBias: false,
      kernelInitializer,
    })
    .apply(padded) as tf.SymbolicTensor;
}

/** BatchNormalization as PyTorch's: epsilon 1e-5, the old average weighs 0.9. */
export function batchNormalization(x: tf.SymbolicTensor, name: string): tf.SymbolicTensor {
  return tf.layers
    .batchNormalization({ name, momentum: 0.9, epsilon: 1e-5 })
    .apply(x) as tf.SymbolicTensor;
}

/** A Dense layer without activation: weights and bias uniform in +-1 / sqrt(inputs), as PyTorch's. */
export function linear(
  x: tf.SymbolicTensor,
  { name, units, seed }: { readonly name: string; readonly units: number; readonly seed: number },
): tf.SymbolicTensor {
  const bound = 1 / Math.sqrt(x.shape.at(-1) ?? 1);
  const uniform = (weight: string): ReturnType<typeof tf.initializers.randomUniform> =>
    tf.initializers.randomUniform({
      minval: -bound,
      maxval: bound,
      seed: seedOf('init', seed, name, weight),
    });
  return tf.layers
    .dense({
      name,
      units,
      kernelInitializer: uniform('kernel'),
      biasInitializer: uniform('bias'),
    })
    .apply(x) as tf.SymbolicTensor;
}
