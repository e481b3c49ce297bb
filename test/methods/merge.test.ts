import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import type { ChannelGraph } from '../../graph';
import { NormFilter } from '../../methods';
import type { MethodOptions } from '../../methods';
import { KernelShelf, chainGraph, pairGraph, removedOf } from './fixtures';

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

  const removedBy = (options: Omit<MethodOptions, 'rate'>): number[] =>
    removedOf(new NormFilter({ rate: 0.5, ...options }).choose(graph, shelf.read).groups.get('a'));

  it('is one group of four channels', () => {
    expect(graph.prunable.map(({ id, channels }) => [id, channels])).toEqual([['a', 4]]);
  });

  it.each([
    // 1 + 40, 2 + 5, 19 + 20, 14 + 24 = 41, 7, 39, 38
    { merge: 'sum', removed: [1, 3] },
    // halves of these
    { merge: 'mean', removed: [1, 3] },
    // 40, 5, 20, 24
    { merge: 'max', removed: [1, 2] },
    // by 36 and 89: 1/36 + 40/89, 2/36 + 5/89, 19/36 + 20/89, 14/36 + 24/89 = .48, .11, .75, .66
    { merge: 'score', removed: [0, 1] },
    // a would remove 0 and 1, b 1 and 2: both
    { merge: 'and', removed: [1] },
    // either
    { merge: 'or', removed: [0, 1, 2] },
  ] as const)('$merge removes $removed', ({ merge, removed }) => {
    expect(removedBy({ merge })).toEqual(removed);
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
        const method = new NormFilter({ rate: 0.5, merge, scope, regrowth: 'hard' });
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

describe('the scope of the rate over two layers', () => {
  let graph: ChannelGraph;

  beforeEach(() => {
    graph = chainGraph([4, 3], 1);
    shelf.set('conv0/kernel', [1, 1, 1, 4], [1, 2, 3, 4]);
    // [in, out]: only the first input has a weight, so the norms are 1.5, 10 and 0.5
    shelf.set('conv1/kernel', [1, 1, 4, 3], [-1.5, 10, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    shelf.set('head/kernel', [3, 2], [1, 1, 1, 1, 1, 1]);
  });

  const removedBy = (options: MethodOptions): number[][] =>
    [...new NormFilter(options).choose(graph, shelf.read).groups.values()].map(removedOf);

  it('uniform takes the rate of each layer', () => {
    // floor(4 * 0.5) = 2 and floor(3 * 0.5) = 1
    expect(removedBy({ rate: 0.5 })).toEqual([[0, 1], [2]]);
  });

  it('global takes the rate of all filters together', () => {
    // floor(7 * 0.5) = 3 of 0.5, 1, 1.5, 2, 3, 4, 10
    expect(removedBy({ rate: 0.5, scope: 'global' })).toEqual([[0], [0, 2]]);
  });

  it('global leaves the best of each layer out of the contest', () => {
    // floor(7 * 0.9) = 6 are asked for, 5 may go
    expect(removedBy({ rate: 0.9, scope: 'global' })).toEqual([
      [0, 1, 2],
      [0, 2],
    ]);
    // minKeep 2: 1, 2 and 0.5 may go; floor(7 * 0.3) = 2 do
    expect(removedBy({ rate: 0.3, scope: 'global', minKeep: 2 })).toEqual([[0], [2]]);
  });

  it('global rounds what each layer keeps up', () => {
    // 3 and 1 stay of 4 and 3; rounded up to 4 and 2
    expect(removedBy({ rate: 0.5, scope: 'global', roundTo: 2 })).toEqual([[], [2]]);
  });

  it('global gives a tie to the earlier layer', () => {
    shelf.set('conv0/kernel', [1, 1, 1, 4], [2, 2, 2, 2]);
    shelf.set('conv1/kernel', [1, 1, 4, 3], [2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // floor(7 * 0.3) = 2: of equals the last units go
    expect(removedBy({ rate: 0.3, scope: 'global' })).toEqual([[], [1, 2]]);
  });
});
