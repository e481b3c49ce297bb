import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { ChannelGraph, projectCalls } from '../../../graph';
import type { KeepSet } from '../../../graph';
import { weightsByName } from '../../../layers';
import {
  choose,
  chooseUnits,
  completePolicy,
  finalMoment,
  Methodology,
  NormFilter,
  NormWeight,
  scoreKernels,
} from '../../../methods';
import type { Moment, PolicyOptions } from '../../../methods';
import { layerAdaptive } from '../../../methods/select/ranking';
import { cifarResNet } from '../../../models';
import { Chooser, KernelShelf, chainGraph, pairGraph, randomShelf, removedOf } from '../fixtures';

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

describe('the scope of the rate over two layers', () => {
  let graph: ChannelGraph;

  beforeEach(() => {
    graph = chainGraph([4, 3], 1);
    shelf.set('conv0/kernel', [1, 1, 1, 4], [1, 2, 3, 4]);
    // [in, out]: only the first input has a weight, so the norms are 1.5, 10 and 0.5
    shelf.set('conv1/kernel', [1, 1, 4, 3], [-1.5, 10, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    shelf.set('head/kernel', [3, 2], [1, 1, 1, 1, 1, 1]);
  });

  const keepBy = (options: PolicyOptions): KeepSet =>
    chooseUnits({ graph, kernel: shelf.read }, new NormFilter(), options);
  const removedBy = (options: PolicyOptions): number[][] =>
    [...keepBy(options).groups.values()].map(removedOf);

  it('uniform takes the rate of each layer', () => {
    // floor(4 * 0.5) = 2 and floor(3 * 0.5) = 1
    expect(removedBy({ rate: 0.5 })).toEqual([[0, 1], [2]]);
  });

  it('global takes the rate of all filters together', () => {
    // floor(7 * 0.5) = 3 of 0.5, 1, 1.5, 2, 3, 4, 10
    expect(removedBy({ rate: 0.5, scope: 'global' })).toEqual([[0], [0, 2]]);
  });

  it('global leaves the best of each layer out of the contest', () => {
    // floor(7 * 0.8) = 5: all that may go
    expect(removedBy({ rate: 0.8, scope: 'global' })).toEqual([
      [0, 1, 2],
      [0, 2],
    ]);
    // floor(7 * 0.9) = 6
    expect(() => removedBy({ rate: 0.9, scope: 'global' })).toThrow(
      'rate 0.9 asks for 6 of 7 units, the limits per layer leave 0 to 5 (rates 0.0000 to 0.7143)',
    );
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
  it('adaptive ranks the squares as shares of what goes no sooner', () => {
    // conv0, 4 3 2 1: 16/16, 9/25, 4/29, 1/30; conv1, 10 1.5 0.5: 1, 2.25/102.25, 0.25/102.5
    const shares = layerAdaptive([1, 2, 3, 4], {});
    expect([...shares]).toEqual([1 / 30, 4 / 29, 9 / 25, 1]);
    // .0024, .022, .033, .138 of .36: floor(7 * 0.3) = 2, floor(7 * 0.5) = 3, floor(7 * 0.6) = 4
    expect(removedBy({ rate: 0.3, scope: 'adaptive' })).toEqual([[], [0, 2]]);
    expect(removedBy({ rate: 0.5, scope: 'adaptive' })).toEqual([[0], [0, 2]]);
    expect(removedBy({ rate: 0.6, scope: 'adaptive' })).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  it('adaptive raises scores below 0 by the lowest', () => {
    // -2, 0, 1 become 0, 2, 3: 0/13, 4/13, 9/9
    expect([...layerAdaptive([1, -2, 0], {})]).toEqual([1, 0, 4 / 13]);
    expect([...layerAdaptive([0, 0], {})]).toEqual([0, 0]);
  });

  it('adaptive counts what was removed before as going first', () => {
    // Unit 2 goes first: 16/(16 + 1 + 4), then 1/(1 + 4), 4/4
    const held = Uint8Array.of(1, 1, 0);
    expect([...layerAdaptive([1, 2, 4], { held })]).toEqual([1 / 5, 1, 16 / 21]);
  });

  it.each([
    // floor(7 * 0.4) = 2 of 0.5, 1, 1.5: conv0 would lose 1, conv1 1; at most floor(3 * 0.33) = 0 and floor(4 * 0.33) = 1
    { rate: 0.2, maxRate: 0.33, removed: [[0], []] },
    // at least floor(4 * 0.5) = 2 and floor(3 * 0.5) = 1, and floor(7 * 0.6) = 4 in all: 1.5 is next
    {
      rate: 0.6,
      minRate: 0.5,
      removed: [
        [0, 1],
        [0, 2],
      ],
    },
  ])('limits hold for each layer: %j', ({ removed, ...options }) => {
    expect(removedBy({ scope: 'global', ...options })).toEqual(removed);
  });
});

describe('limits of a common ranking', () => {
  it.each(['and', 'or'] as const)('hold for what comes of the votes: %s', (merge) => {
    const graph = pairGraph(4);
    // a names 0 and 1, b names 2 and 3: all have a vote, none has two
    shelf
      .set('a/kernel', [1, 1, 1, 4], [1, 2, 30, 40])
      .set('b/kernel', [1, 1, 1, 4], [30, 40, 1, 2]);
    const options = { rate: 0.5, scope: 'global', merge, minRate: 0.25, maxRate: 0.75 } as const;
    const keep = chooseUnits({ graph, kernel: shelf.read }, new NormFilter(), options);
    // at least floor(4 * 0.25) = 1, at most floor(4 * 0.75) = 3; of equal votes the higher index goes
    expect(removedOf(keep.groups.get('a'))).toEqual(merge === 'and' ? [3] : [1, 2, 3]);
  });

  it('grow with the schedule', () => {
    const graph = chainGraph([10, 10]);
    shelf = randomShelf(graph, 1);
    const options = { rate: 0.5, scope: 'global', minRate: 0.4 } as const;
    const early: Moment = { progress: 0.5, rateOf: (rate) => rate / 2 };
    const keep = new Chooser(new NormFilter(), options).choose(graph, shelf.read, early);
    // floor(20 * 0.25) = 5 in all, at least floor(10 * 0.2) = 2 each
    const counts = [...keep.groups.values()].map((vector) => removedOf(vector).length);
    expect(counts[0]! + counts[1]!).toBe(5);
    expect(Math.min(...counts)).toBe(2);
  });
});

/** Scores by index: the first filters of every layer are the lowest. */
class ByIndex extends Methodology {
  protected override score(kernel: tf.Tensor): tf.Tensor {
    return tf.range(1, kernel.shape.at(-1)! + 1);
  }
}

describe('rounding', () => {
  // 10 filters; 10 - floor(10 * rate) stay before rounding
  it.each([
    { rate: 0.3, roundTo: 4, rounding: 'up', stays: 8 }, // 7
    { rate: 0.3, roundTo: 4, rounding: 'down', stays: 4 },
    { rate: 0.3, roundTo: 4, rounding: 'nearest', stays: 8 },
    { rate: 0.4, roundTo: 4, rounding: 'nearest', stays: 8 }, // 6 lies between: up
    { rate: 0.5, roundTo: 4, rounding: 'nearest', stays: 4 },
    { rate: 0.8, roundTo: 4, rounding: 'down', stays: 4 }, // not 0
    { rate: 0.1, roundTo: 4, rounding: 'up', stays: 10 }, // 12 is more than there are
    { rate: 0.1, roundTo: 16, rounding: 'down', stays: 10 }, // no multiple but 0: all stay
  ] as const)(
    '$rounding to a multiple of $roundTo at $rate: $stays stay',
    ({ stays, ...options }) => {
      const graph = chainGraph([10]);
      shelf = randomShelf(graph, 1);
      const { groups } = chooseUnits({ graph, kernel: shelf.read }, new ByIndex(), options);
      const [vector] = groups.values();
      expect(10 - removedOf(vector).length).toBe(stays);
    },
  );

  // 16, 32 and 64 wide; with option-A shortcuts a layer is made of several groups.
  const model = cifarResNet(8, { inputShape: [4, 4, 1], classes: 2 });
  const graph = ChannelGraph.of(model);
  const weights = weightsByName(model);
  const read = (name: string): tf.Tensor => weights.get(name)!.read();
  const widthsOf = (keep: KeepSet): number[] =>
    projectCalls(graph, keep)
      .filter(({ call }) => call.className === 'Conv2D')
      .map(({ outputShapes }) => outputShapes[0]!.at(-1)!);

  const merges = ['mean', 'sum', 'max', 'score', 'and', 'or'] as const;
  const scopes = ['uniform', 'global', 'adaptive'] as const;
  const roundings = ['up', 'down', 'nearest'] as const;
  it.each(scopes.flatMap((scope) => merges.map((merge) => ({ scope, merge }))))(
    'gives every layer a width that is a multiple ($scope, $merge)',
    (options) => {
      for (const rounding of roundings) {
        for (const rate of [0.1, 0.5, 0.9]) {
          const policy = { rate, roundTo: 8, rounding, ...options };
          const widths = widthsOf(chooseUnits({ graph, kernel: read }, new NormFilter(), policy));
          expect(widths.length).toBe(7);
          for (const width of widths) {
            expect(width % 8, `widths ${widths.join()} at ${rate}, ${rounding}`).toBe(0);
            expect(width).toBeGreaterThan(0);
          }
        }
      }
    },
  );

  it.each(scopes.flatMap((scope) => roundings.map((rounding) => ({ scope, rounding }))))(
    'never gives back what is held, as the rate grows ($scope, $rounding)',
    (options) => {
      for (const regrowth of ['hard', 'gradual'] as const) {
        const method = new Chooser(new NormFilter(), {
          rate: 0.8,
          roundTo: 8,
          regrowth,
          ...options,
        });
        for (let event = 0; event <= 5; event++) {
          const { held } = method;
          const progress = event / 5;
          const kernels = randomShelf(graph, event);
          const keep = method.choose(graph, kernels.read, {
            progress,
            rateOf: (rate) => rate * progress,
          });
          kernels.dispose();
          expect(returned(held, keep)).toEqual([]);
          expect(returned(method.held, keep)).toEqual([]);
          expect(widthsOf(keep).filter((width) => width % 8 !== 0)).toEqual([]);
        }
        expect(method.held).toEqual(method.keep);
      }
    },
  );
});

describe('what is held', () => {
  const graph = chainGraph([10, 10]);
  const options = { scope: 'global', regrowth: 'hard' } as const;

  it.each([NormFilter, NormWeight])('stays gone at a lower rate too: %o', (Method) => {
    for (const event of [0, 1]) {
      shelf.dispose();
      shelf = randomShelf(graph, event);
      const network = { graph, kernel: shelf.read };
      const strong = chooseUnits(network, new Method(), { rate: 0.6, ...options });
      const scores = scoreKernels(new Method(), network);
      const weaker = completePolicy({ rate: 0.2, ...options });
      const { keep, held } = choose(graph, scores, weaker, finalMoment, strong);
      expect([keep, held]).toEqual([strong, strong]);
    }
  });
});

/** `group: channel` of all that was removed and is back. */
function returned(before: KeepSet, after: KeepSet): string[] {
  return [...before.groups].flatMap(([id, vector]) => {
    const stays = after.groups.get(id)!;
    return [...vector.keys()]
      .filter((channel) => vector[channel] === 0 && stays[channel] !== 0)
      .map((channel) => `${id}: ${channel}`);
  });
}
