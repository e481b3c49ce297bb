import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { sumWithoutBlocks } from '../../backend/cpu-sums';
import { nodeFiles } from '../../files';
import { readPlainly, writeModel } from '../../formats';
import { Network } from '../../graph';
import { assignWeight, dropActingConstraints, droppedConstraints } from '../../layers';
import { pruneLevels, pruneOnce } from '../../jobs';
import { writeStock } from '../../jobs/write-stock';
import { chooseUnits, GeometricMedian } from '../../methods';
import { harden, mask, strip } from '../../surgery';
import { describeOn } from '../engines';
import { randomizeWeights } from '../tensors';
import { scratchFolder } from '../formats/tfjs/model-folders';

const { constraints, layers } = tf;
const scratch = scratchFolder();

/** Each acts on weights that do not fulfil it; the axis is that along which Keras norms a kernel. */
const classes = {
  UnitNorm: () => constraints.unitNorm({ axis: 0 }),
  MinMaxNorm: () => constraints.minMaxNorm({ minValue: 0.5, maxValue: 1, rate: 0.5, axis: 0 }),
  MaxNorm: () => constraints.maxNorm({ maxValue: 0.25, axis: 0 }),
  NonNeg: () => constraints.nonNeg(),
};

type Make = (constraint: () => ReturnType<typeof constraints.nonNeg>) => tf.LayersModel;

const image = { inputShape: [6, 6, 3] };
const head = (): tf.layers.Layer[] => [
  layers.flatten({ name: 'flat' }),
  layers.dense({ name: 'out', units: 2 }),
];
const sequence = (layer: tf.layers.Layer): tf.LayersModel =>
  tf.sequential({ layers: [layer, layers.dense({ name: 'out', units: 2 })] });

/** A network for each weight that can have a constraint, by layer and weight. */
const networks: Record<string, Make> = {
  'conv2d kernel and bias': (of) =>
    tf.sequential({
      layers: [
        layers.conv2d({ name: 'c', filters: 6, kernelSize: 3, kernelConstraint: of(), biasConstraint: of(), ...image }), // prettier-ignore
        layers.conv2d({ name: 'd', filters: 4, kernelSize: 3, kernelConstraint: of() }),
        ...head(),
      ],
    }),
  'dense kernel and bias': (of) =>
    tf.sequential({
      layers: [
        layers.dense({ name: 'a', units: 8, inputShape: [5], activation: 'relu', kernelConstraint: of(), biasConstraint: of() }), // prettier-ignore
        layers.dense({ name: 'b', units: 6, kernelConstraint: of() }),
        layers.dense({ name: 'out', units: 2 }),
      ],
    }),
  'gamma and beta': (of) =>
    tf.sequential({
      layers: [
        layers.conv2d({ name: 'c', filters: 6, kernelSize: 3, ...image }),
        layers.batchNormalization({ name: 'n', gammaConstraint: of(), betaConstraint: of() }),
        ...head(),
      ],
    }),
  'depthwise kernel': (of) =>
    tf.sequential({
      layers: [
        layers.conv2d({ name: 'c', filters: 6, kernelSize: 1, ...image }),
        layers.depthwiseConv2d({ name: 'w', kernelSize: 3, depthwiseConstraint: of(), biasConstraint: of() }), // prettier-ignore
        ...head(),
      ],
    }),
  'separable kernels': (of) =>
    tf.sequential({
      layers: [
        layers.separableConv2d({ name: 's', filters: 6, kernelSize: 3, depthwiseConstraint: of(), pointwiseConstraint: of(), ...image }), // prettier-ignore
        layers.conv2d({ name: 'd', filters: 4, kernelSize: 1 }),
        ...head(),
      ],
    }),
  'transposed kernel': (of) =>
    tf.sequential({
      layers: [
        layers.conv2dTranspose({ name: 't', filters: 6, kernelSize: 3, kernelConstraint: of(), ...image }), // prettier-ignore
        layers.conv2d({ name: 'd', filters: 4, kernelSize: 1 }),
        ...head(),
      ],
    }),
  'alpha of PReLU': (of) =>
    tf.sequential({
      layers: [
        layers.conv2d({ name: 'c', filters: 6, kernelSize: 3, ...image }),
        layers.prelu({ name: 'p', sharedAxes: [1, 2], alphaConstraint: of() }),
        ...head(),
      ],
    }),
  'recurrent kernel': (of) =>
    sequence(
      layers.lstm({ name: 'l', units: 3, inputShape: [4, 5], kernelConstraint: of(), recurrentConstraint: of(), biasConstraint: of() }), // prettier-ignore
    ),
  'kernels of both directions': (of) =>
    sequence(
      layers.bidirectional({
        name: 'both',
        inputShape: [4, 5],
        layer: layers.gru({ units: 3, kernelConstraint: of() }),
        mergeMode: 'concat',
      }),
    ),
  'kernel within TimeDistributed': (of) =>
    sequence(
      layers.timeDistributed({
        name: 'each',
        inputShape: [4, 5],
        layer: layers.dense({ units: 3, kernelConstraint: of() }),
      }),
    ),
};

