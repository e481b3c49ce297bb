import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { harden } from '../../surgery/harden';
import {
  ChannelGraph,
  countCosts,
  countMacs,
  countParams,
  findGroup,
  projectCalls,
} from '../../graph';
import type { ChannelGroup, KeepSet } from '../../graph';
import { weightReader } from '../../layers';
import { chooseUnits, NormFilter } from '../../methods';
import { cifarResNet } from '../../models';
import { randomKeep, recount } from './networks';

const CIFAR = { inputShape: [32, 32, 3], classes: 10 } as const;

beforeAll(async () => {
  await startEngine('cpu');
});

afterAll(() => {
  tf.disposeVariables();
});

/** What a rate of each layer leaves; which channels does not matter to the count. */
function keepAt(rate: number, model: tf.LayersModel, graph: ChannelGraph): KeepSet {
  return chooseUnits({ graph, kernel: weightReader(model) }, new NormFilter(), { rate });
}

function convMacs(graph: ChannelGraph, keep?: KeepSet): number {
  return countCosts(graph, keep)
    .filter(({ className }) => className === 'Conv2D')
    .reduce((sum, { macs }) => sum + macs, 0);
}

const blocksOf = (stage: number, suffix: string): string[] =>
  [0, 1, 2].map((block) => `layer${stage}_${block}_${suffix}`);

/** The convolution inside a block: nothing else has its channels. */
const inner = (stage: number, block: number, width: number): Partial<ChannelGroup> => ({
  id: `layer${stage}_${block}_conv1`,
  channels: width,
  followers: [`layer${stage}_${block}_bn1`],
  consumers: [`layer${stage}_${block}_conv2`],
  frozen: null,
});

/** The stream that begins at a stage: all convolutions that are added to it from there on. */
function stream(stage: 1 | 2 | 3, frozen: string | null): Partial<ChannelGroup> {
  const stages = [1, 2, 3].slice(stage - 1);
  const stem = stage === 1;
  const readers = stages.flatMap((at) => {
    const convolutions = blocksOf(at, 'conv1');
    // The first block of a later stage reads the stream of the stage before.
    return at === stage && !stem ? convolutions.slice(1) : convolutions;
  });
  return {
    id: stem ? 'conv1' : `layer${stage}_0_conv2`,
    channels: stage === 3 ? 32 : 16, // of 16, 32 and 64 those that the stage adds
    followers: [...(stem ? ['bn1'] : []), ...stages.flatMap((at) => blocksOf(at, 'bn2'))],
    consumers: [...readers, 'fc'],
    frozen,
  };
}

const classifier = { id: 'fc', channels: 10, followers: [], consumers: [], frozen: 'model output' };

const summary = ({ id, channels, followers, consumers, frozen }: ChannelGroup): object => ({
  id,
  channels,
  followers,
  consumers,
  frozen,
});

