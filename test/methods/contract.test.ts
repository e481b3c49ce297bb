import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { ChannelGraph } from '../../graph';
import type { KeepSet } from '../../graph';
import { weightsByName } from '../../layers';
import { methods } from '../../methods';
import type { Methodology, MethodOptions } from '../../methods';
import { cifarResNet } from '../../models';
import { KernelShelf, chainGraph, oneConvGraph, randomShelf, removedOf } from './fixtures';

/** What every method of the registry must do; a new entry is tested without a line of its own. */
describe.each(Object.entries(methods))('%s', (_, Method) => {
  const make = (options: MethodOptions): Methodology => new Method(options);
  let shelf: KernelShelf;
  let smallGraph: ChannelGraph;

  beforeAll(async () => {
    await startEngine('cpu');
    smallGraph = chainGraph([5, 12, 9]);
  });
  beforeEach(() => {
    shelf = new KernelShelf();
  });
  afterEach(() => {
    shelf.dispose();
  });

  it('removes floor(units * rate + 1e-9) units of each kernel, exactly, for 200 sizes and rates', () => {
    // Per cent as integers: N * p / 100 is exact arithmetic, N * (p / 100) is not (10 * 0.3 < 3).
    const traps = [
      [10, 10], [20, 30], [10, 30], [10, 70], [20, 35], [50, 58], [100, 29], [100, 57], [100, 58], [64, 30],
      [16, 30], [32, 30], [1, 99], [2, 50], [3, 33],
    ] as const; // prettier-ignore
    const random = fc.sample(
      fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 99 })),
      {
        numRuns: 200 - traps.length,
        seed: 1,
      },
    );
    for (const [filters, percent] of [...traps, ...random]) {
      const graph = oneConvGraph([1, 1, 2, filters]);
      const one = randomShelf(graph, filters);
      const [kept] = vectorsOf(make({ rate: percent / 100 }).choose(graph, one.read));
      one.dispose();
      const units = kept!.length;
      const expected = Math.min(units - 1, Math.floor((units * percent) / 100));
      expect(removedOf(kept).length, `${units} units at ${percent} %`).toBe(expected);
    }
  });

  it('keeps no unit that scores below a removed one', () => {
    shelf = randomShelf(smallGraph, 2);
    const method = make({ rate: 0.4 });
    for (const [name, kept] of chosen(method, smallGraph, shelf)) {
      const scores = scoresOf(method, shelf.read(name));
      expect(scores.length).toBe(kept.length);
      const of = (flag: number): Float32Array =>
        scores.filter((_score, unit) => kept[unit] === flag);
      expect(Math.min(...of(1))).toBeGreaterThanOrEqual(Math.max(...of(0)));
    }
  });

  it('keeps the lower index where scores are equal', () => {
    const graph = oneConvGraph([1, 1, 2, 10]);
    shelf.set('conv/kernel', [1, 1, 2, 10], new Float32Array(20).fill(0.5));
    shelf.set('head/kernel', [10, 2], new Float32Array(20).fill(1));
    const [kept] = vectorsOf(make({ rate: 0.4 }).choose(graph, shelf.read));
    const units = kept!.length;
    const removed = Array.from({ length: units * 0.4 }, (_unit, index) => units * 0.6 + index);
    expect(removedOf(kept)).toEqual(removed);
  });

  it('chooses the same for the same kernels', () => {
    shelf = randomShelf(smallGraph, 3);
    const options = { rate: 0.35, scope: 'global' } as const;
    const first = make(options).choose(smallGraph, shelf.read);
    expect(make(options).choose(smallGraph, shelf.read)).toEqual(first);
  });

  it('chooses the same on the native engine, for 20 seeds', async ({ skip }) => {
    const choices = (): KeepSet[] =>
      Array.from({ length: 20 }, (_seed, seed) => {
        const kernels = randomShelf(smallGraph, seed);
        const keep = make({ rate: 0.3, scope: seed % 2 ? 'global' : 'uniform' });
        const choice = keep.choose(smallGraph, kernels.read);
        kernels.dispose();
        return choice;
      });
    const expected = choices();
    await onNative(skip, () => {
      expect(choices()).toEqual(expected);
    });
  });

  it('removes a set that grows with the rate', () => {
    shelf = randomShelf(smallGraph, 4);
    for (const scope of ['uniform', 'global'] as const) {
      let before = make({ rate: 0, scope }).choose(smallGraph, shelf.read);
      for (let percent = 5; percent < 100; percent += 5) {
        const after = make({ rate: percent / 100, scope }).choose(smallGraph, shelf.read);
        expectWithin(before, after);
        before = after;
      }
    }
  });

  it('removes nothing at rate 0', () => {
    shelf = randomShelf(smallGraph, 5);
    for (const scope of ['uniform', 'global'] as const) {
      const kept = vectorsOf(make({ rate: 0, scope }).choose(smallGraph, shelf.read));
      expect(kept.length).toBeGreaterThan(2);
      for (const vector of kept) expect(vector).not.toContain(0);
    }
  });

  it('removes what it removed before, first, where it is hard, whatever the scores say', () => {
    for (const scope of ['uniform', 'global'] as const) {
      shelf = randomShelf(smallGraph, 6);
      const method = make({ rate: 0.3, scope, regrowth: 'hard' });
      const first = method.choose(smallGraph, shelf.read);
      shelf.dispose();
      shelf = randomShelf(smallGraph, 7); // other scores altogether
      expect(method.choose(smallGraph, shelf.read)).toEqual(first);
      const stronger = make({ rate: 0.6, scope, regrowth: 'hard' });
      stronger.keep = method.keep;
      const second = stronger.choose(smallGraph, shelf.read);
      expectWithin(first, second);
      expect(totalRemoved(second)).toBe(removedAlone(make, scope, 0.6, shelf));
      shelf.dispose();
    }
  });

  it('ranks everything anew where it is soft', () => {
    const [early, late] = [randomShelf(smallGraph, 6), randomShelf(smallGraph, 7)];
    const method = make({ rate: 0.3, regrowth: 'soft' });
    const first = method.choose(smallGraph, early.read);
    const second = method.choose(smallGraph, late.read);
    expect(second).toEqual(make({ rate: 0.3 }).choose(smallGraph, late.read));
    expect(second).not.toEqual(first);
    early.dispose();
    late.dispose();
  });

  it('takes a global rate of all units together', () => {
    shelf = randomShelf(smallGraph, 8);
    const keep = make({ rate: 0.37, scope: 'global' }).choose(smallGraph, shelf.read);
    const units = vectorsOf(keep).reduce((sum, { length }) => sum + length, 0);
    expect(totalRemoved(keep)).toBe(Math.floor((units * 37) / 100));
  });

  it.each(['uniform', 'global'] as const)('keeps at least minKeep units, scope %s', (scope) => {
    shelf = randomShelf(smallGraph, 9);
    const keep = make({ rate: 0.97, scope, minKeep: 3 }).choose(smallGraph, shelf.read);
    for (const vector of vectorsOf(keep)) {
      expect(vector.length - removedOf(vector).length).toBeGreaterThanOrEqual(3);
    }
    // More than a group has: it stays whole.
    const whole = make({ rate: 0.97, scope, minKeep: 5000 }).choose(smallGraph, shelf.read);
    expect(totalRemoved(whole)).toBe(0);
  });

  const merges = ['mean', 'sum', 'max', 'score', 'and', 'or'] as const;
  const scopes = ['uniform', 'global'] as const;
  it.each(scopes.flatMap((scope) => merges.map((merge) => ({ scope, merge }))))(
    'gives every layer a width that is a multiple of roundTo ($scope, $merge)',
    (options) => {
      const model = cifarResNet(8, { inputShape: [4, 4, 1], classes: 2 }); // 16, 32 and 64 wide
      const graph = ChannelGraph.of(model);
      const reader = readerOf(model);
      for (const rate of [0.1, 0.5, 0.9, 0.99]) {
        const keep = make({ rate, roundTo: 8, ...options }).choose(graph, reader);
        const widths = graph
          .remainders(keep)
          .filter(({ call }) => call.className === 'Conv2D')
          .map(({ outputShapes }) => outputShapes[0]!.at(-1)!);
        expect(widths.length).toBe(7);
        for (const width of widths) {
          expect(width % 8, `widths ${widths.join()} at ${rate}`).toBe(0);
          expect(width).toBeGreaterThan(0);
        }
      }
      model.dispose();
    },
  );

  it('leaves no tensor behind and the model as it was', () => {
    const model = cifarResNet(8, { inputShape: [4, 4, 1], classes: 2, widths: [3, 4, 5] });
    const graph = ChannelGraph.of(model);
    const values = (): Float32Array[] =>
      [...weightsByName(model).values()].map((weight) =>
        weight.read().dataSync<'float32'>().slice(),
      );
    const before = values();
    const tensors = tf.memory().numTensors;
    make({ rate: 0.4, scope: 'global', merge: 'score' }).choose(graph, readerOf(model));
    make({ rate: 0.4, counting: 'paper' }).choose(graph, readerOf(model));
    expect(tf.memory().numTensors).toBe(tensors);
    expect(values()).toEqual(before);
    model.dispose();
  });

  it.each([NaN, Infinity])('names the kernel that holds %d', async (bad) => {
    const refuses = (): void => {
      const kernels = randomShelf(smallGraph, 10);
      const values = kernels.read('conv1/kernel').dataSync<'float32'>().slice();
      values[7] = bad;
      kernels.set('conv1/kernel', [1, 1, 5, 12], values);
      const tensors = tf.memory().numTensors;
      for (const counting of ['exact', 'paper'] as const) {
        expect(() => make({ rate: 0.3, counting }).choose(smallGraph, kernels.read)).toThrow(
          /conv1\/kernel must be finite/,
        );
      }
      expect(tf.memory().numTensors).toBe(tensors);
      kernels.dispose();
    };
    refuses();
    await onNative(() => undefined, refuses);
  });

  it.each([1, 1.5, -0.1, NaN, Infinity])('rejects the rate %d', (rate) => {
    expect(() => make({ rate })).toThrow(`rate must be in [0, 1), got ${rate}`);
  });

  it.each([0, 1.5, NaN])('rejects %d as minKeep and as roundTo', (count) => {
    expect(() => make({ rate: 0.5, minKeep: count })).toThrow('minKeep must be a whole number');
    expect(() => make({ rate: 0.5, roundTo: count })).toThrow('roundTo must be a whole number');
  });

  it('knows no global ranking in the published codes', () => {
    expect(() => make({ rate: 0.5, counting: 'paper', scope: 'global' })).toThrow(
      'scope must be uniform with counting paper, got global',
    );
  });

  it('refuses to go on from a choice made for another network', () => {
    const [here, there] = [chainGraph([4]), chainGraph([6])];
    const [few, many] = [randomShelf(here, 1), randomShelf(there, 1)];
    const method = make({ rate: 0.5 });
    method.choose(here, few.read);
    expect(() => method.choose(there, many.read)).toThrow(RangeError);
    few.dispose();
    many.dispose();
  });
});

