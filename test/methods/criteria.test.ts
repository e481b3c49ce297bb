import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { ChannelGraph } from '../../graph';
import {
  AverageZeros,
  EntropyFilter,
  EntropyWeight,
  GeometricMedian,
  Lamp,
  Slimming,
  TaylorFilter,
  TaylorWeight,
  chooseUnits,
  completePolicy,
  scoreKernels,
  unitOf,
} from '../../methods';
import type { Methodology } from '../../methods';
import { random } from '../tensors';
import { KernelShelf, chainGraph } from './fixtures';

beforeAll(async () => {
  await startEngine('cpu');
});

let shelf = new KernelShelf();

afterEach(() => {
  shelf.dispose();
  shelf = new KernelShelf();
});

const rate = 0.5;
const name = 'conv0/kernel';

/** The graph of conv0 with these filters and two inputs, and conv0's kernel on the shelf. */
function kernelOf(filters: readonly (readonly number[])[]): ChannelGraph {
  const inputs = filters[0]!.length;
  const columns = filters[0]!.flatMap((_, input) => filters.map((filter) => filter[input]!));
  shelf.set(name, [1, 1, inputs, filters.length], columns);
  return chainGraph([filters.length], inputs);
}

/** What the method makes of batches, as `gatherEvidence` does; null where it observes nothing. */
function evidenceOf(
  method: Methodology,
  seen: readonly tf.Tensor[],
): Map<string, tf.Tensor> | null {
  if (seen.length === 0) return null;
  const whole = tf.tidy(() => {
    const parts = seen.map((tensor) => method.observe(shelf.read(name), tensor));
    return method.gathers === 'concat' ? tf.concat(parts) : tf.mean(tf.stack(parts), 0);
  });
  return new Map([[name, whole]]);
}

/** Scores of conv0's filters or weights, from what was seen in each batch. */
function scoresOf(
  method: Methodology,
  graph: ChannelGraph,
  seen: readonly tf.Tensor[] = [],
): number[] {
  const evidence = evidenceOf(method, seen);
  const kernels = [name];
  const { kernels: scores } = scoreKernels(
    method,
    { graph: { ...graph, kernels }, kernel: shelf.read },
    { evidence },
  );
  tf.dispose([...(evidence?.values() ?? []), ...seen]);
  return [...scores.get(name)!.values];
}

function expectScores(received: readonly number[], expected: readonly number[]): void {
  expect(received).toHaveLength(expected.length);
  expected.forEach((score, index) => {
    expect(received[index]).toBeCloseTo(score, 5);
  });
}

