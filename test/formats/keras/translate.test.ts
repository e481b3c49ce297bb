import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelFileError, readModel, writeModel } from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import { randomizeWeights } from '../../tensors';
import {
  functionalModel,
  layerEntry,
  nestedModel,
  plainlyLoaded,
  readLoose,
  scratchFolder,
  writeLoose,
} from '../tfjs/model-folders';
import type { Loose, LooseModel, LooseObject } from '../tfjs/model-folders';
import { fuzzReader } from '../tfjs/mutations';
import { inKeras3 } from './keras3';

/** Of float32 sums in another order. */
const TOLERANCE = 1e-5;

const scratch = scratchFolder();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function filesOf(model: tf.LayersModel): Promise<LooseModel> {
  const folder = path.join(scratch, 'written');
  await writeModel(model, folder);
  return readLoose(folder);
}

/** Reads a network that was written like this, with what the reader said of it. */
async function reading(model: LooseModel): Promise<{ model: tf.LayersModel; notes: string[] }> {
  const notes: string[] = [];
  const file = writeLoose(path.join(scratch, 'read'), model);
  return { model: await readModel(file, (words) => notes.push(words)), notes };
}

async function refusalOf(model: LooseModel): Promise<string> {
  const error = await reading(model).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  return (error as ModelFileError).reason;
}

/** Numbers between -1 and 1 for each input, the same each time. */
function samplesFor(model: tf.LayersModel): tf.Tensor[] {
  return model.inputs.map(({ shape }, index) =>
    tf.randomUniform([2, ...(shape.slice(1) as number[])], -1, 1, 'float32', 7 + index),
  );
}

function valuesOf(model: tf.LayersModel, inputs: tf.Tensor[]): number[] {
  return [model.predict(inputs)].flat().flatMap((output) => [...output.dataSync()]);
}

function expectNear(received: readonly number[], expected: readonly number[]): void {
  expect(received).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs), 1);
  const worst = Math.max(...expected.map((value, at) => Math.abs(value - received[at]!)));
  expect(worst / scale).toBeLessThan(TOLERANCE);
}

/** Two inputs of different shape, a tower that both go through, and two outputs. */
function twoByTwo(): tf.LayersModel {
  const { layers } = tf;
  const [left, right] = ['left', 'right'].map((name) => tf.input({ name, shape: [6, 6, 2] }));
  const image = tf.input({ name: 'inside', shape: [6, 6, 2] });
  const features = layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3 }).apply(image);
  const pooled = layers.globalAveragePooling2d({ name: 'pool' }).apply(features);
  const tower = tf.model({ name: 'tower', inputs: image, outputs: pooled as tf.SymbolicTensor });
  const sides = [left!, right!].map((side) => tower.apply(side) as tf.SymbolicTensor);
  const both = layers.concatenate({ name: 'both' }).apply(sides) as tf.SymbolicTensor;
  const head = layers.dense({ name: 'head', units: 3, activation: 'softmax' }).apply(both);
  const model = tf.model({
    name: 'two_by_two',
    inputs: [left!, right!],
    outputs: [head as tf.SymbolicTensor, sides[1]!],
  });
  randomizeWeights(model);
  return model;
}

/** Wrappers and a recurrent layer. */
function sequence(): tf.LayersModel {
  const { layers } = tf;
  const lstm = layers.lstm({ name: 'lstm', units: 3, recurrentActivation: 'sigmoid' });
  const dense = layers.dense({ name: 'point', units: 4, activation: 'tanh' });
  const model = tf.sequential({
    name: 'sequence',
    layers: [
      layers.timeDistributed({ name: 'each', inputShape: [4, 5], layer: dense }),
      layers.bidirectional({ name: 'both_ways', layer: lstm, mergeMode: 'concat' }),
      layers.dense({ name: 'out', units: 2 }),
    ],
  });
  randomizeWeights(model);
  return model;
}

