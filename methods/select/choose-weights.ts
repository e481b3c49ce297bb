import type { ChannelGraph, KeepSet } from '../../graph';
import { removedCount } from './counts';
import type { LayerRates } from './layer-rates';
import { limitsOf } from './limits';
import type { Policy } from './policy';
import { cellsOf, keepOfRuns, rankBlocks } from './patterns';
import type { Pattern } from './patterns';
import { globalCounts, dropLowest } from './ranking';
import type { Contestant } from './ranking';
import type { KernelScores, Scores } from './scores';

/** A kernel with what ranks its pieces: single weights, or the blocks of a pattern. */
interface RankedKernel extends Contestant {
  readonly name: string;
  readonly scores: ArrayLike<number>;
  /** The piece of each weight; null where each is one. */
  readonly pieces: Uint32Array | null;
}

/**
 * Chooses the single weights that stay, in every kernel that the graph scores, the classifier's too.
 *
 * `uniform` removes the rate of each kernel, `global` the lowest of all kernels together, `adaptive`
 * the lowest of normalised scores. Under a block pattern they count and rank blocks in place of weights;
 * under N:M every kernel loses what the pattern says.
 *
 * @param held what may no longer return: the weights that it removed go first.
 */
export function chooseWeights(
  graph: ChannelGraph,
  { kernels: scores, rules }: Scores,
  policy: Policy,
  { rates, held }: { readonly rates: LayerRates; readonly held: KeepSet },
): KeepSet {
  const { pattern, rate } = policy;
  if (pattern.kind === 'n:m') {
    const runs = { inputs: pattern.of, filters: 1 };
    const share = Math.min(1, rates.common / rate);
    const weights = graph.kernels.map((name) => {
      const { values, shape, filterAxis } = scores.get(name)!;
      const cells = cellsOf(shape, filterAxis, runs);
      const ranking = { held: held.weights.get(name) };
      return [name, keepOfRuns(cells, values, { ...pattern, share }, ranking)] as const;
    });
    return { groups: new Map(), weights: new Map(weights) };
  }
  const kernels = graph.kernels.map((name) =>
    rankKernel(name, scores.get(name)!, pattern, held.weights.get(name)),
  );
  const counts = countsOf(kernels, rules, policy, rates);
  const weights = kernels.map(({ name, scores: ranked, pieces, ...ranking }) => {
    const stays = dropLowest(ranked, counts.get(name)!, ranking);
    return [name, pieces ? Uint8Array.from(pieces, (piece) => stays[piece]!) : stays] as const;
  });
  return { groups: new Map(), weights: new Map(weights) };
}

function rankKernel(
  name: string,
  { values, shape, filterAxis }: KernelScores,
  pattern: Pattern,
  held: Uint8Array | undefined,
): RankedKernel {
  const ranking = { scores: values, held };
  if (pattern.kind !== 'block') return { name, ...ranking, pieces: null };
  const blocks = cellsOf(shape, filterAxis, pattern);
  return { name, ...rankBlocks(blocks, ranking), pieces: blocks.of };
}

/** How many pieces of each kernel go. */
function countsOf(
  kernels: readonly RankedKernel[],
  rules: Scores['rules'],
  policy: Policy,
  rates: LayerRates,
): Map<string, number> {
  const { scope, minKeep } = policy;
  const isAlone = (name: string): boolean =>
    scope === 'uniform' || rates.ownOfKernel(name) !== null;
  const alone = kernels.filter(({ name }) => isAlone(name));
  const counts = new Map(
    alone.map(({ name, scores: { length } }) => [
      name,
      Math.min(removedCount(length, rates.ofKernel(name)), length - Math.min(minKeep, length)),
    ]),
  );
  const others = kernels.filter(({ name }) => !isAlone(name));
  const lists = others.map((kernel) => ({
    ...kernel,
    ...limitsOf(kernel.scores.length, { ...policy, minRate: rates.minRate }),
    scores: scope === 'adaptive' ? rules.normalise(kernel.scores, kernel) : kernel.scores,
  }));
  if (lists.length === 0) return counts;
  globalCounts(lists, rates.common).forEach((count, index) => {
    counts.set(others[index]!.name, count);
  });
  return counts;
}
