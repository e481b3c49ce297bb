import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { Network } from '../../graph';
import { measureLatency } from '../../measure/latency';
import { drawInputs } from '../../measure/sample-inputs';
import type { InputRange } from '../../measure/sample-inputs';
import { seedOf } from '../../random/seeds';
import { siamese, textConvolution, twoHeads } from '../commands/fixtures/other-inputs';
import { describeOn } from '../engines';

const { layers } = tf;

/** What is drawn, batch by batch. */
function drawn(
  model: tf.LayersModel,
  count: number,
  seed = 1,
  range?: InputRange,
): { shape: number[]; dtype: string; values: number[] }[][] {
  const batches: { shape: number[]; dtype: string; values: number[] }[][] = [];
  for (const batch of drawInputs(Network.of(model), count, seed, range)) {
    batches.push(
      [batch].flat().map((one) => ({
        shape: one.shape,
        dtype: one.dtype,
        values: [...one.dataSync()],
      })),
    );
  }
  return batches;
}

describeOn(['cpu'], 'drawInputs', () => {
  it('draws for one image input as it always did: figures of proofs stay', () => {
    const batches = drawn(twoHeads(), 20, 3);
    const expected = [0, 16].map((done, index) => {
      const shape = [[16, 4][index]!, 8, 8, 1];
      return [...tf.randomNormal(shape, 0, 1, 'float32', seedOf('verify', 3, done)).dataSync()];
    });
    expect(batches.map(([one]) => one!.values)).toEqual(expected);
  });

  it('draws another tensor for each input', () => {
    const [[left, right] = []] = drawn(siamese(), 2);
    expect([left!.shape, right!.shape]).toEqual([
      [2, 8, 8, 1],
      [2, 8, 8, 1],
    ]);
    expect(left!.values).not.toEqual(right!.values);
  });

  it('draws integers that an embedding knows, however they reach it', () => {
    const input = tf.input({ shape: [6], dtype: 'float32' });
    const other = tf.input({ shape: [3] });
    const lookUp = layers.embedding({ inputDim: 5, outputDim: 2 });
    const inner = tf.sequential({ layers: [layers.reshape({ targetShape: [2, 3], inputShape: [6] }), layers.timeDistributed({ layer: lookUp })] }); // prettier-ignore
    const known = layers.flatten().apply(inner.apply(input)) as tf.SymbolicTensor;
    const outputs = layers.concatenate().apply([known, other]) as tf.SymbolicTensor;
    const model = tf.model({ inputs: [input, other], outputs });
    const [[words, numbers] = []] = drawn(model, 16);
    expect(words!.dtype).toBe('int32');
    expect([...new Set(words!.values)].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(numbers!.values.some((value) => value < 0)).toBe(true);
  });

  it('draws integers of pixels where no layer looks them up, and 64 of what is free', () => {
    const image = tf.input({ shape: [null, 2, 1], dtype: 'int32' });
    const outputs = layers.conv2d({ filters: 1, kernelSize: 1 }).apply(image) as tf.SymbolicTensor;
    const [[pixels] = []] = drawn(tf.model({ inputs: image, outputs }), 1);
    expect(pixels!.shape).toEqual([1, 64, 2, 1]);
    expect(pixels!.values.every((value) => Number.isInteger(value))).toBe(true);
    expect(Math.max(...pixels!.values)).toBeLessThanOrEqual(255);
    expect(Math.min(...pixels!.values)).toBeGreaterThanOrEqual(0);
  });

  it('draws from the range that is named, where an input reads numbers', () => {
    const words = tf.input({ shape: [3], dtype: 'int32' });
    const numbers = tf.input({ shape: [4] });
    const outputs = layers.concatenate().apply([words, numbers]) as tf.SymbolicTensor;
    const model = tf.model({ inputs: [words, numbers], outputs });
    const [[integers, unit] = []] = drawn(model, 16, 1, 'unit');
    expect(Math.max(...integers!.values)).toBeGreaterThan(1); // those of pixels, as ever
    expect(Math.min(...unit!.values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...unit!.values)).toBeLessThan(1);
    const [[, normal] = []] = drawn(model, 16);
    expect(Math.min(...normal!.values)).toBeLessThan(0);
  });

  it('refuses what cannot be drawn, by the name of the input', () => {
    const words = tf.input({ shape: [3, 1], dtype: 'string', name: 'words' });
    const outputs = layers.flatten().apply(words) as tf.SymbolicTensor;
    const model = tf.model({ inputs: words, outputs });
    expect(() => drawn(model, 1)).toThrow('takes string at its input words');
  });

  it('frees each batch, also when it is left early', () => {
    const network = Network.of(textConvolution(null));
    const tensors = tf.memory().numTensors;
    let batches = 0;
    for (const words of drawInputs(network, 33, 1)) {
      expect([words].flat()).toHaveLength(1);
      expect(tf.memory().numTensors).toBe(tensors + 1);
      batches++;
    }
    expect(batches).toBe(3);
    const [first] = drawInputs(network, 33, 1); // left after the first
    expect([first!].flat()[0]!.isDisposed).toBe(true);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

describeOn(['cpu'], 'measureLatency', () => {
  it('times any inputs and outputs, and leaves no tensor behind', async () => {
    for (const model of [siamese(), twoHeads(), textConvolution(null)]) {
      const tensors = tf.memory().numTensors;
      const [time] = await measureLatency([model], { runs: 2, warmup: 0 });
      expect(time!.median).toBeGreaterThan(0);
      expect(tf.memory().numTensors).toBe(tensors);
    }
  });

  it('takes fewer passes where they are slow, but five, and as many of each network', async () => {
    const models = [siamese(), siamese()];
    const timed = await measureLatency(models, { mostMs: 0 });
    expect(timed.map(({ runs }) => runs)).toEqual([5, 5]);
    const asked = await measureLatency(models, { runs: 3, warmup: 1, mostMs: 0 });
    expect(asked.map(({ runs }) => runs)).toEqual([3, 3]);
  });
});
