import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  clearMasks,
  listMaskedWeights,
  prunable,
  setMasks,
  weightsByName,
  zeroMasked,
} from '../../layers';
import { describeOn } from '../engines';
import { expectNoLeak, random, randomizeWeights } from '../tensors';

/** conv (2 filters of 1 x 1 over 2 channels, with bias), bn, dense (2 to 2). */
function toyModel(): tf.LayersModel {
  const plain = tf.sequential({
    layers: [
      tf.layers.conv2d({ name: 'conv', filters: 2, kernelSize: 1, inputShape: [2, 2, 2] }),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.reLU({ name: 'relu' }),
      tf.layers.globalAveragePooling2d({ name: 'pool' }),
      tf.layers.dense({ name: 'dense', units: 2 }),
    ],
  });
  randomizeWeights(plain);
  const model = prunable(plain);
  plain.dispose();
  return model;
}

const flags = (...values: number[]): Uint8Array => Uint8Array.from(values);

let model: tf.LayersModel;

function values(name: string): number[] {
  return [...weightsByName(model).get(name)!.read().dataSync()];
}

describeOn(['cpu', 'tensorflow'], 'setMasks', () => {
  beforeEach(() => {
    model = toyModel();
  });
  afterEach(() => {
    model.dispose();
  });

  it('starts with full masks', () => {
    for (const { mask } of listMaskedWeights(model)) {
      expect([...mask.read().dataSync()].every((value) => value === 1)).toBe(true);
    }
    expect(listMaskedWeights(model).map(({ weight }) => weight.originalName)).toHaveLength(7);
  });

  it('repeats the outputs over the kernel, and masks what goes along with them', () => {
    setMasks(model, new Map([['conv', { outputs: flags(0, 1) }], ['bn', { outputs: flags(0, 1) }]])); // prettier-ignore
    expect(values('conv/mask')).toEqual([0, 1, 0, 1]); // [1, 1, in, out], out fastest
    expect(values('conv/bias_mask')).toEqual([0, 1]);
    expect(values('bn/mask')).toEqual([0, 1]);
    expect(values('dense/mask')).toEqual([1, 1, 1, 1]);
  });

  it('finds the outputs on the axis where the layer has them', () => {
    const input = tf.input({ shape: [2, 2, 2] });
    const up = tf.layers.conv2dTranspose({ name: 'up', filters: 3, kernelSize: 1 });
    const split = tf.layers.separableConv2d({ name: 'split', filters: 2, kernelSize: 1 });
    const y = split.apply(up.apply(input)) as tf.SymbolicTensor;
    const plain = tf.model({ inputs: input, outputs: y });
    const own = prunable(plain);
    const keep = new Map([['up', { outputs: flags(1, 0, 1) }], ['split', { outputs: flags(0, 1) }]]); // prettier-ignore
    setMasks(own, keep);
    const of = (name: string): number[] => [...weightsByName(own).get(name)!.read().dataSync()];
    expect(of('up/mask')).toEqual([1, 1, 0, 0, 1, 1]); // [1, 1, out, in], in fastest
    expect(of('up/bias_mask')).toEqual([1, 0, 1]);
    expect(of('split/mask')).toEqual([0, 1, 0, 1, 0, 1]); // pointwise, [1, 1, in, out]
    expect(of('split/bias_mask')).toEqual([0, 1]);
    expect(listMaskedWeights(own).map(({ weight }) => weight.originalName)).not.toContain(
      'split/depthwise_kernel',
    );
    plain.dispose();
    own.dispose();
  });

  it('reaches kernels only where that is the extent', () => {
    const keep = new Map([['conv', { outputs: flags(0, 1) }], ['bn', { outputs: flags(0, 1) }]]); // prettier-ignore
    setMasks(model, keep, 'kernel');
    expect(values('conv/mask')).toEqual([0, 1, 0, 1]);
    expect(values('conv/bias_mask')).toEqual([1, 1]);
    expect(values('bn/mask')).toEqual([1, 1]);
  });

  it('masks single weights, alone and together with outputs', () => {
    setMasks(model, new Map([['dense', { kernel: flags(1, 0, 0, 1) }]]));
    expect(values('dense/mask')).toEqual([1, 0, 0, 1]);
    expect(values('dense/bias_mask')).toEqual([1, 1]);
    setMasks(model, new Map([['dense', { kernel: flags(1, 0, 0, 1), outputs: flags(0, 1) }]]));
    expect(values('dense/mask')).toEqual([0, 0, 0, 1]);
    expect(values('dense/bias_mask')).toEqual([0, 1]);
  });

  it('replaces the masks of before, and clearMasks fills them', () => {
    setMasks(model, new Map([['conv', { outputs: flags(0, 1) }]]));
    setMasks(model, new Map([['dense', { outputs: flags(1, 0) }]]));
    expect(values('conv/mask')).toEqual([1, 1, 1, 1]);
    expect(values('dense/mask')).toEqual([1, 0, 1, 0]);
    clearMasks(model);
    expect(values('dense/mask')).toEqual([1, 1, 1, 1]);
  });

  it.each([
    ['a layer that is not there', 'nowhere', { outputs: flags(1) }, 'keep must name prunable layers only, got nowhere'],
    ['a layer without masks', 'relu', { outputs: flags(1, 1) }, 'keep must name prunable layers only, got relu'],
    ['too few outputs', 'conv', { outputs: flags(0) }, 'keep must have one entry for each of the 2 outputs of conv, got 1'],
    ['as many outputs as weights', 'conv', { outputs: flags(0, 1, 0, 1) }, 'keep must have one entry for each of the 2 outputs of conv, got 4'],
    ['no outputs', 'bn', { outputs: flags() }, 'keep must have one entry for each of the 2 outputs of bn, got 0'],
    ['too few weights', 'dense', { kernel: flags(0, 1) }, 'keep must have one entry for each of the 4 kernel weights of dense, got 2'],
    ['a kernel where there is none', 'bn', { kernel: flags(0, 1) }, 'keep must have one entry for each of the 0 kernel weights of bn, got 2'],
    ['a flag of 2', 'conv', { outputs: flags(1, 2) }, 'keep of the outputs of conv must be 0 or 1, got 2'],
  ])('refuses %s and changes nothing', (_, path, layerKeep, message) => {
    setMasks(model, new Map([['conv', { outputs: flags(0, 1) }]]));
    const keep = new Map([['dense', { outputs: flags(0, 1) }], [path, layerKeep]]); // prettier-ignore
    expect(() => {
      setMasks(model, keep);
    }).toThrow(expect.objectContaining({ name: 'OptionError', message }));
    expect(values('conv/mask')).toEqual([0, 1, 0, 1]);
    expect(values('dense/mask')).toEqual([1, 1, 1, 1]);
  }); // prettier-ignore

  it('takes effect whoever writes the mask', () => {
    const x = random([1, 2, 2, 2]);
    const predict = (): number[] => {
      const y = model.predict(x) as tf.Tensor;
      const result = [...y.dataSync()];
      y.dispose();
      return result;
    };
    const whole = predict(); // full masks have been seen
    setMasks(model, new Map([['dense', { outputs: flags(0, 1) }]]));
    expect(predict()).toEqual([0, whole[1]]);

    const full = model.weights.map((weight) =>
      weight.originalName.includes('mask') ? tf.ones(weight.shape as number[]) : weight.read(),
    );
    model.setWeights(full);
    expect(predict()).toEqual(whole);

    const mask = weightsByName(model).get('dense/mask')!.read() as unknown as tf.Variable;
    mask.assign(tf.tensor2d([1, 0, 1, 0], [2, 2]));
    expect(predict()[0]).toBe(whole[0]);
    expect(predict()[1]).not.toBe(whole[1]);
    x.dispose();
  });

  it('leaves no tensor behind', () => {
    const keep = new Map([['conv', { outputs: flags(0, 1) }], ['dense', { outputs: flags(1, 0) }]]); // prettier-ignore
    expectNoLeak(() => {
      setMasks(model, keep);
      clearMasks(model);
    });
    expectNoLeak(() => {
      setMasks(model, keep);
      zeroMasked(model);
    });
  });
});

