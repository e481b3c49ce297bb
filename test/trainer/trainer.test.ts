import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { removedUnits } from '../../graph';
import { loadNewestCheckpoint } from '../../files/run/checkpoint';
import type { NamedArray } from '../../files/run/training-state';
import { NormFilter, schedules, startingAt, TaylorFilter } from '../../methods';
import { Adam, Sgd } from '../../trainer/step/optimizer';
import { ResumeMismatchError } from '../../files/run/same-run';
import { DivergedError } from '../../trainer/trainer-errors';
import type { TrainerOptions } from '../../trainer/trainer-options';
import { describeOn } from '../engines';
import {
  inObservation,
  scratchFolder,
  StopWhen,
  toyData,
  toyImages,
  toyPruning,
  toyModel,
  toyTrainer,
  train,
} from './fixtures/toy-run';
import type { ToyOptions } from './fixtures/toy-run';

type Row = Record<string, number | null>; // and `kept`, a text

const columns = [
  ...['step', 'epoch', 'learning_rate', 'train_loss', 'val_loss', 'val_top1', 'val_top5'],
  ...['masked_loss', 'masked_top1', 'masked_top5', 'removed', 'units', 'churn', 'rate', 'held'],
  ...['kept', 'norm_min', 'norm_mean', 'norm_max', 'norm_deviation'],
  ...['norm_relative_deviation', 'norm_relative_min'],
];

function rowsOf(folder: string): Row[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const empty = Object.fromEntries(columns.map((column) => [column, null]));
  return lines.map((line) => ({ ...empty, ...(JSON.parse(line) as Row) }));
}

/** Trains a toy to its end and says what came of it. */
async function trained(options: ToyOptions): Promise<{ hash: string; rows: Row[] }> {
  const folder = scratchFolder();
  const toy = await toyTrainer(folder, options);
  expect(await train(toy.trainer)).toBe('finished');
  const hash = toy.hash();
  toy.dispose();
  return { hash, rows: rowsOf(folder) };
}

