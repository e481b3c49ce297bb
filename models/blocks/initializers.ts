import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../../random/seeds';

/** What fills a layer's weight. */
export type Initializer = ReturnType<
  (typeof tf.initializers)['zeros' | 'randomUniform' | 'varianceScaling']
>;

/** Standard deviation of the standard normal truncated at two: tfjs draws truncated, papers do not. */
const TRUNCATED_DEVIATION = 0.8796;

/**
 * He normal by fan-out; zeros without a seed.
 *
 * Source: He et al., "Delving Deep into Rectifiers", ICCV 2015.
 */
export function heNormal(seed: number | null, layer: string): Initializer {
  if (seed === null) return tf.initializers.zeros();
  return tf.initializers.varianceScaling({
    scale: 2 / TRUNCATED_DEVIATION ** 2,
    mode: 'fanOut',
    distribution: 'normal',
    seed: seedOf('init', seed, layer),
  });
}

/** A weight of a Dense layer with so many inputs. */
export interface DenseWeight {
  /** Null for zeros. */
  readonly seed: number | null;
  readonly layer: string;
  readonly weight: 'kernel' | 'bias';
  readonly inputs: number;
}

/** Uniform in +-1 / sqrt(inputs), as PyTorch's Linear; zeros without a seed. */
export function uniform({ seed, layer, weight, inputs }: DenseWeight): Initializer {
  if (seed === null) return tf.initializers.zeros();
  const bound = 1 / Math.sqrt(inputs);
  return tf.initializers.randomUniform({
    minval: -bound,
    maxval: bound,
    seed: seedOf('init', seed, layer, weight),
  });
}
