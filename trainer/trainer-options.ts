import { OptionError, requireWhole } from '../errors';
import type { DataSet } from '../data';
import type { JsonObject } from '../files';
import type { RunDirectory } from '../files/run/run-directory';
import type { Network } from '../graph';
import type { MaskExtent } from '../layers';
import type { LossChoice } from '../measure/head';
import type { FinalRate } from '../measure/search/target';
import type { Methodology, PolicyOptions, RateSchedule } from '../methods';
import type { TrainingObserver } from './events';
import type { PruningTimes } from './pruning/timetable';
import type { LearningRate } from './step/learning-rate';
import type { LossTerm } from './step/loss';
import type { Optimizer } from './step/optimizer';
import type { StepFactory } from './step/step';

/** What becomes of a run whose network diverges. */
export type OnNan = 'stop' | 'lower';

/** The parts of a run; the Trainer borrows them all. */
export interface TrainerOptions {
  /** Of a prunable model (layers/prunable); see `readHead` for how it may answer. */
  readonly network: Network;
  /** Null trains without pruning. */
  readonly method: Methodology | null;
  /** How the method's scores become a choice; needed with a method. */
  readonly policy?: PolicyOptions | null;
  readonly data: DataSet;
  readonly optimizer: Optimizer;
  readonly run: RunDirectory;
  readonly epochs: number;
  readonly batchSize: number;
  /** By step. */
  readonly learningRate: LearningRate;
  readonly seed: number;
  readonly augment: boolean;
  /** Default 0. */
  readonly labelSmoothing?: number;
  /** What the network answers. Default auto: read from how it ends. */
  readonly loss?: LossChoice | undefined;
  /** What the loss holds beside the cross entropy and the penalty of the method. Default none. */
  readonly terms?: readonly LossTerm[];
  /** Default: at the end of every epoch, not before the first. */
  readonly pruneAt?: PruningTimes;
  /** What is removed by now of a final rate. Default all of it at every event. */
  readonly schedule?: RateSchedule;
  /** Answers the final rate anew at each event. Default the policy's own rate. */
  readonly finalRate?: FinalRate | undefined;
  /** Training batches that a method sees before an event, where it observes the network. Default 10. */
  readonly observeBatches?: number;
  /** How far masks reach during training. Default unit. */
  readonly extent?: MaskExtent;
  /** Steps between checkpoints inside an epoch; null for the ends of epochs only. Default null. */
  readonly checkpointEvery?: number | null;
  /** Default 2. */
  readonly keepCheckpoints?: number;
  /**
   * What a loss or weight that is not finite does: `stop` ends the run, `lower` goes back to the last end of an epoch
   * and divides the learning rate by 10, up to three times. Default stop.
   */
  readonly onNan?: OnNan;
  /** Whether the best network of which nothing has been removed yet is kept, in dense/. Default false. */
  readonly keepDense?: boolean;
  /** What a resumed run must share with this one: configuration, data set, format. */
  readonly identity: JsonObject;
  /** How a step is taken. Default operation by operation. */
  readonly step?: StepFactory;
  /** Told of all that happens, in turn. Default none; log.jsonl is written in any case. */
  readonly observers?: readonly TrainingObserver[];
  /** Once it is aborted the run saves itself after the running step and ends. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws {OptionError} when a number is outside its range, or there are no images to learn from or choose by. */
export function checkTrainerOptions(options: TrainerOptions): void {
  const { data, checkpointEvery, keepCheckpoints = 1, observeBatches = 1 } = options;
  const { epochs, batchSize } = options;
  const counts = { epochs, batchSize, keepCheckpoints, observeBatches };
  const all = { ...counts, checkpointEvery: checkpointEvery ?? 1 };
  for (const [option, count] of Object.entries(all)) requireWhole(option, count, 1);
  requireImages('data.train', 'to learn from', data.train.count);
  requireImages('data.validation', 'by which the best epoch is chosen', data.validation.count);
}

function requireImages(option: string, purpose: string, received: number): void {
  if (received >= 1) return;
  throw new OptionError({ option, problem: `must hold images ${purpose}`, received });
}
