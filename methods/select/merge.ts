import { lowest } from './ranking';
import type { Ranking } from './ranking';

/**
 * How several producers of one group agree. `mean`, `sum` and `max` join their scores; `score` joins
 * scores that each producer has normalised by their sum; `and` removes what every producer would
 * remove, `or` what any would.
 */
export type Merge = ScoreMerge | Vote;

/** Producers that join their scores. */
export type ScoreMerge = 'mean' | 'sum' | 'max' | 'score';

/** Producers that vote for what they would remove themselves. */
export type Vote = 'and' | 'or';

/** Scores per producer of a group, each over the group's channels. */
export type Members = readonly (readonly number[])[];

/** True for the merges that count votes. */
export function isVote(merge: Merge): merge is Vote {
  return merge === 'and' || merge === 'or';
}

/** One score per channel of a group. */
export function mergeScores(members: Members, merge: ScoreMerge): number[] {
  switch (merge) {
    case 'sum':
      return combine(members, (sum, score) => sum + score);
    case 'mean':
      return combine(members, (sum, score) => sum + score).map((sum) => sum / members.length);
    case 'max':
      return combine(members, Math.max);
    case 'score':
      return combine(members.map(shares), (sum, score) => sum + score);
  }
}

/**
 * Per channel of a group, how many producers would remove it when each removes `removed` channels
 * by itself. What may no longer return has every vote: it is not put to the vote again.
 */
export function countVotes(members: Members, removed: number, ranking: Ranking): number[] {
  const counted = members[0]!.map((_, channel) =>
    ranking.held?.[channel] === 0 ? members.length : 0,
  );
  for (const scores of members) {
    for (const channel of lowest(scores, removed, ranking)) {
      if (ranking.held?.[channel] !== 0) counted[channel]!++;
    }
  }
  return counted;
}

/** How many channels have the votes that they need. */
export function countVoted(counted: readonly number[], merge: Vote, members: number): number {
  const needed = merge === 'and' ? members : 1;
  return counted.filter((count) => count >= needed).length;
}

function combine(members: Members, join: (a: number, b: number) => number): number[] {
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
