import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { ChannelGraph, countCosts } from '../../../graph';
import { weightsByName } from '../../../layers';
import { cifarResNet } from '../../../models/networks/cifar-resnet';
import type { CifarResNetOptions } from '../../../models/networks/cifar-resnet';
import { quickest } from '../../engines';
import golden from '../../golden/resnet-macs.json';

const cifar: CifarResNetOptions = { inputShape: [32, 32, 3], classes: 10 };

let model: tf.LayersModel;

beforeAll(async () => {
  await startEngine(quickest);
});

function build(depth: number, options: Partial<CifarResNetOptions> = {}): void {
  model = cifarResNet(depth, { ...cifar, ...options });
}

/** Multiply-adds of the convolutions of one 32 x 32 x 3 image, by depth, as the papers count them. */
const convolutions: Record<number, number> = {
  20: 40_550_400,
  32: 68_861_952,
  56: 125_485_056,
  110: 252_887_040,
};

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

function convolutionMacs(): number {
  const costs = countCosts(ChannelGraph.of(model));
  return sum(costs.filter(({ className }) => className === 'Conv2D').map(({ macs }) => macs));
}

function weight(name: string): Float32Array {
  return Float32Array.from(weightsByName(model).get(name)!.read().dataSync());
}

/** The spatial size after each stage, through the names of the blocks' last layers. */
function stageShapes(): tf.Shape[] {
  return [1, 2, 3].map((stage) => model.getLayer(`layer${stage}_0_relu2`).outputShape as tf.Shape);
}

