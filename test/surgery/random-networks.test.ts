import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { harden, verify } from '../../surgery';
import { ChannelGraph, countMacs, countParams, NotPrunableError } from '../../graph';
import { keepWithout, randomInputs, randomKeep, randomize, recount } from '../graph/networks';

type Symbol = tf.SymbolicTensor;

/** One step of a random network: what is done to which of the tensors made so far. */
interface Step {
  readonly kind: keyof typeof steps;
  /** Indices into the tensors, taken modulo their number. */
  readonly first: number;
  readonly second: number;
  /** Filters, multiplier, pad: whatever the kind counts, from 1 to 4. */
  readonly size: number;
  readonly flag: boolean;
}

const activations = ['relu', 'tanh', 'sigmoid', 'linear', 'elu'] as const;

/** A network under construction. */
class Builder {
  readonly tensors: Symbol[];
  readonly calls = new Map<tf.layers.Layer, number>();
  private shared: tf.layers.Layer | undefined;
  private sharedWidth: number | null | undefined;

  constructor(readonly inputs: Symbol[]) {
    this.tensors = [...inputs];
  }

  pick(index: number): Symbol {
    return this.tensors[index % this.tensors.length]!;
  }

  /** Applies the layer and remembers the result. */
  push(layer: tf.layers.Layer, x: Symbol | Symbol[]): Symbol {
    const made = layer.apply(x) as Symbol;
    this.calls.set(layer, (this.calls.get(layer) ?? 0) + 1);
    this.tensors.push(made);
    return made;
  }

  /** A convolution that every call of it shares; another one where the width does not fit. */
  sharedFor(x: Symbol, size: number): tf.layers.Layer {
    if (this.sharedWidth !== x.shape.at(-1)) {
      this.shared = convolution(size, 1);
      this.sharedWidth = x.shape.at(-1);
    }
    return this.shared!;
  }

  /** True where no layer has been called twice. */
  get isPlain(): boolean {
    return [...this.calls.values()].every((count) => count === 1);
  }
}

function convolution(filters: number, kernelSize: number, options: object = {}): tf.layers.Layer {
  return tf.layers.conv2d({ filters, kernelSize, padding: 'same', ...options });
}

/**
 * Two different tensors. tfjs itself cannot run a layer that reads one tensor twice where another
 * layer reads it too: it counts one reader and disposes the tensor after two reads.
 */
function pair(builder: Builder, first: number, second: number): [Symbol, Symbol] {
  const [x, other] = [builder.pick(first), builder.pick(second)];
  return [x, x === other ? builder.push(convolution(2, 1), x) : other];
}

/** The other tensor with a 1x1 convolution before it wherever its channels do not fit. */
function fitted(builder: Builder, x: Symbol, other: Symbol): Symbol {
  const like = onGrid(builder, other, x);
  const width = x.shape.at(-1)!;
  return like.shape.at(-1) === width ? like : builder.push(convolution(width, 1), like);
}

/** The tensor cropped or padded to the height and width of `x`. */
function onGrid(builder: Builder, tensor: Symbol, x: Symbol): Symbol {
  const gaps = [1, 2].map((axis) => x.shape[axis]! - tensor.shape[axis]!);
  const all = (sign: number) =>
    gaps.map((gap) => [0, Math.max(0, sign * gap)]) as [[number, number], [number, number]];
  let fitting = tensor;
  if (gaps.some((gap) => gap > 0)) {
    fitting = builder.push(tf.layers.zeroPadding2d({ padding: all(1) }), fitting);
  }
  if (gaps.some((gap) => gap < 0)) {
    fitting = builder.push(tf.layers.cropping2D({ cropping: all(-1) }), fitting);
  }
  return fitting;
}