describe('the groups of ResNet-20', () => {
  let model: tf.LayersModel;
  beforeAll(() => {
    model = cifarResNet(20, CIFAR);
  });

  const expected = (why: (stage: number) => string | null): object[] => [
    stream(1, why(1)),
    ...[0, 1, 2].map((block) => inner(1, block, 16)),
    inner(2, 0, 32),
    stream(2, why(2)),
    ...[1, 2].map((block) => inner(2, block, 32)),
    inner(3, 0, 64),
    stream(3, why(3)),
    ...[1, 2].map((block) => inner(3, block, 64)),
    classifier,
  ];

  it('coupled: one for each stage of the stream, one inside each block', () => {
    expect(ChannelGraph.of(model).groups.map(summary)).toEqual(expected(() => null));
  });

  it('coupled: later stages carry the earlier channels first (option A)', () => {
    const graph = ChannelGraph.of(model);
    const from = (first: number, count: number): number[] =>
      Array.from({ length: count }, (_, index) => first + index);
    const producers = (stage: number, first: number, count: number): object[] =>
      blocksOf(stage, 'conv2').map((layer) => ({
        layer,
        weight: `${layer}/kernel`,
        axis: 3,
        indices: from(first, count),
      }));
    expect(findGroup(graph, 'conv1').producers).toEqual([
      { layer: 'conv1', weight: 'conv1/kernel', axis: 3, indices: from(0, 16) },
      ...[1, 2, 3].flatMap((stage) => producers(stage, 0, 16)),
    ]);
    expect(findGroup(graph, 'layer2_0_conv2').producers).toEqual([
      ...producers(2, 16, 16),
      ...producers(3, 16, 16),
    ]);
    expect(findGroup(graph, 'layer3_0_conv2').producers).toEqual(producers(3, 32, 32));
  });

  it('inner: the same, but the stream is frozen', () => {
    const graph = ChannelGraph.of(model, { residual: 'inner' });
    const why = (stage: number): string =>
      `residual stream at layer${stage}_0_add is kept whole (inner)`;
    expect(graph.groups.map(summary)).toEqual(expected(why));
  });

  it('stream: every convolution by itself, none tied to another', () => {
    const graph = ChannelGraph.of(model, { residual: 'stream' });
    const blocks = [1, 2, 3].flatMap((stage) =>
      [0, 1, 2].flatMap((block) => {
        const width = 8 * 2 ** stage;
        const outer = {
          id: `layer${stage}_${block}_conv2`,
          channels: width,
          followers: [`layer${stage}_${block}_bn2`],
          consumers: [], // it goes back to its place in the stream, and nowhere else
          frozen: null,
        };
        return [inner(stage, block, width), outer];
      }),
    );
    const stem = {
      id: 'conv1',
      channels: 16,
      followers: ['bn1'],
      consumers: ['layer1_0_conv1'],
      frozen: null,
    };
    expect(graph.groups.map(summary)).toEqual([stem, ...blocks, classifier]);
  });

  it('option B cuts the stream where the shape changes', () => {
    const graph = ChannelGraph.of(cifarResNet(20, { ...CIFAR, shortcut: 'B' }));
    const sizes = Object.fromEntries(graph.groups.map(({ id, channels }) => [id, channels]));
    expect(sizes).toMatchObject({ conv1: 16, layer2_0_conv2: 32, layer3_0_conv2: 64 });
    expect(findGroup(graph, 'layer2_0_conv2').producers.map(({ layer }) => layer)).toEqual([
      'layer2_0_conv2',
      expect.stringMatching(/^layer2_0_downsample/),
      'layer2_1_conv2',
      'layer2_2_conv2',
    ]);
  });

  it('rate 0.3 leaves 12, 23 and 45 channels in every layer of the stages', () => {
    const graph = ChannelGraph.of(model);
    const left = projectCalls(graph, keepAt(0.3, model, graph));
    // 16 - floor(4.8), 32 - floor(9.6), 64 - floor(19.2)
    const widths = [12, 23, 45];
    const convolutions = left.filter(({ call }) => call.className === 'Conv2D');
    expect(convolutions.length).toBe(19);
    for (const { call, outputShapes } of convolutions) {
      const stage = Number(/^layer(\d)/.exec(call.path)?.[1] ?? 1);
      expect(outputShapes[0]!.at(-1)).toBe(widths[stage - 1]);
    }
  });

  it('costs what its definition says', () => {
    const graph = ChannelGraph.of(model);
    expect(convMacs(graph)).toBe(40_550_400);
    expect(countMacs(graph)).toBe(40_550_400 + 64 * 10);
    // Convolutions 432 + 6 * 2304 + (4608 + 5 * 9216) + (18432 + 5 * 36864) = 267696,
    // gamma and beta 2 * (7 * 16 + 6 * 32 + 6 * 64) = 1376, classifier 650
    expect(countParams(graph)).toBe(269_722);
  });

  it.each([
    ['coupled', 21_452_544],
    ['inner', 29_509_632],
  ] as const)('rate 0.3 leaves, %s, %d multiply-adds in convolutions', (residual, macs) => {
    const graph = ChannelGraph.of(model, { residual });
    expect(convMacs(graph, keepAt(0.3, model, graph))).toBe(macs);
  });
});

describe('costs under a keep set', () => {
  it.each(['coupled', 'inner', 'stream'] as const)(
    'equal those recounted from the hardened network (%s)',
    (residual) => {
      for (const shortcut of ['A', 'B'] as const) {
        const model = cifarResNet(8, {
          inputShape: [8, 6, 2],
          classes: 3,
          widths: [3, 5, 8],
          shortcut,
        });
        const graph = ChannelGraph.of(model, { residual });
        for (let seed = 1; seed <= 8; seed++) {
          const keep = randomKeep(graph, seed, seed / 9);
          const hard = harden({ model, graph }, keep);
          const counted = recount(hard);
          expect(countMacs(graph, keep)).toBe(counted.macs);
          expect(countParams(graph, keep)).toBe(counted.params);
          const again = ChannelGraph.of(hard);
          expect([countMacs(again), countParams(again)]).toEqual([counted.macs, counted.params]);
          hard.dispose();
        }
        model.dispose();
      }
    },
  );
});

// Fewer multiply-adds in convolutions, in per cent, at rates 0.3, 0.4 and 0.5: counted by hand from
// the integer widths for each network, independently of this code.
describe.each([
  { depth: 20, coupled: [47.1, 61.3, 74.7], inner: [27.2, 37.6, 49.5], stream: [39.0, 51.7, 64.5] },
  { depth: 32, coupled: [47.3, 61.4, 74.8], inner: [27.4, 37.8, 49.7], stream: [38.4, 50.9, 63.7] },
  { depth: 56, coupled: [47.4, 61.5, 74.9], inner: [27.5, 37.9, 49.8], stream: [38.0, 50.4, 63.2] },
  {
    depth: 110,
    coupled: [47.5, 61.5, 75.0],
    inner: [27.5, 38.0, 49.9],
    stream: [37.8, 50.1, 62.8],
  },
])('ResNet-$depth loses', ({ depth, ...saved }) => {
  let model: tf.LayersModel;
  beforeAll(() => {
    model = cifarResNet(depth, CIFAR);
  });

  it.each(['coupled', 'inner', 'stream'] as const)('%s, the known share', (residual) => {
    const graph = ChannelGraph.of(model, { residual });
    const shares = [0.3, 0.4, 0.5].map((rate) => {
      const left = convMacs(graph, keepAt(rate, model, graph)) / convMacs(graph);
      return Math.round(1000 * (1 - left)) / 10;
    });
    expect(shares).toEqual(saved[residual]);
  });
});
