import * as path from 'node:path';
import { loadCheckpoint, loadNewestCheckpoint, saveCheckpoint } from './checkpoint';
import type { LoadedCheckpoint } from './checkpoint';
import { CheckpointDamagedError, NoValidCheckpointError } from './checkpoint-errors';
import type { SkippedCheckpoint } from './checkpoint-errors';
import { folderName } from './checkpoint-layout';
import type { RunDirectory } from './run-directory';
import type { TrainingState } from './training-state';

/** Takes the state of a checkpoint in, or throws a MalformedFileError where it cannot. */
type Accept = (loaded: LoadedCheckpoint) => void;

/**
 * The checkpoints of a run: the last few in `checkpoints/`, those of the best epochs in `best/`. Each is all that a run
 * goes on from, so that one place stands in for the other where something is damaged.
 */
export class RunCheckpoints {
  private readonly last: string;
  private readonly best: string;
  private readonly dense: string;

  /** @param keep how many of the last are kept. @param warn hears what was damaged and what stood in for it. */
  constructor(
    run: Pick<RunDirectory, 'path' | 'checkpoints'>,
    private readonly keep: number,
    private readonly warn: (what: string) => void,
  ) {
    this.last = run.checkpoints;
    this.best = path.join(run.path, 'best');
    this.dense = path.join(run.path, 'dense');
  }

  /** Saves a state; those of the steps in `protect` stay. Throws as `saveCheckpoint`. */
  save(step: number, state: TrainingState, protect: readonly number[] = []): Promise<string> {
    return saveCheckpoint(this.last, step, state, { keep: this.keep, protect });
  }

  /** Saves the state of the best epoch so far. Throws as `saveCheckpoint`. */
  saveBest(step: number, state: TrainingState): Promise<string> {
    // Two: the checkpoint that a killed run resumes from may still name the one before.
    return saveCheckpoint(this.best, step, state, { keep: 2 });
  }

  /** Saves the state of the best epoch so far of which nothing has been removed. Throws as `saveCheckpoint`. */
  saveDense(step: number, state: TrainingState): Promise<string> {
    return saveCheckpoint(this.dense, step, state, { keep: 2 });
  }

  /** That of this step; null where it is damaged, which only a table would have shown. */
  async loadDense(step: number, accept: Accept): Promise<LoadedCheckpoint | null> {
    const folder = path.join(this.dense, folderName(step));
    try {
      return await loadCheckpoint(folder, { accept });
    } catch (error) {
      if (!(error instanceof CheckpointDamagedError)) throw error;
      this.warn(`the network before pruning is not shown: ${folder}: ${error.reason}`);
      return null;
    }
  }

  /** The newest that is whole, wherever it lies; it is among the last then. Throws as `loadNewestCheckpoint`. */
  async loadNewest(accept: Accept): Promise<LoadedCheckpoint | null> {
    const newest = await loadNewestCheckpoint([this.last, this.best], { accept });
    // The best is saved first: a run that was killed right after it has come as far.
    if (newest && path.dirname(newest.path) === this.best)
      await this.save(newest.step, newest.state);
    return newest;
  }

  /** The newest up to a step; where there is none the newest of all. Throws as `loadNewestCheckpoint`. */
  async loadUpTo(step: number, accept: Accept): Promise<LoadedCheckpoint | null> {
    const places = [this.last, this.best];
    return (
      (await loadNewestCheckpoint(places, { accept, upTo: step }).catch(() => null)) ??
      (await loadNewestCheckpoint(places, { accept }))
    );
  }

  /**
   * The best epoch's, which ended with this step.
   *
   * @throws {NoValidCheckpointError} when it is damaged wherever it was.
   */
  async loadBest(step: number, accept?: Accept): Promise<LoadedCheckpoint> {
    const skipped: SkippedCheckpoint[] = [];
    for (const place of [this.best, this.last]) {
      const folder = path.join(place, folderName(step));
      try {
        const loaded = await loadCheckpoint(folder, accept && { accept });
        for (const { path: damaged, reason } of skipped) {
          this.warn(`checkpoint ${damaged} is not used: ${reason}; ${folder} stands in for it`);
        }
        return { ...loaded, skipped };
      } catch (error) {
        if (!(error instanceof CheckpointDamagedError)) throw error;
        skipped.push({ path: folder, reason: error.reason });
      }
    }
    throw new NoValidCheckpointError(this.best, skipped);
  }

  /** Writes the best epoch's checkpoint anew where it is damaged, while its twin among the last is still there. */
  async mendBest(step: number): Promise<void> {
    try {
      const { state, skipped } = await this.loadBest(step);
      if (skipped.length > 0) await this.saveBest(step, state);
    } catch (error) {
      if (!(error instanceof NoValidCheckpointError)) throw error; // a better epoch may come
    }
  }
}
