import type { PruningClock } from './pruning/timetable';

/** Where a run is. All that it does next follows from this, its state and its options. */
export interface Position {
  /** Finished steps of the run. */
  readonly step: number;
  /** Finished epochs, each with its validation and pruning; so the index of the epoch under way. */
  readonly epoch: number;
  /** Finished steps of that epoch. */
  readonly batch: number;
}

/** Before the first step. */
export const runStart: Position = { step: 0, epoch: 0, batch: 0 };

/** One step on. */
export function passStep({ step, epoch, batch }: Position): Position {
  return { step: step + 1, epoch, batch: batch + 1 };
}

/** Past the end of the epoch. */
export function passEpoch({ step, epoch }: Position): Position {
  return { step, epoch: epoch + 1, batch: 0 };
}

/** The step or epoch whose last step is done, counted from 0; -1 before the first. */
export function findLastDone(
  { step, epoch, batch }: Position,
  clock: PruningClock,
  stepsPerEpoch: number,
): number {
  if (clock === 'step') return step - 1;
  return batch === stepsPerEpoch ? epoch : epoch - 1;
}
