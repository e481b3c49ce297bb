/** A schedule of your own: half a cosine, slow at both ends. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  constant,
  GeometricMedian,
  loadDataSet,
  Network,
  prunable,
  resnet20,
  RunDirectory,
  Sgd,
  startEngine,
  Trainer,
} from '../../index';
import type { RateSchedule } from '../../index';

/** What is removed of a final rate at progress 0 to 1: nothing at first, all of it in the end. */
const halfCosine: RateSchedule = (finalRate, progress) =>
  (finalRate * (1 - Math.cos(Math.PI * progress))) / 2;

async function main(): Promise<void> {
  await startEngine();
  const data = await loadDataSet('mnist', { seed: 1, limitTrain: 40, limitValidation: 20 });
  const model = prunable(resnet20({ inputShape: [28, 28, 1], classes: 10, seed: 1 }));
  const folder = mkdtempSync(join(tmpdir(), 'schedule-'));
  using run = await RunDirectory.create(null, folder, { label: 'half-cosine' });
  const trainer = new Trainer({
    network: Network.of(model),
    method: new GeometricMedian(),
    policy: { rate: 0.3 },
    schedule: halfCosine,
    pruneAt: { by: 'step', from: 0, every: 1, until: 4, atStart: false },
    data,
    optimizer: new Sgd({ momentum: 0.9 }),
    run,
    epochs: 1,
    batchSize: 8,
    learningRate: constant({ base: 0.05 }),
    seed: 1,
    augment: false,
    identity: {},
  });
  await trainer.train();
  trainer.dispose();
  console.log(`every event: ${join(run.path, 'metrics.csv')}`);
  const removed = [...trainer.keep.groups.values()].flatMap((kept) => [...kept].filter((k) => !k));
  console.log(`removed in the end: ${removed.length}`);
}

void main();
