import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { readModel } from '../../formats';
import { weightsByName } from '../../layers';
import type { Measures } from '../../report/comparison';
import { createClassifier, handOver, sampleImages } from '../../jobs/hand-over';
import { describeOn } from '../engines';
import { NotedProgress, scratchFolder, toyData, toyTrainer } from '../trainer/fixtures/toy-run';
import { LargestWeight } from './largest-weight';

describeOn(['cpu', 'tensorflow'], 'a new method', () => {
  it('is one file of 15 lines', () => {
    const text = readFileSync(join(__dirname, 'largest-weight.ts'), 'utf8').trimEnd();
    expect(text.split('\n').length).toBeLessThanOrEqual(15);
  });

  it.each(['soft', 'hard'] as const)(
    'trains, prunes and exports without a change anywhere else: %s',
    async (regrowth) => {
      const folder = scratchFolder();
      const before = tf.memory().numTensors;
      const data = toyData(24, 12);
      const method = new LargestWeight();
      const policy = { rate: 0.5, regrowth };
      const toy = await toyTrainer(folder, { method, policy, data, epochs: 3 });
      await toy.trainer.train();
      const best = await toy.trainer.restoreBest();
      const { run, network, trainer } = toy;
      const { masked, exported, verification, manifest } = await handOver({
        network,
        keep: trainer.keep,
        folder: run.export,
        facts: { method: 'largest-weight', rate: 0.5, seed: 1, source: 'toy' },
        samples: () => sampleImages(data.validation, data, 8),
        classify: createClassifier(() => data.validation, data, 4, new NotedProgress()),
        progress: toy.progress,
      });
      const small = await readModel(join(run.export, 'model.json'));
      const shapes = [...weightsByName(small)].map(([name, { shape }]) => [name, shape] as const);
      small.dispose();
      // 2 of 4 filters stay, and 3 of 6; the 3 x 3 images have become single pixels for the head
      expect(Object.fromEntries(shapes)).toMatchObject({
        'conv0/kernel': [3, 3, 1, 2],
        'conv1/kernel': [3, 3, 2, 3],
        'head/kernel': [3, 3],
      });
      expect(verification).toMatchObject({ samples: 8 });
      expect(verification.maxAbsDiff).toBeLessThanOrEqual(1e-5 * verification.maxAbsOutput);
      const accuracy = ({ accuracy: share, loss }: Measures): (number | null)[] => [share, loss];
      expect(accuracy(exported)[0]).toBe(accuracy(masked)[0]);
      expect(exported.loss).toBeCloseTo(masked.loss!, 5);
      // The exported network measures what the run chose its best epoch by.
      expect(exported.accuracy).toBeCloseTo(best.evaluation.top1, 12);
      expect(exported.macs).toBeLessThan(masked.macs!);
      expect(manifest).toMatchObject({ method: 'largest-weight', macs: { after: exported.macs } });
      expect(readdirSync(run.export).sort()).toEqual([
        'group1-shard1of1.bin',
        'model.json',
        'pruning.json',
      ]);
      toy.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});