/** Without nested models. */
function nestedFree(): tf.LayersModel {
  const { layers } = tf;
  const model = tf.sequential({
    name: 'plain',
    layers: [
      layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3, inputShape: [5, 5, 2] }),
      layers.flatten({ name: 'flatten' }),
      layers.dense({ name: 'fc', units: 2 }),
    ],
  });
  randomizeWeights(model);
  return model;
}

const networks = { functionalModel, nestedModel, sequence, twoByTwo };

describe('a network in the words of Keras 3', () => {
  it.each(Object.entries(networks))('computes what it did: %s', async (_, make) => {
    const original = make();
    const files = await filesOf(original);
    const { model } = await reading(inKeras3(files));
    const inputs = samplesFor(original);
    expect(valuesOf(model, inputs)).toEqual(valuesOf(original, inputs));
  });

  it('has the names of models and cells around those of its weights', async () => {
    const original = sequence();
    const files = inKeras3(await filesOf(original));
    for (const weight of files.json.weightsManifest[0]!.weights) {
      const name = (weight.name as string).replace(/_lstm\//, '_lstm/lstm_cell/');
      weight.name = `sequence/${name}`;
    }
    const { model } = await reading(files);
    const inputs = samplesFor(original);
    expect(valuesOf(model, inputs)).toEqual(valuesOf(original, inputs));
  });

  it('is written so that plain TensorFlow.js opens it', async () => {
    const { model } = await reading(inKeras3(await filesOf(twoByTwo())));
    const opened = await plainlyLoaded(await filesOf(model));
    const inputs = samplesFor(model);
    expect(valuesOf(opened, inputs)).toEqual(valuesOf(model, inputs));
  });

  it('whose Sequential says its input shape itself, with other shapes of words', async () => {
    const json = chain([2], [['Rescaling', { scale: 2, name: 'scale' }]], true);
    const { model_config: root } = json.modelTopology as { model_config: { config: LooseObject } };
    (root.config.layers as Loose[]).shift();
    root.config.build_input_shape = [null, 2];
    const { model } = await reading({ json, weights: Buffer.alloc(0) });
    expect(valuesOf(model, [tf.tensor([[1, 2]])])).toEqual([2, 4]);
  });

  it('whose sums are operations with their terms one by one, and whose outputs have names', async () => {
    const original = functionalModel();
    const files = inKeras3(await filesOf(original));
    const add = JSON.stringify(files.json).replace(
      /("name":"add","class_name":"Add".*?"args":)\[\[(.*?)\]\],"kwargs"/,
      '$1[$2],"kwargs"',
    );
    expect(add).not.toBe(JSON.stringify(files.json));
    const named = add.replace('"output_layers":["fc",0,0]', '"output_layers":{"out":["fc",0,0]}');
    expect(named).not.toBe(add);
    const { model } = await reading({ ...files, json: JSON.parse(named) as LooseModel['json'] });
    const inputs = samplesFor(original);
    expect(valuesOf(model, inputs)).toEqual(valuesOf(original, inputs));
  });

  it('whose operations with a number scale and shift', async () => {
    const tensor = (name: string): LooseObject => ({
      class_name: '__keras_tensor__',
      config: { shape: [null, 2], keras_history: [name, 0, 0] },
    });
    const steps: [string, (x: LooseObject) => Loose[]][] = [
      ['TrueDivide', (x) => [x, 4]],
      ['Subtract', (x) => [1, x]],
      ['Multiply', (x) => [3, x]],
      ['Add', (x) => [x, 0.5]],
      ['Subtract', (x) => [x, 2]],
    ];
    const input = { name: 'op', class_name: 'InputLayer', inbound_nodes: [] };
    const layers = steps.map(([class_name, args], index) => ({
      name: `op${index}`,
      class_name,
      config: { name: `op${index}` },
      inbound_nodes: [{ args: args(tensor(index === 0 ? 'op' : `op${index - 1}`)), kwargs: {} }],
    }));
    const json = chain([2], []);
    json.modelTopology = {
      keras_version: '3.9.2',
      model_config: {
        class_name: 'Functional',
        config: {
          name: 'operations',
          layers: [{ ...input, config: { name: 'op', batch_shape: [null, 2] } }, ...layers],
          input_layers: ['op', 0, 0],
          output_layers: ['op4', 0, 0],
        },
      },
    };
    const values = [8, -2].map((x) => 3 * (1 - x / 4) + 0.5 - 2);
    expectNear(await madeOf(json, [2], [8, -2]), values);
  });

  it('with weights numbered by layer, as the .keras format has them', async () => {
    const original = nestedFree();
    const files = inKeras3(await filesOf(original));
    const counts = new Map<string, number>();
    for (const weight of files.json.weightsManifest[0]!.weights) {
      const layer = (weight.name as string).split('/')[0]!;
      const index = counts.get(layer) ?? 0;
      counts.set(layer, index + 1);
      weight.name = `${layer}/vars/${index}`;
    }
    const { model } = await reading(files);
    const inputs = samplesFor(original);
    expect(valuesOf(model, inputs)).toEqual(valuesOf(original, inputs));
  });

  it('with calls in lists, counted from 0 as Keras 3 does, is read', async () => {
    const original = twoByTwo();
    const files = await filesOf(original);
    files.json.modelTopology = { keras_version: '3.10.0', model_config: files.json.modelTopology };
    const text = JSON.stringify(files.json)
      .replaceAll('["tower",1,0,{}]', '["tower",0,0,{}]')
      .replaceAll('["tower",2,0,{}]', '["tower",1,0,{}]');
    const { model } = await reading({ ...files, json: JSON.parse(text) as LooseModel['json'] });
    const inputs = samplesFor(original);
    expect(valuesOf(model, inputs)).toEqual(valuesOf(original, inputs));
  });

  it('is refused where it is called with what no stock layer takes', async () => {
    const files = inKeras3(await filesOf(functionalModel()));
    const text = JSON.stringify(files.json);
    const calling = (from: string, to: string): Promise<string> =>
      refusalOf({ ...files, json: JSON.parse(text.replace(from, to)) as LooseModel['json'] });
    expect(await calling('"training":false', '"training":true')).toBe(
      'layer conv1 (Conv2D) is called with training true',
    );
    expect(await calling('"kwargs":{', '"kwargs":{"axis":3,')).toContain('is called with axis 3');
  });
});

/** A Sequential of these layers; [class, config without the name], named by class. */
function chain(
  input: readonly number[],
  layers: readonly (readonly [string, LooseObject])[],
  isKeras3 = false,
): LooseModel['json'] {
  const first = {
    class_name: 'InputLayer',
    config: { name: 'in', batch_input_shape: [null, ...input] },
  };
  const entries = layers.map(([className, config], index) => ({
    class_name: className,
    config: { name: `${className.toLowerCase()}_${index}`, trainable: true, ...config },
  }));
  const model = {
    class_name: 'Sequential',
    config: { name: 'chain', layers: [first, ...entries] },
  };
  const topology: LooseObject = isKeras3 ? { keras_version: '3.4.1', model_config: model } : model;
  return {
    format: 'layers-model',
    modelTopology: topology,
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: [] }],
  };
}

