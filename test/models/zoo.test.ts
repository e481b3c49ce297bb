import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../errors';
import { startEngine } from '../../backend/engine';
import { ChannelGraph, countCosts } from '../../graph';
import { weightsByName } from '../../layers';
import { architectures, cifarResNet, efficientNet, resNet, vgg } from '../../models';
import type { ArchitectureId, NetworkOptions } from '../../models';
import { expectNoLeak, random } from '../tensors';
import golden from '../golden/zoo.json';

const ids = Object.keys(architectures) as ArchitectureId[];
const IMAGENET = { inputShape: [224, 224, 3], classes: 1000, seed: null } as const;
const CIFAR = { inputShape: [32, 32, 3], classes: 10, seed: null } as const;

/** [layer, MACs, trainable parameters] */
type Row = [string, number, number];
const goldenNetworks = golden.networks as unknown as {
  name: ArchitectureId;
  variant: 'imagenet' | 'cifar';
  image: number;
  classes: number;
  macs: number;
  params: number;
  layers: Row[];
}[];

beforeAll(async () => {
  await startEngine('cpu');
});

afterAll(() => {
  tf.disposeVariables();
});

/** Builds, asks, and gives the memory back. */
function using<T>(model: tf.LayersModel, ask: (model: tf.LayersModel) => T): T {
  try {
    return ask(model);
  } finally {
    model.dispose();
  }
}

const build = (id: ArchitectureId, options: NetworkOptions): tf.LayersModel =>
  architectures[id](options);

const paramsOf = (model: tf.LayersModel): number =>
  model.trainableWeights.reduce(
    (sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]),
    0,
  );

const layerNames = (model: tf.LayersModel): string[] => model.layers.map(({ name }) => name);

describe('costs', () => {
  it('has a golden count of every network', () => {
    expect([...new Set(goldenNetworks.map(({ name }) => name))].sort()).toEqual([...ids].sort());
  });

  it.each(goldenNetworks)(
    'counts $name at $image x $image as PyTorch does, layer by layer',
    (of) => {
      const { name, variant, image, classes, macs, params, layers } = of;
      const options = { inputShape: [image, image, 3], classes, seed: null } as const;
      const counted = using(build(name, options), (model) => {
        expect(paramsOf(model)).toBe(params);
        expect(model.name).toBe(name);
        return countCosts(ChannelGraph.of(model));
      });
      expect(variant).toBe(image === 224 ? 'imagenet' : 'cifar');
      expect(counted.reduce((sum, cost) => sum + cost.macs, 0)).toBe(macs);
      const rows = counted
        .filter((cost) => cost.macs > 0 || cost.params > 0)
        .map((cost): Row => [cost.path, cost.macs, cost.params]);
      expect(rows.sort(byName)).toEqual([...layers].sort(byName));
    },
  );

  it.each([
    ['alexnet', 61_100_840],
    ['vgg16_bn', 138_365_992],
    ['resnet18', 11_689_512],
    ['resnet50', 25_557_032],
    ['mobilenet_v2', 3_504_872],
    ['mnasnet1_0', 4_383_312],
    ['squeezenet1_1', 1_235_496],
    ['googlenet', 6_624_904],
    ['densenet121', 7_978_856],
    ['efficientnet_b0', 5_288_548],
    ['mobilenet_v1', 4_231_976],
  ] as const)('%s has its published number of parameters, %i', (id, params) => {
    expect(using(build(id, IMAGENET), paramsOf)).toBe(params);
  });

  // torchvision 0.28: mobilenet_v2(width_mult=...), mnasnet0_5, mnasnet1_3
  it.each([
    ['mobilenet_v2', 1.4, 6_108_776],
    ['mobilenet_v2', 0.35, 1_677_128],
    ['mnasnet1_0', 0.5, 2_218_512],
    ['mnasnet1_0', 1.3, 6_282_256],
  ] as const)('%s of width %f has %i parameters', (id, width, params) => {
    expect(using(build(id, { ...IMAGENET, width }), paramsOf)).toBe(params);
  });
});

