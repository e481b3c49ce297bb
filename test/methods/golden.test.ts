import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import type { ChannelGraph } from '../../graph';
import { GeometricMedian, NormFilter, NormWeight } from '../../methods';
import { Chooser, KernelShelf, oneConvGraph, removedOf } from './fixtures';

interface Choice {
  readonly removed: number[];
}

interface Golden {
  readonly normRate: number;
  readonly paperCounts: readonly { n: number; keepRate: number; removed: number }[];
  readonly cases: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly kernel: readonly number[];
    readonly rates: readonly {
      readonly rate: number;
      readonly filters: number;
      readonly weights: number;
      readonly l1: Choice;
      readonly l2: Choice;
      readonly fpgm: Choice;
      readonly fpgmMixed: Choice;
      readonly weight: Choice;
      readonly paper: Record<'sfp' | 'fpgm' | 'fpgmMixed', Choice>;
    }[];
  }[];
  readonly sequences: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly rate: number;
    readonly events: readonly {
      readonly kernel: readonly number[];
      readonly removed: number[];
    }[];
  }[];
}

// Made by make_golden_masks.py beside it, in NumPy, from the formulas alone.
const golden = JSON.parse(
  readFileSync(path.join(__dirname, '../golden/masks.json'), 'utf8'),
) as Golden;
const { normRate } = golden;

let shelf = new KernelShelf();

beforeAll(async () => {
  await startEngine('cpu');
});

afterEach(() => {
  shelf.dispose();
  shelf = new KernelShelf();
});

const graphs = new Map<string, ChannelGraph>();

/** What the method removes of `conv/kernel`, a [height, width, in, out] kernel: filters or weights. */
function removedBy(
  chooser: Chooser,
  shape: readonly number[],
  kernel: readonly number[],
): number[] {
  const name = shape.join();
  const graph = graphs.get(name) ?? oneConvGraph(shape);
  graphs.set(name, graph);
  shelf.set('conv/kernel', shape, kernel);
  shelf.set('head/kernel', [shape[3]!, 2], new Float32Array(shape[3]! * 2).fill(1));
  const { groups, weights } = chooser.choose(graph, shelf.read);
  return removedOf(groups.get('conv') ?? weights.get('conv/kernel'));
}

for (const { name, shape, kernel, rates } of golden.cases) {
  describe(name, () => {
    it.each(rates)('removes the golden units at rate $rate', (expected) => {
      const { rate } = expected;
      const removed = {
        l1: removedBy(new Chooser(new NormFilter({ norm: 'l1' }), { rate }), shape, kernel),
        l2: removedBy(new Chooser(new NormFilter(), { rate }), shape, kernel),
        fpgm: removedBy(new Chooser(new GeometricMedian(), { rate }), shape, kernel),
        fpgmMixed: removedBy(
          new Chooser(new GeometricMedian({ normRate }), { rate }),
          shape,
          kernel,
        ),
        weight: removedBy(new Chooser(new NormWeight(), { rate }), shape, kernel),
      };
      expect(removed).toEqual({
        l1: expected.l1.removed,
        l2: expected.l2.removed,
        fpgm: expected.fpgm.removed,
        fpgmMixed: expected.fpgmMixed.removed,
        weight: expected.weight.removed,
      });
      // A kernel of one filter or few weights keeps at least one, whatever the rate.
      expect(removed.l2.length).toBe(Math.min(expected.filters, shape[3]! - 1));
      expect(removed.weight.length).toBe(expected.weights);
    });

    it.each(rates)('removes what the published codes remove at rate $rate', (expected) => {
      const { rate } = expected;
      const counting = 'paper';
      const mixed = new Chooser(new GeometricMedian({ normRate }), { rate, counting });
      expect({
        sfp: removedBy(new Chooser(new NormFilter(), { rate, counting }), shape, kernel),
        fpgm: removedBy(new Chooser(new GeometricMedian(), { rate, counting }), shape, kernel),
        fpgmMixed: removedBy(mixed, shape, kernel),
      }).toEqual({
        sfp: expected.paper.sfp.removed,
        fpgm: expected.paper.fpgm.removed,
        fpgmMixed: expected.paper.fpgmMixed.removed,
      });
    });
  });
}

describe.each(golden.sequences)('the sequence $name', ({ name, shape, rate, events }) => {
  it('ranks everything anew at each event where units may regrow', () => {
    const method = new Chooser(new GeometricMedian(), { rate, regrowth: 'soft' });
    const removed = events.map(({ kernel }) => removedBy(method, shape, kernel));
    expect(removed).toEqual(events.map((event) => event.removed));
  });

  it('never changes nor grows what is removed for good', () => {
    const method = new Chooser(new GeometricMedian(), { rate, regrowth: 'hard' });
    const removed = events.map(({ kernel }) => removedBy(method, shape, kernel));
    expect(removed).toEqual(events.map(() => events[0]!.removed));
    // Only in the crowd would the scores alone choose others.
    const wouldChange = events.some((event) => event.removed.join() !== removed[0]!.join());
    expect(wouldChange).toBe(name === 'crowd-chosen-next');
  });
});

it.each(golden.paperCounts)(
  'SFP removes $removed of $n filters where its code keeps $keepRate',
  ({ n, keepRate, removed }) => {
    const rate = 1 - keepRate; // 1 - (1 - 0.9) is 0.9 again
    expect(1 - rate).toBe(keepRate);
    expect(new NormFilter().paperCount(n, rate)).toBe(removed);
  },
);