/** What a network without weights makes of numbers. */
async function madeOf(
  json: LooseModel['json'],
  shape: number[],
  values: number[],
): Promise<number[]> {
  const { model } = await reading({ json, weights: Buffer.alloc(0) });
  const opened = await plainlyLoaded(await filesOf(model));
  const input = tf.tensor(values, [1, ...shape]);
  expect(valuesOf(opened, [input])).toEqual(valuesOf(model, [input]));
  return valuesOf(model, [input]);
}

const line = [-3, -1.5, -1, -0.25, 0, 0.25, 0.75, 1, 2, 7];

async function curveOf(
  className: string,
  config: LooseObject,
  isKeras3 = false,
): Promise<number[]> {
  return madeOf(chain([10], [[className, config]], isKeras3), [10], line);
}

describe('a key that TensorFlow.js does not read is honoured', () => {
  it('ReLU: negative_slope, max_value and threshold, alone and together', async () => {
    for (const negative_slope of [0, 0.1]) {
      for (const max_value of [null, 1.5]) {
        for (const threshold of [0, 0.5, -0.5]) {
          const keras = (x: number): number => {
            const above = x > threshold ? Math.min(x, max_value ?? Infinity) : 0;
            const kept = threshold < 0 && max_value === null ? above : Math.max(above, 0);
            return kept - negative_slope * Math.max(threshold - x, 0);
          };
          const received = await curveOf('ReLU', { negative_slope, max_value, threshold });
          expectNear(received, line.map(keras));
        }
      }
    }
  });

  it('LeakyReLU: negative_slope, which Keras 2 calls alpha', async () => {
    const leaky = (slope: number): number[] => line.map((x) => (x < 0 ? slope * x : x));
    expectNear(await curveOf('LeakyReLU', { negative_slope: 0.1 }), leaky(0.1));
    expectNear(await curveOf('LeakyReLU', { alpha: 0.2 }), leaky(0.2));
  });

  it('activations that it does not know, or not to read', async () => {
    const hard = (x: number): number => Math.min(Math.max(x / 6 + 0.5, 0), 1);
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    const curves: [string, (x: number) => number][] = [
      ['silu', (x) => x * sigmoid(x)],
      ['leaky_relu', (x) => (x < 0 ? 0.2 * x : x)],
      ['hard_silu', (x) => x * hard(x)],
      ['hard_swish', (x) => x * hard(x)],
      [
        'gelu_new',
        (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
      ],
    ];
    for (const [activation, curve] of curves) {
      expectNear(await curveOf('Activation', { activation }), line.map(curve));
    }
    const asLayer = {
      class_name: 'ReLU',
      config: { max_value: 1, negative_slope: 0.5, name: 'any' },
    };
    const bent = line.map((x) => (x < 0 ? x / 2 : Math.min(x, 1)));
    expectNear(await curveOf('Activation', { activation: asLayer }), bent);
  });

  it('hard_sigmoid is another function in Keras 3 than in Keras 2', async () => {
    const between = (x: number): number => Math.min(Math.max(x, 0), 1);
    const activation = 'hard_sigmoid';
    expectNear(
      await curveOf('Activation', { activation }, true),
      line.map((x) => between(x / 6 + 0.5)),
    );
    expectNear(
      await curveOf('Activation', { activation }),
      line.map((x) => between(x / 5 + 0.5)),
    );
  });

  it('keepdims of a global pooling', async () => {
    const flat = (className: string, shape: number[], dense: number): Promise<number[]> => {
      const values = Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => at);
      const rank = [...shape.slice(0, -1).map(() => 1), dense];
      const layers: [string, LooseObject][] = [
        [className, { keepdims: true }],
        ...(shape.length === 3
          ? [['UpSampling2D', { size: [1, 1] }] as [string, LooseObject]]
          : []),
        ['Reshape', { target_shape: rank }],
      ];
      return madeOf(chain(shape, layers), shape, values);
    };
    expect(await flat('GlobalAveragePooling2D', [2, 2, 2], 2)).toEqual([3, 4]);
    expect(await flat('GlobalMaxPooling2D', [2, 2, 2], 2)).toEqual([6, 7]);
    expect(await flat('GlobalAveragePooling1D', [3, 2], 2)).toEqual([2, 3]);
    expect(await flat('GlobalMaxPooling1D', [3, 2], 2)).toEqual([4, 5]);
  });

  it('numbers as NumPy has them, and Normalization with its numbers', async () => {
    const numpy = (value: Loose): LooseObject => ({
      class_name: '__numpy__',
      config: { value, dtype: 'float32' },
    });
    const json = chain(
      [2],
      [
        ['Rescaling', { scale: numpy([2, 3]), offset: { type: 'ndarray', value: [0, 1] } }],
        ['Normalization', { axis: [-1], mean: [1, 2], variance: [4, 9] }],
      ],
    );
    expectNear(await madeOf(json, [2], [1, 2]), [(2 - 1) / 2, (7 - 2) / 3]);
  });
});