const steps = {
  conv: (builder: Builder, { first, second, size, flag }: Step) => {
    const activation = activations[second % activations.length]!;
    const options = { useBias: flag, activation, strides: 1 + (first % 2) };
    builder.push(convolution(size, 1 + 2 * (second % 2), options), builder.pick(first));
  },
  shared: (builder: Builder, { first, size }: Step) => {
    const x = builder.pick(first);
    builder.push(builder.sharedFor(x, size), x);
  },
  depthwise: (builder: Builder, { first, second, size, flag }: Step) => {
    const options = { depthMultiplier: 1 + (size % 2), useBias: flag };
    const activation = activations[second % activations.length]!;
    builder.push(
      tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation, ...options }),
      builder.pick(first),
    );
  },
  norm: (builder: Builder, { first, size, flag }: Step) => {
    builder.push(
      tf.layers.batchNormalization({ scale: flag, center: size > 1 }),
      builder.pick(first),
    );
  },
  act: (builder: Builder, { first, second }: Step) => {
    const activation = activations[second % activations.length]!;
    builder.push(tf.layers.activation({ activation }), builder.pick(first));
  },
  pool: (builder: Builder, { first, flag }: Step) => {
    const options = { poolSize: 2, padding: 'same' } as const;
    const { averagePooling2d, maxPooling2d } = tf.layers;
    builder.push(flag ? maxPooling2d(options) : averagePooling2d(options), builder.pick(first));
  },
  add: (builder: Builder, { first, second }: Step) => {
    const [x, other] = pair(builder, first, second);
    builder.push(tf.layers.add(), [x, fitted(builder, x, other)]);
  },
  concat: (builder: Builder, { first, second }: Step) => {
    const [x, other] = pair(builder, first, second);
    builder.push(tf.layers.concatenate(), [x, onGrid(builder, other, x)]);
  },
  padChannels: (builder: Builder, { first, size, flag }: Step) => {
    const padding = [[0, 0], flag ? [0, size] : [1, size - 1]] as [
      [number, number],
      [number, number],
    ];
    const layer = tf.layers.zeroPadding2d({ padding, dataFormat: 'channelsFirst' });
    builder.push(layer, builder.pick(first)); // the channels of an NHWC tensor
  },
  cropChannels: (builder: Builder, { first, flag }: Step) => {
    const x = builder.pick(first);
    if (x.shape.at(-1)! < 3) return;
    const cropping = [[0, 0], flag ? [1, 0] : [0, 2]] as [[number, number], [number, number]];
    builder.push(tf.layers.cropping2D({ cropping, dataFormat: 'channelsFirst' }), x);
  },
  nested: (builder: Builder, { first, size, flag }: Step) => {
    const x = builder.pick(first);
    const inputShape = x.shape.slice(1) as number[];
    const layers = [convolution(size, 3, { inputShape }), tf.layers.reLU(), convolution(size, 1)];
    const block = tf.sequential({ layers });
    const functional = tf.model({ inputs: block.inputs, outputs: block.outputs });
    builder.push(flag ? block : functional, x);
  },
} as const;

/** A network of the steps, with a classifier on its last tensor and perhaps one on another. */
function networkOf(
  program: readonly Step[],
  heads: readonly boolean[],
): Builder & { model: tf.LayersModel } {
  const inputs = heads.map((_, index) => tf.input({ shape: [4, 3, 1 + index] }));
  const builder = new Builder(inputs);
  for (const step of program) steps[step.kind](builder, step);
  const ends = heads.map(
    (_, index) => builder.tensors.at(-1 - 2 * index) ?? builder.tensors.at(-1)!,
  );
  const outputs = ends.map((end, index) => {
    const { flatten, globalAveragePooling2d } = tf.layers;
    const flat = builder.push(heads[index] ? flatten() : globalAveragePooling2d({}), end);
    const hidden = builder.push(tf.layers.dense({ units: 4, activation: 'relu' }), flat);
    return builder.push(tf.layers.dense({ units: 2 }), hidden);
  });
  // An input that nothing reads has no place in the model.
  const model = tf.model({ inputs: reached(inputs, outputs), outputs });
  return Object.assign(builder, { model: randomize(model, program.length) });
}

