import * as tf from '@tensorflow/tfjs';

/** How far apart two filters are; see `distanceSums`. */
export type Distance = 'l1' | 'l2' | 'cosine';

/**
 * Per filter the sum of its distances to all others; no [out, out, n] tensor is made.
 *
 * Formula: with filters a and b of n weights, l1: sum_k |a_k - b_k|; l2: (sum_k (a_k - b_k)^2)^(1/2);
 *   cosine: 1 - <a, b> / (|a| |b|), 0 where a or b is zero. A filter's own distance is 0.
 *
 * @param columns [n, out], a filter a column; not disposed.
 * @returns [out]; the caller owns it.
 */
export function distanceSums(columns: tf.Tensor2D, distance: Distance): tf.Tensor1D {
  return tf.tidy(() => {
    switch (distance) {
      case 'l1':
        return manhattanSums(columns);
      case 'l2':
        return euclideanSums(centre(columns));
      case 'cosine':
        return cosineSums(columns);
    }
  });
}

/** Filters up to which one product of all with all is faster than products of halves. */
const SMALL = 512;

function centre(filters: tf.Tensor2D): Centred {
  const columns = tf.sub<tf.Tensor2D>(filters, tf.mean(filters, 1, true));
  const squares: tf.Tensor1D = tf.sum(tf.square(columns), 0);
  return { columns, squares };
}

/** Filters, centred on their mean, and the squares of their lengths. */
interface Centred {
  /** [n, out] */
  readonly columns: tf.Tensor2D;
  /** [out] */
  readonly squares: tf.Tensor1D;
}

/**
 * By |a|^2 + |b|^2 - 2ab of filters that are centred on their mean, which moves no distance and cancels
 * less. Distances of one half to the other are computed once and serve both.
 */
function euclideanSums({ columns, squares }: Centred): tf.Tensor1D {
  const filters = columns.shape[1];
  if (filters <= SMALL) {
    const all = { columns, squares };
    const elsewhere = tf.sub(1, tf.eye(filters)); // a filter's own distance is exactly zero
    return tf.sum(tf.mul(gapsBetween(all, all), elsewhere), 0);
  }
  const sizes = [Math.floor(filters / 2), Math.ceil(filters / 2)];
  const halves = tf.split(columns, sizes, 1) as [tf.Tensor2D, tf.Tensor2D];
  const parts = tf.split(squares, sizes) as [tf.Tensor1D, tf.Tensor1D];
  const left = { columns: halves[0], squares: parts[0] };
  const right = { columns: halves[1], squares: parts[1] };
  const gaps = gapsBetween(left, right);
  return tf.concat1d([
    tf.add<tf.Tensor1D>(euclideanSums(left), tf.sum(gaps, 1)),
    tf.add<tf.Tensor1D>(euclideanSums(right), tf.sum(gaps, 0)),
  ]);
}

/** Euclidean distances of each filter of `a` to each of `b`, [a, b]. */
function gapsBetween(a: Centred, b: Centred): tf.Tensor2D {
  const products = tf.matMul(a.columns, b.columns, true, false); // [a, b]
  const lengths = tf.add(tf.reshape(a.squares, [-1, 1]), b.squares); // [a, b]
  return tf.sqrt(tf.relu(tf.sub<tf.Tensor2D>(lengths, tf.mul(products, 2)))); // rounding may fall below 0
}

/**
 * Weight by weight over the sorted filters: of m values x_0 >= x_1 >= ..., the r-th has r above it, so
 * that sum_i |x_i - x_r| = 2 sum of those above - sum of all + (m - 2r) x_r. Sorting costs out log out
 * a weight where pairs cost out^2; sums are in double precision.
 */
function manhattanSums(columns: tf.Tensor2D): tf.Tensor1D {
  const [rows, filters] = columns.shape;
  const sorted = tf.topk(columns, filters);
  const [values, places] = [sorted.values.dataSync<'float32'>(), sorted.indices.dataSync()];
  const sums = new Float64Array(filters);
  for (let start = 0; start < rows * filters; start += filters) {
    let all = 0;
    for (let rank = 0; rank < filters; rank++) all += values[start + rank]!;
    let above = 0;
    for (let rank = 0; rank < filters; rank++) {
      const value = values[start + rank]!;
      sums[places[start + rank]!]! += 2 * above - all + (filters - 2 * rank) * value;
      above += value;
    }
  }
  return tf.tensor1d(Float32Array.from(sums));
}

/** Of m unit vectors u, sum_i (1 - <u_i, u_j>) = m - <sum_i u_i, u_j>: no pairs are needed. */
function cosineSums(columns: tf.Tensor2D): tf.Tensor1D {
  const lengths = tf.sqrt(tf.sum(tf.square(columns), 0)); // [out]
  const isZero = tf.cast(tf.equal(lengths, 0), 'float32');
  const units = tf.div(columns, tf.add(lengths, isZero)); // [n, out], zero stays zero
  const alignment = tf.sum(tf.mul(units, tf.sum(units, 1, true)), 0); // [out]
  const others = tf.sub(1, isZero);
  return tf.mul(tf.sub(tf.sum(others), alignment), others);
}
