import type * as tf from '@tensorflow/tfjs';
import type { DataSet } from '../data';
import type { JsonObject } from '../files';
import type { ChannelGraph } from '../graph';
import type { MaskExtent } from '../layers';
import type { Methodology, PolicyOptions, RateSchedule } from '../methods';
import type { Progress } from '../report/progress';
import type { LearningRate } from './step/learning-rate';
import type { LossTerm } from './step/loss';
import type { Optimizer } from './step/optimizer';
import type { RunDirectory } from '../files/run/run-directory';
import type { StopRequest } from '../files/run/signals';
import type { FinalRate } from '../measure/search/target';
import type { PruningTimes } from './pruning/timetable';

/** The parts of a run; the Trainer borrows them all. */
export interface TrainerOptions {
  /** Prunable (layers/prunable); ends in logits. */
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
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
  /** What a resumed run must share with this one: configuration, data set, format. */
  readonly identity: JsonObject;
  readonly progress: Progress;
  readonly stop: Pick<StopRequest, 'requested'>;
}

/** @throws {RangeError} when a number is outside its range, or there are no images to learn from or choose by. */
export function checkTrainerOptions(options: TrainerOptions): void {
  const atLeast = (name: string, value: number, least: number): void => {
    if (Number.isInteger(value) && value >= least) return;
    throw new RangeError(`${name} must be a whole number from ${least}, got ${value}`);
  };
  const { epochs, batchSize, data, checkpointEvery, keepCheckpoints, observeBatches } = options;
  atLeast('epochs', epochs, 1);
  atLeast('batchSize', batchSize, 1);
  atLeast('checkpointEvery', checkpointEvery ?? 1, 1);
  atLeast('keepCheckpoints', keepCheckpoints ?? 1, 1);
  atLeast('training images', data.train.count, 1);
  atLeast('validation images (the best epoch is chosen by them)', data.validation.count, 1);
  atLeast('observeBatches', observeBatches ?? 1, 1);
}
