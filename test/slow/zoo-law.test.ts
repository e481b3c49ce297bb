import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { seedOf } from '../../random/seeds';
import { startEngine } from '../../backend/engine';
import { fillWithNoise } from '../../bench/noise';
import { harden, verify } from '../../surgery';
import type { Verification } from '../../surgery';
import { Network, countMacs, countParams, removedUnits } from '../../graph';
import type { KeepSet, ChannelGraph } from '../../graph';
import { chooseUnits, GeometricMedian, NormFilter } from '../../methods';
import { architectures, publishedSize } from '../../models';
import type { ArchitectureId, NetworkOptions } from '../../models';
import { describeOn } from '../engines';
import golden from '../golden/zoo.json';
import { randomInputs, randomKeep, recount } from '../graph/networks';

const ids = Object.keys(architectures) as ArchitectureId[];
const rates = [0.1, 0.3, 0.5, 0.9];
/** In one ranking over layers of two to eight channels, of which one stays: 0.9 is out of reach. */
const reachable = [0.1, 0.3, 0.5];
const residuals = ['coupled', 'inner'] as const;

/** All that fit in 4 GB beside their masked twin, but for VGG-16's siblings: each would take ten seconds. */
const largest = 100e6;
const fullSize = ids.filter((id) => id === 'vgg16_bn' || paramsOf(id) <= largest);

function paramsOf(id: ArchitectureId): number {
  const counts = golden.networks.filter(({ name }) => name === id).map(({ params }) => params);
  return Math.max(...counts);
}

function build(id: ArchitectureId, options: NetworkOptions): tf.LayersModel {
  const model = architectures[id]({ ...options, seed: null });
  fillWithNoise(model, seedOf('zoo law', id));
  return model;
}

/** The law for one keep set, and the counts that the graph foretold against the real network's. */
async function measured(
  model: tf.LayersModel,
  graph: ChannelGraph,
  keep: KeepSet,
  samples: number,
): Promise<Verification> {
  const hard = harden({ model, graph }, keep);
  const inputs = randomInputs(model, samples);
  try {
    const { macs, params } = recount(hard);
    expect([countMacs(graph, keep), countParams(graph, keep)]).toEqual([macs, params]);
    return await verify({ model, graph, keep, hard }, [inputs]);
  } finally {
    hard.dispose();
    tf.dispose(inputs);
  }
}

afterEach(() => {
  tf.disposeVariables();
});

describe('narrow twins on cpu: hard = masked, bit for bit', () => {
  beforeAll(async () => {
    await startEngine('cpu');
  });

  it.each(ids)('%s', async (id) => {
    const size = id === 'alexnet' ? 16 : 12; // odd maps on the way down; AlexNet takes no less than 16
    const model = build(id, { inputShape: [size, size, 3], classes: 20, width: 0.125 });
    for (const residual of residuals) {
      const network = Network.of(model, { residual });
      const { graph } = network;
      const keeps = [
        ...rates.map((rate) => chooseUnits(network, new GeometricMedian(), { rate })),
        ...reachable.map((rate) =>
          chooseUnits(network, new NormFilter(), { rate, scope: 'global' }),
        ),
        ...[1, 2, 3].map((seed) => randomKeep(graph, seed)),
      ];
      for (const keep of keeps) {
        const { maxAbsDiff, maxAbsOutput } = await measured(model, graph, keep, 1);
        expect(maxAbsDiff).toBe(0);
        expect(maxAbsOutput).toBeGreaterThan(0.01);
      }
      const removed = keeps.map(removedUnits);
      expect(Math.min(...removed.slice(1))).toBeGreaterThan(0); // rate 0.1 of four channels is none
      expect(new Set(removed).size).toBeGreaterThan(4);
    }
  });
});

describeOn(['tensorflow'], 'full size: hard = masked to 1e-5 of the largest output', () => {
  it.each(fullSize)('%s', async (id) => {
    const model = build(id, publishedSize(id));
    const network = Network.of(model);
    const { graph } = network;
    const keep = chooseUnits(network, new NormFilter(), { rate: 0.5 });
    const { maxAbsDiff, maxAbsOutput } = await measured(model, graph, keep, 1);
    expect(removedUnits(keep)).toBeGreaterThan(0);
    expect(maxAbsOutput).toBeGreaterThan(0.01);
    expect(maxAbsDiff).toBeLessThanOrEqual(1e-5 * maxAbsOutput);
  });
});