/** Runs on native TensorFlow where it is staged, and goes back to `cpu`. */
async function onNative(skip: (reason: string) => void, check: () => void): Promise<void> {
  try {
    await startEngine('tensorflow');
  } catch (error) {
    skip(String(error));
    return;
  }
  try {
    check();
  } finally {
    await startEngine('cpu');
  }
}

function vectorsOf({ groups, weights }: KeepSet): Uint8Array[] {
  return [...groups.values(), ...weights.values()];
}

function totalRemoved(keep: KeepSet): number {
  return vectorsOf(keep).reduce((sum, vector) => sum + removedOf(vector).length, 0);
}

/** By kernel name what stays of its filters or weights. */
function chosen(
  method: Methodology,
  graph: ChannelGraph,
  shelf: KernelShelf,
): Map<string, Uint8Array> {
  const { groups, weights } = method.choose(graph, shelf.read);
  const filters = [...groups].map(([id, kept]) => [`${id}/kernel`, kept] as const);
  return new Map([...filters, ...weights]);
}

function scoresOf(method: Methodology, kernel: tf.Tensor): Float32Array {
  const scoring = method as unknown as { score(kernel: tf.Tensor): tf.Tensor }; // protected
  return tf.tidy(() => scoring.score(kernel).dataSync<'float32'>().slice());
}

/** How many units a fresh method removes. */
function removedAlone(
  make: (options: MethodOptions) => Methodology,
  scope: 'uniform' | 'global',
  rate: number,
  shelf: KernelShelf,
): number {
  return totalRemoved(make({ rate, scope }).choose(chainGraph([5, 12, 9]), shelf.read));
}

/** Every unit that `small` removes is removed by `large` too. */
function expectWithin(small: KeepSet, large: KeepSet): void {
  for (const part of ['groups', 'weights'] as const) {
    for (const [name, kept] of small[part]) {
      expect(removedOf(large[part].get(name))).toEqual(expect.arrayContaining(removedOf(kept)));
    }
  }
}

function readerOf(model: tf.LayersModel): (name: string) => tf.Tensor {
  const weights = weightsByName(model);
  return (name) => weights.get(name)!.read();
}
