import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { readModel, writeModel } from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import { levelPath, writeLevel, writeLevels } from '../../../formats/typescript/levels';
import { typescriptSource } from '../../../formats/typescript/typescript-source';
import { UnsupportedLayerError } from '../../../formats/unsupported-layer-error';
import { prunable } from '../../../layers';
import { blockLayers } from '../../../models';
import { outputsOf, randomInputs, randomize } from '../../graph/networks';
import { prunedOf, trainedTwin } from '../../surgery/trained-twin';
import { layerOf } from '../layer-options';
import { compiled, weightFiles } from './compiled-source';

const { layers } = tf;
let folder: string;

beforeAll(async () => {
  await startEngine('cpu');
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-source-'));
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true });
  tf.disposeVariables();
});

const apply = (layer: tf.layers.Layer, ...inputs: tf.SymbolicTensor[]): tf.SymbolicTensor =>
  layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tf.SymbolicTensor;

/** A Sequential inside a functional model inside a Sequential, as Teachable Machine nests them. */
function nested(): tf.LayersModel {
  const inner = tf.sequential({
    name: 'inner',
    layers: [
      layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3, inputShape: [8, 8, 2] }),
      layers.batchNormalization({ name: 'norm' }),
    ],
  });
  const input = tf.input({ shape: [8, 8, 2], name: 'image' });
  const features = tf.model({
    name: 'features',
    inputs: input,
    outputs: apply(layers.flatten({ name: 'flat' }), apply(inner, input)),
  });
  const head = tf.sequential({
    name: 'head',
    layers: [layers.dense({ name: 'fc', units: 4, inputShape: [108], activation: 'softmax' })],
  });
  return randomize(tf.sequential({ name: 'whole', layers: [features, head] }));
}

/** Two inputs, three outputs, a shared layer, a shared model, a layer of three outputs, odd names. */
function entangled(): tf.LayersModel {
  const [left, right] = ['left', 'right'].map((name) => tf.input({ name, shape: [6, 4] }));
  const shared = layers.dense({ name: 'class', units: 4, kernelConstraint: 'nonNeg' });
  const block = tf.sequential({
    name: 'a-block',
    layers: [layers.dense({ name: 'tf', units: 5, inputShape: [6, 4] })],
  });
  const sum = apply(layers.add({ name: 'a.b' }), apply(shared, left!), apply(shared, right!));
  const both = apply(layers.concatenate({ name: '2' }), apply(block, sum), apply(block, left!));
  const lstm = layers.lstm({ name: 'lstm', units: 3, returnState: true });
  const [last, state] = lstm.apply(both) as tf.SymbolicTensor[];
  const joined = apply(layers.multiply({ name: 'a_b' }), last!, state!);
  return randomize(tf.model({ name: 'entangled', inputs: [left!, right!], outputs: [joined, both, left!] })); // prettier-ignore
}

