import * as tf from '@tensorflow/tfjs';
import { Methodology } from './methodology';
import { layerAdaptive } from './select/ranking';

/**
 * Removes the single weights that are small beside those of their kernel that outlast them.
 *
 * Formula: s_u = w_u^2 / sum of w_v^2 over all v of the kernel that go no sooner than u.
 * Source: Lee et al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021,
 *   arXiv:2010.07611. Deviates: no. The paper ranks all weights of the network in one list: that is
 *   scope global, and scope adaptive is the same here, since the scores are normalised already.
 */
export class Lamp extends Methodology {
  protected override score(kernel: tf.Tensor): tf.Tensor {
    const magnitudes = tf.abs(kernel).dataSync<'float32'>();
    return tf.tensor(Float32Array.from(layerAdaptive(magnitudes, {})), kernel.shape);
  }

  /** The scores as they are. */
  override normalise(scores: ArrayLike<number>): Float64Array {
    return Float64Array.from(scores);
  }
}
