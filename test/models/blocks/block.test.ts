import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../../errors';
import { startEngine } from '../../../backend/engine';
import {
  architectures,
  basicBlock,
  blockLayers,
  decoratedBlocks,
  decorator,
  rememberBlocks,
  roleOf,
} from '../../../models';
import type { ArchitectureId, Block } from '../../../models';

const CIFAR = { inputShape: [32, 32, 3], classes: 10, seed: null, width: 0.1 } as const;

beforeAll(async () => {
  await startEngine('cpu');
});

/** Roles of the layers of one block, by their names without the block's. */
function rolesOf(model: tf.LayersModel, block: string): Record<string, string> {
  const entries = [...blockLayers(model)].filter(([, entry]) => entry.block === block);
  return Object.fromEntries(
    entries.map(([path, { role, kind }]) => [path.slice(block.length + 1), `${kind} ${role}`]),
  );
}

describe('roles in the zoo', () => {
  it.each([
    ['resnet20', 'layer2_1', { conv1: 'basicBlock block.inner', conv2: 'basicBlock block.out' }],
    [
      'resnet50',
      'layer2_0',
      {
        conv1: 'bottleneck block.inner',
        conv2: 'bottleneck block.inner',
        conv3: 'bottleneck block.out',
        downsample_0: 'bottleneck block.downsample',
      },
    ],
    [
      'mobilenet_v2',
      'features_1', // expansion 1: no widening convolution
      { conv_0_0: 'mbConv block.inner', conv_1: 'mbConv block.out' },
    ],
    [
      'mobilenet_v2',
      'features_2',
      {
        conv_0_0: 'mbConv block.inner',
        conv_1_0: 'mbConv block.inner',
        conv_2: 'mbConv block.out',
      },
    ],
    [
      'mnasnet1_0',
      'layers_8_1',
      {
        layers_0: 'mbConv block.inner',
        layers_3: 'mbConv block.inner',
        layers_6: 'mbConv block.out',
      },
    ],
    [
      'efficientnet_b0',
      'features_2_0',
      {
        block_0_0: 'mbConv block.inner',
        block_1_0: 'mbConv block.inner',
        block_2_fc1: 'mbConv block.inner',
        block_2_fc2: 'mbConv block.inner',
        block_3_0: 'mbConv block.out',
      },
    ],
    ['mobilenet_v1', 'features_3', { '0_0': 'mbConv block.inner', '1_0': 'mbConv block.out' }],
    [
      'squeezenet1_1',
      'features_3',
      { squeeze: 'fire block.inner', expand1x1: 'fire block.out', expand3x3: 'fire block.out' },
    ],
    [
      'googlenet',
      'inception4b',
      {
        branch1_conv: 'inception block.out',
        branch2_0_conv: 'inception block.inner',
        branch2_1_conv: 'inception block.out',
        branch3_0_conv: 'inception block.inner',
        branch3_1_conv: 'inception block.out',
        branch4_1_conv: 'inception block.out',
      },
    ],
    [
      'densenet121',
      'features_denseblock2_denselayer3',
      { conv1: 'denseLayer block.inner', conv2: 'denseLayer block.out' },
    ],
  ] as const)('knows those of %s, %s', (id: ArchitectureId, block, roles) => {
    const model = architectures[id](CIFAR);
    expect(rolesOf(model, block)).toEqual(roles);
    model.dispose();
  });

  it('has none for layers outside blocks and for networks without', () => {
    const models = [architectures.resnet18(CIFAR), architectures.vgg11(CIFAR)];
    expect(roleOf('conv1', models[0]!)).toBeNull();
    expect(roleOf('fc', models[0]!)).toBeNull();
    expect(roleOf('layer1_0_conv1', models[0]!)).toBe('block.inner');
    expect(blockLayers(models[1]!).size).toBe(0);
    tf.dispose(models.map((model) => model.weights.map((weight) => weight.read())));
  });

  it('survives save and load', async () => {
    const model = architectures.resnet18(CIFAR);
    const loaded = await savedAndLoaded(model);
    expect([...blockLayers(loaded)]).toEqual([...blockLayers(model)]);
    expect(roleOf('layer3_0_downsample_0', loaded)).toBe('block.downsample');
    loaded.dispose();
    model.dispose();
  });

  it('is registered by class', () => {
    const kinds = [...decoratedBlocks()].map(([block, { kind }]) => `${block.name} ${kind}`);
    expect(kinds).toEqual(
      expect.arrayContaining(['BasicBlock basicBlock', 'Fire fire', 'MnasNetBlock mbConv']),
    );
  });
});

