import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { startEngine } from '../backend/engine';
import { harden } from '../surgery/harden';
import { Network } from '../graph';
import { prunable, weightsByName } from '../layers';
import { chooseUnits, GeometricMedian } from '../methods';
import { cifarResNet } from '../models/networks/cifar-resnet';
import { Sgd } from '../trainer/step/optimizer';
import { EagerStep } from '../trainer/step/eager-step';

beforeAll(async () => {
  await startEngine('cpu');
});
beforeEach(() => {
  vi.spyOn(Math, 'random').mockImplementation(() => {
    throw new Error('Math.random was called: randomness is a function of the seed');
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Builds, trains, prunes and hardens; the weights of what is left. */
function life(seed: number): [string, number[]][] {
  const plain = cifarResNet(8, { inputShape: [8, 8, 1], classes: 3, widths: [4, 6, 8], seed });
  const model = prunable(plain);
  const step = new EagerStep(model, new Sgd({ momentum: 0.9 }));
  const images = tf.tensor4d(
    Float32Array.from({ length: 4 * 64 }, (_, index) => Math.sin(index)),
    [4, 8, 8, 1],
  );
  const labels = tf.tensor1d([0, 1, 2, 0], 'int32');
  for (let index = 0; index < 3; index++) step.run({ images, labels }, 0.1).dispose();
  const network = Network.of(model);
  const keep = chooseUnits(network, new GeometricMedian(), { rate: 0.3 });
  const hard = harden(network, keep);
  expect(network.costs(keep).macs).toBeLessThan(network.costs().macs);
  return [...weightsByName(hard)].map(([name, weight]) => [name, [...weight.read().dataSync()]]);
}

it('a model is built, trained, pruned and hardened without Math.random', () => {
  const first = life(1);
  expect(life(1)).toEqual(first);
  expect(life(2)).not.toEqual(first);
});
