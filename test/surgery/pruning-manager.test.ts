import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { SecateurError } from '../../errors';
import { RandomStream } from '../../random/seeds';
import { startEngine } from '../../backend/engine';
import { orderWithRuns } from '../../surgery/channel-order';
import { PruningManager } from '../../surgery/pruning-manager';
import type { PrunedChannel } from '../../surgery/pruning-manager';
import { ChannelGraph, findClass, NotPrunableError } from '../../graph';
import { modelOf, stockConfigOf, weightsByName } from '../../layers';
import { build, plans } from '../graph/fixtures/random-graph';
import { fingerprint, randomize as randomizeEvenly, runs } from '../graph/fixtures/law';
import { classNames, outputsOf, randomInputs, randomize } from '../graph/networks';
import { mobileNetV2Like, residualBlock, separableNet } from './pruned-models';

type Symbol = tf.SymbolicTensor;

const { layers } = tf;
const conv = (name: string, filters: number, options = {}): tf.layers.Layer =>
  layers.conv2d({ name, filters, kernelSize: 3, padding: 'same', ...options });
const through = (x: Symbol, ...chain: tf.layers.Layer[]): Symbol =>
  chain.reduce((value, layer) => layer.apply(value) as Symbol, x);
const image = (): Symbol => tf.input({ name: 'image', shape: [5, 5, 3] });
const head = (x: Symbol): Symbol =>
  through(
    x,
    layers.globalAveragePooling2d({ name: 'pool' }),
    layers.dense({ name: 'head', units: 2 }),
  );

/** The nets of the seed's own tests, by hand. */
const nets: Record<string, () => tf.LayersModel> = {
  chain: () => tf.sequential({ layers: [conv('a', 6, { useBias: false, inputShape: [5, 5, 3] }), conv('b', 5, { useBias: false }), conv('c', 2)] }), // prettier-ignore
  'conv and bias': () => {
    const x = image();
    return tf.model({ inputs: x, outputs: head(through(x, conv('a', 6), conv('b', 4))) });
  },
  'conv-bn-relu': () => {
    const x = image();
    const unit = (name: string): tf.layers.Layer[] => [
      conv(`${name}_conv`, 6, { useBias: false }),
      layers.batchNormalization({ name: `${name}_bn` }),
      layers.reLU({ name: `${name}_relu` }),
    ];
    return tf.model({ inputs: x, outputs: head(through(x, ...unit('a'), ...unit('b'))) });
  },
  'two readers': () => {
    const x = image();
    const made = through(x, conv('a', 8), layers.batchNormalization({ name: 'bn' }));
    const [left, right] = [through(made, conv('b', 4)), through(made, conv('c', 4))];
    return tf.model({ inputs: x, outputs: head(layers.add().apply([left, right]) as Symbol) });
  },
  'two producers, two readers': () => {
    const x = image();
    const sum = layers.add().apply([through(x, conv('a', 6)), through(x, conv('b', 6))]) as Symbol;
    const heads = ['c', 'd'].map((name) => through(sum, conv(name, 3)));
    return tf.model({ inputs: x, outputs: heads });
  },
  'concat both sides': () => {
    const x = image();
    const [a, b] = [through(x, conv('a', 5)), through(x, conv('b', 4))];
    const joined = layers.concatenate({ name: 'cat' }).apply([a, b]) as Symbol;
    const [c, d] = [through(joined, conv('c', 4)), through(a, conv('d', 4))];
    const again = layers.concatenate({ name: 'cat2' }).apply([c, d, joined]) as Symbol;
    return tf.model({ inputs: x, outputs: head(through(again, conv('e', 3))) });
  },
  residual: residualBlock,
  'inverted residual, depthwise': mobileNetV2Like,
  'depthwise, flatten, dense': separableNet,
  separable: () => {
    const x = image();
    const made = through(x, conv('a', 6));
    const sep = layers.separableConv2d({ name: 'sep', filters: 4, kernelSize: 2, depthMultiplier: 2 }); // prettier-ignore
    return tf.model({
      inputs: x,
      outputs: [head(through(made, sep)), through(made, conv('b', 2))],
    });
  },
  'nested, shared, transposed': () => {
    const x = image();
    const inner = tf.sequential({
      name: 'inner',
      layers: [conv('first', 6, { inputShape: [5, 5, 6] }), conv('second', 6)],
    });
    const made = through(x, conv('a', 6));
    const once = inner.apply(made) as Symbol;
    const twice = inner.apply(once) as Symbol;
    const up = layers.conv2dTranspose({ name: 'up', filters: 3, kernelSize: 2, strides: 2 });
    return tf.model({ inputs: x, outputs: head(through(twice, up)) });
  },
};

