/** A data set of your own: stripes, upright or lying, and a network that is pruned while it learns them. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  constant,
  harden,
  Network,
  NormFilter,
  prunable,
  RandomStream,
  readDataSet,
  resnet20,
  RunDirectory,
  seedOf,
  Sgd,
  startEngine,
  Trainer,
} from '../../index';
import type { DataSetEntry, ImageSet } from '../../index';

/** `count` images of 8 x 8 pixels; the label says whether the stripes lie. */
function stripes(split: string, count: number): ImageSet {
  const random = new RandomStream(seedOf('stripes', split));
  const pixels = new Uint8Array(count * 64);
  const labels = new Uint16Array(count);
  for (let image = 0; image < count; image++) {
    labels[image] = image % 2;
    for (let pixel = 0; pixel < 64; pixel++) {
      const line = labels[image] ? pixel >> 3 : pixel & 7;
      pixels[64 * image + pixel] = (line % 2) * 200 + random.integer(56);
    }
  }
  return { count, height: 8, width: 8, channels: 1, pixels, labels };
}

/** A file-based set reads and checks its files in `open`, and names each with its SHA-256. */
const stripeSet: DataSetEntry = {
  title: 'Stripes',
  classes: ['upright', 'lying'],
  height: 8,
  width: 8,
  channels: 1,
  mean: [0.5],
  deviation: [0.4],
  augmentation: { pad: 0, flip: true },
  recipe: {
    epochs: 2,
    batchSize: 16,
    learningRate: 0.05,
    momentum: 0.9,
    weightDecay: 0,
    schedule: 'cosine',
    limitTrain: 0,
    limitValidation: 0,
    limitTest: 0,
  },
  open: () =>
    Promise.resolve({
      place: 'computed',
      readTrain: () => ({ images: stripes('train', 160), files: [] }),
      readTest: () => ({ images: stripes('test', 64), files: [] }),
    }),
};

async function main(): Promise<void> {
  await startEngine();
  const data = await readDataSet('stripes', stripeSet, { seed: 1 });
  const model = prunable(resnet20({ inputShape: [8, 8, 1], classes: 2, seed: 1 }));
  const network = Network.of(model);
  using run = await RunDirectory.create(mkdtempSync(join(tmpdir(), 'stripes-')), 'runs', {
    label: 'stripes',
  });
  const trainer = new Trainer({
    network,
    method: new NormFilter(),
    policy: { rate: 0.3 },
    data,
    optimizer: new Sgd({ momentum: 0.9 }),
    run,
    epochs: 2,
    batchSize: 16,
    learningRate: constant({ base: 0.05 }),
    seed: 1,
    augment: true,
    identity: {},
  });
  await trainer.train();
  const { whole, masked } = await trainer.validate();
  const small = harden(network, trainer.keep);
  console.log(`${data.train.count} images to learn from, ${data.validation.count} held out`);
  console.log(`accuracy ${whole.top1}, silenced ${masked!.top1}`);
  const [before, after] = [network.costs().macs, network.costs(trainer.keep).macs];
  console.log(`MACs ${before} -> ${after}, ${small.layers.length} layers`);
  trainer.dispose();
}

void main();
