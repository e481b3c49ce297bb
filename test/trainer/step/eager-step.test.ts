import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import {
  clearMasks,
  listMaskedWeights,
  prunable,
  setMasks,
  weightsByName,
  zeroMasked,
} from '../../../layers';
import { Sgd } from '../../../trainer/step/optimizer';
import type { Optimizer } from '../../../trainer/step/optimizer';
import { EagerStep } from '../../../trainer/step/eager-step';
import { describeOn } from '../../engines';
import { expectClose, random, randomizeWeights } from '../../tensors';
import type { LabelledBatch } from '../../../data';

const CLASSES = 3;
const SAMPLES = 6;
const decay = 0.02;

/** conv, bn, relu, depthwise, bn, relu6, mean, dense: every operation that has a gradient of ours. */
function toyModel(regularized = false): tf.LayersModel {
  const kernelRegularizer = regularized
    ? { kernelRegularizer: tf.regularizers.l2({ l2: decay }) }
    : {};
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ name: 'conv', filters: 4, kernelSize: 3, useBias: false, inputShape: [6, 6, 2] }),
      tf.layers.batchNormalization({ name: 'bn1', momentum: 0.9 }),
      tf.layers.reLU({ name: 'relu' }),
      tf.layers.depthwiseConv2d({ name: 'depthwise', kernelSize: 3, useBias: false }),
      tf.layers.batchNormalization({ name: 'bn2', momentum: 0.9 }),
      tf.layers.reLU({ name: 'relu6', maxValue: 6 }),
      tf.layers.globalAveragePooling2d({ name: 'pool' }),
      tf.layers.dense({ name: 'dense', units: CLASSES, ...kernelRegularizer }),
    ],
  }); // prettier-ignore
  randomizeWeights(model);
  return model;
}

const labels = [0, 1, 2, 0, 1, 2];

/** Images whose first channel is brighter by class, so that there is something to learn. */
function batch(): LabelledBatch {
  return tf.tidy(() => {
    const brightness = tf.concat([tf.tensor4d(labels, [SAMPLES, 1, 1, 1]), tf.zeros([SAMPLES, 1, 1, 1])], 3); // prettier-ignore
    return {
      images: tf.add(random([SAMPLES, 6, 6, 2], 3), brightness),
      labels: tf.tensor1d(labels, 'int32'),
    };
  });
}

/** Loss and gradients by weight name. */
interface Reference {
  readonly loss: number;
  readonly gradients: Map<string, Float32Array>;
}

/** What stock layers, losses and gradients compute: call it before an engine has been started. */
function stockReference(smoothing: number, regularized: boolean): Reference {
  const model = toyModel(regularized);
  const trainable = [...weightsByName(model)].filter(([, weight]) => weight.trainable);
  const variables = trainable.map(([, weight]) => weight.read() as unknown as tf.Variable);
  const { images } = batch();
  const loss = (): tf.Scalar => {
    const logits = model.apply(images, { training: true }) as tf.Tensor2D;
    const targets = tf.oneHot(labels, CLASSES);
    const entropy = tf.losses.softmaxCrossEntropy(targets, logits, undefined, smoothing);
    const kernel = weightsByName(model).get('dense/kernel')!.read();
    return regularized
      ? tf.add(entropy, tf.mul(decay, tf.sum(tf.square(kernel))))
      : tf.mean(entropy);
  };
  const { value, grads } = tf.variableGrads(loss, variables);
  const gradients = trainable.map(([name], index): [string, Float32Array] => [
    name,
    Float32Array.from(grads[variables[index]!.name]!.dataSync()),
  ]);
  return { loss: value.dataSync()[0]!, gradients: new Map(gradients) };
}

/** Keeps what a step hands to its optimizer. */
class Recorder implements Optimizer {
  readonly gradients = new Map<string, Float32Array>();
  readonly slots = new Map();
  readonly steps = 0;
  weights: string[] = [];

  apply(
    weights: ReadonlyMap<string, tf.LayerVariable>,
    gradients: ReadonlyMap<string, tf.Tensor>,
  ): void {
    this.weights = [...weights.keys()];
    for (const [name, gradient] of gradients) {
      this.gradients.set(name, Float32Array.from(gradient.dataSync()));
    }
  }
  restore(): void {
    // it has no slots
  }
  mask(): void {
    // it has no slots
  }
  dispose(): void {
    // it has no slots
  }
}

const variants = [
  { smoothing: 0, regularized: false },
  { smoothing: 0.1, regularized: false },
  { smoothing: 0, regularized: true },
];
const references: Reference[] = [];
beforeAll(async () => {
  await startEngine('cpu'); // which leaves the gradients as they are
  references.push(...variants.map(({ smoothing, regularized }) => stockReference(smoothing, regularized)));
}); // prettier-ignore

