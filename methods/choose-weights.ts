import type { ChannelGraph, KeepSet } from '../graph';
import { removedCount } from './counts';
import { LayerRates } from './layer-rates';
import type { MethodOptions } from './methodology';
import { globalCounts, lowest, without } from './ranking';
import { readScores } from './scores';
import type { KernelScorer } from './scores';

/**
 * Chooses the single weights that stay, in every kernel that the graph scores, the classifier's too.
 *
 * `uniform` removes the rate of each kernel, `global` the lowest of all kernels together.
 *
 * @param left what an earlier choice left; the weights that it removed go first.
 */
export function chooseWeights(
  graph: ChannelGraph,
  scorer: KernelScorer,
  options: Required<MethodOptions>,
  left: KeepSet,
): KeepSet {
  const { rate, scope, minKeep } = options;
  const rates = new LayerRates(graph, options, 'weight');
  const kernels = graph.kernels.map((name) => ({
    name,
    scores: readScores(name, scorer),
    left: left.weights.get(name),
  }));
  const counts =
    scope === 'global'
      ? globalCounts(kernels, rate, minKeep)
      : kernels.map(({ name, scores: { length } }) =>
          Math.min(removedCount(length, rates.ofKernel(name)), length - minKeep),
        );
  const weights = kernels.map(({ name, scores, ...ranking }, index) => {
    const gone = lowest(scores, counts[index]!, ranking);
    return [name, without(scores.length, gone)] as const;
  });
  return { groups: new Map(), weights: new Map(weights) };
}