const conv = (x: tf.SymbolicTensor, name: string): tf.SymbolicTensor =>
  tf.layers
    .conv2d({ name, filters: 2, kernelSize: 1, kernelInitializer: 'zeros' })
    .apply(x) as tf.SymbolicTensor;

describe("a user's own block", () => {
  @basicBlock({ convs: ['a', 'b', 'unused'], downsampling: ['side'] })
  class Own implements Block {
    constructor(readonly name: string) {}

    apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
      const main = conv(conv(x, `${this.name}_a`), `${this.name}_b`);
      const sides = [main, conv(x, `${this.name}_side`)];
      return tf.layers.add().apply(sides) as tf.SymbolicTensor;
    }
  }

  @(decorator('pair')({ convs: ['last'] }))
  class Pair implements Block {
    constructor(readonly name: string) {}

    apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
      const { name } = this;
      return conv(new Own(`${name}_two`).apply(new Own(`${name}_one`).apply(x)), `${name}_last`);
    }
  }

  const modelOf = (block: Block): tf.LayersModel => {
    const input = tf.input({ shape: [4, 4, 2] });
    return tf.model({ inputs: input, outputs: block.apply(conv(input, 'stem')) });
  };

  it('has roles without another word, and keeps them when asked to', async () => {
    const model = modelOf(new Own('mine'));
    const roles = { a: 'basicBlock block.inner', b: 'basicBlock block.out' };
    const all = { ...roles, side: 'basicBlock block.downsample' };
    expect(rolesOf(model, 'mine')).toEqual(all);
    expect(roleOf('stem', model)).toBeNull();
    expect(rolesOf(await savedAndLoaded(model), 'mine')).toEqual({});
    model.setUserDefinedMetadata({ labels: ['cat', 'dog'] });
    rememberBlocks(model);
    const loaded = await savedAndLoaded(model);
    expect(rolesOf(loaded, 'mine')).toEqual(all);
    expect(loaded.getUserDefinedMetadata()).toMatchObject({ labels: ['cat', 'dog'] });
  });

  it('may hold other decorated blocks', () => {
    const model = modelOf(new Pair('outer'));
    expect(rolesOf(model, 'outer')).toEqual({ last: 'pair block.out' });
    expect(roleOf('outer_two_b', model)).toBe('block.out');
    expect(roleOf('outer_one_a', model)).toBe('block.inner');
  });

  it('is found in a nested model by its path', () => {
    const inner = modelOf(new Own('mine'));
    const input = tf.input({ shape: [4, 4, 2] });
    const outer = tf.model({ inputs: input, outputs: inner.apply(input) as tf.SymbolicTensor });
    expect(roleOf(`${inner.name}/mine_b`, outer)).toBe('block.out');
  });

  it('is refused where the decorator leaves a convolution out', () => {
    @basicBlock({ convs: ['conv1', 'conv_2'] })
    class Misspelt implements Block {
      readonly name = 'wrong';

      apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
        return conv(conv(x, 'wrong_conv1'), 'wrong_conv2');
      }
    }
    expect(() => modelOf(new Misspelt())).toThrow(
      'block wrong makes the layer wrong_conv2, which its decorator does not list: convs conv1, conv_2',
    );
  });
});

describe('roles from a file', () => {
  it.each([
    ['text', 'secateurBlocks of bad must be an object, got string'],
    [{ conv: null }, 'secateurBlocks of conv must be { role, block, kind }'],
    [{ conv: { role: 'block.other', block: 'b', kind: 'k' } }, 'got {"role":"block.other"'],
  ])('are refused when malformed: %j', (blocks, message) => {
    const input = tf.input({ shape: [4, 4, 2] });
    const model = tf.model({ inputs: input, outputs: conv(input, 'conv'), name: 'bad' });
    model.setUserDefinedMetadata({ secateurBlocks: blocks });
    expect(() => roleOf('conv', model)).toThrow(OptionError);
    expect(() => roleOf('conv', model)).toThrow(message);
  });
});

async function savedAndLoaded(model: tf.LayersModel): Promise<tf.LayersModel> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  const info = { dateSaved: new Date(0), modelTopologyType: 'JSON' } as const;
  await model.save(
    tf.io.withSaveHandler((made) => {
      artifacts = made;
      return Promise.resolve({ modelArtifactsInfo: info });
    }),
  );
  // Through JSON, as a file would hold it.
  const { weightData, ...json } = artifacts!;
  const read = JSON.parse(JSON.stringify(json)) as tf.io.ModelArtifacts;
  return tf.loadLayersModel(tf.io.fromMemory({ ...read, weightData: weightData! }));
}
