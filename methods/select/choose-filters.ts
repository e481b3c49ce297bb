import type { ChannelGraph, ChannelGroup, KeepSet } from '../../graph';
import { removedCount } from './counts';
import type { LayerRates } from './layer-rates';
import { LayerWidths } from './layer-widths';
import { limitsOf } from './limits';
import type { Limits } from './limits';
import { isVote, mergeScores, countVoted, countVotes } from './merge';
import type { Members, Vote } from './merge';
import type { Policy } from './policy';
import { globalCounts, goneBefore, lowest, without } from './ranking';
import type { Contestant, Ranking } from './ranking';
import type { Scores } from './scores';

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
 * @param held what may no longer return: the channels that it removed go first.
 * @throws {OptionError} when a common rate cannot be reached within the limits of the groups.
 */
export function chooseFilters(
  graph: ChannelGraph,
  scores: Scores,
  policy: Policy,
  { rates, held }: { readonly rates: LayerRates; readonly held: KeepSet },
): KeepSet {
  const widths = new LayerWidths(graph, policy);
  const ranked = rankGroups(graph, scores, policy, held);
  const isAlone = ({ group }: RankedGroup): boolean =>
    policy.scope === 'uniform' || rates.ownOfGroup(group) !== null;
  const common = ranked.filter((entry) => !isAlone(entry));
  const ranking = commonWishes(common, scores, policy, rates);
  const groups = ranked.map((entry) => {
    const { group } = entry;
    const wish = ranking.get(entry) ?? uniformWish(entry, widths, scores, policy, rates);
    const removed = widths.settle(group, wish.removed, goneBefore(entry.ranking));
    const gone = lowest(wish.scores, removed, entry.ranking);
    return [group.id, without(group.channels, gone)] as const;
  });
  return { groups: new Map(groups), weights: new Map() };
}

function rankGroups(
  graph: ChannelGraph,
  { kernels }: Scores,
  { counting }: Policy,
  held: KeepSet,
): RankedGroup[] {
  return graph.prunable.map((group) => ({
    group,
    members: group.producers.map(({ weight, indices }) => {
      const { values } = kernels.get(weight)!;
      return indices.map((index) => values[index]!);
    }),
    ranking: { ties: counting, held: held.groups.get(group.id) },
  }));
}

/** Each layer loses its rate. */
function uniformWish(
  entry: RankedGroup,
  widths: LayerWidths,
  { rules }: Scores,
  { merge, counting }: Policy,
  rates: LayerRates,
): Wish {
  const { group, members, ranking } = entry;
  const rate = rates.ofGroup(group);
  const share = widths.share(
    group,
    (width) => (counting === 'paper' ? rules.paperCount(width, rate) : removedCount(width, rate)),
    (other) => rates.ofGroup(other) === rate,
  );
  if (!isVote(merge)) return { scores: mergeScores(members, merge), removed: share };
  return wishOfVotes(entry, merge, countVotes(members, share, ranking));
}

/** One ranking over several groups decides how many of each go. */
function commonWishes(
  ranked: readonly RankedGroup[],
  scores: Scores,
  policy: Policy,
  rates: LayerRates,
): Map<RankedGroup, Wish> {
  const { merge } = policy;
  const comparing = { rules: scores.rules, policy, rates };
  if (ranked.length === 0) return new Map();
  if (isVote(merge)) return collectVotes(ranked, merge, comparing);
  const merged = ranked.map(({ members }) => mergeScores(members, merge));
  const lists = merged.map((one, index) => contestant(one, ranked[index]!, comparing));
  const counts = globalCounts(lists, rates.common);
  return new Map(
    ranked.map((entry, index) => [entry, { scores: merged[index]!, removed: counts[index]! }]),
  );
}

/** What a common ranking goes by. */
interface Comparing {
  readonly rules: Scores['rules'];
  readonly policy: Policy;
  readonly rates: LayerRates;
}

function contestant(
  scores: readonly number[],
  { ranking }: RankedGroup,
  { rules, policy, rates: { minRate } }: Comparing,
): Contestant & Limits {
  return {
    ...ranking,
    ...limitsOf(scores.length, { ...policy, minRate }),
    scores: policy.scope === 'adaptive' ? rules.normalise(scores, ranking) : scores,
  };
}

/**
 * Producers vote for those of their filters that are among the lowest of all producers' filters; what
 * comes of it stays within the limits of the group.
 */
function collectVotes(
  ranked: readonly RankedGroup[],
  merge: Vote,
  comparing: Comparing,
): Map<RankedGroup, Wish> {
  const lists = ranked.flatMap((entry) =>
    entry.members.map((scores) => contestant(scores, entry, comparing)),
  );
  const counts = globalCounts(lists, comparing.rates.common);
  let next = 0;
  const wishes = ranked.map((entry) => {
    const { members, ranking } = entry;
    const { least, most } = lists[next]!; // the same for every producer
    const counted = members.map((scores) => countVotes([scores], counts[next++]!, ranking)); // per member
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
  const removed = countVoted(counted, merge, members.length);
  const scores = members.length === 1 ? members[0]! : counted.map((count) => -count);
  return { scores, removed };
}
