import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sumWithoutBlocks } from '../../backend/cpu-sums';
import { startEngine } from '../../backend/engine';
import { TOLERANCE, VerificationError, harden, holds, mask, verify } from '../../surgery';
import { ChannelGraph, NotPrunableError, keepAll, projectLayers } from '../../graph';
import type { KeepSet, Residual } from '../../graph';
import { prunable, setMasks, weightsByName } from '../../layers';
import { chooseUnits, createMethod, methods } from '../../methods';
import type { MethodId } from '../../methods';
import { cifarResNet } from '../../models';
import { disposeEvidence, evidenceFor } from '../methods/fixtures';
import { classNames, keepWithout, outputsOf, randomInputs, randomKeep, randomize, weightValues } from '../graph/networks'; // prettier-ignore

const residuals = ['coupled', 'inner', 'stream'] as const;

/** A narrow ResNet with biases nowhere and statistics everywhere: nothing is left at its initial value. */
function narrowResNet(shortcut: 'A' | 'B' = 'A', seed = 1): tf.LayersModel {
  const options = { inputShape: [5, 4, 2], classes: 3, widths: [4, 6, 9], shortcut } as const;
  return randomize(cifarResNet(8, options), seed);
}

/** A small chain with biases, a depthwise convolution and a strided Flatten. */
function smallChain(): tf.LayersModel {
  const input = tf.input({ shape: [5, 5, 2], name: 'input' });
  const layers = [
    tf.layers.conv2d({ name: 'conv', filters: 5, kernelSize: 3, activation: 'relu' }),
    tf.layers.depthwiseConv2d({ name: 'dw', kernelSize: 3, depthMultiplier: 2, padding: 'same' }),
    tf.layers.batchNormalization({ name: 'bn', scale: false }),
    tf.layers.conv2d({ name: 'mid', filters: 4, kernelSize: 1, padding: 'same' }),
    tf.layers.maxPooling2d({ name: 'pool', poolSize: 2 }),
    tf.layers.flatten({ name: 'flat' }),
    tf.layers.dense({ name: 'hidden', units: 6, activation: 'tanh' }),
    tf.layers.dense({ name: 'fc', units: 3 }),
  ];
  const outputs = layers.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return randomize(tf.model({ inputs: input, outputs }), 4);
}

function readerOf(model: tf.LayersModel): (name: string) => tf.Tensor {
  const weights = weightsByName(model);
  return (name) => weights.get(name)!.read();
}

/** What a method chooses, with random evidence where it observes. */
function choose(id: MethodId, rate: number, model: tf.LayersModel, graph: ChannelGraph): KeepSet {
  const method = createMethod(id);
  const evidence = evidenceFor(method, graph, readerOf(model), 1);
  try {
    return chooseUnits({ graph, kernel: readerOf(model) }, method, { rate }, evidence);
  } finally {
    disposeEvidence(evidence);
  }
}

/** Everything the law asks of one keep set, on whatever engine is active; answers the measurement. */
async function check(
  model: tf.LayersModel,
  graph: ChannelGraph,
  keep: KeepSet,
): Promise<Awaited<ReturnType<typeof verify>>> {
  const hard = harden({ model, graph }, keep);
  const inputs = randomInputs(model, 3);
  try {
    return await verify({ model, graph, keep, hard }, [inputs]);
  } finally {
    hard.dispose();
    tf.dispose(inputs);
  }
}

async function addToWeight(model: tf.LayersModel, name: string, delta: number): Promise<void> {
  const weight = weightsByName(model).get(name)!;
  const values = (await weight.read().data()).map((value) => value + delta);
  const changed = tf.tensor(values, weight.shape as number[]);
  weight.write(changed);
  changed.dispose();
}

beforeAll(async () => {
  await startEngine('cpu');
  sumWithoutBlocks();
});

afterAll(() => {
  tf.disposeVariables();
});

