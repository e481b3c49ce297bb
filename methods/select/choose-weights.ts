import type { ChannelGraph, KeepSet } from '../../graph';
import { removedCount } from './counts';
import type { LayerRates } from './layer-rates';
import { limited } from './limits';
import type { Methodology } from '../methodology';
import { cellsOf, keptOfRuns, rankedBlocks } from './patterns';
import type { Pattern } from './patterns';
import { globalCounts, keptWithout } from './ranking';
import type { Contestant } from './ranking';
import type { ScoreBook } from './scores';

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
 * @param left what an earlier choice left; the weights that it removed go first.
 */
export function chooseWeights(
  graph: ChannelGraph,
  scores: ScoreBook,
  method: Methodology,
  { rates, left }: { readonly rates: LayerRates; readonly left: KeepSet },
): KeepSet {
  const { pattern, rate } = method.options;
  if (pattern.kind === 'n:m') {
    const runs = { inputs: pattern.of, filters: 1 };
    const share = Math.min(1, rates.common / rate);
    const weights = graph.kernels.map((name) => {
      const cells = cellsOf(scores.shapeOf(name), scores.filterAxisOf(name), runs);
      const ranking = { left: left.weights.get(name) };
      return [name, keptOfRuns(cells, scores.of(name), { ...pattern, share }, ranking)] as const;
    });
    return { groups: new Map(), weights: new Map(weights) };
  }
  const kernels = graph.kernels.map((name) => rankedKernel(name, scores, pattern, left));
  const counts = countsOf(kernels, method, rates);
  const weights = kernels.map(({ name, scores: ranked, pieces, ...ranking }) => {
    const stays = keptWithout(ranked, counts.get(name)!, ranking);
    return [name, pieces ? Uint8Array.from(pieces, (piece) => stays[piece]!) : stays] as const;
  });
  return { groups: new Map(), weights: new Map(weights) };
}

function rankedKernel(
  name: string,
  scores: ScoreBook,
  pattern: Pattern,
  left: KeepSet,
): RankedKernel {
  const ranking = { scores: scores.of(name), left: left.weights.get(name) };
  if (pattern.kind !== 'block') return { name, ...ranking, pieces: null };
  const blocks = cellsOf(scores.shapeOf(name), scores.filterAxisOf(name), pattern);
  return { name, ...rankedBlocks(blocks, ranking), pieces: blocks.of };
}

/** How many pieces of each kernel go. */
function countsOf(
  kernels: readonly RankedKernel[],
  method: Methodology,
  rates: LayerRates,
): Map<string, number> {
  const { scope, minKeep } = method.options;
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
    ...limited(kernel.scores.length, { ...method.options, minRate: rates.minRate }),
    scores: scope === 'adaptive' ? method.normalised(kernel.scores, kernel) : kernel.scores,
  }));
  if (lists.length === 0) return counts;
  globalCounts(lists, rates.common).forEach((count, index) => {
    counts.set(others[index]!.name, count);
  });
  return counts;
}
