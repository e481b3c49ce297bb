import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { ChannelGraph } from '../../../graph';
import {
  completePolicy,
  GeometricMedian,
  NormWeight,
  patternOf,
  patternRate,
  patternText,
} from '../../../methods';
import type { PolicyOptions, Moment, Pattern } from '../../../methods';
import { cellsOf } from '../../../methods/select/patterns';
import {
  chainGraph,
  Chooser,
  KernelShelf,
  oneConvGraph,
  randomShelf,
  removedOf,
} from '../fixtures';

/** Chooses single weights by their size, at the rate of its N:M pattern or the given one. */
function patterned(
  pattern: string,
  options: Omit<PolicyOptions, 'rate'> & { rate?: number } = {},
): Chooser {
  const read = patternOf(pattern);
  const policy = { rate: patternRate(read) ?? 0.5, ...options, pattern: read };
  return new Chooser(new NormWeight(), policy);
}

const at = (progress: number, share = progress): Moment => ({
  progress,
  rateOf: (rate) => rate * share,
});

const zeros = (values: Iterable<number>): number => [...values].filter((one) => one === 0).length;

/** The flags of each run of `of` along the inputs of a kernel [..., in, out]. */
function* runsOf(flags: Uint8Array, [inputs, filters]: readonly number[], of: number) {
  for (let window = 0; window < flags.length; window += inputs! * filters!) {
    for (let filter = 0; filter < filters!; filter++) {
      for (let start = 0; start < inputs!; start += of) {
        const length = Math.min(of, inputs! - start);
        const place = (index: number): number => window + (start + index) * filters! + filter;
        yield Array.from({ length }, (_, index) => flags[place(index)]!);
      }
    }
  }
}

/** Exact: N * L / M as one division of integers. */
const keptOf = (length: number, { keep, of }: { keep: number; of: number }): number =>
  Math.ceil((keep * length) / of);

let shelf = new KernelShelf();
beforeAll(async () => {
  await startEngine('cpu');
});
afterEach(() => {
  shelf.dispose();
});

const nm = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }))
  .map(([keep, more]) => ({ kind: 'n:m', keep, of: keep + more }) as const);
const conv = fc.tuple(
  fc.integer({ min: 1, max: 3 }),
  fc.integer({ min: 1, max: 3 }),
  fc.integer({ min: 1, max: 17 }),
  fc.integer({ min: 1, max: 6 }),
);

describe('a pattern', () => {
  it('is read from its text and written back', () => {
    expect(patternOf('none')).toEqual({ kind: 'none' });
    expect(patternOf('2:4')).toEqual({ kind: 'n:m', keep: 2, of: 4 });
    expect(patternOf('4x1')).toEqual({ kind: 'block', inputs: 4, filters: 1 });
    for (const text of ['none', '1:16', '16x16']) expect(patternText(patternOf(text))).toBe(text);
  });

  it.each(['', '4', '4:2', '4:4', '0:4', '2:4:8', '2x', '0x4', '-1x4', '2.5x4', '2 :4', '1x1e9'])(
    'is not "%s"',
    (text) => {
      expect(() => patternOf(text)).toThrow(
        `pattern must be none, N:M with 1 <= N < M (2:4), or a block RxC (4x1), got ${text}`,
      );
    },
  );

  it('stands for the rate 1 - N/M, a block for none', () => {
    expect(['2:4', '1:4', '3:4'].map((text) => patternRate(patternOf(text)))).toEqual([0.5, 0.75, 0.25]); // prettier-ignore
    expect(['none', '2x2'].map((text) => patternRate(patternOf(text)))).toEqual([null, null]);
  });

  it('of 2:4 takes no other rate, scope, layer rate or minKeep than its own', () => {
    const refused = (options: Partial<PolicyOptions>) => () => patterned('2:4', options);
    expect(refused({ rate: 0.3 })).toThrow('rate must be 0.5 with pattern 2:4, got 0.3');
    expect(refused({ scope: 'global' })).toThrow('scope must be uniform with pattern 2:4');
    const layerRates = [{ pattern: 'conv', rate: 0.5 }];
    expect(refused({ layerRates })).toThrow('layerRates must be none with pattern 2:4');
    expect(refused({ minKeep: 2 })).toThrow('minKeep must be 1 with pattern 2:4, got 2');
    expect(refused({ rate: NaN })).toThrow('rate must be in [0, 1)');
  });

  it.each([
    { kind: 'n:m', keep: 4, of: 4 },
    { kind: 'n:m', keep: 1.5, of: 4 },
    { kind: 'block', inputs: 0, filters: 2 },
  ] as const)('of numbers that make no sense is refused: %j', (pattern) => {
    expect(() => completePolicy({ rate: 0.5, pattern })).toThrow('pattern must be');
  });

  it('is refused by a method of filters', () => {
    const graph = chainGraph([4]);
    shelf = randomShelf(graph, 1);
    const method = new Chooser(new GeometricMedian(), {
      rate: 0.5,
      pattern: patternOf('2:4'),
    });
    expect(() => method.choose(graph, shelf.read)).toThrow('this method removes filters');
  });
});

