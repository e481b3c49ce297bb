import type { LoadedCheckpoint } from '../files/run/checkpoint';
import type { RunCheckpoints } from '../files/run/run-checkpoints';
import { removedUnits } from '../graph';
import type { Evaluation } from '../measure/accuracy';
import type { EpochEnd, Happening } from './events';
import type { Pruning } from './pruning/pruning';
import type { Best, RunState } from './run-state';

/** What the networks that are kept are chosen from, and who is told; borrowed. */
interface KeepingParts {
  readonly state: RunState;
  readonly checkpoints: RunCheckpoints;
  readonly pruning: Pruning | null;
  readonly keepDense: boolean;
  readonly takeUp: (loaded: LoadedCheckpoint) => void;
  readonly tell: (happening: Happening) => void;
}

/** The networks that a run keeps beside the last: the best that is handed over, and the best before anything was removed. */
export class KeptNetworks {
  constructor(private readonly parts: KeepingParts) {}

  /** Keeps the network where nothing has been removed yet and it is the best so far. */
  async keepIfDense(evaluation: Evaluation): Promise<void> {
    const { state, checkpoints, keepDense } = this.parts;
    if (!keepDense || removedUnits(state.keep) > 0) return;
    if (!state.isBetter(evaluation, state.dense)) return;
    const { epoch, step } = state.position;
    state.dense = { epoch, step, evaluation };
    await state.save((at, captured) => checkpoints.saveDense(at, captured));
  }

  /** Only what has lost all that it is to lose is handed over: before, less is removed. */
  async keepIfBest(epoch: number, { whole, masked }: EpochEnd): Promise<void> {
    const { state, checkpoints, pruning, tell } = this.parts;
    if (pruning && !pruning.hasReachedRate(state.findLastDone(pruning.timetable))) return;
    const evaluation = pruning ? masked : whole;
    if (!evaluation || !state.isBetter(evaluation, state.best)) return;
    state.best = { epoch, step: state.position.step, evaluation };
    const saved = await state.save((step, captured) => checkpoints.saveBest(step, captured));
    tell({ kind: 'saved', path: saved, isBest: true });
  }

  /** Puts the network before anything was removed in place; null where none was kept, or it is damaged. */
  async restoreDense(): Promise<Best | null> {
    const { state, checkpoints, takeUp } = this.parts;
    const { best, dense } = state;
    const found = dense && (await checkpoints.loadDense(dense.step, takeUp));
    state.best = best; // which that checkpoint does not know
    return found && dense;
  }

  /** Puts the best epoch's network and keep set in place. */
  async restoreBest(): Promise<Best> {
    const { state, checkpoints, takeUp } = this.parts;
    const best = state.requireBest();
    await checkpoints.loadBest(best.step, takeUp);
    state.best = best;
    return best;
  }
}