describe('forward', () => {
  it.each(ids)('%s computes finite logits of narrow digits that depend on the image', (id) => {
    const options = { inputShape: [28, 28, 1], classes: 10, width: 0.1, seed: 3 } as const;
    const model = build(id, options);
    const logits = tf.tidy(
      () => (model.predict(random([2, 28, 28, 1])) as tf.Tensor).arraySync() as number[][],
    );
    model.dispose();
    expect(logits.map((row) => row.length)).toEqual([10, 10]);
    expect(logits.flat().every(Number.isFinite)).toBe(true);
    expect(logits[0]).not.toEqual(logits[1]);
  });

  it.each([
    'alexnet',
    'vgg9',
    'resnet50',
    'squeezenet1_0',
    'googlenet',
    'efficientnet_b0',
  ] as const)('%s computes finite logits of large images', (id) => {
    const model = build(id, { ...IMAGENET, classes: 5, width: 0.05, seed: 3 });
    const logits = tf.tidy(() => (model.predict(random([1, 224, 224, 3])) as tf.Tensor).dataSync());
    model.dispose();
    expect(logits).toHaveLength(5);
    expect([...logits].every(Number.isFinite)).toBe(true);
  });
});

describe('options', () => {
  it('draws the same weights from the same seed, others from another, zeros from null', () => {
    const kernels = ([1, 1, 2, null] as const).map((seed) =>
      using(build('mobilenet_v1', { ...CIFAR, width: 0.25, seed }), (model) => [
        ...weightsByName(model).get('features_3_0_0/depthwise_kernel')!.read().dataSync(),
      ]),
    );
    expect(kernels[1]).toEqual(kernels[0]);
    expect(kernels[2]).not.toEqual(kernels[0]);
    expect(new Set(kernels[3])).toEqual(new Set([0]));
  });

  it('gives a layer the filters asked for by name, and its readers follow', () => {
    // conv1 reads 64 and makes 5: 9 * 64 * 5; conv2 reads 5 and makes 64: 9 * 5 * 64.
    const filters = { layer1_0_conv1: 5 };
    const shapes = using(build('resnet18', { ...CIFAR, filters }), (model) =>
      ['layer1_0_conv1', 'layer1_0_conv2'].map(
        (name) => weightsByName(model).get(`${name}/kernel`)!.shape,
      ),
    );
    expect(shapes).toEqual([
      [3, 3, 64, 5],
      [3, 3, 5, 64],
    ]);
  });

  it('builds a whole pruned stage of explicit widths', () => {
    const filters = { conv1: 40, layer1_0_conv2: 40, layer1_1_conv2: 40 };
    using(build('resnet18', { ...CIFAR, filters }), (model) => {
      expect(model.getLayer('layer1_1_add').outputShape).toEqual([null, 32, 32, 40]);
      expect(layerNames(model)).not.toContain('layer1_0_downsample_0');
    });
  });

  it('multiplies every width', () => {
    const widths = using(build('vgg11', { ...CIFAR, width: 0.5 }), (model) =>
      model.layers
        .filter((layer) => layer.getClassName() === 'Conv2D')
        .map(({ outputShape }) => outputShape.at(-1)),
    );
    expect(widths).toEqual([32, 64, 128, 128, 256, 256, 256, 256]);
  });

  it('builds option A shortcuts in bottlenecks', () => {
    using(build('resnet50', { ...CIFAR, shortcut: 'A' }), (model) => {
      expect(layerNames(model)).toContain('layer2_0_shortcut_pad');
      expect(layerNames(model).join()).not.toContain('downsample');
    });
  });

  it('leaves dropout out at rate 0, names unchanged', () => {
    const names = [0, 0.3].map((dropout) =>
      using(build('mobilenet_v2', { ...CIFAR, dropout }), layerNames),
    );
    expect(names[1]!.filter((name) => name !== 'classifier_0')).toEqual(names[0]);
    expect(names[1]).toContain('classifier_0');
  });

  it('takes the variant asked for, whatever the size', () => {
    const strides = (['imagenet', 'cifar'] as const).map((variant) =>
      using(build('resnet18', { ...CIFAR, variant }), (model) =>
        layerNames(model).includes('maxpool'),
      ),
    );
    expect(strides).toEqual([true, false]);
  });

  it('pools or repeats the map in front of the Dense layers where that is exact', () => {
    // VGG halves five times: 448 -> 14 -> 7 by 2x2 means; 32 -> 1 -> 7 by repeating.
    const [large, small] = [448, 32].map((size) => {
      const shape = [size, size, 3] as const;
      const options = { ...IMAGENET, inputShape: shape, variant: 'imagenet', width: 0.05 } as const;
      return using(vgg(11, options), (model) => ({
        names: layerNames(model).filter((name) => name.startsWith('avgpool')),
        map: model.getLayer('flatten').inboundNodes[0]!.inputShapes[0],
      }));
    });
    expect(large).toEqual({ names: ['avgpool'], map: [null, 7, 7, 26] }); // 0.05 * 512
    expect(small).toEqual({ names: ['avgpool_repeat'], map: [null, 7, 7, 26] });
  });

  it('builds a network of other stages with squeeze-and-excite', () => {
    const stages = [{ expansion: 4, size: 5, stride: 2, filters: 16, blocks: 2 }];
    using(efficientNet({ ...CIFAR, stages, stem: 8 }), (model) => {
      // Squeeze: a quarter of what the block reads, 8 / 4 and 16 / 4.
      expect(model.getLayer('features_1_0_block_2_fc1').outputShape).toEqual([null, 1, 1, 2]);
      expect(model.getLayer('features_1_1_block_2_fc1').outputShape).toEqual([null, 1, 1, 4]);
      expect(layerNames(model)).toContain('features_1_1_add');
    });
  });

  it('leaves no tensor behind once disposed', () => {
    expectNoLeak(() => {
      build('efficientnet_b0', { ...CIFAR, width: 0.1, seed: 1 }).dispose();
      build('googlenet', { ...CIFAR, width: 0.1, seed: null }).dispose();
    });
  });
});