describe('fpgm', () => {
  // F_0 = (0, 0), F_1 = (3, 4), F_2 = (6, 8), F_3 = (0, 5)
  const filters = [[0, 0], [3, 4], [6, 8], [0, 5]]; // prettier-ignore

  it('takes Euclidean distances by default', () => {
    // |F_0 F_1| = 5, |F_0 F_2| = 10, |F_0 F_3| = 5, |F_1 F_2| = 5, |F_1 F_3| = sqrt 10, |F_2 F_3| = sqrt 45
    const [ten, fortyFive] = [Math.sqrt(10), Math.sqrt(45)];
    expectScores(scoresOf(new GeometricMedian(), kernelOf(filters)), [
      20, 10 + ten, 15 + fortyFive, 5 + ten + fortyFive,
    ]); // prettier-ignore
  });

  it('takes sums of absolute differences', () => {
    // 0-1: 7, 0-2: 14, 0-3: 5, 1-2: 7, 1-3: 3 + 1 = 4, 2-3: 6 + 3 = 9
    const method = new GeometricMedian({ distance: 'l1' });
    expectScores(scoresOf(method, kernelOf(filters)), [26, 18, 30, 18]);
  });

  it('takes angles, and calls a filter of zeros near to all', () => {
    // F_1 and F_2 have one direction; cos(F_1, F_3) = 4 / 5
    const method = new GeometricMedian({ distance: 'cosine' });
    expectScores(scoresOf(method, kernelOf(filters)), [0, 0.2, 0.2, 0.4]);
  });

  it('measures among those that the norm step leaves, whatever the distance', () => {
    // removes floor(4 / 4) = 1 by norm: F_0, with the score 0 - (10 + 1)
    const options = { normRate: 0.25 } as const;
    const l1 = new GeometricMedian({ ...options, distance: 'l1' });
    expectScores(scoresOf(l1, kernelOf(filters)), [-11, 11, 16, 13]);
    const cosine = new GeometricMedian({ ...options, distance: 'cosine' });
    expectScores(scoresOf(cosine, kernelOf(filters)), [-11, 0.2, 0.2, 0.4]);
  });

  it.each(['l1', 'l2', 'cosine'] as const)(
    'sums %s distances of many filters as pair by pair',
    (distance) => {
      const [inputs, out] = [5, 301]; // above the width at which l2 works on halves, and odd
      const values = random([inputs, out], 3).arraySync() as number[][];
      const rows = Array.from({ length: out }, (_, filter) => values.map((row) => row[filter]!));
      const scores = scoresOf(new GeometricMedian({ distance }), kernelOf(rows));
      const between = {
        l1: (a: number[], b: number[]) => a.reduce((sum, x, k) => sum + Math.abs(x - b[k]!), 0),
        l2: (a: number[], b: number[]) => Math.hypot(...a.map((x, k) => x - b[k]!)),
        cosine: (a: number[], b: number[]) =>
          1 - a.reduce((sum, x, k) => sum + x * b[k]!, 0) / Math.hypot(...a) / Math.hypot(...b),
      }[distance];
      rows.forEach((row, filter) => {
        const sum = rows.reduce((total, other) => total + between(row, other), 0);
        expect(Math.abs(scores[filter]! - sum) / sum).toBeLessThan(1e-5);
      });
    },
  );

  it('computes as published with l2 only', () => {
    const cosine = new GeometricMedian({ distance: 'cosine' });
    expect(() => completePolicy({ rate, counting: 'paper' }, cosine)).toThrow(
      'distance must be l2 with counting paper, got cosine',
    );
    expect(() => completePolicy({ rate, counting: 'paper' }, new GeometricMedian())).not.toThrow();
  });

  it('removes by norm at most what the rate allows', () => {
    const half = new GeometricMedian({ normRate: 0.5 });
    expect(() => completePolicy({ rate: 0.4 }, half)).toThrow(
      'normRate must be at most rate 0.4, got 0.5',
    );
  });
});

describe('slimming', () => {
  function normalised(scale = true): ChannelGraph {
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'conv0', filters: 3, kernelSize: 1, inputShape: [2, 2, 1] }),
        tf.layers.batchNormalization({ name: 'bn', scale }),
        tf.layers.globalAveragePooling2d({ name: 'pool' }),
        tf.layers.dense({ name: 'head', units: 2 }),
      ],
    });
    const graph = ChannelGraph.of(model);
    model.dispose();
    shelf.set(name, [1, 1, 1, 3], [9, 8, 7]);
    shelf.set('bn/gamma', [3], [0.5, -2, 0]);
    return graph;
  }

  it('scores a filter by the magnitude of its scale', () => {
    expect(scoresOf(new Slimming(), normalised())).toEqual([0.5, 2, 0]);
  });

  it('adds the magnitudes of the scales to the loss', () => {
    const penalty = tf.tidy(() =>
      new Slimming({ scalePenalty: 0.1 }).penalty(normalised(), shelf.read)!.dataSync(),
    );
    expect(penalty[0]).toBeCloseTo(0.25); // 0.1 * (0.5 + 2 + 0)
    expect(new Slimming({ scalePenalty: 0 }).penalty(normalised(), shelf.read)).toBeNull();
  });

  it('names the layer that has no scale behind it', () => {
    const problem =
      'skip conv0 must leave the layer whole, or the method be another: no BatchNormalization with a scale';
    expect(() => scoresOf(new Slimming(), normalised(false))).toThrow(problem);
  });

  it('refuses a penalty below 0', () => {
    expect(() => new Slimming({ scalePenalty: -1 })).toThrow(
      'scalePenalty must be a number from 0, got -1',
    );
  });
});

