import type { ChannelGraph, KeepSet } from '../graph';
import { removedCount } from './counts';
import type { MethodOptions } from './methodology';
import { lowest, without } from './ranking';
import { readScores } from './scores';
import type { KernelScorer } from './scores';

/**
 * Chooses the single weights that stay, in every kernel of a Conv2D or Dense, the classifier's too.
 *
 * `uniform` removes the rate of each kernel, `global` the lowest of all kernels together.
 */
export function chooseWeights(
  graph: ChannelGraph,
  scorer: KernelScorer,
  { rate, scope, minKeep }: Required<MethodOptions>,
): KeepSet {
  const names = graph.kernels;
  const scores = names.map((name) => readScores(name, scorer));
  const counts =
    scope === 'global'
      ? globalCounts(scores, rate, minKeep)
      : scores.map(({ length }) => Math.min(removedCount(length, rate), length - minKeep));
  const weights = names.map((name, index) => {
    const kernel = scores[index]!;
    return [name, without(kernel.length, lowest(kernel, counts[index]!))] as const;
  });
  return { groups: new Map(), weights: new Map(weights) };
}

function globalCounts(scores: readonly Float32Array[], rate: number, minKeep: number): number[] {
  const contestants = scores.map((kernel) =>
    lowest(kernel, kernel.length - minKeep).map((index) => kernel[index]!),
  );
  const total = scores.reduce((sum, { length }) => sum + length, 0);
  const owner = contestants.flatMap((kernel, index) => kernel.map(() => index));
  const gone = lowest(contestants.flat(), Math.min(owner.length, removedCount(total, rate)));
  const counts = scores.map(() => 0);
  for (const index of gone) counts[owner[index]!]!++;
  return counts;
}
