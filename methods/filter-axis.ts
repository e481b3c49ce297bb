import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph } from '../graph';

/** Per kernel the axis of its filters: the last, but for transposed convolutions ([..., out, in]). */
export function filterAxes(graph: ChannelGraph): Map<string, number> {
  const producers = graph.groups.flatMap((group) => group.producers);
  return new Map(producers.map(({ weight, axis }) => [weight, axis]));
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
  const others = kernel.shape.map((_, index) => index).filter((index) => index !== axis);
  const order = [...others, axis];
  const moved = tf.transpose(kernel, order);
  const scores = score(moved);
  if (!tf.util.arraysEqual(scores.shape, moved.shape)) return scores;
  const back = kernel.shape.map((_, index) => order.indexOf(index));
  return tf.transpose(scores, back);
}