/** A chain with weights that are all 1, 2, 3, ... tenths, by shape. */
function weighted(
  json: LooseModel['json'],
  shapes: Readonly<Record<string, number[]>>,
): LooseModel {
  const count = Object.values(shapes).reduce(
    (sum, shape) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  );
  const values = Float32Array.from({ length: count }, (_, at) => ((at % 7) - 3) / 10);
  json.weightsManifest[0]!.weights = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    dtype: 'float32',
  }));
  return { json, weights: Buffer.from(values.buffer) };
}

describe('what TensorFlow.js builds and cannot compute is read as what it can', () => {
  it('causal Conv1D: no step sees a later one', async () => {
    const conv = {
      filters: 1,
      kernel_size: [2],
      strides: [1],
      padding: 'causal',
      dilation_rate: [2],
      activation: 'linear',
    };
    const json = chain(
      [6, 1],
      [
        ['Conv1D', { ...conv, name: 'one' }],
        ['Conv1D', { ...conv, name: 'two' }],
        ['Flatten', {}],
      ],
    );
    const { model } = await reading(
      weighted(json, {
        'one/kernel': [2, 1, 1],
        'one/bias': [1],
        'two/kernel': [2, 1, 1],
        'two/bias': [1],
      }),
    );
    // y[t] = -0.3 x[t - 2] - 0.2 x[t] - 0.1, z[t] = 0 y[t - 2] + 0.1 y[t] + 0.2
    const x = [1, 2, 3, 4, 5, 6];
    const z = x.map((value, t) => 0.1 * (-0.3 * (x[t - 2] ?? 0) - 0.2 * value - 0.1) + 0.2);
    const opened = await plainlyLoaded(await filesOf(model));
    expectNear(valuesOf(opened, [tf.tensor(x, [1, 6, 1])]), z);
  });

  it('BatchNormalization of rank 5', async () => {
    const json = chain(
      [2, 3, 2, 2],
      [
        ['BatchNormalization', { name: 'bn', epsilon: 0, center: false, axis: [4] }],
        ['Flatten', {}],
      ],
    );
    const files = weighted(json, {
      'bn/gamma': [2],
      'bn/moving_mean': [2],
      'bn/moving_variance': [2],
    });
    const { model } = await reading({
      ...files,
      weights: Buffer.from(Float32Array.of(2, 3, 0.5, 1, 4, 1).buffer),
    });
    const x = Array.from({ length: 24 }, (_, at) => at / 10);
    const y = x.map((value, at) => (at % 2 === 0 ? value - 0.5 : 3 * (value - 1)));
    const opened = await plainlyLoaded(await filesOf(model));
    expectNear(valuesOf(opened, [tf.tensor(x, [1, 2, 3, 2, 2])]), y);
  });
});