/** Values that differ between mock and pruned, and how many there are. */
function compare(model: tf.LayersModel, pruned: readonly PrunedChannel[]): Compared {
  const before = fingerprint(model);
  const manager = new PruningManager(model).compute({ pruned });
  const tensors = tf.memory().numTensors;
  const [mock, hard] = [manager.getMockModel(), manager.prune()];
  const inputs = randomInputs(model, 2);
  const [wide, narrow] = [outputsOf(mock, inputs), outputsOf(hard, inputs)];
  const reference = silenced(model, pruned);
  const expected = outputsOf(reference, inputs);
  const compared = {
    wide,
    differing: wide.filter((value, at) => value !== narrow[at]).length,
    sameLength: wide.length === narrow.length,
    finite: wide.every(Number.isFinite),
    params: [mock.countParams(), hard.countParams()] as const,
    classes: classNames(hard),
    gap: Math.max(...wide.map((value, at) => Math.abs(value - expected[at]!))),
    largest: Math.max(1e-3, ...expected.map(Math.abs)),
    weights: new Map([...weightsByName(hard)].map(([name, { shape }]) => [name, shape])),
    selects: JSON.stringify(hard.getConfig()).includes('_select'),
  };
  tf.dispose(inputs);
  for (const made of [mock, hard, reference]) for (const { weight } of ownWeights(made)) weight.dispose(); // prettier-ignore
  expect(tf.memory().numTensors).toBe(tensors);
  expect(fingerprint(model)).toBe(before);
  return compared;
}

type Compared = Record<'differing' | 'gap' | 'largest', number> & {
  wide: number[];
  sameLength: boolean;
  finite: boolean;
  params: readonly [number, number];
  classes: Set<string>;
  weights: Map<string, (number | null)[]>;
  selects: boolean;
};

const ownWeights = (model: tf.LayersModel): { weight: tf.LayerVariable & { dispose(): void } }[] =>
  model.weights.map((weight) => ({ weight: weight }));

/** The model itself with zeros by hand: rows of readers, whatever a removed class touches. */
function silenced(model: tf.LayersModel, pruned: readonly PrunedChannel[]): tf.LayersModel {
  const copy = modelOf(stockConfigOf(model), model);
  const graph = ChannelGraph.of(model);
  const target = weightsByName(copy);
  for (const [name, variable] of weightsByName(model)) target.get(name)!.write(variable.read());
  const gone = new Set(
    pruned.flatMap(([weight, channel, side]) => {
      if (side === 'input') return [];
      const slice = graph.slices.find((own) => own.weight === weight && own.role !== 'consumer')!;
      return [findClass(graph, slice.classes[channel]!)];
    }),
  );
  for (const slice of graph.slices) {
    const rows = slice.classes.map((member, at) => {
      const own = pruned.some(([weight, channel, side]) => weight === slice.weight && side === 'input' && channel === at); // prettier-ignore
      return slice.role === 'consumer' ? own : slice.silenced && gone.has(findClass(graph, member));
    });
    const variable = target.get(slice.weight)!;
    const flags = tf.tensor(rows.map((zero) => (zero ? 0 : 1)));
    const shape = variable.shape.map((_, axis) => (axis === slice.axis ? rows.length : 1));
    const masked = tf.tidy(() => tf.mul(variable.read(), tf.reshape(flags, shape)));
    variable.write(masked);
    tf.dispose([flags, masked]);
  }
  return copy;
}