describeOn(['cpu'], 'Trainer', () => {
  it('trains to the end, learns, and writes a row for each epoch', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, {
      epochs: 6,
      data: toyData(60, 30),
      learningRate: () => 0.05,
    });
    expect(await train(toy.trainer)).toBe('finished');
    expect(toy.trainer.steps).toBe(6 * 15);
    const rows = rowsOf(folder);
    expect(rows.map(({ step, epoch }) => [step, epoch])).toEqual(
      [0, 1, 2, 3, 4, 5].map((epoch) => [(epoch + 1) * 15, epoch]),
    );
    // 1 of 4 + 2 of 6 filters at rate 0.4; a hard method stays with its first choice
    for (const row of rows) expect(row).toMatchObject({ removed: 3, units: 10 });
    expect(rows.map(({ churn }) => churn)).toEqual([1, 0, 0, 0, 0, 0]);
    expect(rows[5]!.masked_top1).toBe(rows[5]!.val_top1);
    expect(rows[5]!.masked_top1).toBeGreaterThan(0.6); // 1/3 by chance
    expect(rows[5]!.train_loss).toBeLessThan(rows[0]!.train_loss!);
    expect(rows.map((row) => row.learning_rate)).toEqual(rows.map(() => 0.05));
    const { masked } = await toy.trainer.validate();
    expect(masked!.loss).toBe(rows[5]!.masked_loss);
    const table = readFileSync(join(folder, 'metrics.csv'), 'utf8').trimEnd().split('\n');
    expect(table).toHaveLength(7);
    expect(table[0]).toBe(columns.join());
    expect(table[1]!.split(',')).toEqual(columns.map((column) => String(rows[0]![column])));
    toy.dispose();
  });

  it('trains without a method: no masked columns, the best by what there is', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, { method: null });
    await toy.trainer.train();
    for (const row of rowsOf(folder)) {
      expect(row).toMatchObject({ masked_top1: null, removed: null, churn: null });
    }
    expect(removedUnits(toy.trainer.keep)).toBe(0);
    expect(toy.trainer.best).not.toBeNull();
    toy.dispose();
  });

  it('hands over the epoch that was best on the validation images, and never reads the test images', async () => {
    const folder = scratchFolder();
    const data = toyData(24, 30);
    const toy = await toyTrainer(folder, {
      data,
      epochs: 8,
      ...toyPruning('norm-filter', 'soft'),
      pruneAt: { from: 2, every: 2, atStart: false },
      learningRate: (step) => (step < 30 ? 0.1 : 0.5), // good first, bad later
    });
    await toy.trainer.train();
    const rows = rowsOf(folder);
    expect(rows.map(({ masked_top1: top1 }) => top1 !== null)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((epoch) => epoch >= 2), // before, nothing is removed
    );
    const ranked = rows
      .filter(({ masked_top1: top1 }) => top1 !== null)
      .sort(
        (a, b) =>
          b.masked_top1! - a.masked_top1! || a.masked_loss! - b.masked_loss! || a.epoch! - b.epoch!,
      );
    const best = await toy.trainer.restoreBest();
    expect(best).toMatchObject({ epoch: ranked[0]!.epoch, step: ranked[0]!.step });
    expect(best.epoch).toBeLessThan(7); // else nothing would have been restored
    const { masked } = await toy.trainer.validate();
    expect(masked).toEqual(best.evaluation);
    expect(masked!.loss).toBe(ranked[0]!.masked_loss);
    expect(data.testReads.count).toBe(0);
    toy.dispose();
  });

  it('hands over no epoch from before the schedule has reached its rate', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, {
      data: toyData(24, 30),
      epochs: 7,
      method: new NormFilter(),
      policy: { rate: 0.6 },
      schedule: startingAt(schedules.linear, 0.2),
      pruneAt: { from: 2, every: 1, until: 5, atStart: false },
      learningRate: (step) => (step < 24 ? 0.1 : 0.5), // good first, bad later
    });
    await toy.trainer.train();
    const rows = rowsOf(folder);
    // conv0 4 * rate, conv1 6 * rate: 0 + 1, 1 + 2 (0.33), 1 + 2 (0.46), 2 + 3 (0.6)
    expect(rows.map(({ removed }) => removed)).toEqual([null, null, 1, 3, 3, 5, null]);
    expect(rows[3]!.rate).toBeCloseTo(0.2 + 0.4 / 3, 12);
    const best = await toy.trainer.restoreBest();
    expect(best.epoch).toBeGreaterThanOrEqual(5);
    const earlier = rows.slice(2, 5).map(({ masked_top1: top1 }) => top1!);
    expect(Math.max(...earlier)).toBeGreaterThan(best.evaluation.top1); // they would have won
    expect(removedUnits(toy.trainer.keep)).toBe(5);
    toy.dispose();
  });

  it('prunes between two steps, with a row for each event', async () => {
    const folder = scratchFolder();
    const method = new NormFilter();
    const toy = await toyTrainer(folder, {
      epochs: 2,
      method,
      policy: { rate: 0.5, regrowth: 'soft' },
      pruneAt: { from: 1, every: 3, until: 6, by: 'step', atStart: false },
    });
    const score = method.scoreKernel.bind(method);
    const scoredAfter = new Set<number>();
    method.scoreKernel = (...given) => {
      scoredAfter.add(toy.trainer.steps);
      return score(...given);
    };
    await toy.trainer.train();
    expect([...scoredAfter]).toEqual([2, 5, 7]); // at the ends of steps 1, 4 and 6
    const rows = rowsOf(folder);
    expect(rows.map(({ step, epoch, removed, held }) => [step, epoch, removed, held])).toEqual([
      [2, 0, 5, 0],
      [4, 0, null, null],
      [5, 1, 5, 0],
      [7, 1, 5, 5], // the last event holds what it removes
      [8, 1, null, null],
    ]);
    for (const row of rows) {
      const isEpoch = row.step! % 4 === 0;
      expect(row.train_loss !== null).toBe(isEpoch);
      expect(row.masked_top1 !== null).toBe(isEpoch);
      expect(row.kept).toBe(isEpoch ? null : 'conv0:2/4;conv1:3/6');
      expect(row.norm_min !== null).toBe(!isEpoch);
    }
    const notes = toy.progress.notes.filter((note) => note.startsWith('after step'));
    expect(notes[0]).toBe('after step 2: removed 5/10, churn 100.00 %');
    expect(notes).toHaveLength(3);
    toy.dispose();
  });

  it('says once, at the first event, whether the norms suit a norm criterion', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, {
      epochs: 3,
      pruneAt: { from: 1, every: 1, atStart: false },
    });
    await toy.trainer.train();
    const [row] = rowsOf(folder).filter(({ removed }) => removed !== null);
    const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
    const notes = toy.progress.notes.filter((note) => note.startsWith('norms:'));
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(
      `norms: deviation ${percent(row!.norm_relative_deviation!)} of the mean, ` +
        `smallest ${percent(row!.norm_relative_min!)}: `,
    );
    const log = readFileSync(join(folder, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    const lines = log.map((line) => JSON.parse(line) as { event: string; msg: string });
    expect(lines.filter(({ event }) => event === 'norms').map(({ msg }) => msg)).toEqual(notes);
    toy.dispose();
  });

  it.each([
    [{ epochs: 0 }, 'epochs must be a whole number from 1, got 0'],
    [{ epochs: 1.5 }, 'epochs must be a whole number from 1, got 1.5'],
    [{ batchSize: 0 }, 'batchSize must be a whole number from 1, got 0'],
    [{ batchSize: NaN }, 'batchSize must be a whole number from 1, got NaN'],
    [{ checkpointEvery: 0 }, 'checkpointEvery must be a whole number from 1, got 0'],
    [{ keepCheckpoints: 0 }, 'keepCheckpoints must be a whole number from 1, got 0'],
    [
      { pruneAt: { from: 2, every: 1, atStart: false } },
      'pruneAt.from must be below the number of epochs 2, got 2',
    ],
    [
      { pruneAt: { from: -1, every: 1, atStart: false } },
      'pruneAt.from must be a whole number from 0, got -1',
    ],
    [
      { pruneAt: { from: 0, every: 0, atStart: false } },
      'pruneAt.every must be a whole number from 1, got 0',
    ],
    [
      { pruneAt: { from: 0, every: 1, until: 8, by: 'step', atStart: false } },
      'pruneAt.until must be below the number of steps 8, got 8',
    ],
    [{ observeBatches: 0 }, 'observeBatches must be a whole number from 1, got 0'],
    [{ schedule: (rate) => rate / 2 }, 'schedule must reach the final rate 0.4 at its last event'],
    [{ data: toyData(0) }, 'data.train must hold images to learn from, got 0'],
    [
      { data: toyData(8, 0) },
      'data.validation must hold images by which the best epoch is chosen, got 0',
    ],
  ] satisfies [Partial<TrainerOptions>, string][])('refuses %o', async (options, message) => {
    await expect(toyTrainer(scratchFolder(), options)).rejects.toThrow(message);
  });

  it.each([-0.1, 1, NaN])('refuses a policy of rate %d', async (rate) => {
    const policy = { rate };
    await expect(toyTrainer(scratchFolder(), { policy })).rejects.toThrow('rate must be in [0, 1)');
  });

  it('refuses a method without a policy', async () => {
    await expect(toyTrainer(scratchFolder(), { policy: null })).rejects.toThrow(
      'policy is needed with a method',
    );
  });

  it('has no best before an epoch is finished', async () => {
    const toy = await toyTrainer(scratchFolder(), { stop: new StopWhen(() => true) });
    expect(await train(toy.trainer)).toBe('stopped');
    await expect(toy.trainer.restoreBest()).rejects.toThrow('no epoch has been finished');
    toy.dispose();
  });

  it('refuses the checkpoint of another run, names what differs, and changes nothing', async () => {
    const folder = scratchFolder();
    const first = await toyTrainer(folder, { epochs: 1 });
    await first.trainer.train();
    first.dispose();
    const other = await toyTrainer(folder, { identity: { toy: 2, more: 'x' }, seed: 5 }, true);
    const before = other.hash();
    const resumed = other.trainer.tryResume();
    await expect(resumed).rejects.toThrow('toy was 1, is 2; more was left to its default, is "x"');
    await expect(resumed).rejects.toBeInstanceOf(ResumeMismatchError);
    expect(other.hash()).toBe(before);
    other.dispose();
  });
});