describe('output_padding of a transposed convolution', () => {
  const transposed = (padding: string, outputPadding: number | null): LooseModel => {
    const options = {
      filters: 1,
      kernel_size: [3, 3],
      strides: [2, 2],
      activation: 'relu',
      name: 'up',
    };
    const json = chain(
      [3, 3, 1],
      [['Conv2DTranspose', { ...options, padding, output_padding: outputPadding }]],
    );
    return weighted(json, { 'up/kernel': [3, 3, 1, 1], 'up/bias': [1] });
  };

  it('is honoured where the output is shorter than TensorFlow.js makes it', async () => {
    const { model } = await reading(transposed('same', 0));
    expect(model.outputs[0]!.shape).toEqual([null, 5, 5, 1]);
    const x = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
    const kernel = tf.tensor4d([-3, -2, -1, 0, 1, 2, 3, -3, -2], [3, 3, 1, 1]).div<tf.Tensor4D>(10);
    const own = tf.conv2dTranspose(x, kernel, [1, 5, 5, 1], 2, 'same').add(-0.1).relu();
    expectNear(valuesOf(model, [x]), [...own.dataSync()]);
  });

  it('passes where it is the one that TensorFlow.js has, and is refused where no layer has it', async () => {
    const { model } = await reading(transposed('same', 1));
    expect(model.layers.map((layer) => layer.getClassName())).toEqual([
      'InputLayer',
      'Conv2DTranspose',
    ]);
    expect(await refusalOf(transposed('valid', 1))).toBe(
      'layer up (Conv2DTranspose) has output_padding 1, which TensorFlow.js does not compute',
    );
  });
});

