import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { loadNewestCheckpoint } from '../../files/run/checkpoint';
import { stateHash } from '../../files/run/encode-checkpoint';
import { createEagerStep } from '../../trainer/step/eager-step';
import type { StepFactory } from '../../trainer/step/step';
import { DivergedError } from '../../trainer/trainer-errors';
import { describeOn } from '../engines';
import { scratchFolder, StopWhen, toyTrainer, train } from './fixtures/toy-run';
import type { Toy, ToyOptions } from './fixtures/toy-run';

/** A step that spoils a weight and its loss from some step on, while the learning rate is above a limit. */
function spoiltAbove(limit: number, from: number): StepFactory {
  return (parts) => {
    const inner = createEagerStep(parts);
    return {
      run: (batch, rate) => {
        const loss = inner.run(batch, rate);
        if (parts.optimizer.steps <= from || rate <= limit) return loss;
        loss.dispose();
        return tf.scalar(NaN);
      },
      sync: inner.sync.bind(inner),
      rebind: inner.rebind.bind(inner),
      dispose: inner.dispose.bind(inner),
    };
  };
}

/** 4 epochs of 4 steps at 0.1, of which all from step 6 on diverge above the limit. */
function optionsOf(limit: number, more: ToyOptions = {}): ToyOptions {
  return {
    epochs: 4,
    learningRate: () => 0.1,
    step: spoiltAbove(limit, 6),
    onNan: 'lower',
    ...more,
  };
}

async function outcomeOf(folder: string, toy: Toy): Promise<object> {
  const places = ['checkpoints', 'best'].map((name) => loadNewestCheckpoint(join(folder, name)));
  const newest = await Promise.all(places);
  return {
    memory: toy.hash(),
    states: newest.map((loaded) => stateHash(loaded!.state)),
    rows: readFileSync(join(folder, 'metrics.jsonl'), 'utf8'),
    table: readFileSync(join(folder, 'metrics.csv'), 'utf8'),
  };
}

describeOn(['cpu'], 'a run that diverges and may lower its learning rate', () => {
  it.each([
    [0.011, 1],
    [0.0011, 2],
    [0.00011, 3],
  ])('goes back to the end of the last epoch until it holds: at most %d', async (limit, times) => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, optionsOf(limit));
    expect(await train(toy.trainer)).toBe('finished');
    const told = toy.progress.notes.filter((note) => note.includes('divided by 10'));
    expect(told).toHaveLength(times);
    expect(told[0]).toBe(
      'the loss became NaN at step 6 (epoch 1, both counted from 0): back to step 4 with the learning rate ' +
        'divided by 10 (1 of at most 3 times)',
    );
    const rates = readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { learning_rate: number }).learning_rate);
    const lowered = 0.1 / 10 ** times;
    expect(rates).toEqual([0.1, lowered, lowered, lowered]);
    const { state } = (await loadNewestCheckpoint(join(folder, 'checkpoints')))!;
    expect(state.record.lowered).toBe(times);
    expect(readFileSync(join(folder, 'log.jsonl'), 'utf8')).toContain('"event":"lowered","step":4');
    toy.dispose();
  });

  const stops: Readonly<Record<string, (toy: Toy) => boolean>> = {
    'before it diverges, in the epoch': ({ trainer }) => trainer.steps === 6,
    'in the step that diverges': ({ trainer }) => trainer.steps === 7,
    'after it went back': ({ trainer, progress }) =>
      trainer.steps === 5 && progress.notes.some((note) => note.includes('divided')),
    'past where it diverged': ({ trainer, progress }) =>
      trainer.steps === 7 && progress.notes.some((note) => note.includes('divided')),
    'in the epoch after': ({ trainer }) => trainer.steps === 10,
  };

  it.each(Object.entries(stops))('ends the same when it is stopped %s', async (_, isDue) => {
    for (const more of [{}, { checkpointEvery: 1, keepCheckpoints: 1 }] as ToyOptions[]) {
      const [whole, cut] = [scratchFolder(), scratchFolder()];
      const toy = await toyTrainer(whole, optionsOf(0.0011, more));
      expect(await train(toy.trainer)).toBe('finished');
      const expected = await outcomeOf(whole, toy);
      toy.dispose();
      const first = await toyTrainer(
        cut,
        optionsOf(0.0011, { ...more, stop: new StopWhen(isDue) }),
      );
      expect(await train(first.trainer)).toBe('stopped');
      first.dispose();
      const second = await toyTrainer(cut, optionsOf(0.0011, more), true);
      await second.trainer.tryResume();
      expect(await train(second.trainer)).toBe('finished');
      expect(await outcomeOf(cut, second)).toEqual(expected);
      second.dispose();
    }
  });

  it('ends the same when it is killed at any checkpoint that it has saved', async () => {
    const more: ToyOptions = { checkpointEvery: 1, keepCheckpoints: 2 };
    const whole = scratchFolder();
    const toy = await toyTrainer(whole, optionsOf(0.0011, more));
    let saves = 0;
    expect(await train(toy.trainer)).toBe('finished');
    const expected = await outcomeOf(whole, toy);
    toy.dispose();
    class Killed extends Error {}
    for (let kill = 1; ; kill += 4) {
      const folder = scratchFolder();
      saves = 0;
      const dieAt: ToyOptions = {
        ...more,
        observers: [
          ({ kind }) => {
            if (kind === 'saved' && ++saves === kill) throw new Killed();
          },
        ],
      };
      const first = await toyTrainer(folder, optionsOf(0.0011, dieAt));
      const ending = await train(first.trainer).catch((error: unknown) => error);
      first.dispose();
      if (ending === 'finished') break;
      expect(ending).toBeInstanceOf(Killed);
      const second = await toyTrainer(folder, optionsOf(0.0011, more), true);
      await second.trainer.tryResume();
      expect(await train(second.trainer)).toBe('finished');
      expect(await outcomeOf(folder, second)).toEqual(expected);
      second.dispose();
    }
    expect(saves).toBeGreaterThan(20);
  });

  it('gives up after three times, and says so', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, optionsOf(1e-9));
    const error = await train(toy.trainer).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DivergedError);
    expect((error as Error).message).toBe(
      'the loss became NaN at step 6 (epoch 1, both counted from 0): although the learning rate was divided by 10 ' +
        '3 times, which is the most: begin a new run with a lower learning rate or a longer warm-up',
    );
    toy.dispose();
  });

  it('goes back to the beginning where it diverges in the first epoch', async () => {
    const atStart = { pruneAt: { from: 0, every: 1, atStart: true } };
    const toy = await toyTrainer(scratchFolder(), {
      ...optionsOf(0.011, atStart),
      step: spoiltAbove(0.011, 1),
    });
    expect(await train(toy.trainer)).toBe('finished');
    expect(toy.progress.notes.join('\n')).toContain('back to step 0 with');
    toy.dispose();
  });

  it('can be told so when it is resumed, after it had stopped', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, optionsOf(0.011, { onNan: 'stop' }));
    const error = await train(toy.trainer).catch((reason: unknown) => reason);
    expect((error as Error).message).toContain('with the option resume and the option onNan lower');
    toy.dispose();
    const resumed = await toyTrainer(folder, optionsOf(0.011), true);
    await resumed.trainer.tryResume();
    expect(await train(resumed.trainer)).toBe('finished');
    const straight = await toyTrainer(scratchFolder(), optionsOf(0.011));
    expect(await train(straight.trainer)).toBe('finished');
    expect(resumed.hash()).toBe(straight.hash());
    resumed.dispose();
    straight.dispose();
  });
});
