import * as tf from '@tensorflow/tfjs';
import { Methodology } from './methodology';

/**
 * Removes the single weights of smallest magnitude: non-structural pruning.
 *
 * Formula: s_w = |w|.
 * Source: Han et al., "Learning both Weights and Connections", NeurIPS 2015, arXiv:1506.02626.
 */
export class NormWeight extends Methodology {
  protected override score(kernel: tf.Tensor): tf.Tensor {
    return tf.abs(kernel);
  }
}
