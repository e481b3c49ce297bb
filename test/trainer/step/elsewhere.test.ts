import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { loadNewestCheckpoint } from '../../../files/run/checkpoint';
import { stateHash } from '../../../files/run/encode-checkpoint';
import { NormFilter, TaylorFilter } from '../../../methods';
import { createEagerStep } from '../../../trainer/step/eager-step';
import type { StepFactory } from '../../../trainer/step/step';
import { describeOn } from '../../engines';
import { ElsewhereStep } from '../fixtures/elsewhere-step';
import { scratchFolder, StopWhen, toyTrainer, train } from '../fixtures/toy-run';
import type { ToyOptions } from '../fixtures/toy-run';

/** Everything that others read of a run: its rows, its checkpoints, its best network and what that measures. */
async function outcomeOf(
  options: () => ToyOptions,
  step: StepFactory | undefined,
): Promise<unknown> {
  const folder = scratchFolder();
  const more = step ? { step } : {};
  const stop = new StopWhen(({ trainer, progress }) => {
    return trainer.steps === 8 && progress.phase === 'validate';
  });
  const first = await toyTrainer(folder, { ...options(), ...more, stop });
  expect(await train(first.trainer)).toBe('stopped');
  const stopped = first.hash();
  first.dispose();
  const toy = await toyTrainer(folder, { ...options(), ...more }, true);
  expect(await toy.trainer.tryResume()).toBe(true);
  expect(await train(toy.trainer)).toBe('finished');
  const saved = [];
  for (const place of ['checkpoints', 'best']) {
    const newest = await loadNewestCheckpoint(join(folder, place));
    saved.push(newest!.step, stateHash(newest!.state));
  }
  const end = toy.hash();
  const best = await toy.trainer.restoreBest();
  const [bestHash, measured] = [toy.hash(), await toy.trainer.validate()];
  toy.dispose();
  const rows = readFileSync(join(folder, 'metrics.jsonl'), 'utf8');
  return { stopped, saved, end, best, bestHash, measured, rows };
}

describeOn(['cpu'], 'a step that keeps its weights elsewhere', () => {
  it.each([
    ['by epochs', { from: 0, every: 1, atStart: true }],
    ['by steps', { from: 1, every: 3, by: 'step', atStart: false }],
  ] as const)('is synced before every read, and told of every change: %s', async (_, pruneAt) => {
    for (const regrowth of ['soft', 'hard'] as const) {
      const options = (): ToyOptions => ({
        epochs: 3,
        method: new NormFilter(),
        policy: { rate: 0.4, regrowth },
        pruneAt,
        checkpointEvery: 3,
      });
      const steps: ElsewhereStep[] = [];
      const outcome = await outcomeOf(options, (parts) => {
        steps.push(new ElsewhereStep(parts));
        return steps.at(-1)!;
      });
      expect(outcome).toEqual(await outcomeOf(options, undefined));
      expect(steps.map(({ calls }) => calls.at(-1))).toEqual(['dispose', 'dispose']);
      expect(steps.flatMap(({ calls }) => calls)).toContain('rebind');
    }
  });

  it('is synced before a method observes the network', async () => {
    const options = (): ToyOptions => ({
      epochs: 3,
      method: new TaylorFilter(),
      policy: { rate: 0.4 },
      pruneAt: { from: 2, every: 3, by: 'step', atStart: false },
      observeBatches: 2,
    });
    const elsewhere = await outcomeOf(options, (parts) => new ElsewhereStep(parts));
    expect(elsewhere).toEqual(await outcomeOf(options, undefined));
  });
});

describeOn(['cpu'], 'a step that asks for more memory than there is', () => {
  it('fails with what was tried and the option that makes it smaller', async () => {
    const step: StepFactory = (parts) =>
      Object.assign(createEagerStep(parts), { run: () => tf.zeros([2 ** 33]) });
    const toy = await toyTrainer(scratchFolder(), { epochs: 1, step });
    await expect(toy.trainer.train()).rejects.toThrow(
      /^the memory does not hold training on \d+ images at once.*the option batchSize/,
    );
    toy.dispose();
  });
});
