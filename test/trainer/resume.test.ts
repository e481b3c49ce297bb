import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadNewestCheckpoint, stateHash } from '../../trainer/checkpoint';
import { Adam, Sgd } from '../../trainer/optimizer';
import type { Optimizer } from '../../trainer/optimizer';
import { describeOn, quickest } from '../engines';
import { scratchFolder, StopWhen, toyMethod, toyMethods, toyTrainer } from './fixtures/toy-run';
import type { Toy, ToyOptions } from './fixtures/toy-run';

/** All that a run leaves behind and that does not tell the time. */
interface Outcome {
  /** Weights, masks, slots and keep set in memory. */
  readonly memory: string;
  /** The same, with step, best and losses, of the last checkpoint and that of the best epoch. */
  readonly checkpoints: readonly string[];
  readonly rows: string;
  readonly table: string;
  readonly best: Toy['trainer']['best'];
}

async function outcomeOf(folder: string, toy: Toy): Promise<Outcome> {
  const checkpoints = [];
  for (const place of ['checkpoints', 'best']) {
    const newest = await loadNewestCheckpoint(join(folder, place));
    checkpoints.push(`${newest!.step} ${stateHash(newest!.state)}`);
  }
  return {
    memory: toy.hash(),
    checkpoints,
    rows: readFileSync(join(folder, 'metrics.jsonl'), 'utf8'),
    table: readFileSync(join(folder, 'metrics.csv'), 'utf8'),
    best: toy.trainer.best,
  };
}

const optimizers = {
  sgd: () => new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
  adam: () => new Adam({ weightDecay: 1e-2 }),
} as const;

interface Case {
  readonly id: keyof typeof toyMethods;
  readonly regrowth: 'soft' | 'hard';
  readonly optimizer: keyof typeof optimizers;
}

/** New objects for everything, as a new process would make them. */
function optionsOf({ id, regrowth, optimizer }: Case): ToyOptions & { optimizer: Optimizer } {
  return { method: toyMethod(id, regrowth), optimizer: optimizers[optimizer](), epochs: 3 };
}

/** Trains, interrupted at each of the stops in turn, with new objects after each. */
async function outcomeAfter(kind: Case, stops: readonly StopWhen[]): Promise<Outcome> {
  const folder = scratchFolder();
  for (const [attempt, stop] of [...stops, undefined].entries()) {
    const toy = await toyTrainer(folder, { ...optionsOf(kind), stop }, attempt > 0);
    const hasSaved = existsSync(join(folder, 'checkpoints'));
    expect(await toy.trainer.tryResume()).toBe(hasSaved);
    const ending = await toy.trainer.train();
    expect(ending).toBe(stop ? 'stopped' : 'finished');
    if (stop) {
      toy.dispose();
      continue;
    }
    const outcome = await outcomeOf(folder, toy);
    toy.dispose();
    return outcome;
  }
  throw new Error('the last attempt has no stop');
}

/** Epochs of 4 steps, each ending with an event. */
const stops: Readonly<Record<string, (toy: Toy) => boolean>> = {
  'after the first batch': ({ trainer }) => trainer.steps === 1,
  'in mid-epoch': ({ trainer }) => trainer.steps === 6,
  'after the last batch before an event': ({ trainer }) => trainer.steps === 4,
  'in the validation before an event': ({ progress, trainer }) =>
    trainer.steps === 8 && progress.phase === 'validate',
  'in the validation after an event': ({ progress }) => progress.phase === 'validate masked',
  'right after an event': ({ trainer }) => trainer.steps === 5,
  'after the last batch of all': ({ trainer }) => trainer.steps === 12,
};

const cases: Case[] = (Object.keys(toyMethods) as (keyof typeof toyMethods)[]).flatMap((id) =>
  (['soft', 'hard'] as const).map((regrowth): Case => ({
    id,
    regrowth,
    optimizer: regrowth === 'soft' ? 'sgd' : 'adam',
  })),
);
cases.push({ id: 'fpgm', regrowth: 'hard', optimizer: 'sgd' });

const where = quickest === 'cpu' ? ' (native TensorFlow is not set up here)' : '';

describeOn([quickest], `a stopped run that goes on${where}`, () => {
  it.each(cases)(
    'ends with the same bits as one that never stopped: $id, $regrowth, $optimizer',
    async (kind) => {
      const whole = await outcomeAfter(kind, []);
      expect(whole.rows.trimEnd().split('\n')).toHaveLength(3);
      for (const [name, isDue] of Object.entries(stops)) {
        expect(await outcomeAfter(kind, [new StopWhen(isDue)]), name).toEqual(whole);
      }
    },
  );

  it('does so after being stopped at every step and in every validation', async () => {
    const kind: Case = { id: 'norm-filter', regrowth: 'soft', optimizer: 'adam' };
    const whole = await outcomeAfter(kind, []);
    const everyStep = Array.from(
      { length: 12 },
      (_, step) => new StopWhen(({ trainer }) => trainer.steps === step + 1),
    );
    const validations = ['validate', 'validate masked'].map(
      (phase) => new StopWhen(({ progress }) => progress.phase === phase),
    );
    expect(
      await outcomeAfter(kind, [
        ...everyStep.slice(0, 4),
        ...validations,
        ...everyStep.slice(4),
        ...validations,
      ]),
    ).toEqual(whole);
  });

  it('goes on in the same process as well', async () => {
    const kind: Case = { id: 'fpgm', regrowth: 'soft', optimizer: 'sgd' };
    const whole = await outcomeAfter(kind, []);
    for (const isDue of Object.values(stops)) {
      let hasStopped = false;
      const stop = new StopWhen((toy) => {
        if (hasStopped || !isDue(toy)) return false;
        hasStopped = true;
        return true;
      });
      const folder = scratchFolder();
      const toy = await toyTrainer(folder, { ...optionsOf(kind), stop });
      expect(await toy.trainer.train()).toBe('stopped');
      expect(await toy.trainer.train()).toBe('finished');
      expect(await outcomeOf(folder, toy)).toEqual(whole);
      toy.dispose();
    }
  });

  it('goes on from before the end of an epoch whose row is written already', async () => {
    // Killed between the row and the checkpoint: the newest checkpoint is that of the last step.
    const kind: Case = { id: 'fpgm', regrowth: 'hard', optimizer: 'sgd' };
    const whole = await outcomeAfter(kind, []);
    const folder = scratchFolder();
    const stop = new StopWhen(({ trainer }) => trainer.steps === 4);
    const first = await toyTrainer(folder, { ...optionsOf(kind), stop });
    await first.trainer.train();
    first.dispose();
    const killed = await toyTrainer(folder, optionsOf(kind), true);
    await killed.trainer.tryResume();
    const note = killed.progress.note.bind(killed.progress);
    killed.progress.note = (text) => {
      note(text); // the line of the epoch comes after its row
      throw new Error('killed');
    };
    await expect(killed.trainer.train()).rejects.toThrow('killed');
    killed.dispose();
    expect(readFileSync(join(folder, 'metrics.jsonl'), 'utf8')).not.toBe('');
    const last = await toyTrainer(folder, optionsOf(kind), true);
    await last.trainer.tryResume();
    expect(last.trainer.steps).toBe(4);
    await last.trainer.train();
    expect(await outcomeOf(folder, last)).toEqual(whole);
    last.dispose();
  });
});