/** A layer of nearly every class, with options of its own. */
function assorted(): tf.LayersModel {
  const image = tf.input({ name: 'image', shape: [12, 12, 2] });
  const words = tf.input({ name: 'words', shape: [5] });
  const l2 = tf.regularizers.l2({ l2: 0.01 });
  const picture = [
    layers.rescaling({ scale: 0.5, offset: 1 }),
    layers.conv2d({ filters: 4, kernelSize: [3, 2], strides: [1, 2], dilationRate: 1, kernelRegularizer: l2 }),
    layers.prelu({ sharedAxes: [1, 2] }),
    layers.separableConv2d({ filters: 3, kernelSize: 3, depthMultiplier: 2, padding: 'same' }),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, trainable: false }),
    layers.zeroPadding2d({ padding: [[0, 1], [2, 0]] }),
    layers.cropping2D({ cropping: [[1, 0], [0, 1]] }),
    layers.thresholdedReLU({ theta: 0.1 }),
    layers.upSampling2d({ size: [1, 2] }),
    layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2 }),
    layers.elu(),
    layers.maxPooling2d({ poolSize: [2, 1], strides: 2 }),
    layers.averagePooling2d({ poolSize: 2, padding: 'same' }),
    layers.layerNormalization({ axis: -1 }),
    layers.permute({ dims: [2, 1, 3] }),
    layers.reshape({ targetShape: [-1, 2] }),
    layers.spatialDropout1d({ rate: 0.1 }),
    layers.conv1d({ filters: 3, kernelSize: 2, activation: 'hardSigmoid' }),
    layers.timeDistributed({ layer: layers.dense({ units: 2, kernelConstraint: tf.constraints.maxNorm({ maxValue: 3 }) }) }),
    layers.maxPooling1d({ poolSize: 2 }),
    layers.globalAveragePooling1d({}) as tf.layers.Layer,
    layers.repeatVector({ n: 3 }),
    layers.bidirectional({ layer: layers.gru({ units: 2, returnSequences: true }), mergeMode: 'concat' }),
    layers.rnn({ cell: [layers.simpleRNNCell({ units: 3 }), layers.lstmCell({ units: 2 })] }),
    layers.gaussianNoise({ stddev: 0.1 }),
    layers.softmax({}),
  ].reduce((x, layer) => apply(layer, x), image); // prettier-ignore
  const text = [
    layers.embedding({ inputDim: 9, outputDim: 3, maskZero: false }),
    layers.masking({ maskValue: 0.5 }),
    layers.simpleRNN({ units: 2, returnSequences: true }),
    layers.flatten(),
    layers.dense({ units: 2, useBias: false, kernelInitializer: tf.initializers.constant({ value: 0.25 }) }),
    layers.dropout({ rate: 0.5, seed: 3 }),
  ].reduce((x, layer) => apply(layer, x), words); // prettier-ignore
  const outputs = [picture, apply(layers.dot({ axes: 1 }), picture, text)];
  const model = tf.model({ name: 'assorted', inputs: [image, words], outputs });
  return randomize(model);
}

/** A block whose middle is another network's: no function of its own can hold it. */
function brokenBlock(): tf.LayersModel {
  const input = tf.input({ name: 'x', shape: [4] });
  const first = apply(layers.dense({ name: 'b_first', units: 4 }), input);
  const between = apply(layers.dense({ name: 'between', units: 4 }), first);
  const output = apply(layers.dense({ name: 'b_last', units: 4 }), between);
  return randomize(tf.model({ name: 'broken', inputs: input, outputs: output }));
}

const brokenBlocks = new Map([['b_first', { block: 'b', kind: 'torn' }]]);

const cases: Readonly<Record<string, () => tf.LayersModel>> = {
  resnet20: () => prunedOf(trainedTwin('resnet20', { width: 0.5 })),
  mobilenet_v2: () => prunedOf(trainedTwin('mobilenet_v2', { width: 0.15 })),
  densenet121: () => prunedOf(trainedTwin('densenet121', { width: 0.1 })),
  googlenet: () => prunedOf(trainedTwin('googlenet', { width: 0.1 })),
  efficientnet_b0: () => prunedOf(trainedTwin('efficientnet_b0', { width: 0.1 })),
  nested,
  entangled,
  assorted,
  brokenBlock,
};

function expectSameOutputs(rebuilt: tf.LayersModel, model: tf.LayersModel): void {
  const inputs = tf.tidy(() => randomInputs(model, 2).map((x) => tf.clipByValue(tf.abs(x), 0, 8))); // word numbers too
  const expected = outputsOf(model, inputs);
  expect(expected.some((value) => Math.abs(value) > 1e-3)).toBe(true);
  expect(outputsOf(rebuilt, inputs)).toEqual(expected);
  tf.dispose(inputs);
}