describe('N:M', () => {
  it('keeps the best N of each M weights along the inputs', () => {
    const graph = oneConvGraph([1, 1, 6, 2]);
    // inputs down, filters across; 2:4 keeps 2 of rows 0-3 and ceil(2 * 2 / 4) = 1 of rows 4-5
    const kernel = [
      [1, -8],
      [-4, 7],
      [3, 6],
      [2, 5],
      [9, 0.1],
      [-10, 0.2],
    ];
    shelf.set('conv/kernel', [1, 1, 6, 2], kernel.flat());
    shelf.set('head/kernel', [2, 2], [1, 2, 3, 4]); // runs of 2: 1 stays of each column
    const { weights } = patterned('2:4').choose(graph, shelf.read);
    expect([...weights.get('conv/kernel')!]).toEqual([0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1]);
    expect([...weights.get('head/kernel')!]).toEqual([0, 0, 1, 1]);
  });

  it('leaves exactly 2 zeros in each run of 4 and half of a whole network', () => {
    const graph = chainGraph([8, 12, 16], 4);
    shelf = randomShelf(graph, 3);
    const { weights } = patterned('2:4').choose(graph, shelf.read);
    expect([...weights.keys()]).toEqual([...graph.kernels]);
    for (const [name, flags] of weights) {
      for (const run of runsOf(flags, shelf.read(name).shape.slice(-2), 4)) {
        expect(run).toHaveLength(4);
        expect(zeros(run)).toBe(2);
      }
    }
  });

  it('keeps ceil(N * L / M) of each run of L, none that scores below a removed one', () => {
    fc.assert(
      fc.property(nm, conv, fc.nat(), (pattern, shape, seed) => {
        const graph = oneConvGraph(shape);
        shelf = randomShelf(graph, seed);
        const { weights } = patterned(patternText(pattern)).choose(graph, shelf.read);
        const flags = weights.get('conv/kernel')!;
        const scores = shelf.read('conv/kernel').dataSync().map(Math.abs);
        const marked = Float64Array.from(scores, (score, index) => (flags[index] ? score : -score));
        shelf.dispose();
        for (const run of runsOf(marked as unknown as Uint8Array, shape.slice(-2), pattern.of)) {
          const stays = run.filter((score) => score > 0);
          expect(stays).toHaveLength(keptOf(run.length, pattern));
          const gone = run.filter((score) => score < 0).map((score) => -score);
          expect(Math.min(...stays)).toBeGreaterThanOrEqual(Math.max(0, ...gone));
        }
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('lets the lower index stay where scores are equal', () => {
    const graph = oneConvGraph([1, 1, 4, 1]);
    shelf.set('conv/kernel', [1, 1, 4, 1], [5, 5, 5, 5]);
    shelf.set('head/kernel', [1, 2], [1, 1]);
    const { weights } = patterned('1:4').choose(graph, shelf.read);
    expect(removedOf(weights.get('conv/kernel'))).toEqual([1, 2, 3]);
    expect(removedOf(weights.get('head/kernel'))).toEqual([]); // ceil(1 * 1 / 4) = 1 of 1 stays
  });

  it('removes on the way the lowest floor(count * share) of what it will remove in the end', () => {
    const graph = oneConvGraph([1, 1, 8, 3]);
    shelf = randomShelf(graph, 5);
    const scores = shelf.read('conv/kernel').dataSync().map(Math.abs);
    const gone = (share: number): number[] => {
      const { weights } = patterned('2:4').choose(graph, shelf.read, at(share));
      return removedOf(weights.get('conv/kernel'));
    };
    const final = gone(1);
    expect(final).toHaveLength(12);
    const order = [...final].sort((a, b) => scores[a]! - scores[b]!);
    for (const share of [0, 0.08, 0.1, 0.25, 0.5, 0.9, 1]) {
      const expected = order.slice(0, Math.floor(12 * share + 1e-9));
      expect(gone(share)).toEqual(expected.sort((a, b) => a - b));
    }
  });

  it.each(['hard', 'soft', 'gradual'] as const)('keeps the pattern over %s events', (regrowth) => {
    const graph = oneConvGraph([2, 1, 10, 3]);
    const method = patterned('2:4', { regrowth });
    let held: number[] = [];
    for (let event = 1; event <= 4; event++) {
      shelf.dispose();
      shelf = randomShelf(graph, event); // other scores altogether
      const { weights } = method.choose(graph, shelf.read, at(event / 4));
      const flags = weights.get('conv/kernel')!;
      for (const run of runsOf(flags, [10, 3], 4)) {
        const most = run.length - keptOf(run.length, { keep: 2, of: 4 });
        expect(zeros(run)).toBeLessThanOrEqual(most);
        if (event === 4) expect(zeros(run)).toBe(most);
      }
      expect(removedOf(flags)).toEqual(expect.arrayContaining(held));
      held = regrowth === 'soft' ? [] : removedOf(method.held.weights.get('conv/kernel'));
      if (regrowth === 'hard') expect(held).toEqual(removedOf(flags));
    }
    if (regrowth === 'soft') {
      expect(method.keep).toEqual(patterned('2:4').choose(graph, shelf.read));
    }
  });

  it('runs along the inputs of a transposed convolution too', () => {
    const input = tf.input({ shape: [2, 2, 4] });
    const deconv = tf.layers.conv2dTranspose({ name: 'up', filters: 3, kernelSize: 1 });
    let x = deconv.apply(input) as tf.SymbolicTensor;
    x = tf.layers.globalAveragePooling2d({}).apply(x) as tf.SymbolicTensor;
    const outputs = tf.layers.dense({ name: 'head', units: 2 }).apply(x) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs });
    const graph = ChannelGraph.of(model);
    model.dispose();
    // [kh, kw, out, in]: the inputs are the last axis
    shelf.set('up/kernel', [1, 1, 3, 4], [1, 2, 3, 4, 8, 7, 6, 5, 1, 9, 2, 8]);
    shelf.set('head/kernel', [3, 2], [1, 2, 3, 4, 5, 6]);
    const { weights } = patterned('2:4').choose(graph, shelf.read);
    expect([...weights.get('up/kernel')!]).toEqual([0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
  });
});

describe('a block pattern', () => {
  it('removes whole blocks of the lowest mean score, edge blocks by theirs', () => {
    const graph = oneConvGraph([1, 1, 3, 3]);
    // blocks of 2 x 2: means (1 + 1 + 1 + 9) / 4 = 3, (2 + 2) / 2 = 2, (8 + 8) / 2 = 8, 1
    shelf.set('conv/kernel', [1, 1, 3, 3], [1, 1, 2, 1, 9, 2, 8, 8, 1]);
    shelf.set('head/kernel', [3, 2], [1, 1, 1, 1, 1, 1]); // blocks of equal means: the lower stays
    const { weights } = patterned('2x2', { rate: 0.5 }).choose(graph, shelf.read);
    expect([...weights.get('conv/kernel')!]).toEqual([1, 1, 0, 1, 1, 0, 1, 1, 0]);
    expect([...weights.get('head/kernel')!]).toEqual([1, 1, 1, 1, 0, 0]);
  });

  it('removes floor(blocks * rate) blocks of each kernel, or of all, and nothing else', () => {
    const sides = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }));
    const percent = fc.integer({ min: 0, max: 60 });
    fc.assert(
      fc.property(sides, percent, fc.boolean(), fc.nat(), ([inputs, filters], rate, all, seed) => {
        const graph = chainGraph([5, 12, 9], 3);
        shelf = randomShelf(graph, seed);
        const scope = all ? ('global' as const) : ('uniform' as const);
        const method = patterned(`${inputs}x${filters}`, { rate: rate / 100, scope });
        const counts = [...method.choose(graph, shelf.read).weights].map(([name, flags]) => {
          const { shape } = shelf.read(name);
          const cells = cellsOf(shape, shape.length - 1, { inputs, filters });
          const blocks = Array.from(cells.sizes, () => new Set<number>());
          flags.forEach((flag, index) => blocks[cells.of[index]!]!.add(flag));
          expect(blocks.every(({ size }) => size === 1)).toBe(true);
          const gone = blocks.filter((block) => block.has(0)).length;
          const one = Math.floor((blocks.length * rate) / 100);
          if (!all) expect(gone).toBe(Math.min(one, blocks.length - 1));
          return { gone, blocks: blocks.length };
        });
        shelf.dispose();
        const sum = (key: 'gone' | 'blocks'): number =>
          counts.reduce((total, count) => total + count[key], 0);
        if (all) expect(sum('gone')).toBe(Math.floor((sum('blocks') * rate) / 100));
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  it('cuts the window apart, then the inputs, then the filters', () => {
    // [2 positions, 3 inputs, 3 filters] in blocks of 2 x 2: 4 of each position, 4 weights to 1
    const cells = cellsOf([2, 3, 3], 2, { inputs: 2, filters: 2 });
    expect([...cells.of]).toEqual([0, 0, 1, 0, 0, 1, 2, 2, 3, 4, 4, 5, 4, 4, 5, 6, 6, 7]);
    expect([...cells.sizes]).toEqual([4, 2, 2, 1, 4, 2, 2, 1]);
    // the same kernel with the filters before the inputs
    const transposed = cellsOf([2, 3, 3], 1, { inputs: 2, filters: 2 });
    expect([...transposed.of.subarray(0, 9)]).toEqual([0, 0, 2, 0, 0, 2, 1, 1, 3]);
  });

  it('of one weight is no pattern', () => {
    const graph = chainGraph([5, 12, 9]);
    shelf = randomShelf(graph, 4);
    for (const scope of ['uniform', 'global', 'adaptive'] as const) {
      expect(patterned('1x1', { scope }).choose(graph, shelf.read)).toEqual(
        patterned('none', { scope }).choose(graph, shelf.read),
      );
    }
  });

  it('larger than a kernel leaves its one block where it is', () => {
    const graph = oneConvGraph([1, 1, 2, 3]);
    shelf = randomShelf(graph, 6);
    const { weights } = patterned('64x64', { rate: 0.99 }).choose(graph, shelf.read);
    expect([...weights.values()].flatMap((flags) => removedOf(flags))).toEqual([]);
  });

  it('removes first what was removed before, whole blocks of it, where it is hard', () => {
    const graph = chainGraph([6, 10], 4);
    const pattern: Pattern = patternOf('2x3');
    for (const scope of ['uniform', 'global', 'adaptive'] as const) {
      shelf = randomShelf(graph, 7);
      const first = new Chooser(new NormWeight(), { rate: 0.4, pattern, scope });
      const before = first.choose(graph, shelf.read);
      shelf.dispose();
      shelf = randomShelf(graph, 8);
      expect(first.choose(graph, shelf.read)).toEqual(before);
      const stronger = new Chooser(new NormWeight(), { rate: 0.7, pattern, scope });
      stronger.keep = first.keep;
      stronger.held = first.held;
      for (const [name, flags] of stronger.choose(graph, shelf.read).weights) {
        const earlier = removedOf(before.weights.get(name));
        expect(removedOf(flags)).toEqual(expect.arrayContaining(earlier));
      }
      shelf.dispose();
    }
  });
});
