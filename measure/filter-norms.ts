import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet, Producer } from '../graph';
import type { KernelReader } from '../methods';

/** How the norms of some filters lie. */
export interface NormSpread {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** Standard deviation over these filters. */
  readonly deviation: number;
}

/** How the L2 norms of a network's filters lie, on which a norm criterion depends. */
export interface FilterNorms extends NormSpread {
  /** deviation / mean, the mean over the kernels: norms of different layers do not compare. */
  readonly relativeDeviation: number;
  /** min / mean, the mean over the kernels. */
  readonly relativeMin: number;
  /** By kernel name. */
  readonly kernels: Readonly<Record<string, NormSpread>>;
}

/**
 * The norms of the filters of all prunable groups.
 *
 * @param held what is left out: filters that it removed are zero for good.
 * @returns null where no kernel has a filter that is not zero.
 */
export function filterNorms(
  graph: ChannelGraph,
  kernel: KernelReader,
  held: KeepSet,
): FilterNorms | null {
  const all: number[] = [];
  const kernels: Record<string, NormSpread> = {};
  for (const { id, producers } of graph.prunable) {
    const kept = held.groups.get(id);
    for (const producer of producers) {
      const norms = normsOf(kernel(producer.weight), producer);
      const living = producer.indices.map((index) => norms[index]!);
      const some = living.filter((_, channel) => kept?.[channel] !== 0);
      if (!some.some((norm) => norm > 0)) continue;
      kernels[producer.weight] = spreadOf(some);
      all.push(...some);
    }
  }
  if (all.length === 0) return null;
  const spreads = Object.values(kernels);
  return {
    ...spreadOf(all),
    relativeDeviation: meanOf(spreads.map(({ deviation, mean }) => deviation / mean)),
    relativeMin: meanOf(spreads.map(({ min, mean }) => min / mean)),
    kernels,
  };
}

/** [out] */
function normsOf(kernel: tf.Tensor, { axis }: Producer): Float32Array {
  const others = kernel.shape.map((_, index) => index).filter((index) => index !== axis);
  const norms = tf.tidy(() => tf.sqrt(tf.sum(tf.square(kernel), others)));
  try {
    return norms.dataSync<'float32'>().slice();
  } finally {
    norms.dispose();
  }
}

function spreadOf(norms: readonly number[]): NormSpread {
  const mean = meanOf(norms);
  return {
    min: norms.reduce((least, norm) => Math.min(least, norm), Infinity),
    mean,
    max: norms.reduce((most, norm) => Math.max(most, norm), 0),
    deviation: Math.sqrt(meanOf(norms.map((norm) => (norm - mean) ** 2))),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