describe('a key that changes what is computed is refused by layer and key', () => {
  const image = [4, 4, 2];
  const conv = { filters: 2, kernel_size: [3, 3] };
  it.each<[string, number[], LooseObject, string]>([
    ['Conv2D', image, { ...conv, groups: 2 }, 'groups 2'],
    ['Conv2DTranspose', image, { ...conv, dilation_rate: [2, 2] }, 'dilation_rate [2,2]'],
    ['BatchNormalization', image, { renorm: true }, 'renorm true'],
    ['LayerNormalization', image, { rms_scaling: true }, 'rms_scaling true'],
    ['ELU', image, { alpha: 0.5 }, 'alpha 0.5'],
    ['MaxPooling1D', [4, 2], { data_format: 'channels_first' }, 'data_format "channelsFirst"'],
    ['UpSampling2D', image, { interpolation: 'bicubic' }, 'interpolation "bicubic"'],
    ['GRU', [4, 2], { units: 2, reset_after: true }, 'reset_after true'],
    ['LSTM', [4, 2], { units: 2, time_major: true }, 'time_major true'],
    ['LSTM', [4, 2], { units: 2, activation: 'silu_squared' }, 'the activation "siluSquared"'],
    ['Dense', [4], { units: 2, activation: 'exponential' }, 'the activation "exponential"'],
    [
      'Dense',
      [4],
      {
        units: 2,
        dtype: { class_name: 'QuantizedDTypePolicy', config: { name: 'int4_from_float32' } },
      },
      'the dtype "int4_from_float32"',
    ],
    [
      'GlobalAveragePooling2D',
      image,
      { keepdims: true, data_format: 'channels_first' },
      'keepdims',
    ],
  ])('%s of %j with %j', async (className, input, config, key) => {
    const json = chain(input, [[className, config]]);
    const name = `${className.toLowerCase()}_0`;
    const reason = await refusalOf({ json, weights: Buffer.alloc(0) });
    expect(reason).toContain(`layer ${name} (${className}) has ${key}`);
  });

  it('and a class that there is not, by its name', async () => {
    const json = chain(image, [['UnitNormalization', {}]]);
    expect(await refusalOf({ json, weights: Buffer.alloc(0) })).toContain(
      'layer unitnormalization_0 has the class UnitNormalization',
    );
  });

  it('dilation of DepthwiseConv2D: TensorFlow.js is the truth for Keras 2, not for Keras 3', async () => {
    const depthwise = { name: 'dw', kernel_size: [3, 3], padding: 'same', dilation_rate: [2, 2] };
    const files = (isKeras3: boolean): LooseModel =>
      weighted(chain(image, [['DepthwiseConv2D', depthwise]], isKeras3), {
        'dw/depthwise_kernel': [3, 3, 2, 1],
        'dw/bias': [2],
      });
    const { notes } = await reading(files(false));
    expect(notes).toEqual([
      'layer dw (DepthwiseConv2D) has dilation_rate [2,2], which TensorFlow.js does not compute: it computes without',
    ]);
    expect(await refusalOf(files(true))).toContain(
      'layer dw (DepthwiseConv2D) has dilation_rate [2,2]',
    );
  });
});