describe('cifarResNet', () => {
  it.each(golden.networks)("of depth $depth has PyTorch's costs, layer by layer", (network) => {
    build(network.depth);
    const costs = countCosts(ChannelGraph.of(model));
    const weighted = costs.filter(({ params }) => params > 0);
    const classNames: Record<string, string> = {
      Conv2d: 'Conv2D',
      BatchNorm2d: 'BatchNormalization',
      Linear: 'Dense',
    };
    expect(weighted.map(({ className, params, outputShape }) => [className, params, ...outputShape.slice(1)])) // prettier-ignore
      .toEqual(network.layers.map(({ kind, params, output: [channels, ...size] }) => [classNames[kind], params, ...size, channels])); // prettier-ignore
    expect(weighted.filter(({ macs }) => macs > 0).map(({ macs }) => macs)).toEqual(
      network.layers.filter(({ macs }) => macs > 0).map(({ macs }) => macs),
    );
    expect(convolutionMacs()).toBe(convolutions[network.depth] ?? network.convMacs);
    expect(sum(costs.map(({ macs }) => macs))).toBe(network.macs);
    expect(sum(costs.map(({ params }) => params))).toBe(network.params);
  });

  it('with shortcut B adds one 1 x 1 convolution per widening', () => {
    build(20, { shortcut: 'B' });
    // 16 x 16 x 16 -> 32 and 8 x 8 x 32 -> 64: 131,072 each
    expect(convolutionMacs()).toBe(40_550_400 + 2 * 131_072);
    const kernels = [...weightsByName(model).values()].map(({ shape }) => shape);
    expect(
      kernels.filter(([height, width, , filters]) => height === 1 && width === 1 && filters),
    ).toEqual([
      [1, 1, 16, 32],
      [1, 1, 32, 64],
    ]);
  });

  it.each([
    { inputShape: [28, 28, 1], stages: [[28, 28], [14, 14], [7, 7]] },
    { inputShape: [32, 32, 3], stages: [[32, 32], [16, 16], [8, 8]] },
    { inputShape: [33, 35, 3], stages: [[33, 35], [17, 18], [9, 9]] },
    { inputShape: [4, 4, 2], stages: [[4, 4], [2, 2], [1, 1]] },
  ] as const)('halves $inputShape to $stages by both shortcuts', ({ inputShape, stages }) => {
    for (const shortcut of ['A', 'B'] as const) {
      build(20, { inputShape, shortcut, classes: 7 });
      expect(stageShapes()).toEqual(stages.map((size, stage) => [null, ...size, 16 * 2 ** stage]));
      const logits = tf.tidy(() => (model.predict(tf.zeros([2, ...inputShape])) as tf.Tensor).shape);
      expect(logits).toEqual([2, 7]);
      model.dispose();
    }
  }); // prettier-ignore

  it('with shortcut A subsamples its input and appends zero channels', () => {
    build(20, { inputShape: [4, 4, 3], widths: [3, 5, 7] });
    const pad = model.getLayer('layer2_0_shortcut_pad').output as tf.SymbolicTensor;
    const before = model.getLayer('layer1_2_relu2').output as tf.SymbolicTensor;
    const part = tf.model({ inputs: model.inputs, outputs: [before, pad] });
    tf.tidy(() => {
      const x = tf.randomNormal([1, 4, 4, 3], 0, 1, 'float32', 5);
      const [whole, padded] = part.predict(x) as [tf.Tensor4D, tf.Tensor4D];
      const sampled = tf.stridedSlice(whole, [0, 0, 0, 0], [1, 4, 4, 3], [1, 2, 2, 1]);
      const expected = tf.concat([sampled, tf.zeros([1, 2, 2, 2])], 3);
      expect([...padded.dataSync()]).toEqual([...expected.dataSync()]);
    });
  });

  it('has the same weights for the same seed, others for another', () => {
    const values = (seed: Partial<CifarResNetOptions>): Map<string, Float32Array> => {
      build(8, { inputShape: [8, 8, 3], ...seed });
      const all = new Map([...weightsByName(model).keys()].map((name) => [name, weight(name)]));
      model.dispose();
      return all;
    };
    const first = values({ seed: 3 });
    expect(values({ seed: 3 })).toEqual(first);
    const other = values({ seed: 4 });
    for (const [name, kernel] of first) {
      if (/kernel|fc/.test(name)) expect(other.get(name)).not.toEqual(kernel);
    }
    expect(values({})).toEqual(values({ seed: 1 }));
  });

  it('draws every kernel from a stream of its own', () => {
    build(20);
    expect(weight('layer1_0_conv1/kernel')).not.toEqual(weight('layer1_0_conv2/kernel'));
  });

  it("starts with He's deviation by fan-out: sqrt(2 / (9 * filters))", () => {
    build(20);
    const all: number[] = [];
    for (const [name, variable] of weightsByName(model)) {
      if (!/conv\d\/kernel/.test(name)) continue;
      const expected = Math.sqrt(2 / (9 * variable.shape.at(-1)!));
      const values = [...weight(name)].map((value) => value / expected);
      all.push(...values);
      // 2,304 values or more: the deviation of a sample is off by 1.5 %, three of those fit.
      if (values.length >= 2304) expect(Math.abs(deviation(values) - 1)).toBeLessThan(0.05);
    }
    expect(all).toHaveLength(267_696);
    expect(Math.abs(deviation(all) - 1)).toBeLessThan(0.01);
    expect(Math.abs(sum(all) / all.length)).toBeLessThan(0.01);
  });

  it('starts its last layer as PyTorch does: uniform in +-1 / sqrt(64)', () => {
    build(20);
    for (const values of [weight('fc/kernel'), weight('fc/bias')]) {
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1 / 8);
    }
    expect(deviation([...weight('fc/kernel')])).toBeCloseTo(1 / 8 / Math.sqrt(3), 2); // 0.0722
  });

  it("normalizes as PyTorch does: epsilon 1e-5, old average's share 0.9", () => {
    build(20);
    const layers = model.layers.filter((layer) => layer.getClassName() === 'BatchNormalization');
    expect(layers).toHaveLength(19);
    for (const layer of layers) {
      expect(layer.getConfig()).toMatchObject({ epsilon: 1e-5, momentum: 0.9, axis: -1 });
    }
  });
});

function deviation(values: number[]): number {
  const mean = sum(values) / values.length;
  return Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / values.length);
}

describe('cifarResNet refuses', () => {
  it.each([
    [19, {}, 'depth must be 6n + 2 (20, 32, 44, 56, 110), got 19'],
    [2, {}, 'depth must be 6n + 2 (20, 32, 44, 56, 110), got 2'],
    [Number.NaN, {}, 'depth must be 6n + 2 (20, 32, 44, 56, 110), got NaN'],
    [20, { inputShape: [3, 32, 3] }, 'inputShape must be at least 4 x 4, got 3 x 32 x 3'],
    [20, { widths: [16, 8, 64] }, 'shortcut A can only widen, layer2_0 narrows by 8'],
  ] as const)('depth %d with %j', (depth, options, message) => {
    expect(() => cifarResNet(depth, { ...cifar, ...options })).toThrow(
      expect.objectContaining({ name: 'OptionError', message }),
    );
  });
});
