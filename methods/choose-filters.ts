import type { ChannelGraph, ChannelGroup, KeepSet } from '../graph';
import { removedCount, roundedUp } from './counts';
import { mergedScores, votedCount } from './merge';
import type { Methodology, MethodOptions } from './methodology';
import { lowest, without } from './ranking';
import { readScores } from './scores';
import type { KernelScorer } from './scores';

/** Chooses the channels that stay, group by group, from the filters' scores. */
export function chooseFilters(
  graph: ChannelGraph,
  scorer: KernelScorer,
  method: Methodology,
): KeepSet {
  const { options } = method;
  const scores = scoresByProducer(graph, scorer);
  const removed = uniformCounts(graph, (width) => {
    const count =
      options.counting === 'paper' ? method.paperCount(width) : removedCount(width, options.rate);
    return roundedUp(width - count, width, options.roundTo);
  });
  const ranked = graph.prunable.map((group) => {
    const members = group.producers.map(({ weight, indices }) =>
      indices.map((index) => scores.get(weight)![index]!),
    );
    const count = Math.min(removed.get(group.id)!, group.channels - options.minKeep);
    const merged = mergedScores(members, options.merge, count);
    return { group, merged, count: Math.max(0, agreed(merged, count, options, members.length)) };
  });
  const counts =
    options.scope === 'global' ? globalCounts(ranked, options) : ranked.map(({ count }) => count);
  const groups = ranked.map(({ group, merged }, index) => {
    const gone = lowest(merged, counts[index]!, options.counting);
    return [group.id, without(group.channels, gone)] as const;
  });
  return { groups: new Map(groups), weights: new Map() };
}

/** A ranked group: its merged scores and how many of its channels a uniform rate would remove. */
interface RankedGroup {
  readonly group: ChannelGroup;
  readonly merged: readonly number[];
  readonly count: number;
}

function scoresByProducer(graph: ChannelGraph, scorer: KernelScorer): Map<string, Float32Array> {
  const scores = new Map<string, Float32Array>();
  for (const { producers } of graph.prunable) {
    for (const { weight } of producers) {
      if (!scores.has(weight)) scores.set(weight, readScores(weight, scorer));
    }
  }
  return scores;
}

/** With `and` and `or` the producers' votes decide how many go, never below the floor. */
function agreed(
  merged: readonly number[],
  count: number,
  { merge, minKeep }: Required<MethodOptions>,
  members: number,
): number {
  if ((merge !== 'and' && merge !== 'or') || members === 1) return count;
  return Math.min(votedCount(merged, merge, members), merged.length - minKeep);
}

/**
 * How many channels of each group go, so that every layer's width is what `keptOf` says.
 *
 * A layer's output may be made of several groups: with option-A shortcuts the 32 channels of stage 2
 * are the 16 of stage 1 and 16 of their own. The rate is taken of the layer's width: the groups that
 * were counted before are subtracted, and the last one takes the rest (32 keeps 23, of which 12 are
 * stage 1's and 11 its own).
 */
function uniformCounts(
  graph: ChannelGraph,
  keptOf: (width: number) => number,
): Map<string, number> {
  const groupsOf = new Map<string, ChannelGroup[]>(); // kernel -> prunable groups of its filters
  for (const group of graph.prunable) {
    for (const { weight } of group.producers) {
      groupsOf.set(weight, [...(groupsOf.get(weight) ?? []), group]);
    }
  }
  const removed = new Map<string, number>();
  for (const group of graph.prunable) {
    const settled = group.producers
      .map(({ weight }) => groupsOf.get(weight)!)
      .find((groups) => groups.every((other) => other === group || removed.has(other.id)));
    const together = settled ?? [group];
    const width = together.reduce((sum, { channels }) => sum + channels, 0);
    const before = together.reduce((sum, { id }) => sum + (removed.get(id) ?? 0), 0);
    removed.set(group.id, Math.max(0, width - keptOf(width) - before));
  }
  return removed;
}

/** One ranking over all groups: how many of each are among the lowest. */
function globalCounts(
  ranked: readonly RankedGroup[],
  { rate, minKeep, roundTo }: Required<MethodOptions>,
): number[] {
  const all = ranked.flatMap(({ merged }, group) => {
    // The best `minKeep` of each group are out of the contest.
    const contestants = lowest(merged, merged.length - minKeep);
    return contestants.map((channel) => ({ group, score: merged[channel]! }));
  });
  const total = ranked.reduce((sum, { group }) => sum + group.channels, 0);
  const gone = lowest(
    all.map(({ score }) => score),
    Math.min(all.length, removedCount(total, rate)),
  );
  const counts = ranked.map(() => 0);
  for (const index of gone) counts[all[index]!.group]!++;
  return counts.map((count, index) => {
    const { channels } = ranked[index]!.group;
    return channels - roundedUp(channels - count, channels, roundTo);
  });
}
