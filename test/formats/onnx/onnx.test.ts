import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { onnxModel } from '../../../formats/onnx/onnx';
import { UnsupportedLayerError } from '../../../formats/unsupported-layer-error';
import { ChannelGraph, countMacs, countParams } from '../../../graph';
import { prunable } from '../../../layers';
import { quickest } from '../../engines';
import { randomInputs, randomize } from '../../graph/networks';
import { readOnnx, recountOnnx } from './onnx-reader';
import { layerOf } from '../layer-options';
import { runOnnx, withoutRuntime as why } from './runtime';
import { prunedOf, trainedTwin } from '../../surgery/trained-twin';

/** Two engines sum some thousand float32 products in other orders. */
const TOLERANCE = 1e-4;

beforeAll(async () => {
  await startEngine(quickest);
});

afterAll(() => {
  tf.disposeVariables();
});

/** Expects that onnxruntime computes what tfjs does; answers the largest output. */
async function expectSame(model: tf.LayersModel, samples = 3): Promise<number> {
  const inputs = randomInputs(model, samples);
  const received = await runOnnx(onnxModel(model), inputs);
  const outputs = [model.predict(inputs.length === 1 ? inputs[0]! : inputs)].flat();
  let largest = 0;
  expect(received.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
  outputs.forEach((output, index) => {
    const expected = output.dataSync<'float32'>();
    const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const gap = expected.reduce(
      (most, value, at) => Math.max(most, Math.abs(value - received[index]!.values[at]!)),
      0,
    );
    expect(gap).toBeLessThanOrEqual(TOLERANCE * Math.max(1, size));
    largest = Math.max(largest, size);
  });
  tf.dispose([inputs, outputs]);
  return largest;
}

const families = [
  'resnet20', 'resnet18', 'resnet50', 'alexnet', 'vgg9', 'vgg11_bn', 'mobilenet_v1', 'mobilenet_v2',
  'mnasnet1_0', 'squeezenet1_0', 'squeezenet1_1', 'googlenet', 'densenet121', 'efficientnet_b0',
] as const; // prettier-ignore

describe.skipIf(why !== '')(`onnxruntime computes what tfjs does${why}`, () => {
  it.each(families)('for a narrow %s pruned at 0.3, and the file counts the same', async (id) => {
    const model = prunedOf(trainedTwin(id, { width: 0.15 }));
    expect(await expectSame(model)).toBeGreaterThan(1e-3);
    expectCounts(model);
    model.dispose();
  });

  it('for ResNet-20 of full size, pruned and not', async () => {
    const model = trainedTwin('resnet20');
    await expectSame(model, 8);
    const hard = prunedOf(model);
    await expectSame(hard, 8);
    expect(expectCounts(hard).macs).toBe(21_452_544 + 45 * 10); // convolutions and fc
    hard.dispose();
  });

  it('for the large stems and heads of ImageNet', async () => {
    for (const id of ['alexnet', 'resnet18', 'googlenet'] as const) {
      const model = trainedTwin(id, {
        width: 0.05,
        variant: 'imagenet',
        inputShape: [224, 224, 3],
      });
      await expectSame(model, 1);
      model.dispose();
    }
  });

  const { layers } = tf;
  type Layer = tf.layers.Layer;
  /** As Keras writes it, which the types of tfjs do not say. */
  const batchNormalizationOver = (axis: number | number[]): Layer =>
    layerOf({ className: 'BatchNormalization', config: { axis } });
  const rescalingBy = (scale: number[], offset: number[]): Layer =>
    layerOf({ className: 'Rescaling', config: { scale, offset } });
  /** Layers that are tried on an input of some shape. */
  const single: readonly (readonly [string, number[], () => Layer[]])[] = [
    ...(['elu', 'hardSigmoid', 'linear', 'relu', 'relu6', 'selu', 'sigmoid', 'softmax', 'softplus',
      'softsign', 'tanh', 'swish', 'mish', 'gelu', 'gelu_new'] as const).flatMap(
      (activation) => [[4, 5, 3], [6]].map((shape) =>
        [`${activation} of rank ${shape.length + 1}`, shape, () => [layers.activation({ activation })]] as const)),
    ['Activation inside Conv2D', [5, 5, 2], () => [layers.conv2d({ filters: 3, kernelSize: 2, activation: 'softmax' })]],
    ['ReLU', [4, 4, 2], () => [layers.reLU()]],
    ['ReLU with a largest value', [4, 4, 2], () => [layers.reLU({ maxValue: 0.5 })]],
    ['LeakyReLU', [4, 4, 2], () => [layers.leakyReLU({ alpha: 0.1 })]],
    ['ELU', [4, 4, 2], () => [layers.elu()]],
    ['ThresholdedReLU', [4, 4, 2], () => [layers.thresholdedReLU({ theta: 0.4 })]],
    ['PReLU', [4, 3, 2], () => [layers.prelu()]],
    ['PReLU with shared axes', [4, 3, 2], () => [layers.prelu({ sharedAxes: [1, 2] })]],
    ['PReLU of rank 2', [5], () => [layers.prelu()]],
    ['Softmax', [4, 3, 2], () => [layers.softmax({ axis: -1 })]],
    ['Conv2D strided, padded unevenly', [8, 7, 3], () => [layers.conv2d({ filters: 4, kernelSize: [3, 5], strides: [2, 3], padding: 'same' })]],
    ['Conv2D dilated', [9, 9, 3], () => [layers.conv2d({ filters: 4, kernelSize: 3, dilationRate: 2, padding: 'same', useBias: false })]],
    ['DepthwiseConv2D with a multiplier', [8, 8, 3], () => [layers.depthwiseConv2d({ kernelSize: 3, strides: 2, depthMultiplier: 2, padding: 'same' })]],
    ['DepthwiseConv2D with a dilation, which tfjs ignores', [8, 8, 3], () => [layers.depthwiseConv2d({ kernelSize: 3, dilationRate: 2, padding: 'same' })]],
    ['a one-filter Conv2D of one channel', [6, 6, 1], () => [layers.conv2d({ filters: 1, kernelSize: 3 })]],
    ['SeparableConv2D', [8, 8, 3], () => [layers.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2, activation: 'relu' })]],
    ['Dense of rank 2', [7], () => [layers.dense({ units: 4, activation: 'tanh' })]],
    ['Dense of rank 3', [5, 7], () => [layers.dense({ units: 4 })]],
    ['Dense of rank 4', [3, 2, 7], () => [layers.dense({ units: 4, activation: 'relu' })]],
    ['BatchNormalization without scale', [4, 4, 3], () => [layers.batchNormalization({ scale: false, epsilon: 1e-2 })]],
    ['BatchNormalization with the axis in a list', [4, 4, 3], () => [batchNormalizationOver([3])]],
    ['BatchNormalization of rank 3', [5, 3], () => [batchNormalizationOver(2)]],
    ['BatchNormalization without center', [6], () => [layers.batchNormalization({ center: false })]],
    ['MaxPooling2D padded', [7, 7, 2], () => [layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })]],
    ['AveragePooling2D padded', [7, 6, 2], () => [layers.averagePooling2d({ poolSize: [3, 2], strides: 2, padding: 'same' })]],
    ['GlobalAveragePooling2D', [5, 4, 3], () => [layers.globalAveragePooling2d({})]],
    ['GlobalMaxPooling2D', [5, 4, 3], () => [layers.globalMaxPooling2d({})]],
    ['ZeroPadding2D wider than the MaxPooling2D behind it', [5, 4, 2], () => [layers.zeroPadding2d({ padding: 2 }), layers.maxPooling2d({ poolSize: 2 })]],
    ['ZeroPadding2D whose zeros AveragePooling2D counts', [5, 4, 2], () => [layers.zeroPadding2d({ padding: 1 }), layers.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' })]],
    ['ZeroPadding2D over space', [3, 4, 2], () => [layers.zeroPadding2d({ padding: [[0, 1], [2, 3]] })]],
    ['ZeroPadding2D over channels', [3, 4, 2], () => [layers.zeroPadding2d({ padding: [[0, 0], [1, 3]], dataFormat: 'channelsFirst' })]],
    ['Cropping2D over space', [6, 7, 2], () => [layers.cropping2D({ cropping: [[0, 1], [2, 3]] })]],
    ['Cropping2D over channels', [6, 7, 5], () => [layers.cropping2D({ cropping: [[0, 0], [1, 2]], dataFormat: 'channelsFirst' })]],
    ['UpSampling2D', [3, 4, 2], () => [layers.upSampling2d({ size: [2, 3] })]],
    ['UpSampling2D between positions', [3, 4, 2], () => [layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' })]],
    ['Flatten and Dense in the order of NHWC', [3, 4, 2], () => [layers.flatten(), layers.dense({ units: 3 })]],
    ['Flatten with channelsFirst', [3, 4, 2], () => [layers.flatten({ dataFormat: 'channelsFirst' })]],
    ['Reshape to rank 3', [3, 4, 2], () => [layers.reshape({ targetShape: [6, 4] })]],
    ['Reshape to and from rank 4', [12], () => [layers.reshape({ targetShape: [2, 3, 2] }), layers.conv2d({ filters: 2, kernelSize: 2 }), layers.reshape({ targetShape: [-1, 2] })]],
    ['Reshape from rank 4 to rank 4', [3, 4, 2], () => [layers.reshape({ targetShape: [2, 3, 4] })]],
    ['Permute', [3, 4, 2], () => [layers.permute({ dims: [3, 1, 2] })]],
    ['Dropout and noise', [3, 4, 2], () => [layers.dropout({ rate: 0.5 }), layers.gaussianNoise({ stddev: 1 }), layers.gaussianDropout({ rate: 0.3 }), layers.alphaDropout({ rate: 0.3 })]],
    ['Rescaling', [3, 4, 2], () => [layers.rescaling({ scale: 0.25, offset: -1 })]],
    ['Rescaling by channel', [3, 4, 3], () => [rescalingBy([0.017, 0.018, 0.019], [-2.1, -2, -1.8])]],
    ['a Sequential model inside', [6, 6, 2], () => [tf.sequential({ layers: [layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [6, 6, 2] }), layers.flatten(), layers.dense({ units: 2 })] })]],
  ]; // prettier-ignore

  it.each(single)('for %s', async (_, shape, make) => {
    const chain = make();
    const input = tf.input({ shape });
    const output = chain.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
    const model = randomize(tf.model({ inputs: input, outputs: output }));
    expect(await expectSame(model)).toBeGreaterThan(1e-3);
    model.dispose();
  });

  const merges = ['add', 'average', 'maximum', 'minimum', 'multiply'] as const;
  it.each(merges)('for %s of three, of a row of channels, and of rank 2', async (name) => {
    const inputs = [[4, 3, 2], [4, 3, 2], [4, 3, 2], [1, 1, 2], [2]].map((shape) =>
      tf.input({ shape }),
    );
    const make = (...tensors: tf.SymbolicTensor[]): tf.SymbolicTensor =>
      layers[name]().apply(tensors) as tf.SymbolicTensor;
    const [a, b, c, scale, row] = inputs as [Symbolic, Symbolic, Symbolic, Symbolic, Symbolic];
    const outputs = [make(a, b, c), make(a, scale), make(b, row)];
    const model = tf.model({ inputs, outputs });
    await expectSame(model);
  });

  it.each([1, 2, 3, -1])('for Concatenate along axis %d', async (axis) => {
    const shapes = [0, 1].map((more) => [3, 3, 3].map((n, at) => (at === (axis + 3) % 4 || at + 1 === axis ? n + more : n))); // prettier-ignore
    const inputs = shapes.map((shape) => tf.input({ shape }));
    const outputs = layers.concatenate({ axis }).apply(inputs) as tf.SymbolicTensor;
    await expectSame(tf.model({ inputs, outputs }));
  });

  it('for a shared layer, outputs of two ranks and an input that is an output', async () => {
    const input = tf.input({ shape: [5, 5, 2], name: 'image' });
    const conv = layers.conv2d({ name: 'shared', filters: 2, kernelSize: 3, padding: 'same' });
    const once = conv.apply(input) as tf.SymbolicTensor;
    const twice = conv.apply(once) as tf.SymbolicTensor;
    const flat = layers.flatten({ name: 'flat' }).apply(twice) as tf.SymbolicTensor;
    const model = randomize(tf.model({ inputs: input, outputs: [once, flat, input] }));
    await expectSame(model);
    const read = readOnnx(onnxModel(model));
    // 3 * 3 * 2 * 2 + 2 once, although two calls use it
    expect(recountOnnx(read).params).toBe(38);
    model.dispose();
  });

  it('for a map of any size', async () => {
    const input = tf.input({ shape: [null, null, 2] });
    const conv = layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' });
    const pooled = layers.globalAveragePooling2d({}).apply(conv.apply(input)) as tf.SymbolicTensor;
    const model = randomize(tf.model({ inputs: input, outputs: pooled }));
    const bytes = onnxModel(model);
    for (const size of [7, 10]) {
      const image = tf.randomNormal([2, size, size, 2], 0, 1, 'float32', 3);
      const expected = (model.predict(image) as tf.Tensor).dataSync();
      const [received] = await runOnnx(bytes, [image]);
      received!.values.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at]!, 4);
      });
    }
    model.dispose();
  });
});