describe.each(residuals)('hard = masked bit for bit, residual %s', (residual) => {
  let models: readonly { model: tf.LayersModel; graph: ChannelGraph }[];

  beforeAll(() => {
    models = [narrowResNet('A'), narrowResNet('B', 2), smallChain()].map((model) => ({
      model,
      graph: ChannelGraph.of(model, { residual }),
    }));
  });

  const rates = [0.1, 0.3, 0.5, 0.9];
  it.each(Object.keys(methods) as MethodId[])('for the choices of %s', async (id) => {
    // Only slimming asks more of a network than kernels: the chain has no scale behind its first one.
    const fitting = id === 'slimming' ? models.slice(0, 2) : models;
    for (const { model, graph } of fitting) {
      for (const rate of rates) {
        const keep = choose(id, rate, model, graph);
        const verification = await check(model, graph, keep);
        expect(verification).toMatchObject({ samples: 3, maxAbsDiff: 0, backend: 'cpu' });
        expect(verification.maxAbsOutput).toBeGreaterThan(0.01);
      }
    }
  });

  it('for random keep sets, filters and single weights together', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(), fc.double({ min: 0, max: 0.95, noNaN: true }), async (which, seed, chance) => {
        const { model, graph } = models[which]!;
        const [kernel] = graph.kernels;
        const size = weightsByName(model).get(kernel!)!.read().size;
        const single = Uint8Array.from({ length: size }, (_, index) => (index * 7 + seed) % 3 && 1);
        const weights = new Map([[kernel!, single]]);
        const verification = await check(model, graph, { ...randomKeep(graph, seed, chance), weights });
        expect(verification.maxAbsDiff).toBe(0);
      }),
      { seed: 1, numRuns: 25 },
    ); // prettier-ignore
  });

  it('and masked is what the masks of the prunable layers compute', () => {
    for (const { model, graph } of models) {
      const twin = prunable(model);
      const keep = randomKeep(graph, 5);
      setMasks(twin, projectLayers(graph, keep));
      const masked = mask({ model, graph }, keep);
      const hard = harden({ model: twin, graph }, keep);
      const inputs = randomInputs(model, 2);
      expect(outputsOf(twin, inputs)).toEqual(outputsOf(masked, inputs));
      expect(outputsOf(hard, inputs)).toEqual(outputsOf(masked, inputs));
      expect(outputsOf(model, inputs)).not.toEqual(outputsOf(masked, inputs)); // it did remove
      for (const made of [twin, masked, hard]) made.dispose();
      tf.dispose(inputs);
    }
  });

  it('and removing nothing changes nothing', () => {
    const { model, graph } = models[0]!;
    const hard = harden({ model, graph }, keepAll);
    expect(weightValues(hard)).toEqual(weightValues(model));
    hard.dispose();
  });
});

it('holds bit for bit over sums longer than the blocks in which cpu adds', async () => {
  const input = tf.input({ shape: [60] });
  const outputs = [150, 100, 3].reduce<tf.SymbolicTensor>(
    (x, units) => tf.layers.dense({ units }).apply(x) as tf.SymbolicTensor,
    input,
  );
  const model = randomize(tf.model({ inputs: input, outputs }));
  const graph = ChannelGraph.of(model);
  for (let seed = 1; seed <= 5; seed++) {
    expect((await check(model, graph, randomKeep(graph, seed))).maxAbsDiff).toBe(0);
  }
  model.dispose();
});

describe('on native TensorFlow', () => {
  it('hard = masked within 1e-5 of the largest output', async ({ skip }) => {
    try {
      await startEngine('tensorflow');
    } catch (error) {
      skip(String(error));
    }
    try {
      for (const residual of residuals) {
        for (const model of [narrowResNet('A'), smallChain()]) {
          const graph = ChannelGraph.of(model, { residual });
          for (let seed = 0; seed < 5; seed++) {
            const measured = await check(model, graph, randomKeep(graph, seed));
            expect(measured.maxAbsDiff).toBeLessThanOrEqual(1e-5 * measured.maxAbsOutput);
            expect(measured.backend).toBe('tensorflow');
          }
          model.dispose();
        }
      }
    } finally {
      await startEngine('cpu');
    }
  });
});

