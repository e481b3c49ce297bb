import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import type { ChannelGraph } from '../../../graph';
import { chooseUnits, NormFilter } from '../../../methods';
import type { Merge, PolicyOptions } from '../../../methods';
import { isVote, mergeScores, countVotes } from '../../../methods/select/merge';
import { Chooser, KernelShelf, pairGraph, removedOf } from '../fixtures';

let shelf: KernelShelf;

beforeAll(async () => {
  await startEngine('cpu');
});
beforeEach(() => {
  shelf = new KernelShelf();
});
afterEach(() => {
  shelf.dispose();
});

describe('one group of two producers', () => {
  let graph: ChannelGraph;
  // One weight a filter: its norm is |w|.
  const a = [1, -2, 19, 14];
  const b = [40, 5, -20, 24];

  beforeEach(() => {
    graph = pairGraph(4);
    shelf.set('a/kernel', [1, 1, 1, 4], a).set('b/kernel', [1, 1, 1, 4], b);
    shelf.set('head/kernel', [4, 2], [1, 1, 1, 1, 1, 1, 1, 1]);
  });

  const removedBy = (options: Partial<PolicyOptions>): number[] =>
    removedOf(
      chooseUnits({ graph, kernel: shelf.read }, new NormFilter(), {
        rate: 0.5,
        ...options,
      }).groups.get('a'),
    );

  it('is one group of four channels', () => {
    expect(graph.prunable.map(({ id, channels }) => [id, channels])).toEqual([['a', 4]]);
  });

  const rows = tableRows('merging.md');
  const [ofA, ofB, ...ofMerges] = rows;

  it('has the scores and choices of docs/merging.md', () => {
    expect([ofA, ofB]).toEqual([
      ['a', ...a.map((weight) => String(Math.abs(weight))), '0', '0, 1', '0, 1, 3'],
      ['b', ...b.map((weight) => String(Math.abs(weight))), '1', '1, 2', '1, 2, 3'],
    ]);
    expect(ofMerges.map(([merge]) => merge)).toEqual(['mean', 'sum', 'max', 'score', 'and', 'or']);
  });

  it.each(ofMerges)('%s does what docs/merging.md says', (merge, ...cells) => {
    const rule = { merge: merge as Merge };
    const scores = [a, b].map((weights) => weights.map(Math.abs));
    const joined = isVote(rule.merge) ? countVotes(scores, 2, {}) : mergeScores(scores, rule.merge);
    const choices = [
      removedBy({ rate: 0.25, ...rule }),
      removedBy({ rate: 0.5, ...rule }),
      removedBy({ rate: 0.75, ...rule }),
      removedBy({ rate: 0.5, scope: 'global', ...rule }),
    ];
    expect([
      ...joined.map((value) => String(Math.round(value * 1000) / 1000)),
      ...choices.map((removed) => removed.join(', ') || 'none'),
    ]).toEqual(cells);
  });

  it.each([
    // Of all eight filters the lowest four are 1, 2, 5 and 14: a loses 0, 1 and 3, b loses 1.
    { merge: 'and', removed: [1] },
    { merge: 'or', removed: [0, 1, 3] },
    // One group alone: the same as uniform.
    { merge: 'sum', removed: [1, 3] },
  ] as const)('$merge removes $removed of a global ranking', ({ merge, removed }) => {
    expect(removedBy({ merge, scope: 'global' })).toEqual(removed);
  });

  it.each([
    // Three have a vote: 1 has both and goes first, then of 0 and 2 with one each the higher index.
    { roundTo: 2, minKeep: 1, removed: [1, 2] },
    { roundTo: 1, minKeep: 2, removed: [1, 2] },
    { roundTo: 4, minKeep: 1, removed: [] },
  ])('holds or to minKeep $minKeep and roundTo $roundTo', ({ removed, ...options }) => {
    expect(removedBy({ merge: 'or', ...options })).toEqual(removed);
  });

  it.each(['and', 'or', 'mean', 'score'] as const)(
    'never gives back under %s what is removed for good',
    (merge) => {
      for (const scope of ['uniform', 'global'] as const) {
        shelf.set('a/kernel', [1, 1, 1, 4], a).set('b/kernel', [1, 1, 1, 4], b);
        const method = new Chooser(new NormFilter(), { rate: 0.5, merge, scope, regrowth: 'hard' });
        const before = removedOf(method.choose(graph, shelf.read).groups.get('a'));
        // The removed ones become the best of all.
        const turned = a.map((_, channel) => (before.includes(channel) ? 100 : channel + 1));
        shelf.set('a/kernel', [1, 1, 1, 4], turned).set('b/kernel', [1, 1, 1, 4], turned);
        const after = removedOf(method.choose(graph, shelf.read).groups.get('a'));
        expect(after).toEqual(expect.arrayContaining(before));
        // Voters may agree on more as they train, the others have what they asked for.
        if (merge !== 'and') expect(after).toEqual(before);
      }
    },
  );

  it('keeps all where the producers agree on nothing', () => {
    shelf.set('a/kernel', [1, 1, 1, 4], [1, 2, 3, 4]).set('b/kernel', [1, 1, 1, 4], [4, 3, 2, 1]);
    expect(removedBy({ merge: 'and' })).toEqual([]);
    expect(removedBy({ merge: 'or' })).toEqual([1, 2, 3]); // all four, and one has to stay
  });
});

/** The cells of the tables of a document, without heads and the ticks of code. */
function tableRows(file: string): string[][] {
  const lines = readFileSync(join(__dirname, '../../../docs', file), 'utf8').split('\n');
  const rows = lines.filter((line) => line.startsWith('| `'));
  return rows.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}
