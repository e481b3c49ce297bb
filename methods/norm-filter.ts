import * as tf from '@tensorflow/tfjs';
import { Methodology } from './methodology';

export interface NormFilterOptions {
  /** Default l2. */
  readonly norm?: 'l1' | 'l2';
}

/**
 * Removes the filters of smallest norm. With soft regrowth this is soft filter pruning (SFP).
 *
 * Formula: s_j = ||F_j||_p, p = 1 or 2.
 * Source: He et al., "Soft Filter Pruning", IJCAI 2018, arXiv:1808.06866 (l2);
 *   Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017, arXiv:1608.08710 (l1).
 */
export class NormFilter extends Methodology {
  private readonly norm: 'l1' | 'l2';

  constructor({ norm = 'l2' }: NormFilterOptions = {}) {
    super();
    this.norm = norm;
  }

  protected override score(kernel: tf.Tensor): tf.Tensor {
    const columns = tf.reshape(kernel, [-1, kernel.shape.at(-1)!]); // [n, out]
    // tf.norm raises every weight to a power, which takes twenty times as long.
    return this.norm === 'l1'
      ? tf.sum(tf.abs(columns), 0) // [out]
      : tf.sqrt(tf.sum(tf.square(columns), 0));
  }

  /** SFP's code names the fraction it keeps, and its rounding error with it: 10 at 0.1 loses none. */
  override paperCount(filters: number, rate: number): number {
    const kept = 1 - rate;
    return Math.trunc(filters * (1 - kept));
  }
}