describe('the hard network', () => {
  const graphOf = (model: tf.LayersModel, residual: Residual = 'coupled'): ChannelGraph =>
    ChannelGraph.of(model, { residual });

  it('has stock layers only and the narrow widths', () => {
    const twin = prunable(smallChain());
    const graph = graphOf(twin);
    const hard = harden(
      { model: twin, graph },
      keepWithout(graph, { conv: [0, 3], mid: [1], hidden: [5] }),
    );
    expect([...classNames(hard)].filter((name) => name.startsWith('Prunable'))).toEqual([]);
    const shapes = Object.fromEntries(
      [...weightsByName(hard)].map(([name, { shape }]) => [name, shape]),
    );
    expect(shapes).toEqual({
      'conv/kernel': [3, 3, 2, 3],
      'conv/bias': [3],
      'dw/depthwise_kernel': [3, 3, 3, 2],
      'dw/bias': [6],
      'bn/beta': [6],
      'bn/moving_mean': [6],
      'bn/moving_variance': [6],
      'mid/kernel': [1, 1, 6, 3],
      'mid/bias': [3],
      'hidden/kernel': [3, 5], // 1 x 1 position
      'hidden/bias': [5],
      'fc/kernel': [5, 3],
      'fc/bias': [3],
    });
    twin.dispose();
    hard.dispose();
  });

  it('is a Sequential model where the model is one', () => {
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3, inputShape: [4, 4, 1] }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 2 }),
      ],
    });
    const graph = graphOf(randomize(model));
    const hard = harden({ model, graph }, keepWithout(graph, { conv: [1] }));
    expect(hard).toBeInstanceOf(tf.Sequential);
    expect(hard.layers[0]!.getWeights()[0]!.shape).toEqual([3, 3, 1, 2]);
    model.dispose();
    hard.dispose();
  });

  it('leaves the model as it was, and no tensor behind', async () => {
    const model = prunable(narrowResNet());
    const before = { weights: weightValues(model), config: JSON.stringify(model.getConfig()) };
    for (const residual of residuals) {
      const graph = graphOf(model, residual);
      const keep = randomKeep(graph, 3);
      const tensors = tf.memory().numTensors;
      mask({ model, graph }, keep).dispose();
      await check(model, graph, keep);
      expect(tf.memory().numTensors).toBe(tensors);
    }
    expect(weightValues(model)).toEqual(before.weights);
    expect(JSON.stringify(model.getConfig())).toBe(before.config);
    model.dispose();
  });

  it('is not made from a keep set that does not fit', () => {
    const model = smallChain();
    const graph = graphOf(model);
    const tensors = tf.memory().numTensors;
    const keep = (id: string, kept: number[]): KeepSet => ({
      groups: new Map([[id, Uint8Array.from(kept)]]),
      weights: new Map(),
    });
    for (const make of [harden, mask]) {
      expect(() => make({ model, graph }, keep('fc', [1, 0, 1]))).toThrow(NotPrunableError);
      expect(() => make({ model, graph }, keep('fc', [1, 0, 1]))).toThrow(
        'fc is frozen: model output',
      );
      expect(() => make({ model, graph }, keep('mid', [1, 0]))).toThrow(
        'keep of mid must have 4 channels, got 2',
      );
      expect(() => make({ model, graph }, keep('mid', [0, 0, 0, 0]))).toThrow(
        'keep of mid must keep at least one channel',
      );
      expect(() => make({ model, graph }, keep('middle', [1]))).toThrow(
        'group must be one of the graph, got middle',
      );
    }
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });
});