describe('the source', () => {
  const models = new Map<string, tf.LayersModel>();
  const sources = new Map<string, string>();
  let result: ReturnType<typeof compiled>;

  beforeAll(async () => {
    for (const [name, make] of Object.entries(cases)) {
      const model = make();
      const blocks = name === 'brokenBlock' ? brokenBlocks : blockLayers(model);
      models.set(name, model);
      sources.set(name, typescriptSource(model, { blocks }));
      if (name === 'assorted' || name === 'nested') {
        sources.set(`${name}-initializers`, typescriptSource(model, { initializers: true }));
      }
    }
    // From a file, where what a layer does not say is null.
    const where = path.join(folder, 'from-file');
    await writeModel(models.get('mobilenet_v2')!, where);
    const read = await readModel(path.join(where, 'model.json'));
    sources.set('mobilenet_v2-read', typescriptSource(read, { blocks: blockLayers(read) }));
    read.dispose();
    result = compiled(sources);
  });

  it("compiles under the project's options, all of it used", () => {
    expect(result.messages).toEqual([]);
    expect([...result.modules.keys()].sort()).toEqual([...sources.keys()].sort());
  });

  it.each(Object.keys(cases))('of %s gives bitwise equal outputs', async (name) => {
    const model = models.get(name)!;
    const where = path.join(folder, name);
    await writeModel(model, where);
    const { build, loadWeights } = result.modules.get(name)!;
    const tensors = tf.memory().numTensors;
    const rebuilt = loadWeights(build(), ...weightFiles(where));
    expect(rebuilt.name).toBe(model.name);
    expect(rebuilt instanceof tf.Sequential).toBe(model instanceof tf.Sequential);
    expectSameOutputs(rebuilt, model);
    disposeWeights(rebuilt);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each(['assorted', 'nested'])('of %s with initializers has the same config', (name) => {
    const rebuilt = result.modules.get(`${name}-initializers`)!.build();
    expect(rebuilt.getConfig()).toEqual(models.get(name)!.getConfig());
    rebuilt.dispose();
  });

  it('of a network that was read from a file is the same', () => {
    expect(sources.get('mobilenet_v2-read')).toBe(sources.get('mobilenet_v2'));
  });

  it('leaves out what is null, and names what tfjs takes and its types do not', () => {
    const model = tf.sequential({ name: 'odd' });
    const odd = [
      ['InputLayer', { name: 'x', batchInputShape: [null, 4, 4, 3] }],
      ['Rescaling', { name: 'scaled', scale: [1, 2, 3], offset: null }],
      ['BatchNormalization', { name: 'norm', axis: [3] }],
      ['ReLU', { name: 'relu', maxValue: null }],
      ['Dropout', { name: 'drop', rate: 0.5, noiseShape: null, seed: null }],
      ['Activation', { name: 'log', activation: 'logSoftmax' }],
    ] as const;
    for (const [className, config] of odd) model.add(layerOf({ className, config }));
    const text = typescriptSource(model);
    expect(text).toContain("tf.layers.rescaling({ name: 'scaled', scale: [1, 2, 3] as never })");
    expect(text).toContain("tf.layers.batchNormalization({ name: 'norm', axis: 3 })");
    expect(text).toContain("tf.layers.reLU({ name: 'relu' })");
    expect(text).toContain("tf.layers.dropout({ name: 'drop', rate: 0.5 })");
    expect(text).toContain("activation: 'logSoftmax' as never");
    model.dispose();
  });

  it('has one function a block and literal widths', () => {
    const text = sources.get('resnet20')!;
    expect(text.match(/^\/\*\* The basicBlock .*\*\/$/gm)).toHaveLength(9);
    // floor(16 / 2 * 0.3) = 2 of 8 removed: 6 filters
    expect(text).toContain(
      "  const conv1 = apply(tf.layers.conv2d({ name: 'layer1_0_conv1', filters: 6, kernelSize: 3, padding: 'same', useBias: false }), x);\n",
    );
    expect(text).toContain('  const layer1_0 = layer1_0_block(relu);\n');
    expect(text.match(/from '(.*)'/g)).toEqual(["from '@tensorflow/tfjs'"]);
  });

  it('writes a block that others interrupt without a function', () => {
    expect(sources.get('brokenBlock')).not.toContain('torn');
  });

  it('refuses weights of another length', () => {
    const { build, loadWeights } = result.modules.get('nested')!;
    const model = build();
    const wrong = new Uint8Array(8);
    // conv 3*3*2*3 + 3, norm 4 * 3, fc 108 * 4 + 4: 505 weights of 4 bytes
    expect(() => loadWeights(model, wrong)).toThrow(
      'the weights take 2020 bytes, the files have 8',
    );
    model.dispose();
  });

  it('refuses layers that tfjs alone does not have, by name', () => {
    const model = trainedTwin('resnet20', { width: 0.1 });
    const twin = prunable(model);
    expect(() => typescriptSource(twin)).toThrow(UnsupportedLayerError);
    expect(() => typescriptSource(twin)).toThrow('conv1 (PrunableConv2D) is of a class that');
    model.dispose();
    twin.dispose();
  });

  describe('at several levels', () => {
    const place = (rate: number) =>
      ({ modelPath: path.join(folder, 'levels'), dataset: 'mnist', subset: 'even', network: 'nested', rate }) as const; // prettier-ignore

    it('is stored under data set, subset, network and percentage with its weights beside', async () => {
      const model = models.get('nested')!;
      const extras = { 'pruning.json': '{}' };
      const written = await writeLevels([0.1, 0.3].map((rate) => ({ model, place: place(rate), extras }))); // prettier-ignore
      await writeLevel({ model, place: place(0.3), extras }); // once more, over the first
      const subset = path.join(folder, 'levels', 'mnist', 'even');
      expect(written.map(({ source }) => path.relative(subset, source))).toEqual(['nested_10.ts', 'nested_30.ts']); // prettier-ignore
      expect(fs.readdirSync(subset).sort()).toEqual(['nested_10', 'nested_10.ts', 'nested_30', 'nested_30.ts']); // prettier-ignore
      expect(fs.readdirSync(path.join(subset, 'nested_10')).sort()).toEqual(['group1-shard1of1.bin', 'model.json', 'pruning.json']); // prettier-ignore
      const body = (text: string): string => text.slice(text.indexOf('import'));
      expect(body(fs.readFileSync(written[0]!.source, 'utf8'))).toBe(body(sources.get('nested')!));
      const { build, loadWeights } = result.modules.get('nested')!;
      const rebuilt = loadWeights(build(), ...weightFiles(written[0]!.folder));
      expectSameOutputs(rebuilt, model);
      rebuilt.dispose();
    });

    it('writes nothing for a network that has no source', async () => {
      const model = trainedTwin('resnet20', { width: 0.1 });
      const twin = prunable(model);
      await expect(writeLevel({ model: twin, place: place(0.9) })).rejects.toThrow(UnsupportedLayerError); // prettier-ignore
      expect(fs.existsSync(levelPath(place(0.9)).folder)).toBe(false);
      model.dispose();
      twin.dispose();
    });

    it.each([
      [{ rate: 0.125 }, 'nested_12.5'],
      [{ rate: 0.07 }, 'nested_7'],
      [{ rate: 0 }, 'nested_0'],
    ])('names %j by its percentage', (options, name) => {
      expect(path.basename(levelPath({ ...place(0), ...options }).folder)).toBe(name);
    });

    it.each([
      [{ rate: 1 }, 'rate must be in [0, 1), got 1'],
      [{ subset: '../..' }, 'subset must be letters, digits'],
      [{ dataset: 'a/b' }, 'dataset must be letters, digits'],
    ])('refuses %j', (options, message) => {
      expect(() => levelPath({ ...place(0.1), ...options })).toThrow(message);
    });
  });
});
