import * as tf from '@tensorflow/tfjs';
import { filterRows } from './filters';
import { Methodology } from './methodology';
import type { Observes, ScoreContext } from './scoring';
import { OptionError } from '../errors';

export interface EntropyFilterOptions {
  /** What the entropy is of: a filter's weights or its activations. Default weights. */
  readonly entropyOf?: 'weights' | 'activations';
  /** Bins that the range of the activations is cut into. Default 100. */
  readonly entropyBins?: number;
}

/**
 * Removes the filters of least entropy: those whose weights, or whose activations, tell least apart.
 *
 * Formula: H_j = -sum_k p_k ln p_k. Of weights: p_k = |F_jk| / sum_k |F_jk|, 0 for a filter of zeros.
 *   Of activations: p_k is the share of the images whose mean activation over space falls into bin k of
 *   `entropyBins` equal ones from the least to the greatest mean of the filter, the last with its upper
 *   end; 0 for a constant filter.
 * Source: Luo and Wu, "An Entropy-based Pruning Method for CNN Compression", 2017, arXiv:1706.05791
 *   (activations); of weights the same measure taken of the kernel. Deviates: a constant filter has 0.
 */
export class EntropyFilter extends Methodology {
  override readonly observes: Observes;
  override readonly gathers = 'concat'; // the range of the activations is known at the end only
  private readonly bins: number;

  /** @throws {OptionError} when entropyBins is not a whole number from 2. */
  constructor({ entropyOf = 'weights', entropyBins = 100 }: EntropyFilterOptions = {}) {
    super();
    if (!(Number.isInteger(entropyBins) && entropyBins >= 2)) {
      const allowed = 'a whole number from 2';
      throw new OptionError({ option: 'entropyBins', allowed, received: entropyBins });
    }
    this.observes = entropyOf === 'activations' ? 'activations' : 'nothing';
    this.bins = entropyBins;
  }

  /** @returns [n, out], per image the mean over space. */
  override observe(_kernel: tf.Tensor, activations: tf.Tensor): tf.Tensor {
    const space = activations.shape.map((_, axis) => axis).slice(1, -1);
    return tf.mean(activations, space);
  }

  protected override score(kernel: tf.Tensor, { evidence }: ScoreContext): tf.Tensor {
    if (evidence) return entropiesByBins(evidence as tf.Tensor2D, this.bins);
    const magnitudes = tf.abs(filterRows(kernel)); // [out, n]
    const shares = tf.div(magnitudes, oneForZero(tf.sum(magnitudes, 1, true)));
    return tf.sum(surprise(shares), 1);
  }
}

/**
 * Removes the single weights that add least to the entropy of their kernel.
 *
 * Formula: s_w = -p_w ln p_w, p_w = |w| / sum over the kernel of |w|.
 * Source: the single-weight form of EntropyFilter. It ranks as |w| does but for a weight that holds
 *   more than 1 / e of its kernel.
 */
export class EntropyWeight extends Methodology {
  protected override score(kernel: tf.Tensor): tf.Tensor {
    const magnitudes = tf.abs(kernel);
    return surprise(tf.div(magnitudes, oneForZero(tf.sum(magnitudes))));
  }
}

/** -p ln p, 0 at p = 0. */
function surprise(shares: tf.Tensor): tf.Tensor {
  return tf.neg(tf.mul(shares, tf.log(oneForZero(shares))));
}

/** 1 in place of each 0; NaN stays, which a comparison and a choice would lose. */
function oneForZero(values: tf.Tensor): tf.Tensor {
  return tf.add(values, tf.cast(tf.equal(values, 0), 'float32'));
}

/** Per column of [n, out] the entropy of its histogram, [out]; NaN where a value is not finite. */
function entropiesByBins(samples: tf.Tensor2D, bins: number): tf.Tensor1D {
  const [images, filters] = samples.shape;
  const values = samples.dataSync<'float32'>();
  const column = new Float32Array(images);
  const entropies = Float32Array.from({ length: filters }, (_, filter) => {
    for (let image = 0; image < images; image++) column[image] = values[image * filters + filter]!;
    return entropyByBins(column, bins);
  });
  return tf.tensor1d(entropies);
}

function entropyByBins(values: Float32Array, bins: number): number {
  if (!values.every(Number.isFinite)) return NaN;
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (least === greatest) return 0;
  const counts = new Float64Array(bins);
  for (const value of values) {
    const bin = Math.floor(((value - least) / (greatest - least)) * bins);
    counts[Math.min(bin, bins - 1)]!++;
  }
  let entropy = 0;
  for (const count of counts) {
    const share = count / values.length;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return entropy;
}