describe('taylor', () => {
  // F_0 = (1, 2), F_1 = (3, -1); gradients of two batches in the kernel's layout: input, then filter
  const filters = [[1, 2], [3, -1]]; // prettier-ignore
  const gradients = (): tf.Tensor[] =>
    [[1, 2, -1, 4], [2, 0, 1, -1]].map((values) => tf.tensor(values, [1, 1, 2, 2])); // prettier-ignore

  it('squares what the first-order expansion makes of a whole filter', () => {
    // batch 1: F_0: 1*1 + 2*-1 = -1, F_1: 3*2 + -1*4 = 2; batch 2: F_0: 2 + 2 = 4, F_1: 0 + 1 = 1
    const scores = scoresOf(new TaylorFilter(), kernelOf(filters), gradients());
    expectScores(scores, [(1 + 16) / 2, (4 + 1) / 2]);
  });

  it('squares it of each single weight', () => {
    // [in, out]: batch 1: 1, 6, -2, -4; batch 2: 2, 0, 2, 1
    const scores = scoresOf(new TaylorWeight(), kernelOf(filters), gradients());
    expectScores(scores, [(1 + 4) / 2, 36 / 2, (4 + 4) / 2, (16 + 1) / 2]);
  });

  it('refuses to choose before it has seen gradients', () => {
    const graph = kernelOf(filters);
    const method = new TaylorFilter();
    const network = { graph, kernel: shelf.read };
    const problem = 'evidence of the gradients must be observed before the choice, got none';
    expect(() => chooseUnits(network, method, { rate })).toThrow(problem);
    expect(() => scoreKernels(method, network)).toThrow(problem);
    expect(unitOf(method, network)).toBe('filter'); // which no evidence changes
  });
});

describe('entropy', () => {
  const half = Math.LN2 / 2; // -1/2 ln 1/2

  it('is that of the shares of a filter in its own magnitude', () => {
    // F_0: shares 1/2, 1/2; F_1: 1, 0; F_2: none; F_3: 1/4, 3/4
    const graph = kernelOf([[2, -2], [5, 0], [0, 0], [1, -3]]); // prettier-ignore
    const quarter = Math.log(4) / 4;
    expectScores(scoresOf(new EntropyFilter(), graph), [
      2 * half, 0, 0, quarter - 0.75 * Math.log(0.75),
    ]); // prettier-ignore
  });

  it('is that of the histogram of mean activations over all batches', () => {
    // Means over the 1 x 2 positions, 4 images in 2 batches; filter 0: 0, 1, 2, 4; filter 1: 3, 3, 3, 3.
    const batches = [[[0, 0, 3, 3], [2, 0, 3, 3]], [[2, 2, 1, 5], [3, 5, 3, 3]]].map((images) =>
      tf.transpose(tf.tensor(images, [2, 2, 1, 2]), [0, 2, 3, 1])); // prettier-ignore
    const options = { entropyOf: 'activations', entropyBins: 4 } as const;
    const scores = scoresOf(new EntropyFilter(options), kernelOf([[1], [1]]), batches);
    // Bins of [0, 4] in 4: 0 | 1 | 2 | 4, which the last includes: one image each
    expectScores(scores, [Math.log(4), 0]);
    const coarse = new EntropyFilter({ ...options, entropyBins: 2 });
    const seen = [tf.tensor([0, 1, 2, 4], [4, 1, 1, 1])]; // 0, 1 | 2, 4
    expectScores(scoresOf(coarse, kernelOf([[1]]), seen), [2 * half]);
  });

  it('is of weights unless activations are asked for', () => {
    expect(new EntropyFilter().observes).toBe('nothing');
    expect(new EntropyFilter({ entropyOf: 'activations' }).observes).toBe('activations');
  });

  it('needs two bins', () => {
    expect(() => new EntropyFilter({ entropyBins: 1 })).toThrow(
      'entropyBins must be a whole number from 2, got 1',
    );
  });

  it("is a single weight's own part in that of its kernel", () => {
    // shares 1/2, 1/4, 1/4, 0
    const scores = scoresOf(new EntropyWeight(), kernelOf([[-2, 1], [1, 0]])); // prettier-ignore
    expectScores(scores, [half, Math.log(4) / 4, Math.log(4) / 4, 0]);
  });

  it.each([
    ['weights', () => new EntropyFilter(), []],
    ['single weights', () => new EntropyWeight(), []],
    ['activations', () => new EntropyFilter({ entropyOf: 'activations' }), [0, NaN, 1, 2, 3, 4]],
    ['zeros', () => new AverageZeros(), [0, NaN, 1, 2, 3, 4]],
  ] as const)('of %s that are not finite is an error', (_of, method, activations) => {
    const graph = kernelOf([[1, 2], [activations.length === 0 ? NaN : 1, 4]]); // prettier-ignore
    const seen = activations.length === 0 ? [] : [tf.tensor([...activations], [3, 1, 1, 2])];
    expect(() => scoresOf(method(), graph, seen)).toThrow(`of ${name} must be finite, got NaN`);
  });
});

