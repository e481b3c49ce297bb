import type { SkippedCheckpoint } from '../files/run/checkpoint-errors';
import type { Evaluation } from '../measure/accuracy';
import type { FilterNorms } from '../measure/filter-norms';
import type { PruningEvent } from '../measure/pruning-event';
import type { Position } from './position';
import type { DivergedError } from './trainer-errors';

/** What the end of an epoch brought. */
export interface EpochEnd {
  /** Null where no event was due. */
  readonly pruning: PruningEvent | null;
  /** Before the event. */
  readonly whole: Evaluation;
  /** After it, everything removed silenced; null while nothing has been removed. */
  readonly masked: Evaluation | null;
}

/** What is counted for a while: the steps of an epoch, or the images of a validation. */
export type PhaseName = 'train' | 'validate' | 'validate masked';

/** What may happen in a run. */
export type Happening =
  /** `train()` begins, from wherever the run is. */
  | { readonly kind: 'started' }
  /** A checkpoint was restored. */
  | {
      readonly kind: 'resumed';
      /** Newer checkpoints that could not be used. */
      readonly skipped: readonly SkippedCheckpoint[];
    }
  | {
      readonly kind: 'phase';
      readonly name: PhaseName;
      /** Of `total` steps or images `done` are done already. */
      readonly total: number;
      readonly done: number;
    }
  /** So many images of a validation have been measured. */
  | { readonly kind: 'measured'; readonly images: number }
  /** The phase is over, or failed. */
  | { readonly kind: 'phase-end' }
  /** A step was taken; the mean loss of the epoch so far, where it has just been read. */
  | { readonly kind: 'step'; readonly meanLoss: number | null }
  | {
      readonly kind: 'pruned';
      readonly pruning: PruningEvent;
      /** True where the end of the epoch tells it again. */
      readonly isInEpochEnd: boolean;
      /** Where the first event removes filters, what their norms were like. */
      readonly firstNorms: FilterNorms | null;
    }
  /** An epoch is over and its row is written; `position` is past it. */
  | ({ readonly kind: 'epoch'; readonly epoch: number; readonly trainLoss: number } & EpochEnd)
  /** A checkpoint is on the disk; `isBest` where it is that of the best epoch. */
  | { readonly kind: 'saved'; readonly path: string; readonly isBest: boolean }
  /** Something on the disk was damaged, and what became of it, as words. */
  | { readonly kind: 'mended'; readonly what: string }
  /** The network diverged, and the run went back to `position` to go on at a lower learning rate. */
  | {
      readonly kind: 'lowered';
      readonly error: DivergedError;
      /** How often it was lowered by now, of at most how often. */
      readonly times: number;
      readonly most: number;
    }
  /** The run ends: there is nothing finite to go on with. */
  | { readonly kind: 'diverged'; readonly error: DivergedError }
  /** The run ends for now, and is saved; `by` names the signal. */
  | { readonly kind: 'stopped'; readonly by: string };

/** Something that happened in a run, and when. */
export type TrainingEvent = Happening & {
  /** After what happened. */
  readonly position: Position;
  /** Of the whole run. */
  readonly epochs: number;
};

/** Watches a run; what it throws ends the run. */
export type TrainingObserver = (event: TrainingEvent) => void;