describe('verify', () => {
  const inputsOf = (model: tf.LayersModel): tf.Tensor[][] => [randomInputs(model, 2)];

  it.each([
    ['conv1/kernel', 'conv1'],
    ['layer1_0_bn1/gamma', 'layer1_0_bn1'],
    ['layer2_0_bn2/moving_variance', 'layer2_0_bn2'],
    ['layer2_0_conv1/kernel', 'layer2_0_conv1'],
    ['layer3_0_bn1/moving_mean', 'layer3_0_bn1'],
    ['fc/bias', 'fc'],
  ])('names the layer when %s differs, however little', async (weight, layer) => {
    const model = narrowResNet();
    for (const residual of residuals) {
      const graph = ChannelGraph.of(model, { residual });
      const keep = randomKeep(graph, 2);
      const hard = harden({ model, graph }, keep);
      await addToWeight(hard, weight, 1e-4);
      const tensors = tf.memory().numTensors;
      const inputs = inputsOf(model);
      const error: unknown = await verify({ model, graph, keep, hard }, inputs).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(VerificationError);
      expect(error).toMatchObject({ layer, verification: { samples: 2 } });
      expect((error as Error).message).toMatch(`first at layer ${layer}`);
      tf.dispose(inputs);
      expect(tf.memory().numTensors).toBe(tensors);
      hard.dispose();
    }
    model.dispose();
  });

  it.each(['functional', 'Sequential'])('names a layer inside a nested %s model', async (kind) => {
    const layers = (): tf.layers.Layer[] => [
      tf.layers.conv2d({ name: 'first', filters: 4, kernelSize: 1, inputShape: [3, 3, 4] }),
      tf.layers.conv2d({ name: 'second', filters: 3, kernelSize: 1 }),
    ];
    const block = tf.sequential({ name: 'block', layers: layers() });
    const inner =
      kind === 'Sequential'
        ? block
        : tf.model({ inputs: block.inputs, outputs: block.outputs, name: 'block' });
    const input = tf.input({ shape: [3, 3, 2] });
    const before = tf.layers.conv2d({ name: 'before', filters: 4, kernelSize: 1 }).apply(input);
    const flat = tf.layers.flatten().apply(inner.apply(before));
    const outputs = tf.layers.dense({ name: 'fc', units: 2 }).apply(flat) as tf.SymbolicTensor;
    const model = randomize(tf.model({ inputs: input, outputs }));
    const graph = ChannelGraph.of(model);
    const keep = keepWithout(graph, { before: [1], 'block/first': [0], 'block/second': [2] });
    for (const weight of ['block/second/kernel', 'block/first/bias']) {
      const hard = harden({ model, graph }, keep);
      await addToWeight(hard, weight, 0.25);
      const inputs = inputsOf(model);
      await expect(verify({ model, graph, keep, hard }, inputs)).rejects.toMatchObject({
        layer: weight.slice(0, weight.lastIndexOf('/')),
      });
      tf.dispose(inputs);
      hard.dispose();
    }
    await check(model, graph, keep);
    model.dispose();
  });

  it.each([NaN, Infinity])(
    'never accepts %d, even where both networks agree on it',
    async (value) => {
      const model = narrowResNet();
      const graph = ChannelGraph.of(model);
      await addToWeight(model, 'layer1_0_bn1/beta', value);
      await expect(check(model, graph, keepAll)).rejects.toThrow(VerificationError);
      model.dispose();
    },
  );

  it('never accepts one bad number among good ones', async () => {
    const model = smallChain();
    const graph = ChannelGraph.of(model);
    const bias = tf.tensor1d([NaN, 0, 0]); // of the three outputs only the first
    weightsByName(model).get('fc/bias')!.write(bias);
    await expect(check(model, graph, keepAll)).rejects.toThrow(VerificationError);
    bias.dispose();
    model.dispose();
  });

  it('feeds models of several inputs and compares all outputs', async () => {
    const inputs = [tf.input({ shape: [3, 3, 1] }), tf.input({ shape: [3, 3, 2] })];
    const convs = inputs.map((input, index) =>
      tf.layers.conv2d({ name: `conv${index}`, filters: 4, kernelSize: 1 }).apply(input),
    ) as tf.SymbolicTensor[];
    const sum = tf.layers.add().apply(convs) as tf.SymbolicTensor;
    const outputs = ['left', 'right'].map(
      (name) =>
        tf.layers.conv2d({ name, filters: 2, kernelSize: 1 }).apply(sum) as tf.SymbolicTensor,
    );
    const model = randomize(tf.model({ inputs, outputs }));
    const graph = ChannelGraph.of(model);
    const keep = keepWithout(graph, { conv0: [0, 2] });
    expect(await check(model, graph, keep)).toMatchObject({ samples: 3, maxAbsDiff: 0 });
    const hard = harden({ model, graph }, keep);
    await addToWeight(hard, 'right/bias', 1);
    const batch = randomInputs(model, 1);
    await expect(verify({ model, graph, keep, hard }, [batch])).rejects.toMatchObject({
      layer: 'right',
    });
    tf.dispose(batch);
    hard.dispose();
    model.dispose();
  });

  it('adds up the batches and wants at least one sample', async () => {
    const model = smallChain();
    const graph = ChannelGraph.of(model);
    const hard = harden({ model, graph }, keepAll);
    const comparison = { model, graph, keep: keepAll, hard };
    const [a, b] = [randomInputs(model, 2, 1)[0]!, randomInputs(model, 5, 2)[0]!];
    const largest = Math.max(...[a, b].flatMap((x) => outputsOf(model, [x]).map(Math.abs)));
    expect(await verify(comparison, [a, b])).toEqual({
      samples: 7,
      maxAbsDiff: 0,
      maxAbsOutput: largest,
      backend: 'cpu',
    });
    await expect(verify(comparison, [])).rejects.toThrow(
      'batches must hold at least one sample, got 0',
    );
    tf.dispose([a, b]);
    hard.dispose();
    model.dispose();
  });

  it('allows nothing on cpu and a share of the largest output elsewhere', () => {
    const measured = { samples: 1, maxAbsDiff: 1e-5, maxAbsOutput: 1 };
    expect(TOLERANCE).toBe(1e-5);
    expect(holds({ ...measured, backend: 'tensorflow' })).toBe(true);
    expect(holds({ ...measured, maxAbsDiff: 1.1e-5, backend: 'tensorflow' })).toBe(false);
    expect(holds({ ...measured, maxAbsDiff: 1e-9, backend: 'cpu' })).toBe(false);
    expect(holds({ ...measured, maxAbsDiff: 0, maxAbsOutput: 0, backend: 'wasm' })).toBe(true);
    for (const backend of ['cpu', 'tensorflow']) {
      expect(holds({ ...measured, maxAbsDiff: NaN, backend })).toBe(false);
      expect(holds({ ...measured, maxAbsDiff: NaN, maxAbsOutput: Infinity, backend })).toBe(false);
    }
  });
});