it('says which calls ask for what a layer does in training', async () => {
  const files = await filesOf(functionalModel());
  const text = JSON.stringify(files.json).replace(
    '["conv1",0,0,{}]',
    '["conv1",0,0,{"training":true}]',
  );
  const { notes } = await reading({ ...files, json: JSON.parse(text) as LooseModel['json'] });
  expect(notes).toEqual([
    'layer bn1 (BatchNormalization) is called with training true, which TensorFlow.js ignores',
  ]);
});

describe('values of Keras that mean what TensorFlow.js has', () => {
  it('regularizers of one kind, an axis in a list, types of other widths', async () => {
    const json = chain(
      [4, 4, 2],
      [
        [
          'Conv2D',
          {
            ...{
              name: 'conv',
              filters: 2,
              kernel_size: 3,
              dtype: { class_name: 'Policy', config: { name: 'mixed_float16' } },
            },
            kernel_regularizer: { class_name: 'L2', config: { l2: 0.5 } },
            bias_regularizer: 'l1',
            activation: {
              module: 'builtins',
              class_name: 'function',
              config: 'relu',
              registered_name: 'function',
            },
          },
        ],
        [
          'BatchNormalization',
          { name: 'bn', axis: [3], synchronized: false, renorm: false, virtual_batch_size: null },
        ],
      ],
    );
    const { model } = await reading(
      weighted(json, {
        'conv/kernel': [3, 3, 2, 2],
        'conv/bias': [2],
        'bn/gamma': [2],
        'bn/beta': [2],
        'bn/moving_mean': [2],
        'bn/moving_variance': [2],
      }),
    );
    const conv = model.getLayer('conv').getConfig();
    expect(conv.activation).toBe('relu');
    expect(conv.kernelRegularizer).toMatchObject({ className: 'L1L2', config: { l1: 0, l2: 0.5 } });
    expect(model.getLayer('bn').getConfig().axis).toBe(3);
    disposeWeights(model);
  });

  it('a constraint that is the regularizer, as TensorFlow.js writes DepthwiseConv2D', async () => {
    const regularizer = tf.regularizers.l2({ l2: 0.1 });
    const layer = tf.layers.depthwiseConv2d({
      kernelSize: 1,
      depthwiseRegularizer: regularizer,
      inputShape: [2, 2, 2],
    });
    const files = await filesOf(tf.sequential({ layers: [layer] }));
    const depthwise = layerEntry(files.json.modelTopology, layer.name).config as LooseObject;
    expect(depthwise.depthwise_constraint).toBeNull(); // as this package mends it
    depthwise.depthwise_constraint = depthwise.depthwise_regularizer!;
    const { model } = await reading(files);
    const config = model.layers[0]!.getConfig();
    expect(config.depthwiseRegularizer).toMatchObject({ className: 'L1L2' });
    expect(config.depthwiseConstraint).toBeNull();
    disposeWeights(await plainlyLoaded(await filesOf(model)));
  });
});