describe('zeroMasked', () => {
  beforeEach(async () => {
    await tf.setBackend('cpu');
    model = toyModel();
  });
  afterEach(() => {
    model.dispose();
  });

  it('zeroes the masked weights and leaves the others', () => {
    const before = new Map([...weightsByName(model).keys()].map((name) => [name, values(name)]));
    setMasks(model, new Map([['conv', { outputs: flags(0, 1) }], ['bn', { outputs: flags(0, 1) }]])); // prettier-ignore
    zeroMasked(model);
    const half = (name: string): number[] =>
      before.get(name)!.map((value, index) => (index % 2 === 0 ? 0 : value));
    const received = (name: string): number[] => values(name).map((value) => value + 0); // no -0
    for (const name of ['conv/kernel', 'conv/bias', 'bn/gamma', 'bn/beta', 'bn/moving_mean']) {
      expect(received(name)).toEqual(half(name));
    }
    for (const name of ['bn/moving_variance', 'dense/kernel', 'dense/bias']) {
      expect(values(name)).toEqual(before.get(name));
    }
  });

  it('does nothing under full masks', () => {
    const before = values('conv/kernel');
    zeroMasked(model);
    expect(values('conv/kernel')).toEqual(before);
  });

  it('changes no output: the masks had silenced the weights already', () => {
    setMasks(model, new Map([['conv', { outputs: flags(0, 1) }], ['bn', { outputs: flags(0, 1) }]])); // prettier-ignore
    const x = random([3, 2, 2, 2]);
    const predict = (): Float32Array => (model.predict(x) as tf.Tensor).dataSync() as Float32Array;
    const masked = predict();
    zeroMasked(model);
    clearMasks(model);
    expect(predict()).toEqual(masked);
  });
});
