import { removedCount } from './counts';
import type { CountingRule } from './counts';
import { RateLimitError } from './limits';
import { radixKept } from './radix-kept';
import { radixOrder } from './radix-order';

/** From this length on a list is sorted by bits: below it comparisons are as fast. */
const LONG = 2048;

/** What decides beside the scores which unit goes first. */
export interface Ranking {
  /**
   * Among equal scores `exact` removes the higher index first (the lower one stays), `paper` the
   * lower one, as an ascending sort of the published codes does. Default exact.
   */
  readonly ties?: CountingRule;
  /** 0/1 per unit, 0 for those that may no longer return: these go first, whatever they score. */
  readonly held?: Uint8Array | undefined;
}

/** The indices of the `count` lowest scores, in the order in which they go. */
export function lowest(
  scores: ArrayLike<number>,
  count: number,
  { ties = 'exact', held }: Ranking = {},
): Uint32Array {
  const units = new Uint32Array(scores.length);
  for (let unit = 0; unit < units.length; unit++) units[unit] = unit;
  if (ties === 'exact') units.reverse();
  const isShort = units.length < LONG;
  const order = isShort
    ? units.sort((a, b) => scores[a]! - scores[b]!) // stable
    : radixOrder(scores, units, held ? units.length : count);
  return (held ? firstOf(order, held) : order).subarray(0, Math.max(0, count));
}

/** Those that an earlier choice removed, then the others, each in their order. */
function firstOf(order: Uint32Array, held: Uint8Array): Uint32Array {
  const gone = order.filter((unit) => held[unit] === 0);
  const others = order.filter((unit) => held[unit] !== 0);
  order.set(gone);
  order.set(others, gone.length);
  return order;
}

/** 0/1 over `length` units with the given ones removed. */
export function without(length: number, removed: Iterable<number>): Uint8Array {
  const keep = new Uint8Array(length).fill(1);
  for (const index of removed) keep[index] = 0;
  return keep;
}

/** 0/1 per unit, 0 for those that `lowest` names; quicker for long lists, since no order is needed. */
export function dropLowest(
  scores: ArrayLike<number>,
  count: number,
  ranking: Ranking = {},
): Uint8Array {
  const gone = goneBefore(ranking);
  const isQuick = scores instanceof Float32Array && ranking.ties !== 'paper' && count >= gone;
  if (isQuick) return radixKept(scores, count - gone, ranking.held);
  return without(scores.length, lowest(scores, count, ranking));
}

/**
 * Makes the scores of one list comparable to those of others: each one's square as a share of the
 * squares of all that go no sooner (LAMP; see `Methodology.normalise`).
 */
export function layerAdaptive(scores: ArrayLike<number>, ranking: Ranking): Float64Array {
  const shift = leastOf(scores);
  const order = lowest(scores, scores.length, ranking);
  const shares = new Float64Array(scores.length);
  let later = 0;
  for (let place = order.length - 1; place >= 0; place--) {
    const square = (scores[order[place]!]! - shift) ** 2;
    later += square;
    shares[order[place]!] = later === 0 ? 0 : square / later;
  }
  return shares;
}

/** The lowest score, 0 where none is below it; a spread would overflow the stack. */
function leastOf(scores: ArrayLike<number>): number {
  let least = 0;
  for (let index = scores.length - 1; index >= 0; index--) least = Math.min(least, scores[index]!);
  return least;
}

/** A list of scores that competes with others. */
export interface Contestant extends Ranking {
  readonly scores: ArrayLike<number>;
  /** Units that go whatever the others do: the lowest ones. Default 0. */
  readonly least?: number;
  /** Units that go at most. Default all. */
  readonly most?: number;
}

/** How many units an earlier choice removed. */
export function goneBefore({ held }: Ranking): number {
  if (!held) return 0;
  let gone = 0;
  for (const stays of held) gone += 1 - stays;
  return gone;
}

/**
 * How many of each list are among the lowest of all, at `rate` of their common number; never fewer
 * than an earlier choice removed of it, rounding included.
 *
 * @throws {RateLimitError} when the limits of the lists leave more or fewer than the rate asks for.
 */
export function globalCounts(lists: readonly Contestant[], rate: number): number[] {
  const counts = lists.map(({ least = 0 }) => least);
  const sum = (values: readonly number[]): number =>
    values.reduce((total, value) => total + value, 0);
  const total = sum(lists.map(({ scores }) => scores.length));
  const wanted = removedCount(total, rate);
  const most = sum(lists.map((list) => list.most ?? list.scores.length));
  const least = sum(counts);
  if (wanted < least || wanted > most) {
    throw new RateLimitError(
      wanted < least ? 'below' : 'above',
      rate,
      `asks for ${wanted} of ${total} units, the limits per layer leave ${least} to ` +
        `${most} (rates ${(least / total).toFixed(4)} to ${(most / total).toFixed(4)})`,
    );
  }
  const { owners, ...open } = contest(lists);
  for (const unit of lowest(open.scores, wanted - least, open)) counts[owners[unit]!]!++;
  return counts.map((count, index) => Math.max(count, goneBefore(lists[index]!)));
}

/** All units between the limits of their lists, in one list. */
function contest(lists: readonly Contestant[]): {
  scores: Float64Array;
  held: Uint8Array;
  owners: Uint32Array;
} {
  const open = lists.map((list) => {
    const { scores, least = 0, most = scores.length } = list;
    return lowest(scores, most, list).subarray(least);
  });
  const size = open.reduce((sum, { length }) => sum + length, 0);
  const scores = new Float64Array(size);
  const held = new Uint8Array(size).fill(1);
  const owners = new Uint32Array(size);
  let at = 0;
  lists.forEach((list, index) => {
    for (const unit of open[index]!) {
      scores[at] = list.scores[unit]!;
      held[at] = list.held?.[unit] ?? 1;
      owners[at++] = index;
    }
  });
  return { scores, held, owners };
}
