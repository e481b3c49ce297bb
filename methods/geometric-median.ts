import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { checkRate, removedCount } from './select/counts';
import type { CountingRule } from './select/counts';
import type { Policy } from './select/policy';
import { distanceSums } from './distances';
import type { Distance } from './distances';
import { Methodology } from './methodology';
import type { ScoreContext } from './scoring';
import { lowest, without } from './select/ranking';

export interface GeometricMedianOptions {
  /** Fraction of the filters, at most the rate of the policy, that goes by smallest L2 norm first. Default 0. */
  readonly normRate?: number;
  /** How far apart two filters are. Default l2, which is the paper's. */
  readonly distance?: Distance;
}

/**
 * Removes the filters closest to all others of their layer, which the rest can replace (FPGM).
 *
 * Formula: s_j = sum over i in S of d(F_i, F_j), where S is what the norm step leaves and d is
 *   ||F_i - F_j||_2, ||F_i - F_j||_1 or 1 - cos(F_i, F_j); filters that the norm step removes score
 *   below all others, by their norm. With `counting: 'paper'` the score is the filter's place in the
 *   order in which the published code removes.
 * Source: He et al., "Filter Pruning via Geometric Median", CVPR 2019, arXiv:1811.00250 (l2). Deviates:
 *   the published code offers l1 and cos too, but computes l2 whatever is asked for.
 */
export class GeometricMedian extends Methodology {
  private readonly normRate: number;
  private readonly distance: Distance;

  /** @throws {OptionError} when normRate is outside [0, 1). */
  constructor({ normRate = 0, distance = 'l2' }: GeometricMedianOptions = {}) {
    super();
    checkRate('normRate', normRate);
    this.normRate = normRate;
    this.distance = distance;
  }

  /** The norm step is a part of the rate, and the published code knows one distance. */
  override checkPolicy({ rate, counting }: Policy): void {
    const { normRate, distance } = this;
    if (normRate > rate) {
      const allowed = `at most rate ${rate}`;
      throw new OptionError({ option: 'normRate', allowed, received: normRate });
    }
    if (counting === 'paper' && distance !== 'l2') {
      const allowed = 'l2 with counting paper';
      throw new OptionError({ option: 'distance', allowed, received: distance });
    }
  }

  protected override score(kernel: tf.Tensor, { counting }: ScoreContext): tf.Tensor {
    const filters = kernel.shape.at(-1)!;
    const columns = tf.reshape<tf.Rank.R2>(kernel, [-1, filters]); // [n, out]
    const byNorm = this.normCount(filters, counting);
    const paper = counting === 'paper';
    if (byNorm === 0 && !paper) return distanceSums(columns, this.distance);
    const norms = tf.sqrt(tf.sum(tf.square(columns), 0)); // [out]
    const smallest = lowest(norms.dataSync(), byNorm, { ties: counting });
    const scores = this.scoresAmong(columns, without(filters, smallest), norms);
    return paper ? publishedOrder(norms, scores) : scores;
  }

  /** Distances among the filters of [n, out] that `stays`; the others score by their norm, in [-1 - max, -1]. */
  private scoresAmong(columns: tf.Tensor2D, stays: Uint8Array, norms: tf.Tensor): tf.Tensor {
    const rest = [...stays.keys()].filter((filter) => stays[filter] === 1);
    if (rest.length === 0) return norms;
    const survivors = tf.gather(columns, tf.tensor1d(rest, 'int32'), 1);
    const sums = distanceSums(survivors, this.distance);
    const below = tf.sub(norms, tf.add(tf.max(norms), 1));
    const spread = tf.scatterND(tf.tensor2d(rest, [rest.length, 1], 'int32'), sums, norms.shape);
    return tf.where(tf.tensor1d(stays, 'bool'), spread, below);
  }

  /** The code truncates the norm step and the distance step one by one. */
  override paperCount(filters: number, rate: number): number {
    const byDistance = Math.max(0, rate - this.normRate);
    return this.normCount(filters, 'paper') + Math.trunc(filters * byDistance);
  }

  private normCount(filters: number, counting: CountingRule): number {
    if (counting === 'exact') return removedCount(filters, this.normRate);
    const kept = 1 - this.normRate; // the published rate_norm
    return Math.trunc(filters * (1 - kept));
  }
}

/**
 * Per filter its place in the order in which the published code removes: it lists the filters by
 * ascending norm, then by ascending score, and both sorts keep the order of what is equal.
 */
function publishedOrder(norms: tf.Tensor, scores: tf.Tensor): tf.Tensor {
  const values = scores.dataSync();
  if (!values.every(Number.isFinite)) return scores; // nothing to rank: scoreKernels reports it
  const listed = lowest(norms.dataSync(), values.length, { ties: 'paper' });
  const order = [...listed].sort((a, b) => values[a]! - values[b]!); // stable
  const places = new Float32Array(values.length);
  order.forEach((filter, place) => {
    places[filter] = place;
  });
  return tf.tensor1d(places);
}
