import * as tf from '@tensorflow/tfjs';
import { filterRows, Methodology } from '../../methods';

/**
 * Removes the filters whose largest weight is smallest.
 *
 * Formula: s_j = max_i |F_ij|.
 */
export class LargestWeight extends Methodology {
  protected override score(kernel: tf.Tensor): tf.Tensor {
    return tf.max(tf.abs(filterRows(kernel)), 1); // [out]
  }
}
