import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph } from '../../graph';

/** Per kernel the axis of its filters: the last, but for transposed convolutions ([..., out, in]). */
export function filterAxes(graph: ChannelGraph): Map<string, number> {
  const producers = graph.groups.flatMap((group) => group.producers);
  return new Map(producers.map(({ weight, axis }) => [weight, axis]));
}

/** The axes of a tensor of `rank`, `axis` the last. */
function orderWithLast(rank: number, axis: number): number[] {
  return [...Array.from({ length: rank }, (_, index) => index).filter((own) => own !== axis), axis];
}

/** A kernel, or its gradient, with the filters along the last axis; for a tidy. */
export function filtersLast(kernel: tf.Tensor, axis: number): tf.Tensor {
  if (axis === kernel.rank - 1) return kernel;
  return tf.transpose(kernel, orderWithLast(kernel.rank, axis));
}

/**
 * Scores a kernel whose filters are along any axis by a rule that knows them along the last.
 *
 * @param score [..., out] to [out], or to its argument's shape.
 * @returns [out], or scores of the shape of `kernel`; for a tidy.
 */
export function scoreAlong(
  kernel: tf.Tensor,
  axis: number,
  score: (kernel: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  if (axis === kernel.rank - 1) return score(kernel);
  const order = orderWithLast(kernel.rank, axis);
  const moved = tf.transpose(kernel, order);
  const scores = score(moved);
  if (!tf.util.arraysEqual(scores.shape, moved.shape)) return scores;
  const back = kernel.shape.map((_, index) => order.indexOf(index));
  return tf.transpose(scores, back);
}
