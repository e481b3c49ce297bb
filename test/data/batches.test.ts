import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { permutation, seedOf } from '../../random/seeds';
import {
  batchCount,
  evaluationBatches,
  trainingBatches,
  type Batch,
  type TrainingBatchOptions,
} from '../../data';
import { normalisation, placementOf, writeImage } from '../../data/augmentation';
import { numberedSet } from './fixtures';

const IMAGE = 60; // values in an image of 5 x 4 x 3

interface Copy {
  index: number;
  labels: number[];
  pixels: number[];
}

/** Copies a batch and disposes it. */
function take(batch: Batch): Copy {
  const { index, images, labels } = batch;
  const copy = { index, labels: [...labels.dataSync()], pixels: [...images.dataSync()] };
  expect(images.shape).toEqual([copy.labels.length, 5, 4, 3]);
  expect([images.dtype, labels.dtype]).toEqual(['float32', 'int32']);
  batch.dispose();
  return copy;
}

/** The batches up to `most`, after which the consumer leaves. */
async function collect(batches: AsyncIterable<Batch>, most = Infinity): Promise<Copy[]> {
  const copies: Copy[] = [];
  for await (const batch of batches) {
    copies.push(take(batch));
    if (copies.length >= most) break;
  }
  return copies;
}

const set = numberedSet(23);
const options = { seed: 1, epoch: 0, batchSize: 4, augment: true };
const epochOf = (change: Partial<TrainingBatchOptions> = {}) =>
  collect(trainingBatches(set, { ...options, ...change }));
const labelsOf = (copies: Copy[]) => copies.flatMap(({ labels }) => labels);
const pixelsOf = (copies: Copy[]) => copies.flatMap(({ pixels }) => pixels);

beforeAll(() => startEngine('cpu'));

