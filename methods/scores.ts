import type * as tf from '@tensorflow/tfjs';

/** Scores one kernel by its name; the caller owns the tensor. */
export type KernelScorer = (name: string) => tf.Tensor;

/**
 * The scores of one kernel on the host.
 *
 * @throws {RangeError} when one is NaN or infinite, with the kernel's name: a network that diverged
 *   must not be ranked.
 */
export function readScores(name: string, scorer: KernelScorer): Float32Array {
  const tensor = scorer(name);
  const scores = tensor.dataSync() as Float32Array;
  tensor.dispose();
  const bad = scores.findIndex((score) => !Number.isFinite(score));
  if (bad >= 0) throw new RangeError(`score ${bad} of ${name} must be finite, got ${scores[bad]}`);
  return scores;
}