describe('layers that only do something in training', () => {
  const flip: [string, LooseObject] = [
    'RandomFlip',
    { mode: 'horizontal', name: 'flip', batch_input_shape: [null, 2] },
  ];

  it('are left out, and it is said which', async () => {
    const json = chain(
      [2],
      [
        flip,
        ['SpatialDropout2D', { rate: 0.5, name: 'drop' }],
        ['Identity', { name: 'same' }], // which is an initializer, too
        ['Rescaling', { scale: 2, name: 'scale' }],
      ],
    );
    const { model, notes } = await reading({ json, weights: Buffer.alloc(0) });
    expect(model.layers.map(({ name }) => name)).toEqual(['in', 'scale']);
    expect(notes).toEqual([
      'layer flip (RandomFlip) is left out: it does nothing but in training',
      'layer drop (SpatialDropout2D) is left out: it does nothing but in training',
      'layer same (Identity) is left out: it does nothing but in training',
    ]);
  });

  it('first of all, give their input shape to what is left', async () => {
    const json = chain([2], [flip, ['Rescaling', { scale: 2, name: 'scale' }]]);
    const { layers } = (json.modelTopology as { config: { layers: Loose[] } }).config;
    layers.shift();
    const { model } = await reading({ json, weights: Buffer.alloc(0) });
    expect(valuesOf(model, [tf.tensor([[1, 2]])])).toEqual([2, 4]);
  });

  it('alone in a nested model, go with it', async () => {
    const nested = {
      name: 'augment',
      layers: [
        { class_name: 'RandomFlip', config: { name: 'flip', batch_input_shape: [null, 2] } },
      ],
    };
    const json = chain(
      [2],
      [
        ['Sequential', nested],
        ['Rescaling', { scale: 2, name: 'scale' }],
      ],
    );
    const { model } = await reading({ json, weights: Buffer.alloc(0) });
    expect(model.layers.map(({ name }) => name)).toEqual(['in', 'scale']);
  });

  it('in a functional model, lead their readers to what they read', async () => {
    const files = await filesOf(functionalModel());
    const text = JSON.stringify(files.json).replace(
      '"class_name":"Add"',
      '"class_name":"RandomZoom"',
    );
    expect(await refusalOf({ ...files, json: JSON.parse(text) as LooseModel['json'] })).toContain(
      'has the layer add, which cannot be left out: it must have one input',
    );
    const original = functionalModel();
    const other = await filesOf(original);
    const swapped = JSON.stringify(other.json).replace(
      '"class_name":"ReLU","config":{"max_value":6',
      '"class_name":"RandomZoom","config":{"max_value":6',
    );
    expect(swapped).toContain('RandomZoom');
    const { model } = await reading({ ...other, json: JSON.parse(swapped) as LooseModel['json'] });
    expect(model.layers.map(({ name }) => name)).not.toContain('relu');
    expect(model.outputs[0]!.shape).toEqual([null, 3]);
  });
});

describe('a mutated network of Keras', () => {
  it('is loaded or refused with a typed error, 1,500 times', async () => {
    const bent = chain(
      [6, 2],
      [
        ['RandomFlip', { name: 'flip', batch_input_shape: [null, 6, 2] }],
        [
          'Conv1D',
          { name: 'conv', filters: 2, kernel_size: [2], padding: 'causal', activation: 'gelu_new' },
        ],
        ['ReLU', { negative_slope: 0.1, max_value: 2, threshold: 0.5 }],
        ['GlobalAveragePooling1D', { keepdims: true }],
        ['Normalization', { axis: [-1], mean: [1, 2], variance: [4, 9] }],
        ['Conv1D', { name: 'last', filters: 1, kernel_size: [1], activation: 'hard_silu' }],
      ],
    );
    const shapes = {
      ...{ 'conv/kernel': [2, 2, 2], 'conv/bias': [2] },
      ...{ 'last/kernel': [1, 2, 1], 'last/bias': [1] },
    };
    const files = [weighted(bent, shapes)];
    for (const make of Object.values(networks)) files.push(inKeras3(await filesOf(make())));
    const { loaded, refused } = await fuzzReader(path.join(scratch, 'fuzz'), files, 1_500, 7);
    expect(loaded + refused).toBe(1_500);
    expect(loaded).toBeGreaterThan(60);
  }, 60_000);
});