describe('trainingBatches', () => {
  it('holds each image once, in the order of the permutation, the last batch smaller', async () => {
    const epoch = await epochOf();
    expect(epoch.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(epoch.map(({ labels }) => labels.length)).toEqual([4, 4, 4, 4, 4, 3]);
    expect(labelsOf(epoch)).toEqual([...permutation(23, seedOf('order', 1, 0))]);
    expect(new Set(labelsOf(epoch)).size).toBe(23);
  });

  it('holds each image once after three interruptions, and bit for bit the same', async () => {
    const points = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(points, fc.integer(), async (stops, seed) => {
        const o = { ...options, seed, batchSize: 3 }; // 8 batches
        const whole = await collect(trainingBatches(set, o));
        const parts: Copy[] = [];
        for (const stop of [...stops.sort(), 8]) {
          const firstBatch = parts.length;
          parts.push(
            ...(await collect(trainingBatches(set, { ...o, firstBatch }), stop - firstBatch)),
          );
        }
        expect(parts).toEqual(whole);
        expect(labelsOf(parts).sort((a, b) => a - b)).toEqual([...set.train.labels]);
      }),
      { seed: 1, numRuns: 20 },
    );
  });

  it('has order and pixels that do not depend on batch size or prefetch', async () => {
    const reference = await epochOf({ batchSize: 1, prefetch: 1 });
    for (const batchSize of [2, 7, 23, 100]) {
      for (const prefetch of [1, 2, 5]) {
        const epoch = await epochOf({ batchSize, prefetch });
        expect(labelsOf(epoch)).toEqual(labelsOf(reference));
        expect(pixelsOf(epoch)).toEqual(pixelsOf(reference));
      }
    }
  });

  it('differs between seeds and between epochs, in order and in augmentation', async () => {
    const [one, seed, epoch] = [
      await epochOf(),
      await epochOf({ seed: 2 }),
      await epochOf({ epoch: 1 }),
    ];
    expect(labelsOf(seed)).not.toEqual(labelsOf(one));
    expect(labelsOf(epoch)).not.toEqual(labelsOf(one));
    const imageOf = (copies: Copy[], label: number) => {
      const position = labelsOf(copies).indexOf(label);
      return pixelsOf(copies).slice(position * IMAGE, (position + 1) * IMAGE);
    };
    const changed = [...set.train.labels].filter(
      (label) => String(imageOf(one, label)) !== String(imageOf(epoch, label)),
    );
    // An image keeps its place with probability 1 / 50.
    expect(changed.length).toBeGreaterThan(18);
  });

  it('augments each image by its own key', async () => {
    const table = normalisation(set.mean, set.deviation);
    for (const { labels, pixels } of await epochOf({ epoch: 3 })) {
      labels.forEach((label, position) => {
        const expected = new Float32Array(IMAGE);
        const placement = placementOf(set.augmentation, { seed: 1, epoch: 3, index: label });
        writeImage(set.train, label, placement, table, expected, 0);
        expect(pixels.slice(position * IMAGE, (position + 1) * IMAGE)).toEqual([...expected]);
      });
    }
  });

  it('only normalises without augmentation', async () => {
    const [{ labels, pixels }] = (await epochOf({ augment: false })) as [Copy];
    const source = set.train.pixels.subarray(labels[0]! * IMAGE, (labels[0]! + 1) * IMAGE);
    source.forEach((pixel, value) => {
      const channel = value % 3;
      const expected = (pixel / 255 - set.mean[channel]!) / set.deviation[channel]!;
      expect(pixels[value]).toBe(Math.fround(expected));
    });
  });

  it('leaves out the last smaller batch if told to', async () => {
    const epoch = await epochOf({ dropLast: true });
    expect(epoch).toEqual((await epochOf()).slice(0, 5));
  });

  it('has nothing left to give after the last batch', async () => {
    expect(await epochOf({ firstBatch: 6 })).toEqual([]);
  });

  it('leaves no tensor when its consumer leaves early, whatever is prefetched', async () => {
    const before = tf.memory().numTensors;
    for (const most of [1, 3]) {
      await collect(trainingBatches(set, { ...options, prefetch: 5 }), most);
    }
    const unused = trainingBatches(set, { ...options, prefetch: 5 });
    take((await unused.next()).value as Batch);
    await new Promise((resolve) => setTimeout(resolve, 20)); // whatever is under way ends
    expect(tf.memory().numTensors).toBe(before);
  });

  it('owns two tensors a batch, and no array twice', async () => {
    const before = tf.memory().numTensors;
    const held: Batch[] = [];
    for await (const batch of trainingBatches(set, options)) held.push(batch);
    expect(tf.memory().numTensors).toBe(before + 12);
    // A buffer used again would have given the first batches the values of the later ones.
    expect(held.map(take)).toEqual(await epochOf());
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    [{ batchSize: 0 }, 'batchSize must be an integer >= 1, got 0'],
    [{ batchSize: 1.5 }, 'batchSize must be an integer >= 1, got 1.5'],
    [{ epoch: -1 }, 'epoch must be an integer >= 0, got -1'],
    [{ firstBatch: 7 }, 'firstBatch must be an integer from 0 to 6, got 7'],
    [{ prefetch: 0 }, 'prefetch must be an integer >= 1, got 0'],
    [{ batchSize: 24, dropLast: true }, 'at most the 23 training images with dropLast, got 24'],
  ])('refuses %j at once', (change, message) => {
    expect(() => trainingBatches(set, { ...options, ...change })).toThrow(message);
  });
});

describe('evaluationBatches', () => {
  it('holds every image in its own order, without augmentation', async () => {
    const copies = await collect(evaluationBatches(set.train, set, 10));
    expect(copies.map(({ labels }) => labels.length)).toEqual([10, 10, 3]);
    expect(labelsOf(copies)).toEqual([...set.train.labels]);
    const table = normalisation(set.mean, set.deviation);
    expect(pixelsOf(copies)).toEqual(
      [...set.train.pixels].map((pixel, value) => table[(value % 3) * 256 + pixel]),
    );
  });

  it('gives nothing for no images', async () => {
    const none = { ...set.train, count: 0, pixels: Uint8Array.of(), labels: Uint16Array.of() };
    expect(await collect(evaluationBatches(none, set, 10))).toEqual([]);
  });
});

describe('batchCount', () => {
  it('counts the last smaller batch unless it is dropped', () => {
    expect([batchCount(23, 4), batchCount(24, 4), batchCount(0, 4)]).toEqual([6, 6, 0]);
    expect([batchCount(23, 4, true), batchCount(3, 4, true)]).toEqual([5, 0]);
  });
});