/** Everything the seed promises of one list of channels. */
function expectLaw(
  model: tf.LayersModel,
  pruned: readonly PrunedChannel[],
  tolerance = 1e-5, // the order of sums may differ from the original's: float32, some hundred terms
): Compared {
  const compared = compare(model, pruned);
  expect(compared).toMatchObject({ differing: 0, sameLength: true, finite: true });
  expect(compared.gap / compared.largest).toBeLessThanOrEqual(tolerance);
  return compared;
}

/** Random channels of random weights, on both sides, that the network can lose. */
function randomRemovals(model: tf.LayersModel, seed: number): PrunedChannel[] {
  const random = new RandomStream(seed);
  const graph = ChannelGraph.of(model);
  const open = new Set(graph.prunable.flatMap(({ classes }) => classes.slice(1)));
  const chance = [0.1, 0.3, 0.6][random.integer(3)]!;
  return graph.slices.flatMap(({ weight, role, classes }) =>
    classes.flatMap((member, channel): PrunedChannel[] => {
      if (random.next() >= chance) return [];
      if (role === 'consumer') {
        // One channel is read for sure; a pointwise kernel is named by its depthwise one.
        const isNamed = !weight.endsWith('/pointwise_kernel') && channel > 0;
        return isNamed ? [[weight, channel, 'input']] : [];
      }
      const isProduced = role === 'producer' && open.has(findClass(graph, member));
      return isProduced && random.next() < 0.5 ? [[weight, channel]] : [];
    }),
  );
}

beforeAll(async () => {
  await startEngine('cpu');
});

