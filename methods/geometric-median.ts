import * as tf from '@tensorflow/tfjs';
import { checkRate, removedCount } from './counts';
import { filterRows } from './filters';
import { Methodology } from './methodology';
import type { MethodOptions } from './methodology';
import { lowest, without } from './ranking';

export interface GeometricMedianOptions extends MethodOptions {
  /** Fraction of the filters, at most `rate`, that goes by smallest L2 norm first. Default 0. */
  readonly normRate?: number;
}

/**
 * Removes the filters closest to all others of their layer, which the rest can replace (FPGM).
 *
 * Formula: s_j = sum over i in S of ||F_i - F_j||_2, where S is what the norm step leaves; filters
 *   that the norm step removes score below all others, by their norm. With `counting: 'paper'` the
 *   score is the filter's place in the order in which the published code removes.
 * Source: He et al., "Filter Pruning via Geometric Median", CVPR 2019, arXiv:1811.00250. Distances
 *   by |a|^2 + |b|^2 - 2ab of filters centred on their mean (which moves no distance and cancels
 *   less), so that no [out, out, n] tensor is made.
 */
export class GeometricMedian extends Methodology {
  private readonly normRate: number;

  constructor({ normRate = 0, ...options }: GeometricMedianOptions) {
    super(options);
    checkRate('normRate', normRate);
    if (normRate > this.options.rate) {
      throw new RangeError(`normRate must be at most rate ${this.options.rate}, got ${normRate}`);
    }
    this.normRate = normRate;
  }

  protected override score(kernel: tf.Tensor): tf.Tensor {
    const rows = filterRows(kernel); // [out, n]
    const gaps = distances(rows); // [out, out]
    const norms = tf.norm(rows, 2, 1); // [out]
    const byNorm = this.normCount(rows.shape[0]);
    const paper = this.options.counting === 'paper';
    if (byNorm === 0 && !paper) return tf.sum(gaps, 1);
    const smallest = lowest(norms.dataSync(), byNorm, { ties: this.options.counting });
    const stays = tf.tensor1d(without(rows.shape[0], smallest), 'bool');
    const sums = tf.sum(tf.mul(gaps, tf.cast(stays, 'float32')), 1); // over the survivors only
    const scores = tf.where(stays, sums, tf.sub(norms, tf.add(tf.max(norms), 1))); // [-1 - max, -1]
    return paper ? publishedOrder(norms, scores) : scores;
  }

  /** The code truncates the norm step and the distance step one by one. */
  override paperCount(filters: number): number {
    const byDistance = this.options.rate - this.normRate;
    return this.normCount(filters) + Math.trunc(filters * byDistance);
  }

  private normCount(filters: number): number {
    if (this.options.counting === 'exact') return removedCount(filters, this.normRate);
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
  if (!values.every(Number.isFinite)) return scores; // nothing to rank: readScores reports it
  const listed = lowest(norms.dataSync(), values.length, { ties: 'paper' });
  const order = [...listed].sort((a, b) => values[a]! - values[b]!); // stable
  const places = new Float32Array(values.length);
  order.forEach((filter, place) => {
    places[filter] = place;
  });
  return tf.tensor1d(places);
}

/** Euclidean distances between all rows, [out, n] to [out, out]; zero on the diagonal. */
function distances(rows: tf.Tensor2D): tf.Tensor2D {
  const centred = tf.sub(rows, tf.mean(rows, 0, true));
  const squares = tf.sum(tf.square(centred), 1, true); // [out, 1]
  const products = tf.matMul(centred, centred, false, true);
  const squared = tf.sub(tf.add(squares, tf.transpose(squares)), tf.mul(products, 2));
  const elsewhere = tf.sub(1, tf.eye(rows.shape[0])); // a filter's own distance is exactly zero
  return tf.mul(tf.sqrt(tf.relu(squared)), elsewhere);
}