describe('apoz', () => {
  it('scores a filter by the share of its activations that are not zero', () => {
    // filter 0: zeros 3 of 4, then 1 of 2 (a smaller batch counts the same); filter 1: 0 of 4, then 2 of 2
    const seen = [
      tf.tensor([0, 1, 0, -1, 0, 2, 3, 4], [2, 2, 1, 2]),
      tf.tensor([0, 0, 5, 0], [1, 2, 1, 2]),
    ];
    const scores = scoresOf(new AverageZeros(), kernelOf([[1], [1]]), seen);
    expectScores(scores, [1 - (3 / 4 + 1 / 2) / 2, 1 - (0 + 1) / 2]);
  });
});

describe('lamp', () => {
  it('scores a weight by its share in the squares of those that outlast it', () => {
    // squares in the order in which they go: 0, 1, 4 (the higher index first), 4, 9
    const graph = kernelOf([[-1], [2], [3], [2], [0]]);
    expectScores(scoresOf(new Lamp(), graph), [1 / 18, 4 / 13, 9 / 9, 4 / 17, 0]);
  });

  it('is not normalised a second time', () => {
    const method = new Lamp();
    expect([...method.normalise([0.25, 0.5, 1])]).toEqual([0.25, 0.5, 1]);
  });

  it('removes from all kernels in one ranking', () => {
    // conv0: 1/30, 4/29, 9/25, 16/16; conv1 [1, 4] flat: 100 times as large but the same scores
    const graph = chainGraph([2, 2], 2);
    shelf.set('conv0/kernel', [1, 1, 2, 2], [1, 2, 3, 4]);
    shelf.set('conv1/kernel', [1, 1, 2, 2], [400, 300, 200, 100]);
    shelf.set('head/kernel', [2, 2], [7, 7, 7, 7]); // 1/4, 1/3, 1/2, 1 from the last to the first
    const { weights } = chooseUnits({ graph, kernel: shelf.read }, new Lamp(), {
      rate: 0.5,
      scope: 'global',
    });
    // the lowest six of twelve: 1/30, 1/30, 4/29, 4/29, 1/4, 1/3
    expect([...weights].map(([kernel, kept]) => [kernel, [...kept].join('')])).toEqual([
      ['conv0/kernel', '0011'],
      ['conv1/kernel', '1100'],
      ['head/kernel', '1100'],
    ]);
  });
});
