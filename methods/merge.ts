import { lowest } from './ranking';

/**
 * How several producers of one group agree. `mean`, `sum` and `max` join their scores; `score` joins
 * scores that each producer has normalised by their sum; `and` removes what every producer would
 * remove, `or` what any would.
 */
export type Merge = 'mean' | 'sum' | 'max' | 'and' | 'or' | 'score';

/**
 * One score per channel of a group.
 *
 * @param members per producer, its scores of the group's channels.
 * @param removed how many channels each producer would remove by itself; matters for and / or only.
 */
export function mergedScores(
  members: readonly (readonly number[])[],
  merge: Merge,
  removed: number,
): number[] {
  if (members.length === 1 && merge !== 'score') return [...members[0]!];
  switch (merge) {
    case 'sum':
      return combined(members, (sum, score) => sum + score);
    case 'mean':
      return combined(members, (sum, score) => sum + score).map((sum) => sum / members.length);
    case 'max':
      return combined(members, Math.max);
    case 'score':
      return combined(members.map(shares), (sum, score) => sum + score);
    case 'and':
    case 'or':
      return votes(members, removed);
  }
}

/**
 * How many channels of a group go: `removed`, except where the producers vote.
 *
 * @param votesFor per channel, minus the number of producers that would remove it.
 */
export function votedCount(
  votesFor: readonly number[],
  merge: 'and' | 'or',
  members: number,
): number {
  const needed = merge === 'and' ? members : 1;
  return votesFor.filter((vote) => -vote >= needed).length;
}

function combined(
  members: readonly (readonly number[])[],
  join: (a: number, b: number) => number,
): number[] {
  const [first, ...others] = members;
  return others.reduce<number[]>(
    (joined, scores) => joined.map((score, index) => join(score, scores[index]!)),
    [...first!],
  );
}

function shares(scores: readonly number[]): number[] {
  const sum = scores.reduce((total, score) => total + score, 0);
  return scores.map((score) => (sum === 0 ? 0 : score / sum));
}

/** Minus the number of producers that would remove the channel: the most condemned scores lowest. */
function votes(members: readonly (readonly number[])[], removed: number): number[] {
  const against = members[0]!.map(() => 0);
  for (const scores of members) {
    for (const channel of lowest(scores, removed)) against[channel]!--;
  }
  return against;
}