describeOn(['cpu'], 'a run that diverges', () => {
  /** Every number in every checkpoint of the run. */
  async function savedArrays(folder: string): Promise<{ step: number; arrays: NamedArray[] }[]> {
    const found = [];
    for (const place of ['checkpoints', 'best']) {
      const newest = await loadNewestCheckpoint(join(folder, place));
      if (newest) found.push({ step: newest.step, arrays: [...newest.state.tensors.values()] });
    }
    return found;
  }

  /** The weights become NaN in the given step. */
  const breakAt = (broken: number): ToyOptions => ({
    learningRate: (step) => (step === broken ? NaN : 0.05),
  });

  it.each([
    ['the step whose loss it is', { ...breakAt(5), data: toyData(48) }, 6, 'loss became NaN'],
    [
      'the step after which it would be saved',
      { ...breakAt(5), data: toyData(48), checkpointEvery: 1 },
      5,
      'is no longer finite',
    ],
    [
      'the step after which it would be pruned',
      {
        ...breakAt(2),
        data: toyData(48),
        pruneAt: { from: 2, every: 1, by: 'step', atStart: false },
      },
      2,
      'is no longer finite',
    ],
    ['the last step of an epoch', { ...breakAt(3), data: toyData(16) }, 3, 'validation images'],
  ] satisfies [string, ToyOptions, number, string][])(
    'names %s, and saves nothing that is not finite',
    async (_name, options, step, message) => {
      const folder = scratchFolder();
      const toy = await toyTrainer(folder, options);
      const error: unknown = await toy.trainer.train().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(DivergedError);
      expect(error).toMatchObject({ step, exitCode: 1 });
      expect((error as Error).message).toContain(message);
      expect((error as Error).message).toContain(`at step ${step}`);
      for (const { step: saved, arrays } of await savedArrays(folder)) {
        expect(saved).toBeLessThanOrEqual(step);
        for (const { values } of arrays) expect(values.every(Number.isFinite)).toBe(true);
      }
      toy.dispose();
    },
  );

  it('notices an infinite loss too', async () => {
    const toy = await toyTrainer(scratchFolder(), {
      data: toyData(48),
      learningRate: (step) => (step < 3 ? 0.05 : 1e37),
    });
    await expect(toy.trainer.train()).rejects.toBeInstanceOf(DivergedError);
    toy.dispose();
  });

  it('goes on from the last good checkpoint', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, { ...breakAt(9), checkpointEvery: 3, epochs: 4 });
    await expect(toy.trainer.train()).rejects.toBeInstanceOf(DivergedError);
    toy.dispose();
    const again = await toyTrainer(folder, { epochs: 4, learningRate: () => 0.05 }, true);
    expect(await again.trainer.tryResume()).toBe(true);
    expect(again.trainer.steps).toBe(9);
    expect(await train(again.trainer)).toBe('finished');
    again.dispose();
  });
});

