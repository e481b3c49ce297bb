import type { ChannelGraph, ChannelGroup, KeepSet } from '../../graph';
import { removedCount } from './counts';
import type { LayerRates } from './layer-rates';
import { LayerWidths } from './layer-widths';
import { limited } from './limits';
import type { Limits } from './limits';
import { isVote, mergedScores, votedCount, votes } from './merge';
import type { Members, Vote } from './merge';
import type { Methodology } from '../methodology';
import { globalCounts, goneBefore, lowest, without } from './ranking';
import type { Contestant, Ranking } from './ranking';
import type { ScoreBook } from './scores';

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
 * @throws {RangeError} when a common rate cannot be reached within the limits of the groups.
 */
export function chooseFilters(
  graph: ChannelGraph,
  scores: ScoreBook,
  method: Methodology,
  { rates, left }: { readonly rates: LayerRates; readonly left: KeepSet },
): KeepSet {
  const widths = new LayerWidths(graph, method.options);
  const ranked = rankedGroups(graph, scores, method, left);
  const isAlone = ({ group }: RankedGroup): boolean =>
    method.options.scope === 'uniform' || rates.ownOfGroup(group) !== null;
  const common = ranked.filter((entry) => !isAlone(entry));
  const ranking = commonWishes(common, method, rates);
  const groups = ranked.map((entry) => {
    const { group } = entry;
    const wish = ranking.get(entry) ?? uniformWish(entry, widths, method, rates);
    const removed = widths.settle(group, wish.removed, goneBefore(entry.ranking));
    const gone = lowest(wish.scores, removed, entry.ranking);
    return [group.id, without(group.channels, gone)] as const;
  });
  return { groups: new Map(groups), weights: new Map() };
}

function rankedGroups(
  graph: ChannelGraph,
  scores: ScoreBook,
  { options }: Methodology,
  left: KeepSet,
): RankedGroup[] {
  return graph.prunable.map((group) => ({
    group,
    members: group.producers.map(({ weight, indices }) => {
      const all = scores.of(weight);
      return indices.map((index) => all[index]!);
    }),
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
    (width) => (counting === 'paper' ? method.paperCount(width, rate) : removedCount(width, rate)),
    (other) => rates.ofGroup(other) === rate,
  );
  if (!isVote(merge)) return { scores: mergedScores(members, merge), removed: share };
  return wishOfVotes(entry, merge, votes(members, share, ranking));
}

/** One ranking over several groups decides how many of each go. */
function commonWishes(
  ranked: readonly RankedGroup[],
  method: Methodology,
  rates: LayerRates,
): Map<RankedGroup, Wish> {
  const { merge } = method.options;
  if (ranked.length === 0) return new Map();
  if (isVote(merge)) return votedWishes(ranked, merge, method, rates);
  const merged = ranked.map(({ members }) => mergedScores(members, merge));
  const lists = merged.map((scores, index) => contestant(scores, ranked[index]!, method, rates));
  const counts = globalCounts(lists, rates.common);
  return new Map(
    ranked.map((entry, index) => [entry, { scores: merged[index]!, removed: counts[index]! }]),
  );
}

function contestant(
  scores: readonly number[],
  { ranking }: RankedGroup,
  method: Methodology,
  { minRate }: LayerRates,
): Contestant & Limits {
  const { scope } = method.options;
  return {
    ...ranking,
    ...limited(scores.length, { ...method.options, minRate }),
    scores: scope === 'adaptive' ? method.normalised(scores, ranking) : scores,
  };
}

/**
 * Producers vote for those of their filters that are among the lowest of all producers' filters; what
 * comes of it stays within the limits of the group.
 */
function votedWishes(
  ranked: readonly RankedGroup[],
  merge: Vote,
  method: Methodology,
  rates: LayerRates,
): Map<RankedGroup, Wish> {
  const lists = ranked.flatMap((entry) =>
    entry.members.map((scores) => contestant(scores, entry, method, rates)),
  );
  const counts = globalCounts(lists, rates.common);
  let next = 0;
  const wishes = ranked.map((entry) => {
    const { members, ranking } = entry;
    const { least, most } = lists[next]!; // the same for every producer
    const counted = members.map((scores) => votes([scores], counts[next++]!, ranking)); // per member
    const sums = members[0]!.map((_, channel) =>
      counted.reduce((sum, vote) => sum + vote[channel]!, 0),
    );
    const wish = wishOfVotes(entry, merge, sums);
    const removed = Math.min(most, Math.max(least, wish.removed));
    return [entry, { ...wish, removed }] as const;
  });
  return new Map(wishes);
}

/** The most condemned go first; a single producer's votes are its own order. */
function wishOfVotes({ members }: RankedGroup, merge: Vote, counted: readonly number[]): Wish {
  const removed = votedCount(counted, merge, members.length);
  const scores = members.length === 1 ? members[0]! : counted.map((count) => -count);
  return { scores, removed };
}
