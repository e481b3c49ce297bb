import { removedCount } from './counts';
import type { CountingRule } from './counts';

/** What decides beside the scores which unit goes first. */
export interface Ranking {
  /**
   * Among equal scores `exact` removes the higher index first (the lower one stays), `paper` the
   * lower one, as an ascending sort of the published codes does. Default exact.
   */
  readonly ties?: CountingRule;
  /** What an earlier choice left, 0/1 per unit: what it removed goes first, whatever it scores. */
  readonly left?: Uint8Array | undefined;
}

/** The indices of the `count` lowest scores, in the order in which they go. */
export function lowest(
  scores: ArrayLike<number>,
  count: number,
  { ties = 'exact', left }: Ranking = {},
): Uint32Array {
  const order = Uint32Array.from({ length: scores.length }, (_, index) => index);
  const direction = ties === 'exact' ? -1 : 1;
  order.sort((a, b) => {
    if (left && left[a] !== left[b]) return left[a]! - left[b]!;
    return scores[a]! - scores[b]! || direction * (a - b);
  });
  return order.subarray(0, Math.max(0, count));
}

/** 0/1 over `length` units with the given ones removed. */
export function without(length: number, removed: Iterable<number>): Uint8Array {
  const keep = new Uint8Array(length).fill(1);
  for (const index of removed) keep[index] = 0;
  return keep;
}

/** A list of scores that competes with others. */
interface Contestants extends Ranking {
  readonly scores: ArrayLike<number>;
}

/**
 * How many of each list are among the lowest of all, at `rate` of their common number.
 *
 * @param minKeep the best of each list that are out of the contest.
 */
export function globalCounts(
  lists: readonly Contestants[],
  rate: number,
  minKeep: number,
): number[] {
  const total = lists.reduce((sum, { scores }) => sum + scores.length, 0);
  const open = lists.map((list) => lowest(list.scores, list.scores.length - minKeep, list));
  const contestants = open.reduce((sum, { length }) => sum + length, 0);
  const scores = new Float64Array(contestants);
  const left = new Uint8Array(contestants).fill(1);
  const owner = new Uint32Array(contestants);
  let at = 0;
  lists.forEach((list, index) => {
    for (const unit of open[index]!) {
      scores[at] = list.scores[unit]!;
      left[at] = list.left?.[unit] ?? 1;
      owner[at++] = index;
    }
  });
  const counts = lists.map(() => 0);
  for (const unit of lowest(scores, removedCount(total, rate), { left })) counts[owner[unit]!]!++;
  return counts;
}
