import { describe, expect, it } from 'vitest';
import { parse } from '../../config/parse';
import type { Run } from '../../config/parse';
import { resolveImages, resolveTraining } from '../../config/resolve';
import type { TrainingConfig } from '../../config/resolve';
import { pickSaved } from '../../config/saved';
import { dataSets } from '../../data';

function training(...argv: string[]): TrainingConfig {
  return resolveTraining((parse(['train', ...argv], {}) as Run<'train'>).config);
}

describe('the recipe', () => {
  it('fills in all that is left to it', () => {
    const { epochs, batchSize, learningRate, weightDecay } = dataSets.cifar10.recipe;
    expect(training('--dataset', 'cifar10')).toMatchObject({
      ...{ epochs, batchSize, learningRate, weightDecay },
      ...{ optimizer: 'sgd', lrSchedule: 'cosine', warmupEpochs: 0, lrDecay: 0.2 },
      milestones: [60, 120, 160],
    });
  });

  it('gives way to what is asked for', () => {
    const argv =
      '--epochs 10 --batch-size 5 --optimizer adam --lr-schedule multi-step --limit-train 0';
    expect(training(...argv.split(' '))).toMatchObject({
      ...{ epochs: 10, batchSize: 5, optimizer: 'adam', learningRate: 1e-3, limitTrain: 0 },
      milestones: [3, 6, 8],
    });
    expect(training('--learning-rate', '0.3', '--optimizer', 'adam').learningRate).toBe(0.3);
  });

  it('leaves the numbers of images to the data set, which knows how many there are', () => {
    expect(training()).toMatchObject({ limitTrain: null, limitTest: null, batchSize: 64 });
    const { config } = parse(['evaluate', '--model', 'm'], {}) as Run<'evaluate'>;
    expect(resolveImages(config)).toMatchObject({ limitTest: null, batchSize: 64 });
  });

  it('leaves the options as they are saved', () => {
    const { config } = parse(['train'], {}) as Run<'train'>;
    resolveTraining(config);
    expect(pickSaved(config)).toMatchObject({ epochs: null, batchSize: null, milestones: null });
  });
});
