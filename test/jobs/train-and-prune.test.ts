import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { DataSet } from '../../data';
import { OptionError, StoppedError } from '../../errors';
import { trainAndPrune } from '../../jobs';
import type { TrainAndPruneOptions, TrainedAndPruned } from '../../jobs';
import type { TrainingEvent } from '../../trainer';
import { describeOn } from '../engines';
import { LargestWeight } from '../methods/largest-weight';
import { scratchFolder, toyData, toyModel } from '../trainer/fixtures/toy-run';

/** The toy images with a recipe, as data sets of one's own may have one. */
function recipeData(): DataSet {
  const recipe = {
    ...{ epochs: 3, batchSize: 4, learningRate: 0.1, momentum: 0.9, weightDecay: 0 },
    ...{ schedule: 'cosine' as const, limitTrain: 0, limitValidation: 0, limitTest: 0 },
  };
  return { ...toyData(16, 9), recipe };
}

async function run(
  folder: string,
  options: Partial<TrainAndPruneOptions> = {},
): Promise<TrainedAndPruned> {
  const model = toyModel();
  const job = { model, data: recipeData(), rate: 0.5, verifySamples: 4, runDir: folder };
  try {
    return await trainAndPrune({ ...job, ...options });
  } finally {
    model.dispose();
  }
}

describeOn(['cpu'], 'trainAndPrune', () => {
  it('trains, prunes, proves and writes with one call, and leaves no tensor behind', async () => {
    const folder = join(scratchFolder(), 'run');
    const tensors = tf.memory().numTensors;
    const result = await run(folder);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(result).toMatchObject({ run: folder, export: join(folder, 'export') });
    expect(result.verification).toMatchObject({ samples: 4, maxAbsDiff: 0, backend: 'cpu' });
    // 2 of 4 and 3 of 6 filters stay
    expect([...result.keep.groups.values()].map((kept) => kept.length)).toEqual([4, 6]);
    expect(result.exported.macs).toBeLessThan(result.dense!.macs!);
    const file = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as object;
    expect(file).toMatchObject({
      ...{ format: 'secateur-result/1', method: 'fpgm', rate: 0.5, seeds: { training: 1 } },
      ...{ dense: result.dense, masked: result.masked, exported: result.exported },
    });

    expect(readdirSync(result.export)).toContain('model.json');
    const status = JSON.parse(readFileSync(join(folder, 'status.json'), 'utf8')) as object;
    expect(status).toMatchObject({ state: 'done' });
  });

  it('takes a method of its own, and leaves the model that it is given as it is', async () => {
    const model = toyModel();
    const before = model.getWeights().map((weight) => [...weight.dataSync()]);
    const folder = join(scratchFolder(), 'run');
    await run(folder, { model, method: new LargestWeight(), regrowth: 'soft' });
    expect(model.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
    const manifest = readFileSync(join(folder, 'export', 'pruning.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ method: 'LargestWeight', rate: 0.5 });
    model.dispose();
  });

  it('stops at a signal, saved, and goes on to the same bits', async () => {
    const [whole, parted] = [join(scratchFolder(), 'whole'), join(scratchFolder(), 'parted')];
    await run(whole);
    const controller = new AbortController();
    const observe = ({ kind, position }: TrainingEvent): void => {
      if (kind === 'step' && position.step === 6) controller.abort();
    };
    const { signal } = controller;
    const stopped = run(parted, { signal, observers: [observe] });
    await expect(stopped).rejects.toBeInstanceOf(StoppedError);
    const status = JSON.parse(readFileSync(join(parted, 'status.json'), 'utf8')) as object;
    expect(status).toMatchObject({ state: 'stopped' });
    expect(existsSync(join(parted, 'export'))).toBe(false);
    await run(parted, { resume: true });
    for (const file of ['metrics.csv', 'export/group1-shard1of1.bin']) {
      expect(readFileSync(join(parted, file))).toEqual(readFileSync(join(whole, file)));
    }
  });

  it.each([
    ['rate', { rate: 1.5 }],
    ['minKeep', { minKeep: 0 }],
    ['epochs', { epochs: 0 }],
    ['skip', { skip: ['no_such_*'] }],
    ['pruneFrom', { pruneFrom: 7 }],
    ['targetMacs', { targetMacs: '1%' }],
    ['targetParams', { targetMacs: 0.5, targetParams: 0.5 }],
    ['runDir', { resume: true, runDir: null }],
    ['data', { data: toyData() }],
    ['warmupEpochs', { warmupEpochs: 9 }],
  ] as const)('refuses a wrong %s by its name, and makes no folder', async (option, wrong) => {
    const folder = join(scratchFolder(), 'run');
    const tensors = tf.memory().numTensors;
    const error: unknown = await run(folder, wrong).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OptionError);
    expect((error as OptionError).option).toBe(option);
    expect((error as OptionError).message).not.toContain('--');
    expect(existsSync(folder)).toBe(false);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
