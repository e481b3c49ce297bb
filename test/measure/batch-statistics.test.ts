import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { harden, mask, verify } from '../../surgery';
import { ChannelGraph, keepAll } from '../../graph';
import type { KeepSet } from '../../graph';
import { prunable, weightsByName } from '../../layers';
import { reestimate, sampleBatches } from '../../measure/batch-statistics';
import { PrunedCopy } from '../../measure/pruned-copy';
import { describeOn } from '../engines';
import { expectClose, randomizeWeights } from '../tensors';
import { toyData, toyModel } from '../trainer/fixtures/toy-run';

const EPSILON = 1e-3; // the layers' default

/** Two 1x1 convolutions of 2 and 1 filters, each with BatchNormalization: `2 x0, 3 x1`, then their sum. */
function chain(): tf.LayersModel {
  const input = tf.input({ shape: [1, 1, 2] });
  let x: tf.SymbolicTensor = input;
  for (const [name, filters] of [
    ['a', 2],
    ['b', 1],
  ] as const) {
    const conv = tf.layers.conv2d({ name, filters, kernelSize: 1, useBias: false });
    const norm = tf.layers.batchNormalization({ name: `${name}_bn` });
    x = norm.apply(conv.apply(x)) as tf.SymbolicTensor;
  }
  const outputs = tf.layers
    .dense({ name: 'head', units: 2 })
    .apply(tf.layers.flatten().apply(x)) as tf.SymbolicTensor;
  const stock = tf.model({ inputs: input, outputs });
  const model = prunable(stock);
  stock.dispose();
  const kernels = { 'a/kernel': [2, 0, 0, 3], 'b/kernel': [1, 1] };
  const weights = weightsByName(model);
  for (const [name, values] of Object.entries(kernels)) {
    const weight = weights.get(name)!;
    tf.tidy(() => {
      weight.write(tf.tensor(values, weight.shape as number[]));
    });
  }
  return model;
}

/** Batches of two images, [[x0, x1], [x0, x1]] each; freed one by one. */
function* batchesOf(...batches: number[][][]): Generator<{ images: tf.Tensor }> {
  for (const values of batches) {
    const images = tf.tensor(values.flat(), [values.length, 1, 1, 2]);
    try {
      yield { images };
    } finally {
      images.dispose();
    }
  }
}

async function* later<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

const valuesOf = (model: tf.LayersModel): Map<string, Float32Array> =>
  new Map(
    [...weightsByName(model)].map(([name, weight]) => [
      name,
      Float32Array.from(weight.read().dataSync()),
    ]),
  );