/** The inputs from which some output comes. */
function reached(inputs: readonly Symbol[], outputs: readonly Symbol[]): Symbol[] {
  const seen = new Set<Symbol>();
  const visit = (tensor: Symbol): void => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    tensor.sourceLayer.inboundNodes[tensor.nodeIndex]!.inputTensors.forEach(visit);
  };
  outputs.forEach(visit);
  return inputs.filter((input) => seen.has(input));
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...(Object.keys(steps) as (keyof typeof steps)[])),
  first: fc.nat(20),
  second: fc.nat(20),
  size: fc.integer({ min: 1, max: 4 }),
  flag: fc.boolean(),
});

const network = fc.record({
  program: fc.array(step, { minLength: 2, maxLength: 9 }),
  heads: fc.array(fc.boolean(), { minLength: 1, maxLength: 2 }),
  residual: fc.constantFrom('coupled' as const, 'inner' as const, 'stream' as const),
  seed: fc.nat(),
  chance: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
});

beforeAll(async () => {
  await startEngine('cpu');
});

describe('random networks', () => {
  it('compute hard what they compute masked, bit for bit, and cost what is counted', async () => {
    const tally = { exact: 0, refused: 0, removed: 0, counted: 0 };
    await fc.assert(
      fc.asyncProperty(network, async ({ program, heads, residual, seed, chance }) => {
        const { model, isPlain } = networkOf(program, heads);
        const graph = ChannelGraph.of(model, { residual });
        const keep = randomKeep(graph, seed, chance);
        const inputs = randomInputs(model, 2, seed);
        try {
          const hard = harden({ model, graph }, keep);
          const { maxAbsDiff } = await verify({ model, graph, keep, hard }, [inputs]);
          expect(maxAbsDiff).toBe(0);
          tally.exact++;
          if (hard.countParams() < model.countParams()) tally.removed++;
          if (isPlain) {
            const { macs, params } = recount(hard);
            expect([countMacs(graph, keep), countParams(graph, keep)]).toEqual([macs, params]);
            tally.counted++;
          }
          hard.dispose();
        } catch (error) {
          // The one way out: a layer that cannot be cut, by its name.
          if (!(error instanceof NotPrunableError)) throw error;
          expect(graph.calls.map(({ path }) => path)).toContain(error.layer);
          tally.refused++;
        } finally {
          model.dispose();
          tf.dispose(inputs);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
    // The generator must not make it easy.
    expect(tally.exact).toBeGreaterThan(45);
    expect(tally.removed).toBeGreaterThan(30);
    expect(tally.counted).toBeGreaterThan(30);
  });

  it('split a group where a crop cuts it, so that both parts keep a channel', () => {
    const input = tf.input({ shape: [4, 4, 1] });
    const x = convolution(4, 1, { name: 'conv' }).apply(input) as Symbol;
    const crop = tf.layers.cropping2D({
      name: 'crop',
      cropping: [
        [0, 0],
        [0, 2],
      ],
      dataFormat: 'channelsFirst',
    });
    const ends = [x, crop.apply(x) as Symbol].map((end) => convolution(1, 1).apply(end) as Symbol);
    const model = tf.model({ inputs: input, outputs: ends });
    const graph = ChannelGraph.of(model);
    const [whole, half] = graph.prunable.map(({ id, channels }) => [id, channels]);
    expect([whole, half]).toEqual([
      ['conv', 2],
      ['conv#2', 2],
    ]);
    // Channels 0 and 1 go through the crop, 2 and 3 do not; each half keeps at least one.
    const hard = harden({ model, graph }, keepWithout(graph, { conv: [0], 'conv#2': [1] }));
    expect(hard.getLayer('crop').outputShape).toEqual([null, 4, 4, 1]);
    hard.dispose();
    model.dispose();
  });
});