describe('PruningManager', () => {
  it.each(Object.entries(nets))('mock equals pruned bit for bit: %s', (_, make) => {
    const model = randomize(make());
    for (const seed of [1, 2, 3]) {
      const pruned = randomRemovals(model, seed);
      try {
        expectLaw(model, pruned);
      } catch (error) {
        if (!(error instanceof NotPrunableError)) throw error;
        expect(error.reason).toMatch(/would (read no channel|be left without channels)/);
      }
    }
    model.dispose();
  });

  it('removes a produced channel with all that goes along, and nothing else', () => {
    const model = randomize(nets['conv-bn-relu']!());
    const { weights, classes, params } = expectLaw(model, [['a_conv/kernel', 5]]);
    expect(weights.get('a_conv/kernel')).toEqual([3, 3, 3, 5]);
    expect(weights.get('a_bn/gamma')).toEqual([5]);
    expect(weights.get('b_conv/kernel')).toEqual([3, 3, 5, 6]);
    expect(classes.has('Cropping2D')).toBe(false);
    // 27 of a_conv, 4 of a_bn, 9 * 6 of b_conv
    expect(params[0] - params[1]).toBe(27 + 4 + 54);
    model.dispose();
  });

  it('loses what no reader reads', () => {
    const model = randomize(nets['two readers']!());
    const both: PrunedChannel[] = [
      ['b/kernel', 3, 'input'],
      ['c/kernel', 3, 'input'],
    ];
    const { weights, classes } = expectLaw(model, both);
    expect(weights.get('a/kernel')).toEqual([3, 3, 3, 7]);
    expect(weights.get('bn/gamma')).toEqual([7]);
    expect(classes.has('Cropping2D')).toBe(false);
    model.dispose();
  });

  it('reorders so that readers with different channels take slices', () => {
    const model = randomize(nets['two readers']!());
    // b reads all but 0, 4; c all but 2, 6: in no order of the original side by side
    const pruned: PrunedChannel[] = [
      ['b/kernel', 0, 'input'],
      ['b/kernel', 4, 'input'],
      ['c/kernel', 2, 'input'],
      ['c/kernel', 6, 'input'],
    ];
    const { weights, classes } = expectLaw(model, pruned);
    expect(weights.get('a/kernel')).toEqual([3, 3, 3, 8]);
    expect(weights.get('b/kernel')).toEqual([3, 3, 6, 4]);
    expect(weights.get('c/kernel')).toEqual([3, 3, 6, 4]);
    expect(weights.has('b_select/kernel')).toBe(false);
    expect(classes.has('Cropping2D')).toBe(true);
    model.dispose();
  });

  it('serves both sides of a concatenation by one slice', () => {
    const model = randomize(nets['concat both sides']!());
    // c reads a without 3 and b without 0: what is left must meet in the middle
    const { weights } = expectLaw(model, [
      ['c/kernel', 3, 'input'],
      ['c/kernel', 5, 'input'],
    ]);
    expect(weights.get('c/kernel')).toEqual([3, 3, 7, 4]);
    expect([...weights.keys()].filter((name) => name.includes('select'))).toEqual([]);
    model.dispose();
  });

  it('gathers only where no order serves all', () => {
    const input = image();
    const made = through(input, conv('a', 3));
    const readers = ['x', 'y', 'z'].map((name) => through(made, conv(name, 2)));
    const model = randomize(tf.model({ inputs: input, outputs: readers }));
    // {0, 1}, {1, 2}, {0, 2}: two of three can be neighbours in a row
    const { weights } = expectLaw(model, [
      ['x/kernel', 2, 'input'],
      ['y/kernel', 0, 'input'],
      ['z/kernel', 1, 'input'],
    ]);
    const gathers = [...weights].filter(([name]) => name.includes('_select/'));
    expect(gathers.map(([, shape]) => shape)).toEqual([[3, 2]]);
    model.dispose();
  });

  it('gathers from a vector, and single rows behind Flatten', () => {
    const model = randomize(separableNet());
    const { weights } = expectLaw(model, [
      ['hidden/kernel', 3, 'input'],
      ['classes/kernel', 0, 'input'],
    ]);
    expect(weights.get('hidden_select/kernel')).toEqual([45, 44]);
    // unit 0 is read by nobody else: it goes, and needs no gather
    expect(weights.get('hidden/kernel')).toEqual([44, 8]);
    expect(weights.get('classes/kernel')).toEqual([8, 3]);
    model.dispose();
  });

  it('selects from the input of a model, Sequential or not', () => {
    const model = randomize(nets.chain!());
    const { weights, classes } = expectLaw(model, [['a/kernel', 2, 'input']]);
    expect(weights.get('a/kernel')).toEqual([3, 3, 2, 6]);
    expect(classes.has('Cropping2D')).toBe(true);
    model.dispose();
  });

  it('leaves the order alone, and the mock the model itself, where no channel must move', () => {
    const model = randomize(nets['two readers']!());
    const { gap, classes } = expectLaw(model, [
      ['b/kernel', 0, 'input'],
      ['c/kernel', 7, 'input'],
    ]);
    expect(gap).toBe(0);
    expect(classes.has('Cropping2D')).toBe(true);
    expect(expectLaw(model, []).gap).toBe(0);
    model.dispose();
  });

  it('makes models that save and load', async () => {
    const model = randomize(nets['two readers']!());
    const manager = new PruningManager(model).compute({ pruned: [['b/kernel', 3, 'input'], ['a/kernel', 1]] }); // prettier-ignore
    const hard = manager.prune();
    const saved: tf.io.ModelArtifacts[] = [];
    await hard.save(
      tf.io.withSaveHandler((artifacts) => {
        saved.push(artifacts);
        return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }); // prettier-ignore
      }),
    );
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved[0]!));
    const inputs = randomInputs(model, 2);
    expect(outputsOf(loaded, inputs)).toEqual(outputsOf(hard, inputs));
    tf.dispose(inputs);
  });

  it.each<[string, PrunedChannel[], string]>([
    [
      'unknown weight',
      [['nothing/kernel', 0]],
      'weight must be one of the model, got nothing/kernel',
    ],
    ['index out of range', [['a/kernel', 8]], 'channel of a/kernel must be a whole number in [0, 8), got 8'], // prettier-ignore
    ['half an index', [['b/kernel', 0.5, 'input']], 'must be a whole number in [0, 8), got 0.5'],
    ['no input side', [['bn/gamma', 0, 'input']], "bn/gamma has no input side of its own: say 'output'"], // prettier-ignore
    ['model output', [['head/kernel', 0]], 'head is frozen: model output'],
    ['all of a group', [0, 1, 2, 3, 4, 5, 6, 7].map((at) => ['a/kernel', at] as const), 'b is frozen: it would read no channel'], // prettier-ignore
    ['all of a reader', [0, 1, 2, 3, 4, 5, 6, 7].map((at) => ['c/kernel', at, 'input'] as const), 'c is frozen: it would read no channel'], // prettier-ignore
  ])('refuses %s', (_, pruned, message) => {
    const model = nets['two readers']!();
    const manager = new PruningManager(model);
    expect(() => manager.compute({ pruned })).toThrow(message);
    expect(() => manager.prune()).toThrow('compute({ pruned }) must be called first');
    model.dispose();
  });

  it('mock equals pruned on random networks and random lists', () => {
    const seen = { compared: 0, selected: 0 };
    fc.assert(
      fc.property(plans, (plan) => {
        const model = build(plan);
        randomizeEvenly(model, plan.seed);
        fc.pre(runs(model) && model.inputs.every(({ name }) => !name.startsWith('tokens')));
        try {
          // thirty layers add up what the order of sums changes
          const { selects } = expectLaw(model, randomRemovals(model, plan.seed), 1e-3);
          seen.compared++;
          if (selects) seen.selected++;
        } catch (error) {
          if (!(error instanceof SecateurError)) throw error;
          expect(error.message).toMatch(/would|at least one channel/);
        }
        model.dispose();
      }),
      { seed: 20261121, numRuns: 60, maxSkipsPerRun: 2 },
    );
    expect(seen.compared).toBeGreaterThan(50);
    expect(seen.selected).toBeGreaterThan(15);
  });
});