describeOn(['cpu', 'tensorflow'], 'reestimate', () => {
  const two = [
    [
      [1, 7],
      [3, 9],
    ],
    [
      [5, 1],
      [5, 2],
    ],
  ];

  it('takes the mean over the batches of their means and unbiased variances', async () => {
    const model = chain();
    await reestimate({ model, graph: ChannelGraph.of(model) }, keepAll, later(batchesOf(...two)));
    const values = valuesOf(model);
    // channel 0: 2 and 6, then 10 and 10: means 4 and 10, variances (4 + 4) / 1 and 0
    // channel 1: 21 and 27, then 3 and 6: means 24 and 4.5, variances 18 and 4.5
    expectClose(values.get('a_bn/moving_mean')!, [7, 14.25]);
    expectClose(values.get('a_bn/moving_variance')!, [4, 11.25]);
    // b reads the sum of what each batch makes of itself: (x - mean) / sqrt(biased variance + epsilon);
    // first batch: -2 / sqrt(4 + e) - 3 / sqrt(9 + e) and its negative; second: 0 + -+1.5 / sqrt(2.25 + e)
    const first = 2 / Math.sqrt(4 + EPSILON) + 3 / Math.sqrt(9 + EPSILON);
    const second = 1.5 / Math.sqrt(2.25 + EPSILON);
    expectClose(values.get('b_bn/moving_mean')!, [0], 1e-3); // float32: 1e-6
    expectClose(
      values.get('b_bn/moving_variance')!,
      [(2 * first ** 2 + 2 * second ** 2) / 2],
      1e-4,
    );
    model.dispose();
  });

  it('measures what is left: removed channels are silent', async () => {
    const model = chain();
    const keep: KeepSet = { groups: new Map([['a', Uint8Array.of(1, 0)]]), weights: new Map() };
    await reestimate({ model, graph: ChannelGraph.of(model) }, keep, later(batchesOf(...two)));
    const values = valuesOf(model);
    expectClose(values.get('a_bn/moving_mean')!, [7, 0]);
    expectClose(values.get('a_bn/moving_variance')!, [4, 0]);
    const first = 2 / Math.sqrt(4 + EPSILON); // channel 0 alone, and nothing in the second batch
    expectClose(values.get('b_bn/moving_variance')!, [(2 * first ** 2) / 2], 1e-4);
    model.dispose();
  });

  it('changes nothing else, lifts its masks and leaves no tensor behind', async () => {
    const model = toyModel();
    const graph = ChannelGraph.of(model);
    const keep: KeepSet = {
      groups: new Map([['conv0', Uint8Array.of(1, 0, 1, 0)]]),
      weights: new Map(),
    };
    const before = valuesOf(model);
    const tensors = tf.memory().numTensors;
    const options = { seed: 1, batchSize: 4, batches: 3 };
    await reestimate({ model, graph }, keep, sampleBatches(toyData(), options));
    expect(tf.memory().numTensors).toBe(tensors);
    for (const [name, values] of valuesOf(model)) {
      if (name.includes('moving_')) expect(values).not.toEqual(before.get(name));
      else expect([name, values]).toEqual([name, before.get(name)]);
    }
    // The layers train and infer as before: their own averages, momentum 0.9.
    const image = tf.ones([1, 5, 5, 1]);
    const now = valuesOf(model).get('bn0/moving_mean');
    tf.dispose(model.apply(image) as tf.Tensor);
    expect(valuesOf(model).get('bn0/moving_mean')).toEqual(now);
    tf.dispose(model.apply(image, { training: true }) as tf.Tensor);
    expect(valuesOf(model).get('bn0/moving_mean')).not.toEqual(now);
    image.dispose();
    model.dispose();
  });

  it('is the same for the masked and the small network', async () => {
    const model = toyModel();
    randomizeWeights(model);
    for (const [name, weight] of weightsByName(model)) {
      if (name.endsWith('mask'))
        tf.tidy(() => {
          weight.write(tf.ones(weight.shape as number[]));
        });
    }
    const graph = ChannelGraph.of(model);
    const keep: KeepSet = {
      groups: new Map([['conv0', Uint8Array.of(1, 0, 1, 0)]]),
      weights: new Map(),
    };
    using copy = new PrunedCopy(model, graph, 'filter', {
      data: toyData(),
      batchSize: 4,
      seed: 1,
      bnBatches: 2,
    });
    await copy.settle(keep);
    const [hard, old] = [harden({ model: copy.model, graph }, keep), mask({ model, graph }, keep)];
    const images = [tf.randomNormal([4, 5, 5, 1], 0, 1, 'float32', 7)];
    const { maxAbsDiff } = await verify({ model: copy.model, graph, keep, hard }, images);
    expect(maxAbsDiff).toBeLessThan(1e-4);
    const answers = [hard, old].map((network) =>
      (network.predict(images[0]!) as tf.Tensor).dataSync(),
    );
    expect(answers[0]).not.toEqual(answers[1]); // the averages do count
    tf.dispose(images);
    for (const network of [hard, old, model]) network.dispose();
  });
});

describeOn(['cpu'], 'reestimate', () => {
  it('refuses a network without BatchNormalization', async () => {
    const stock = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    const model = prunable(stock);
    const none = later(batchesOf());
    await expect(
      reestimate({ model, graph: ChannelGraph.of(model) }, keepAll, none),
    ).rejects.toThrow('model has no BatchNormalization whose averages could be measured');
    for (const network of [stock, model]) network.dispose();
  });
});

describeOn(['cpu'], 'sampleBatches', () => {
  const sizes = async (batchSize: number, batches: number): Promise<number[]> => {
    const found: number[] = [];
    for await (const { images } of sampleBatches(toyData(), { seed: 1, batchSize, batches })) {
      found.push(images.shape[0]);
    }
    return found;
  };

  it('goes on with the next epoch and leaves smaller batches out where it can', async () => {
    const tensors = tf.memory().numTensors;
    expect(await sizes(6, 5)).toEqual([6, 6, 6, 6, 6]); // 16 images: 6 + 6, then 4 too few
    expect(await sizes(20, 2)).toEqual([16, 16]);
    expect(await sizes(4, 1)).toEqual([4]);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
