import type { ChannelGraph, ChannelGroup, KeepSet } from '../graph';
import { removedCount } from './counts';
import { LayerRates } from './layer-rates';
import { LayerWidths } from './layer-widths';
import { isVote, mergedScores, votedCount, votes } from './merge';
import type { Members, Vote } from './merge';
import type { Methodology } from './methodology';
import { globalCounts, lowest, without } from './ranking';
import type { Ranking } from './ranking';
import { readScores } from './scores';
import type { KernelScorer } from './scores';

/** A group with what ranks its channels. */
interface RankedGroup {
  readonly group: ChannelGroup;
  /** Per producer its scores, over the group's channels. */
  readonly members: Members;
  readonly ranking: Ranking;
}

/** What is to go of a group, before the layer's width is rounded. */
interface Wish {
  /** Per channel: lower goes first. */
  readonly scores: readonly number[];
  readonly removed: number;
}

/**
 * Chooses the channels that stay, group by group, from the filters' scores.
 *
 * @param left what an earlier choice left; the channels that it removed go first.
 */
export function chooseFilters(
  graph: ChannelGraph,
  scorer: KernelScorer,
  method: Methodology,
  left: KeepSet,
): KeepSet {
  const widths = new LayerWidths(graph, method.options);
  const rates = new LayerRates(graph, method.options, 'filter');
  const ranked = rankedGroups(graph, scorer, method, left);
  const global = method.options.scope === 'global' ? globalWishes(ranked, method) : null;
  const groups = ranked.map((entry, index) => {
    const { group, ranking } = entry;
    const wish = global?.[index] ?? uniformWish(entry, widths, method, rates);
    const gone = lowest(wish.scores, widths.settle(group, wish.removed), ranking);
    return [group.id, without(group.channels, gone)] as const;
  });
  return { groups: new Map(groups), weights: new Map() };
}

function rankedGroups(
  graph: ChannelGraph,
  scorer: KernelScorer,
  { options }: Methodology,
  left: KeepSet,
): RankedGroup[] {
  const scores = new Map<string, Float32Array>(); // by kernel: several groups may share one
  const scoresOf = (weight: string): Float32Array => {
    const known = scores.get(weight) ?? readScores(weight, scorer);
    scores.set(weight, known);
    return known;
  };
  return graph.prunable.map((group) => ({
    group,
    members: group.producers.map(({ weight, indices }) =>
      indices.map((index) => scoresOf(weight)[index]!),
    ),
    ranking: { ties: options.counting, left: left.groups.get(group.id) },
  }));
}

/** Each layer loses its rate. */
function uniformWish(
  entry: RankedGroup,
  widths: LayerWidths,
  method: Methodology,
  rates: LayerRates,
): Wish {
  const { merge, counting } = method.options;
  const { group, members, ranking } = entry;
  const rate = rates.ofGroup(group);
  const share = widths.share(
    group,
    (width) => (counting === 'paper' ? method.paperCount(width) : removedCount(width, rate)),
    (other) => rates.ofGroup(other) === rate,
  );
  if (!isVote(merge)) return { scores: mergedScores(members, merge), removed: share };
  return wishOfVotes(entry, merge, votes(members, share, ranking));
}

/** One ranking over all groups decides how many of each go. */
function globalWishes(ranked: readonly RankedGroup[], { options }: Methodology): Wish[] {
  const { rate, minKeep, merge } = options;
  if (isVote(merge)) return globalVotes(ranked, merge, rate);
  const merged = ranked.map(({ members }) => mergedScores(members, merge));
  const lists = merged.map((scores, index) => ({ scores, ...ranked[index]!.ranking }));
  const counts = globalCounts(lists, rate, minKeep);
  return merged.map((scores, index) => ({ scores, removed: counts[index]! }));
}

/** Producers vote for those of their filters that are among the lowest of all producers' filters. */
function globalVotes(ranked: readonly RankedGroup[], merge: Vote, rate: number): Wish[] {
  const lists = ranked.flatMap(({ members, ranking }) =>
    members.map((scores) => ({ scores, ...ranking })),
  );
  const counts = globalCounts(lists, rate, 0);
  let next = 0;
  return ranked.map((entry) => {
    const { members, ranking } = entry;
    const counted = members.map((scores) => votes([scores], counts[next++]!, ranking)); // per member
    const sums = members[0]!.map((_, channel) =>
      counted.reduce((sum, vote) => sum + vote[channel]!, 0),
    );
    return wishOfVotes(entry, merge, sums);
  });
}

/** The most condemned go first; a single producer's votes are its own order. */
function wishOfVotes({ members }: RankedGroup, merge: Vote, counted: readonly number[]): Wish {
  const removed = votedCount(counted, merge, members.length);
  const scores = members.length === 1 ? members[0]! : counted.map((count) => -count);
  return { scores, removed };
}