describeOn(['cpu', 'tensorflow', 'wasm'], 'EagerStep', () => {
  let model: tf.LayersModel;
  let data: LabelledBatch;
  beforeEach(() => {
    const plain = toyModel();
    model = prunable(plain);
    plain.dispose();
    data = batch();
  });
  afterEach(() => {
    model.dispose();
    tf.dispose([data.images, data.labels]);
  });

  function run(step: EagerStep, learningRate = 0.05): number {
    const loss = step.run(data, learningRate);
    const [value] = loss.dataSync();
    loss.dispose();
    return value!;
  }

  const values = (name: string): number[] => [...weightsByName(model).get(name)!.read().dataSync()];

  it.each(variants.map((variant, index) => ({ ...variant, index })))(
    'has the loss and gradients of stock layers: smoothing $smoothing, regularized $regularized',
    ({ smoothing, regularized, index }) => {
      const plain = toyModel(regularized);
      const twin = prunable(plain);
      const recorder = new Recorder();
      const loss = run(new EagerStep(twin, recorder, { labelSmoothing: smoothing }));
      const expected = references[index]!;
      expectClose([loss], [expected.loss]);
      expect(recorder.weights).toEqual([...expected.gradients.keys()]);
      const largest = Math.max(...[...expected.gradients.values()].flatMap((all) => [...all].map(Math.abs)));
      for (const [name, gradient] of expected.gradients) {
        // Sums cancel in some: what counts is the size of the others.
        expectClose([largest, ...recorder.gradients.get(name)!], [largest, ...gradient]);
      }
      plain.dispose();
      twin.dispose();
    },
  ); // prettier-ignore

  it('lowers the loss, and moves the moving averages', () => {
    const step = new EagerStep(model, new Sgd({ momentum: 0.9, nesterov: true }));
    const before = ['bn1/moving_mean', 'bn1/moving_variance', 'bn2/moving_mean'].map(values);
    const losses = Array.from({ length: 30 }, () => run(step, 0.1));
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    const after = ['bn1/moving_mean', 'bn1/moving_variance', 'bn2/moving_mean'].map(values);
    after.forEach((average, index) => {
      average.forEach((value, channel) => {
        expect(value).not.toBe(before[index]![channel]);
      });
    });
  });

  it('keeps a masked filter exactly zero, in weight and velocity', () => {
    const optimizer = new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 });
    const step = new EagerStep(model, optimizer);
    run(step); // velocities from before
    const outputs = Uint8Array.from([1, 0, 1, 0]);
    const keep = new Map(['conv', 'bn1', 'depthwise', 'bn2'].map((name) => [name, { outputs }]));
    setMasks(model, keep);
    zeroMasked(model);
    const names = new Map([...weightsByName(model)].map(([name, weight]) => [weight, name]));
    for (const { weight, mask } of listMaskedWeights(model)) {
      optimizer.mask(names.get(weight)!, mask.read());
    }
    for (let index = 0; index < 50; index++) run(step);
    const silent = (all: number[]): number[] => all.filter((_, index) => !outputs[index % 4]);
    for (const name of [
      'conv/kernel',
      'bn1/gamma',
      'bn1/beta',
      'depthwise/depthwise_kernel',
      'bn2/gamma',
      'bn2/beta',
    ]) {
      // prettier-ignore
      expect(silent(values(name)).every((value) => value === 0)).toBe(true);
      const velocity = [...optimizer.slots.get(`velocity/${name}`)!.dataSync()];
      expect(silent(velocity).every((value) => value === 0)).toBe(true);
      expect(velocity.some((value) => value !== 0)).toBe(true);
    }
    expect(silent(values('bn1/moving_mean')).every((value) => value === 0)).toBe(true);
    // The weights alone are the masked network now.
    const predict = (): Float32Array =>
      tf.tidy(() => model.predict(data.images) as tf.Tensor).dataSync() as Float32Array;
    const masked = Float32Array.from(predict());
    clearMasks(model);
    expect(Float32Array.from(predict())).toEqual(masked);
    optimizer.dispose();
  });

  it('leaves no tensor behind in 200 steps', () => {
    const step = new EagerStep(model, new Sgd({ momentum: 0.9, weightDecay: 1e-4 }));
    run(step);
    const before = tf.memory().numTensors;
    for (let index = 0; index < 200; index++) run(step, 1e-3);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves frozen layers alone', () => {
    model.getLayer('conv').trainable = false;
    const twin = prunable(model); // as a loaded model: the layer says it, not the weight
    const recorder = new Recorder();
    run(new EagerStep(twin, recorder));
    expect(recorder.weights).not.toContain('conv/kernel');
    expect(recorder.weights).toContain('dense/kernel');
    twin.dispose();
  });
});

describe('EagerStep', () => {
  it.each([-0.1, 1, Number.NaN])('refuses label smoothing %d', (labelSmoothing) => {
    expect(() => new EagerStep(toyModel(), new Sgd(), { labelSmoothing })).toThrow(
      `labelSmoothing must be in [0, 1), got ${labelSmoothing}`,
    );
  });
});