describeOn(['cpu'], 'memory of a run', () => {
  it.each(['soft', 'hard'] as const)(
    'has the same tensors from step 10 to step 1,000: %s',
    async (regrowth) => {
      const counts: number[] = [];
      let last = 0;
      const stop = new StopWhen(({ trainer: { steps } }) => {
        // the losses are read, and their tensors freed, every 10 steps of an epoch
        if (steps % 10 === 0 && steps !== last) counts.push(tf.memory().numTensors);
        last = steps;
        return false;
      });
      const toy = await toyTrainer(scratchFolder(), {
        data: toyData(100, 3),
        batchSize: 1,
        epochs: 10,
        learningRate: () => 1e-3,
        ...toyPruning('fpgm', regrowth),
        checkpointEvery: 70,
        stop,
      });
      await toy.trainer.train();
      expect(toy.trainer.steps).toBe(1000);
      expect(toy.progress.phases.filter((phase) => phase === 'validate')).toHaveLength(10);
      expect(counts).toEqual(Array.from({ length: 100 }, () => counts[0]));
      toy.dispose();
    },
  );

  it.each([
    ['to its end', undefined],
    ['that is stopped in an epoch', new StopWhen(({ trainer }) => trainer.steps === 3)],
    [
      'that is stopped in a validation',
      new StopWhen(({ progress }) => progress.phase === 'validate'),
    ],
  ])('is all given back after a run %s', async (_name, stop) => {
    const before = tf.memory().numTensors;
    const toy = await toyTrainer(scratchFolder(), { stop, optimizer: new Adam() });
    const ending = await train(toy.trainer);
    expect(ending).toBe(stop ? 'stopped' : 'finished');
    if (!stop) await toy.trainer.restoreBest();
    toy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is all given back after a run that observes the network', async () => {
    const before = tf.memory().numTensors;
    for (const stop of [undefined, new StopWhen(inObservation)]) {
      const method = new TaylorFilter();
      const toy = await toyTrainer(scratchFolder(), { stop, method, observeBatches: 2 });
      expect(await train(toy.trainer)).toBe(stop ? 'stopped' : 'finished');
      toy.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it('is given back after a failure in a step', async () => {
    const before = tf.memory().numTensors;
    const toy = await toyTrainer(scratchFolder(), {
      learningRate: (step) => {
        if (step === 2) throw new Error('no rate');
        return 0.1;
      },
    });
    await expect(toy.trainer.train()).rejects.toThrow('no rate');
    toy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describeOn(['cpu'], 'what a run depends on', () => {
  it('is its seed: the same twice, another for another', async () => {
    const [one, again, other] = [
      await trained({ seed: 1 }),
      await trained({ seed: 1 }),
      await trained({ seed: 2 }),
    ];
    expect(again).toEqual(one);
    expect(other.hash).not.toBe(one.hash);
  });

  it('is the order of the images: another seed of the Trainer alone is another run', async () => {
    const model = await trained({ seed: 1, augment: false });
    const shuffled = await trained({ seed: 2, model: toyModel(1), augment: false });
    expect(shuffled.hash).not.toBe(model.hash);
  });

  it('is not how often it saves, nor how often it reads the loss', async () => {
    const runs = [];
    for (const checkpointEvery of [null, 1, 3]) {
      const optimizer = new Sgd({ momentum: 0.9 });
      runs.push(await trained({ data: toyData(50), checkpointEvery, optimizer }));
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });

  it('is every image once an epoch, also when it is interrupted three times', async () => {
    // One pixel of each image tells which it is; the network sees it unshifted and unscaled.
    const count = 14;
    const data = { ...toyData(count), train: toyImages(count, 1), mean: [0], deviation: [1] };
    for (let image = 0; image < count; image++) data.train.pixels[image * 25 + 24] = image;
    const folder = scratchFolder();
    const seen: number[][] = [];
    for (const [attempt, stopAfter] of [2, 3, 5, null].entries()) {
      const toy = await toyTrainer(
        folder,
        {
          data,
          augment: false,
          epochs: 1,
          batchSize: 2,
          stop: new StopWhen(({ trainer }) => trainer.steps === stopAfter),
        },
        attempt > 0,
      );
      const apply = toy.model.apply.bind(toy.model);
      toy.model.apply = (inputs, kwargs) => {
        if ((kwargs as { training?: boolean } | undefined)?.training) {
          const images = inputs as tf.Tensor4D;
          const marks = tf.tidy(() => tf.slice(images, [0, 4, 4, 0], [-1, 1, 1, 1]).dataSync());
          seen.push([...marks].map((mark) => Math.round(mark * 255)));
        }
        return apply(inputs, kwargs);
      };
      expect(await toy.trainer.tryResume()).toBe(attempt > 0);
      expect(await train(toy.trainer)).toBe(stopAfter === null ? 'finished' : 'stopped');
      toy.dispose();
    }
    expect(seen).toHaveLength(7);
    expect(seen.flat().sort((a, b) => a - b)).toEqual(
      Array.from({ length: count }, (_, image) => image),
    );
  });
});

describe('a stop', () => {
  it('is told from a finish', async () => {
    const toy = await toyTrainer(scratchFolder(), {
      stop: new StopWhen(({ trainer }) => trainer.steps === 5),
    });
    expect(await train(toy.trainer)).toBe('stopped');
    expect(toy.trainer.steps).toBe(5);
    toy.dispose();
  });
});
