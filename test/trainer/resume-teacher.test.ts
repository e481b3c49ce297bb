import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NormFilter } from '../../methods';
import type { Regrowth } from '../../methods';
import { weightsHash } from '../../layers';
import { Distillation } from '../../trainer/step/distillation';
import { ResumeMismatchError } from '../../files/run/same-run';
import { describeOn, quickest } from '../engines';
import { scratchFolder, StopWhen, toyModel, toyTrainer, train } from './fixtures/toy-run';
import type { Toy } from './fixtures/toy-run';

interface Run {
  readonly regrowth: Regrowth;
  /** Seed of the teacher's weights. */
  readonly teacher: number | null;
  readonly stop?: StopWhen;
}

/** A run of two epochs of 4 steps under a teacher, all of it new, as a new process would make it. */
async function runWith(
  folder: string,
  { regrowth, teacher: seed, stop }: Run,
  isResumed = false,
): Promise<Toy> {
  const teacher = seed === null ? null : toyModel(seed);
  const options = {
    method: new NormFilter(),
    policy: { rate: 0.4, regrowth },
    terms: teacher ? [new Distillation(teacher)] : [],
    identity: { toy: 1, ...(teacher ? { teacher: weightsHash(teacher) } : {}) },
    stop,
  };
  const toy = await toyTrainer(folder, options, isResumed);
  return {
    ...toy,
    dispose: () => {
      toy.dispose();
      teacher?.dispose();
    },
  };
}

/** What a run ends with, after being stopped where `stops` say. */
async function outcomeOf(run: Run, stops: readonly ((toy: Toy) => boolean)[]): Promise<string[]> {
  const folder = scratchFolder();
  for (const [attempt, isDue] of stops.entries()) {
    const toy = await runWith(folder, { ...run, stop: new StopWhen(isDue) }, attempt > 0);
    await toy.trainer.tryResume();
    expect(await train(toy.trainer)).toBe('stopped');
    toy.dispose();
  }
  const toy = await runWith(folder, run, stops.length > 0);
  expect(await toy.trainer.tryResume()).toBe(stops.length > 0);
  expect(await train(toy.trainer)).toBe('finished');
  const outcome = [toy.hash(), readFileSync(join(folder, 'metrics.jsonl'), 'utf8')];
  toy.dispose();
  return outcome;
}

describeOn([quickest], 'a run with a teacher', () => {
  it.each(['soft', 'hard', 'gradual'] as const)(
    'ends with the same bits when it was stopped and goes on: %s',
    async (regrowth) => {
      const run = { regrowth, teacher: 2 };
      const whole = await outcomeOf(run, []);
      const atStep =
        (step: number) =>
        ({ trainer }: Toy): boolean =>
          trainer.steps === step;
      expect(await outcomeOf(run, [atStep(2), atStep(4), atStep(7)])).toEqual(whole);
      expect(await outcomeOf({ ...run, teacher: 3 }, [])).not.toEqual(whole);
      expect(await outcomeOf({ ...run, teacher: null }, [])).not.toEqual(whole);
    },
  );

  it.each([
    ['another teacher', 3, 'the network of the option teacher is another'],
    ['none', null, 'the option teacher was given, is left to its default'],
  ])('does not go on with %s', async (_what, teacher, words) => {
    const folder = scratchFolder();
    const stop = new StopWhen(({ trainer }) => trainer.steps === 2);
    const first = await runWith(folder, { regrowth: 'hard', teacher: 2, stop });
    await train(first.trainer);
    first.dispose();
    const next = await runWith(folder, { regrowth: 'hard', teacher }, true);
    const refusal = next.trainer.tryResume();
    await expect(refusal).rejects.toThrow(ResumeMismatchError);
    await expect(refusal).rejects.toThrow(words);
    next.dispose();
  });
});
