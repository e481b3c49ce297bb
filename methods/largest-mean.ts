import * as tf from '@tensorflow/tfjs';
import { filterRows } from './filters';
import { Methodology } from './methodology';
import type { MethodOptions } from './methodology';

interface LargestMeanOptions extends MethodOptions {
  /** How many of the largest weights of a filter count. Default 3. */
  readonly largest?: number;
}

/**
 * Removes the filters whose largest weights are smallest.
 *
 * Formula: s_j = mean of the k largest |F_ij|, k = `largest`, or all where a filter has fewer.
 */
export class LargestMean extends Methodology {
  private readonly largest: number;

  constructor({ largest = 3, ...options }: LargestMeanOptions) {
    super(options);
    this.largest = largest;
  }

  protected override score(kernel: tf.Tensor): tf.Tensor {
    const magnitudes = tf.abs(filterRows(kernel)); // [out, n]
    const count = Math.min(this.largest, magnitudes.shape[1]!);
    return tf.mean(tf.topk(magnitudes, count).values, 1); // [out]
  }
}
