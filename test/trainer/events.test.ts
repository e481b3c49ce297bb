import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StoppedError } from '../../errors';
import type { TrainingEvent } from '../../trainer/events';
import { DivergedError } from '../../trainer/trainer-errors';
import { describeOn } from '../engines';
import { scratchFolder, toyTrainer } from './fixtures/toy-run';
import type { Toy, ToyOptions } from './fixtures/toy-run';

/** A toy run of two epochs of 4 steps and the events that it tells. */
async function watchedToy(
  options: ToyOptions = {},
  folder = scratchFolder(),
  resumed = false,
): Promise<{ toy: Toy; events: TrainingEvent[]; kinds: () => string[] }> {
  const events: TrainingEvent[] = [];
  const observers = [(event: TrainingEvent) => events.push(event), ...(options.observers ?? [])];
  const toy = await toyTrainer(folder, { ...options, observers }, resumed);
  return { toy, events, kinds: () => events.map(({ kind }) => kind) };
}

const phase = (...inside: string[]): string[] => ['phase', ...inside, 'phase-end'];
const steps = phase('step', 'step', 'step', 'step');
const validation = phase('measured', 'measured', 'measured'); // 9 images in batches of 4

describeOn(['cpu'], 'what a Trainer tells its observers', () => {
  it('is all that happens, in the order of the loop', async () => {
    const { toy, events, kinds } = await watchedToy({ epochs: 1 });
    await toy.trainer.train();
    const end = [...validation, 'pruned', ...validation, 'epoch', 'saved', 'saved'];
    expect(kinds()).toEqual(['started', ...steps, ...end]);
    const taken = events.filter(({ kind }) => kind === 'step');
    expect(taken.map(({ position }) => position)).toEqual(
      [1, 2, 3, 4].map((step) => ({ step, epoch: 0, batch: step })),
    );
    expect(events.at(-1)).toMatchObject({
      position: { step: 4, epoch: 1, batch: 0 },
      epochs: 1,
      isBest: false,
      path: join(toy.run.checkpoints, 'ckpt-00000004'),
    });
    toy.dispose();
  });

  it('is an event between two steps after its row is on the disk and before any checkpoint', async () => {
    const rows: number[] = [];
    const folder = scratchFolder();
    const { toy, kinds } = await watchedToy(
      {
        epochs: 1,
        pruneAt: { from: 1, every: 9, until: 1, by: 'step', atStart: false },
        checkpointEvery: 2,
        observers: [
          ({ kind }) => {
            if (kind !== 'pruned') return;
            rows.push(readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n').length - 1);
          },
        ],
      },
      folder,
    );
    await toy.trainer.train();
    expect(rows).toEqual([1]);
    expect(kinds().slice(0, 8)).toEqual([
      ...['started', 'phase', 'step', 'step', 'pruned', 'saved', 'step', 'step'],
    ]);
    toy.dispose();
  });

  it('is who stopped it, after the checkpoint, and where it goes on', async () => {
    const controller = new AbortController();
    const folder = scratchFolder();
    const { toy, events } = await watchedToy(
      {
        signal: controller.signal,
        observers: [
          ({ kind, position }) => {
            if (kind === 'step' && position.step === 6)
              controller.abort(new StoppedError('SIGINT'));
          },
        ],
      },
      folder,
    );
    await expect(toy.trainer.train()).rejects.toThrow(new StoppedError('SIGINT'));
    expect(events.slice(-4)).toMatchObject([
      { kind: 'step', position: { step: 6, epoch: 1, batch: 2 } },
      { kind: 'saved' },
      { kind: 'phase-end' },
      { kind: 'stopped', by: 'SIGINT' },
    ]);
    toy.dispose();
    const next = await watchedToy({}, folder, true);
    await next.toy.trainer.tryResume();
    await next.toy.trainer.train();
    expect(next.events.slice(0, 3)).toMatchObject([
      { kind: 'resumed', skipped: [], position: { step: 6, epoch: 1, batch: 2 } },
      { kind: 'started' },
      { kind: 'phase', name: 'train', total: 4, done: 2 },
    ]);
    next.toy.dispose();
  });

  it('is that it diverged', async () => {
    const { toy, events } = await watchedToy({ learningRate: () => NaN });
    const error: unknown = await toy.trainer.train().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergedError);
    expect(events.at(-1)).toMatchObject({ kind: 'diverged', error });
    toy.dispose();
  });
});