const cases = Object.keys(networks).flatMap((network) =>
  Object.keys(classes).map((constraint) => [network, constraint] as const),
);

/** A trained network under constraints: `fit` of the library does not keep them. */
function build(network: string, constraint: string): tf.LayersModel {
  const model = networks[network]!(classes[constraint as keyof typeof classes]);
  randomizeWeights(model);
  for (const weight of model.weights) {
    // Away from zero for both kinds of NonNeg, and as it was in memory: `write` would apply constraints.
    const value = tf.tidy(() => tf.add(weight.read(), tf.randomUniform(weight.shape as number[], -0.2, 0.2, 'float32', 5))); // prettier-ignore
    assignWeight(weight, weight.originalName.includes('variance') ? tf.tidy(() => tf.abs(value)) : value); // prettier-ignore
    value.dispose();
  }
  return model;
}

function gapOf(one: tf.LayersModel, other: tf.LayersModel): number {
  return tf.tidy(() => {
    const shape = [2, ...(one.inputs[0]!.shape.slice(1) as number[])];
    const x = tf.randomUniform(shape, -1, 1, 'float32', 7);
    const [a, b] = [one, other].map((model) => model.predict(x) as tf.Tensor);
    return tf.max(tf.abs(tf.sub(a!, b!))).dataSync()[0]!;
  });
}

async function openPlainly(model: tf.LayersModel, name: string): Promise<tf.LayersModel> {
  const folder = join(scratch, name.replace(/\W/g, '_'));
  await writeModel(model, folder);
  return (await readPlainly(folder, nodeFiles)).model;
}