describe('orderWithRuns', () => {
  const run = (members: number[], atStart = false, atEnd = false) => ({ members: new Set(members), atStart, atEnd }); // prettier-ignore

  it('finds an order exactly where trying all permutations finds one', () => {
    const permutations = (list: number[]): number[][] =>
      list.length === 0 ? [[]] : list.flatMap((first) => permutations(list.filter((other) => other !== first)).map((rest) => [first, ...rest])); // prettier-ignore
    const channels = [0, 1, 2, 3, 4];
    const all = permutations(channels);
    const fits = (
      order: readonly number[],
      { members, atStart, atEnd }: ReturnType<typeof run>,
    ): boolean => {
      const places = [...members].map((member) => order.indexOf(member));
      const [low, high] = [Math.min(...places), Math.max(...places)];
      return high - low === members.size - 1 && (!atStart || low === 0) && (!atEnd || high === 4);
    };
    const arbitrary = fc.array(
      fc.record({ members: fc.subarray(channels, { minLength: 1 }), atStart: fc.boolean(), atEnd: fc.boolean() }), // prettier-ignore
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(arbitrary, (wanted) => {
        const wishes = wanted.map(({ members, atStart, atEnd }) => run(members, atStart, atEnd));
        const found = orderWithRuns(channels, wishes);
        const isPossible = all.some((order) => wishes.every((wish) => fits(order, wish)));
        expect(found !== null).toBe(isPossible);
        if (found) {
          expect([...found].sort()).toEqual(channels);
          expect(wishes.every((wish) => fits(found, wish))).toBe(true);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('keeps the order that serves already, and gives up on a triangle', () => {
    expect(orderWithRuns([0, 2, 5], [run([2, 5])])).toEqual([0, 2, 5]);
    expect(orderWithRuns([0, 1, 2], [run([0, 1]), run([1, 2]), run([0, 2])])).toBeNull();
    expect(orderWithRuns([0, 1, 2, 3], [run([0, 2], false, true)])).toEqual([1, 3, 0, 2]);
  });
});