describe('refusals', () => {
  it.each([
    [{ width: 0 }, 'width must be a factor above 0, got 0'],
    [{ width: Number.NaN }, 'width must be a factor above 0, got NaN'],
    [{ classes: 0 }, 'classes must be a whole number from 1, got 0'],
    [{ inputShape: [32, 1.5, 3] }, 'inputShape[1] must be a whole number from 1, got 1.5'],
    [{ dropout: 1 }, 'dropout must be in [0, 1), got 1'],
    [{ filters: { conv1: 0 } }, 'filters of conv1 must be a whole number from 1, got 0'],
    [{ filters: { conv_1: 4 } }, /must name layers of resnet18 .*conv1, .*got conv_1$/],
    [{ filters: { fc: 4 } }, /must name layers of resnet18 .*got fc$/],
    [{ filters: { layer1_1_conv2: 4 }, shortcut: 'A' }, 'shortcut A can only widen'],
  ] as const)('refuses %j', (options, message) => {
    const all = { ...CIFAR, ...options } as unknown as NetworkOptions;
    expect(() => resNet(18, all)).toThrow(OptionError);
    expect(() => resNet(18, all)).toThrow(message);
  });

  it('names the layer at which an image is too small', () => {
    // (32 + 4 - 11) / 4 + 1 = 7, pooled to 3 and to 1: nothing is left for the last pool.
    const options = { ...CIFAR, variant: 'imagenet' } as const;
    expect(() => build('alexnet', options)).toThrow(
      'inputShape is too small for this network: features_12 needs a map of at least 3 x 3 with its padding, got 1 x 1',
    );
  });

  it('refuses a map that no stock layer averages to the size that VGG needs', () => {
    // 320 / 32 = 10 positions in 7 windows: two of them or three.
    const options = { ...IMAGENET, inputShape: [320, 320, 3], width: 0.05 } as const;
    expect(() => vgg(11, options)).toThrow('avgpool makes 7 x 7 of a 10 x 10 map');
  });

  it.each([8.5, 3, 21])('refuses a CIFAR ResNet of depth %d', (depth) => {
    expect(() => cifarResNet(depth, CIFAR)).toThrow(`depth must be 6n + 2`);
  });
});

function byName([one]: Row, [other]: Row): number {
  return one < other ? -1 : 1;
}