describeOn(['cpu'], 'constraints that act when a file is opened', () => {
  it.each(cases)('%s: a pruned network with %s is what its file opens as', async (name, of) => {
    sumWithoutBlocks(); // as `verify` does, without which sums of another width have another order
    const network = Network.of(build(name, of));
    const isPrunable = network.graph.prunable.length > 0;
    const keep = isPrunable
      ? chooseUnits(network, new GeometricMedian(), { rate: 0.4 })
      : { groups: new Map(), weights: new Map() };
    const hard = harden(network, keep);
    const masked = mask(network, keep);
    expect(gapOf(masked, hard)).toBe(0);
    expect(gapOf(masked, await openPlainly(hard, `hard ${name} ${of}`))).toBe(0);
    expect(gapOf(masked, await openPlainly(masked, `masked ${name} ${of}`))).toBe(0);
    const plain = strip(network.model);
    expect(gapOf(network.model, await openPlainly(plain, `plain ${name} ${of}`))).toBe(0);
    expect(droppedConstraints(network.model, plain).map(({ constraint }) => constraint)).toContain(of); // prettier-ignore
  });

  it('keeps a constraint that leaves the weights as they are', () => {
    const model = build('conv2d kernel and bias', 'NonNeg');
    for (const weight of model.weights)
      assignWeight(
        weight,
        tf.tidy(() => tf.abs(weight.read())),
      );
    const plain = strip(model);
    expect(droppedConstraints(model, plain)).toEqual([]);
    expect(JSON.stringify(plain.getConfig()).split('"NonNeg"')).toHaveLength(4);
  });

  it('drops one constraint and leaves the weights and the others alone', () => {
    const model = build('dense kernel and bias', 'UnitNorm');
    const before = model.weights.map((weight) => [...weight.read().dataSync()]);
    const twin = build('dense kernel and bias', 'UnitNorm');
    dropActingConstraints(model);
    expect(model.weights.map((weight) => [...weight.read().dataSync()])).toEqual(before);
    expect(droppedConstraints(twin, model)).toEqual([
      { layer: 'a', weight: 'kernel', constraint: 'UnitNorm' },
      { layer: 'a', weight: 'bias', constraint: 'UnitNorm' },
      { layer: 'b', weight: 'kernel', constraint: 'UnitNorm' },
    ]);
  });

  describe('in what is handed over', () => {
    it.each(Object.keys(classes))(
      'pruneOnce says which %s is gone, and proves the files',
      async (of) => {
        const model = build('conv2d kernel and bias', of);
        const out = join(scratch, `once ${of}`);
        const tensors = tf.memory().numTensors;
        const { verification, manifest } = await pruneOnce({
          ...{
            model,
            out,
            rate: 0.4,
            method: 'norm-filter',
            format: ['tfjs', 'sparse', 'typescript'],
          },
        });
        expect(tf.memory().numTensors).toBe(tensors);
        expect(verification).toMatchObject({ samples: 64, maxAbsDiff: 0, backend: 'cpu' });
        expect(manifest).toMatchObject({
          droppedConstraints: [
            { layer: 'c', weight: 'kernel', constraint: of },
            { layer: 'c', weight: 'bias', constraint: of },
            { layer: 'd', weight: 'kernel', constraint: of },
          ],
        });
        for (const file of ['model.json', 'network.ts']) {
          expect(readFileSync(join(out, file), 'utf8').toLowerCase()).not.toContain(
            of.toLowerCase(),
          );
        }
      },
    );

    it('pruneLevels says so of each level, and proves its files', async () => {
      const model = build('dense kernel and bias', 'UnitNorm');
      const options = { model, out: join(scratch, 'levels'), dataset: 'none', rates: [0.25, 0.5] };
      const { levels } = await pruneLevels(options);
      for (const { folder, verification } of levels) {
        expect(verification).toMatchObject({ samples: 64, maxAbsDiff: 0 });
        expect(readFileSync(join(folder, 'model.json'), 'utf8')).not.toContain('UnitNorm');
        const text = readFileSync(join(folder, 'pruning.json'), 'utf8');
        expect(JSON.parse(text)).toMatchObject({ verification, droppedConstraints: [{}, {}, {}] });
      }
    });

    it('writeStock says so in the pruning.json that goes along', async () => {
      const model = build('dense kernel and bias', 'MinMaxNorm');
      const folder = join(scratch, 'stock');
      const pruning = '{"format":"secateur-pruning/1"}';
      const place = { read: [model], source: 'toy' };
      const { dropped, verification } = await writeStock(model, { folder, place, pruning });
      expect(dropped).toHaveLength(3);
      expect(verification).toMatchObject({ samples: 2, maxAbsDiff: 0 });
      const manifest = JSON.parse(readFileSync(join(folder, 'pruning.json'), 'utf8')) as object;
      expect(manifest).toMatchObject({ format: 'secateur-pruning/1', droppedConstraints: dropped });
    });
  });
});