type Symbolic = tf.SymbolicTensor;

describe.skipIf(why !== '')(`a network of free sizes${why}`, () => {
  const { layers } = tf;
  const through = (layer: tf.layers.Layer, ...inputs: Symbolic[]): Symbolic =>
    layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as Symbolic;

  /** Two inputs of their own sizes; the first is pooled, widened again, gated, and joined; two outputs. */
  function branching(): tf.LayersModel {
    const image = tf.input({ shape: [null, null, 3], name: 'image' });
    const other = tf.input({ shape: [null, null, 2], name: 'other' });
    const conv = (x: Symbolic): Symbolic => through(layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same' }), x);
    const wide = conv(image);
    const small = conv(through(layers.maxPooling2d({ poolSize: 2, strides: 2, padding: 'same' }), wide));
    const grown = through(layers.upSampling2d({ size: [2, 2] }), small);
    const gate = through(layers.dense({ units: 4, activation: 'sigmoid' }), through(layers.globalMaxPooling2d({}), other));
    const gated = through(layers.multiply(), grown, gate);
    const dilated = through(layers.conv2d({ filters: 2, kernelSize: 3, dilationRate: 2, padding: 'same' }), wide);
    const joined = through(layers.concatenate(), wide, gated, dilated);
    return randomize(tf.model({ inputs: [image, other], outputs: [joined, small] }));
  } // prettier-ignore

  it.each([[8, 6, 5], [16, 2, 3]])('runs on %d x %d beside a square of %d', async (height, width, side) => {
    const model = branching();
    const inputs = [tf.randomNormal([2, height, width, 3], 0, 1, 'float32', 5), tf.randomNormal([2, side, side, 2], 0, 1, 'float32', 6)];
    const expected = model.predict(inputs) as tf.Tensor[];
    const received = await runOnnx(onnxModel(model), inputs);
    expect(received.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
    received.forEach(({ values }, index) => {
      const exact = expected[index]!.dataSync();
      expect(Math.max(...values.map((value, at) => Math.abs(value - exact[at]!)))).toBeLessThan(1e-5);
      });
    tf.dispose([inputs, expected]);
    model.dispose();
  }); // prettier-ignore

  it('names each free length of an input by itself, and none in between', () => {
    const model = branching();
    const text = Buffer.from(onnxModel(model)).toString('latin1');
    for (const name of ['image_1', 'image_2', 'other_1', 'other_2']) expect(text).toContain(name);
    expect(text).not.toContain('free_');
    model.dispose();
  });

  it('may call a layer on tensors of several ranks', async () => {
    const [image, row] = [[4, 4, 3], [3]].map((shape) => tf.input({ shape })) as [Symbolic, Symbolic]; // prettier-ignore
    const shared = [
      layers.dense({ units: 3 }),
      layerOf({ className: 'Rescaling', config: { scale: [1, 2, 3], offset: [0.5] } }),
    ];
    const outputs = [image, row].map((x) => shared.reduce((y, layer) => through(layer, y), x));
    const model = randomize(tf.model({ inputs: [image, row], outputs }));
    const inputs = randomInputs(model, 2);
    const received = await runOnnx(onnxModel(model), inputs);
    (model.predict(inputs) as tf.Tensor[]).forEach((output, index) => {
      const exact = output.dataSync();
      received[index]!.values.forEach((value, at) => {
        expect(value).toBeCloseTo(exact[at]!, 4);
      });
    });
    model.dispose();
  });
});

/** Expects the graph's counts and the file's to be the same; answers them. */
function expectCounts(model: tf.LayersModel): { macs: number; params: number } {
  const graph = ChannelGraph.of(model);
  const counts = recountOnnx(readOnnx(onnxModel(model)));
  expect(counts).toEqual({ macs: countMacs(graph), params: countParams(graph) });
  return counts;
}

describe('the file', () => {
  it('is opset 17 of IR 8, NHWC at its edges, with a free batch', () => {
    const model = trainedTwin('resnet20', { width: 0.25 });
    const read = readOnnx(onnxModel(model));
    expect(read).toMatchObject({ irVersion: 8, opset: 17, inputs: ['input'], outputs: ['fc'] });
    expect(read.shapes.get('input')).toEqual([null, 32, 32, 3]);
    expect(read.shapes.get('fc')).toEqual([null, 10]);
    model.dispose();
  });

  it('is made without a tensor left behind or the model changed', () => {
    const model = trainedTwin('mobilenet_v2', { width: 0.1 });
    const tensors = tf.memory().numTensors;
    const bytes = onnxModel(model);
    expect(Buffer.compare(bytes, onnxModel(model))).toBe(0);
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it.each([
    ['of an unknown class', () => tf.layers.lstm({ name: 'odd', units: 2 }), [4, 2], 'odd (LSTM) has no ONNX writer'],
    ['in channelsFirst', () => tf.layers.conv2d({ name: 'odd', filters: 2, kernelSize: 1, dataFormat: 'channelsFirst' }), [3, 4, 4], 'odd (Conv2D) has dataFormat "channelsFirst", written is "channelsLast" only'],
    ['with strides and a dilation', () => tf.layers.conv2d({ name: 'odd', filters: 2, kernelSize: 1, strides: 2, dilationRate: 2 }), [5, 5, 2], 'odd (Conv2D) has strides [2,2] and dilationRate [2,2]'],
    ['normalizing another axis', () => tf.layers.batchNormalization({ name: 'odd', axis: 1 }), [3, 4, 4], 'odd (BatchNormalization) has axis 1'],
  ] as const)('refuses a layer %s by its name', (_, make, shape, message) => {
    const output = make().apply(tf.input({ shape: [...shape] })) as tf.SymbolicTensor;
    const model = tf.model({ inputs: output.inputs, outputs: output });
    expect(() => onnxModel(model)).toThrow(UnsupportedLayerError);
    expect(() => onnxModel(model)).toThrow(message);
    model.dispose();
  }); // prettier-ignore

  it('refuses prunable layers: their masks would be lost', () => {
    const model = trainedTwin('resnet20', { width: 0.1 });
    const twin = prunable(model);
    expect(() => onnxModel(twin)).toThrow('conv1 (PrunableConv2D) has no ONNX writer');
    model.dispose();
    twin.dispose();
  });
});
