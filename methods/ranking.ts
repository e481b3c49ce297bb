/**
 * The indices of the `count` lowest scores, in the order in which they go.
 *
 * @param ties among equal scores `exact` removes the higher index first (the lower one stays), as
 *   `paper` the lower one, which is what an ascending sort of the published codes does.
 */
export function lowest(
  scores: ArrayLike<number>,
  count: number,
  ties: 'exact' | 'paper' = 'exact',
): number[] {
  const order = Array.from({ length: scores.length }, (_, index) => index);
  const direction = ties === 'exact' ? -1 : 1;
  order.sort((a, b) => scores[a]! - scores[b]! || direction * (a - b));
  return order.slice(0, count);
}

/** 0/1 over `length` units with the given ones removed. */
export function without(length: number, removed: Iterable<number>): Uint8Array {
  const keep = new Uint8Array(length).fill(1);
  for (const index of removed) keep[index] = 0;
  return keep;
}
