import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { ImageSet } from '../../data';
import { weightsByName } from '../../layers';
import { readHead } from '../../measure/head';
import { evaluate } from '../../measure/accuracy';
import { describeOn } from '../engines';
import { toyData, toyImages, toyModel } from '../trainer/fixtures/toy-run';
import { StoppedError } from '../../errors';

const normalization = { mean: [0], deviation: [1] };

/** A network whose logits are the pixels of an image of one row. */
function reader(classes: number, activation: 'linear' | 'softmax' = 'linear'): tf.LayersModel {
  const model = tf.sequential();
  model.add(tf.layers.flatten({ inputShape: [1, classes, 1] }));
  model.add(tf.layers.dense({ units: classes, useBias: false, activation }));
  const kernel = tf.tidy(() => tf.mul(tf.eye(classes), 255)); // pixels arrive divided by 255
  model.setWeights([kernel]);
  kernel.dispose();
  return model;
}

function rows(labels: readonly number[], logits: readonly (readonly number[])[]): ImageSet {
  return {
    count: labels.length,
    height: 1,
    width: logits[0]!.length,
    channels: 1,
    pixels: Uint8Array.from(logits.flat()),
    labels: Uint16Array.from(labels),
  };
}

/** Asks for more memory than there is. */
class Greedy extends tf.layers.Layer {
  static className = 'Greedy';
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.add([inputs].flat()[0]!, tf.zeros([2 ** 33]));
  }
}

describeOn(['cpu', 'tensorflow'], 'evaluate', () => {
  it('measures loss, top-1 and top-5 as by hand', async () => {
    const model = reader(7);
    const split = rows(
      [0, 2, 6],
      [
        [2, 1, 0, 0, 0, 0, 0],
        [3, 3, 2, 1, 0, 0, 0],
        [6, 5, 4, 3, 2, 1, 0],
      ],
    );
    const result = await evaluate(model, split, normalization, 2);
    // 1: log(e^2 + e + 5) - 2; 2: log(2 e^3 + e^2 + e + 3) - 2; 3: log(e^6 + ... + e + 1) - 0
    const { E, log, exp } = Math;
    const losses = [
      log(E ** 2 + E + 5) - 2,
      log(2 * E ** 3 + E ** 2 + E + 3) - 2,
      log([0, 1, 2, 3, 4, 5, 6].reduce((sum, logit) => sum + exp(logit), 0)),
    ];
    expect(result.loss).toBeCloseTo((losses[0]! + losses[1]! + losses[2]!) / 3, 5);
    // Best is class 0 of image 1 alone; class 2 of image 2 is third, class 6 of image 3 the last of 7.
    expect(result).toMatchObject({ top1: 1 / 3, top5: 2 / 3, images: 3 });
    model.dispose();
  });

  it('takes the first of equal classes, so that a network that says nothing is right by chance', async () => {
    const model = reader(6);
    const split = rows(
      [0, 1, 2, 3, 4, 5],
      Array.from({ length: 6 }, () => [9, 9, 9, 9, 9, 9]),
    );
    const result = await evaluate(model, split, normalization, 6);
    expect(result.top1).toBeCloseTo(1 / 6, 12); // class 0
    expect(result.top5).toBeCloseTo(5 / 6, 12); // classes 0 to 4
    model.dispose();
  });

  it('counts all classes where there are fewer than five', async () => {
    const model = reader(3);
    const split = rows(
      [2, 2],
      [
        [2, 1, 0],
        [0, 1, 2],
      ],
    );
    expect(await evaluate(model, split, normalization, 2)).toMatchObject({ top1: 0.5, top5: 1 });
    model.dispose();
  });

  it('measures a network that ends in a softmax as the same network without it', async () => {
    const split = rows(
      [0, 2],
      [
        [3, 1, 0, 2],
        [2, 1, 0, 4],
      ],
    );
    const [plain, soft] = [reader(4), reader(4, 'softmax')];
    expect([readHead(plain).kind, readHead(soft).kind]).toEqual(['logits', 'softmax']);
    const results = [
      await evaluate(plain, split, normalization, 2),
      await evaluate(soft, split, normalization, 2),
    ];
    expect(results[1]!.loss).toBeCloseTo(results[0]!.loss, 5);
    expect(results[1]).toMatchObject({ top1: results[0]!.top1, top5: results[0]!.top5 });
    plain.dispose();
    soft.dispose();
  });

  it('finds a softmax at the end of a nested network', () => {
    const inner = reader(4, 'softmax');
    const outer = tf.sequential();
    outer.add(inner);
    expect(readHead(outer).kind).toBe('softmax');
    outer.dispose();
  });

  it('does not depend on the batch size', async () => {
    const model = toyModel();
    const split = toyImages(31, 5);
    const results = [];
    for (const batchSize of [1, 4, 31, 100]) {
      results.push(await evaluate(model, split, toyData(), batchSize));
    }
    for (const { loss, ...counts } of results.slice(1)) {
      expect(Math.abs(loss - results[0]!.loss)).toBeLessThan(1e-6);
      expect({ ...counts }).toEqual({
        top1: results[0]!.top1,
        top5: results[0]!.top5,
        images: 31,
      });
    }
    model.dispose();
  });

  it('gives the same numbers twice and leaves no tensor behind', async () => {
    const model = toyModel();
    const split = toyImages(10, 5);
    const first = await evaluate(model, split, toyData(), 4);
    const tensors = tf.memory().numTensors;
    expect(await evaluate(model, split, toyData(), 4)).toEqual(first);
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it('never counts a network with NaN weights as right', async () => {
    const model = toyModel();
    const bias = weightsByName(model).get('head/bias')!;
    const nan = tf.fill([3], NaN);
    bias.write(nan);
    nan.dispose();
    const { loss, top1 } = await evaluate(model, toyImages(6, 5), toyData(), 4);
    expect(top1).toBe(0);
    expect(loss).toBeNaN();
    model.dispose();
  });

  it('lets its watcher and its signal end it, and timers in between', async () => {
    const model = toyModel();
    const tensors = tf.memory().numTensors;
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const seen: number[] = [];
    const controller = new AbortController();
    const evaluation = evaluate(model, toyImages(40, 5), toyData(), 1, {
      signal: controller.signal,
      onProgress: (images) => {
        seen.push(images);
        if (turns > 0 || images === 40) controller.abort(new StoppedError('SIGINT'));
      },
    });
    await expect(evaluation).rejects.toThrow(new StoppedError('SIGINT'));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0); // timers had a turn between two batches
    expect(seen).toEqual(seen.map((_, index) => index + 1)); // and no batch came after the signal
    const onProgress = (): void => {
      throw new Error('enough');
    };
    const other = evaluate(model, toyImages(4, 5), toyData(), 1, { onProgress });
    await expect(other).rejects.toThrow('enough');
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it('refuses a split without images', async () => {
    const model = toyModel();
    await expect(evaluate(model, toyImages(0, 1), toyData(), 4)).rejects.toThrow(
      'at least one image',
    );
    model.dispose();
  });

  it('names the batch size where the memory is too small', async () => {
    const layers = [tf.layers.flatten({ inputShape: [1, 3, 1] }), new Greedy()];
    const model = tf.sequential({ layers, name: 'greedy' });
    const split = rows([0], [[1, 2, 3]]);
    await expect(evaluate(model, split, normalization, 64)).rejects.toThrow(
      /^the memory does not hold evaluating greedy on 64 images at once.*the option batchSize/,
    );
  });
});
