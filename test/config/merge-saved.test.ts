import { describe, expect, it } from 'vitest';
import type { ConfigOf } from '../../config';
import { mergeSaved } from '../../config/merge-saved';
import { parse } from '../../config/parse';
import type { Run } from '../../config/parse';
import { pickSaved } from '../../config/saved';

function call(...argv: string[]): Run<'train'> {
  return parse(['train', ...argv], {}) as Run<'train'>;
}

/** The options with which a run that was begun with `begun` goes on. */
function goOn(begun: string[], ...argv: string[]): ConfigOf<'train'> {
  return mergeSaved(call('--resume', ...argv), pickSaved(call(...begun).config), 'runs/a');
}

describe('a run that goes on', () => {
  it('keeps what it began with, and takes what may change', () => {
    expect(goOn(['--rate', '0.4', '--threads', '1'], '--threads', '2')).toMatchObject({
      ...{ rate: 0.4, threads: 2, epochs: null },
    });
  });

  it('may be told what the recipe said, and saves it as it was', () => {
    const recipe = ['--learning-rate', '0.1', '--epochs', '3', '--limit-train', '6000'];
    expect(goOn([], ...recipe, '--batch-size', '64', '--lr-schedule', 'cosine')).toMatchObject({
      ...{ learningRate: null, epochs: null, limitTrain: null, batchSize: null, lrSchedule: null },
      moreEpochs: 0,
    });
  });

  it.each([
    [[], ['--learning-rate', '0.2'], 'began with, 0.1, as the recipe says, got 0.2'],
    [[], ['--limit-train', '5999'], 'began with, 6000, as the recipe says, got 5999'],
    [[], ['--epochs', '2'], 'began with, 3, as the recipe says, got 2'],
    [['--epochs', '4'], ['--epochs', '3'], 'began with, 4, got 3'],
    [['--rate', '0.4'], ['--rate', '0.3'], 'began with, 0.4, got 0.3'],
  ])('of %j is refused %j', (begun, argv, message) => {
    expect(() => goOn(begun, ...argv)).toThrow(message);
  });

  it('is lengthened by more epochs than it began with', () => {
    expect(goOn([], '--epochs', '5')).toMatchObject({ epochs: null, moreEpochs: 2 });
    expect(goOn(['--epochs', '4'], '--epochs', '5')).toMatchObject({ epochs: 4, moreEpochs: 1 });
    expect(goOn(['--epochs', '4'], '--more-epochs', '3')).toMatchObject({ moreEpochs: 3 });
    const longer = ['--epochs', '4', '--more-epochs', '2'];
    expect(goOn(longer, '--epochs', '6')).toMatchObject({ epochs: 4, moreEpochs: 2 });
    expect(goOn(longer)).toMatchObject({ epochs: 4, moreEpochs: 2 });
  });

  it.each([
    [['--epochs', '5'], '--epochs must be 6 or more, to which the run has been lengthened, got 5'],
    [['--more-epochs', '1'], '--more-epochs must be 2 or more'],
  ])('is not shortened by %j', (argv, message) => {
    expect(() => goOn(['--epochs', '4', '--more-epochs', '2'], ...argv)).toThrow(message);
  });
});
