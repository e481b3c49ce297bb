import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { batchCount, trainingBatches } from '../data';
import type { DataSet } from '../data';
import type { ChannelGraph, KeepSet } from '../graph';
import { keepAll, keepFromJson, keepToJson, removedUnits } from '../graph';
import type { MaskExtent } from '../layers';
import type { Methodology } from '../methods';
import type { Progress } from '../report/progress';
import {
  CheckpointStateError,
  loadCheckpoint,
  loadNewestCheckpoint,
  saveCheckpoint,
} from './checkpoint';
import type { TrainingState } from './checkpoint';
import { canonicalJson } from '../files/durable-files';
import type { JsonObject, JsonValue } from '../files/durable-files';
import type { LearningRate } from './learning-rate';
import { LossMean } from './loss-mean';
import { MetricsLog, openEventLog } from './metrics-log';
import type { EventLog } from './metrics-log';
import type { Optimizer } from './optimizer';
import { Pruning } from './pruning';
import type { PruningEvent, PruningTimes } from './pruning';
import type { RunDirectory } from './run-directory';
import type { StopRequest } from './signals';
import { EagerStep } from './step';
import type { TrainingStep } from './step';
import { captureTensors, restoreTensors } from './training-state';
import { evaluate } from './validation';
import type { Evaluation } from './validation';

/** The parts of a run; the Trainer borrows them all. */
export interface TrainerOptions {
  /** Prunable (layers/prunable); ends in logits. */
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  /** Null trains without pruning. */
  readonly method: Methodology | null;
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
  /** Default: at the end of every epoch, not before the first. */
  readonly pruneAt?: PruningTimes;
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

/** The network diverged: there is nothing finite to go on with. */
export class DivergedError extends Error {
  override readonly name = 'DivergedError';
  readonly exitCode = 1;

  /**
   * @param step the step (0-based) that was taken last, or whose loss it is.
   * @param what what is no longer finite, as a sentence without its end.
   */
  constructor(
    readonly step: number,
    epoch: number,
    what: string,
    options?: ErrorOptions,
  ) {
    super(
      `${what} at step ${step} (epoch ${epoch}, both counted from 0): lower --learning-rate or ` +
        'raise --warmup-epochs; the checkpoints saved before are intact',
      options,
    );
  }
}

/** A checkpoint belongs to another run than the one that was asked for. */
export class ResumeMismatchError extends Error {
  override readonly name = 'ResumeMismatchError';
  readonly exitCode = 2;
}

/** The epoch whose network the run hands over. */
export interface Best {
  readonly epoch: number;
  readonly step: number;
  readonly evaluation: Evaluation;
}

const metricsColumns = [
  'epoch',
  'learning_rate',
  'train_loss',
  'val_loss',
  'val_top1',
  'val_top5',
  'masked_loss',
  'masked_top1',
  'masked_top5',
  'removed',
  'units',
  'churn',
];

/** Steps between two readings of the loss: each one waits for the device. */
const READ_EVERY = 10;

/** Thrown out of a validation when a signal asks to stop; never leaves the Trainer. */
class StopAsked extends Error {}

/**
 * Trains a network and prunes it meanwhile; owns time, randomness and files, knows no method by name.
 *
 * Everything it computes is a function of its options and the step index, so that a run that was
 * stopped anywhere and resumed ends with the same bits (on one engine and machine).
 */
export class Trainer {
  private readonly step: TrainingStep;
  private readonly pruning: Pruning | null;
  private readonly stepsPerEpoch: number;
  private readonly log: EventLog;
  private readonly losses = new LossMean(); // of the running epoch
  private stepsDone = 0;
  private epochsDone = 0; // with their validation and pruning
  private bestSoFar: Best | null = null;

  constructor(private readonly options: TrainerOptions) {
    const { model, graph, method, optimizer, labelSmoothing = 0 } = options;
    const times = options.pruneAt ?? { from: 0, every: 1, atStart: false };
    checkOptions(options, times);
    this.step = new EagerStep(model, optimizer, { labelSmoothing, seed: options.seed });
    this.pruning =
      method && new Pruning(model, graph, method, optimizer, times, options.extent ?? 'unit');
    this.stepsPerEpoch = batchCount(options.data.train.count, options.batchSize);
    this.log = openEventLog(options.run.path);
  }

  /** The epoch that is handed over: the best on the validation images so far; null before the first. */
  get best(): Best | null {
    return this.bestSoFar;
  }

  /** What stays of the network now. */
  get keep(): KeepSet {
    return this.pruning?.keep ?? keepAll;
  }

  /** Finished steps. */
  get steps(): number {
    return this.stepsDone;
  }

  /**
   * Trains to the last epoch, or until a signal asks to stop; saves either way.
   *
   * @returns `stopped` after a signal: the same run directory resumes.
   * @throws {DivergedError} when the loss is no longer finite.
   */
  async train(): Promise<'finished' | 'stopped'> {
    const { epochs, run } = this.options;
    const metrics = await MetricsLog.open(run.path, metricsColumns);
    try {
      await metrics.rewindTo(this.epochsDone * this.stepsPerEpoch);
      if (this.stepsDone === 0 && this.pruning?.times.atStart) this.pruneBeforeTraining();
      while (this.epochsDone < epochs) {
        if ((await this.trainEpoch(this.epochsDone)) === 'stopped') return 'stopped';
        if ((await this.endEpoch(this.epochsDone, metrics)) === 'stopped') return 'stopped';
      }
      return 'finished';
    } finally {
      await metrics.close();
    }
  }

  /**
   * Measures the network on the validation images, as it is and with everything removed silenced.
   *
   * @returns masked is null while nothing has been removed.
   */
  async validate(): Promise<{ whole: Evaluation; masked: Evaluation | null }> {
    const whole = await this.measure('validate');
    return { whole, masked: await this.measureMasked(whole) };
  }

  /**
   * Goes on from the newest valid checkpoint of the run directory.
   *
   * @returns false when there is none and the run starts from the beginning.
   * @throws {ResumeMismatchError} when the checkpoint belongs to another configuration or data set.
   * @throws {NoValidCheckpointError} when there are checkpoints and all are damaged.
   */
  async tryResume(): Promise<boolean> {
    const { run, progress } = this.options;
    const newest = await loadNewestCheckpoint(run.checkpoints);
    for (const { path: skipped, reason } of newest?.skipped ?? []) {
      progress.note(`checkpoint ${path.basename(skipped)} is not used: ${reason}`);
    }
    if (!newest) return false;
    this.restore(newest.state);
    this.log.logger.info({ event: 'resumed', step: this.stepsDone }, 'resumed');
    return true;
  }

  /** Puts the best epoch's network and keep set in place; what train() went on to is lost. */
  async restoreBest(): Promise<Best> {
    const best = this.bestSoFar;
    if (!best) {
      throw new Error(
        this.epochsDone === 0
          ? 'no epoch has been finished, so none is the best'
          : 'no pruning event removed anything, so no epoch is the best',
      );
    }
    const { state } = await loadCheckpoint(this.bestCheckpoint(best.step));
    this.restore(state);
    this.bestSoFar = best;
    return best;
  }

  /** Closes the log and frees what the Trainer made itself. */
  dispose(): void {
    this.log.close();
    this.losses.clear();
  }

  private get bestFolder(): string {
    return path.join(this.options.run.path, 'best');
  }

  private bestCheckpoint(step: number): string {
    return path.join(this.bestFolder, `ckpt-${String(step).padStart(8, '0')}`);
  }

  private pruneBeforeTraining(): void {
    const event = this.pruning!.event();
    this.log.logger.info({ event: 'pruned', epoch: -1, ...event }, 'pruned at the start');
  }

  private async trainEpoch(epoch: number): Promise<'finished' | 'stopped'> {
    const { data, batchSize, seed, augment, progress, epochs, stop } = this.options;
    const firstBatch = this.stepsDone - epoch * this.stepsPerEpoch;
    progress.start(this.stepsPerEpoch, `epoch ${epoch + 1}/${epochs}`);
    if (firstBatch > 0) progress.update(firstBatch); // of a resumed epoch
    try {
      const order = { seed, epoch, batchSize, augment, firstBatch };
      for await (const batch of trainingBatches(data, order)) {
        try {
          this.losses.add(this.step.run(batch, this.options.learningRate(this.stepsDone)));
          this.stepsDone++;
        } finally {
          batch.dispose();
        }
        this.report(epoch, batch.index + 1);
        await new Promise((resolve) => setImmediate(resolve)); // lets signals and the bar have a turn
        if (stop.requested !== null) {
          await this.save();
          return 'stopped';
        }
        await this.saveIfDue(batch.index + 1);
      }
      return 'finished';
    } finally {
      progress.stop();
    }
  }

  /** Shows the mean loss of the epoch so far, and notices when it is no number. */
  private report(epoch: number, batches: number): void {
    const { progress } = this.options;
    if (batches % READ_EVERY === 0) progress.update(batches, { loss: this.meanLoss(epoch) });
    else progress.update(batches);
  }

  private meanLoss(epoch: number): number {
    const bad = this.losses.read();
    if (bad) {
      const step = epoch * this.stepsPerEpoch + bad.index;
      throw new DivergedError(step, epoch, `the loss became ${bad.loss}`);
    }
    return this.losses.mean;
  }

  /** Validates, prunes and saves; a signal meanwhile goes back to the end of the epoch's last step. */
  private async endEpoch(epoch: number, metrics: MetricsLog): Promise<'finished' | 'stopped'> {
    const trainLoss = this.meanLoss(epoch);
    const before = this.capture();
    const ending = await this.measureAndPrune(epoch).catch((error: unknown) => {
      if (error instanceof StopAsked) return null;
      throw error;
    });
    if (ending === null) {
      this.restore(before);
      await this.save();
      return 'stopped';
    }
    this.losses.clear();
    this.epochsDone = epoch + 1;
    await this.record(epoch, trainLoss, ending, metrics);
    await this.keepIfBest(epoch, this.pruning ? ending.masked : ending.whole);
    await this.save();
    return 'finished';
  }

  private async record(
    epoch: number,
    trainLoss: number,
    { event, whole, masked }: EpochEnd,
    metrics: MetricsLog,
  ): Promise<void> {
    const { epochs, learningRate, progress } = this.options;
    await metrics.append({
      step: this.stepsDone,
      epoch,
      learning_rate: learningRate(this.stepsDone - 1),
      train_loss: trainLoss,
      ...columnsOf('val', whole),
      ...columnsOf('masked', masked),
      ...event,
    });
    await metrics.sync();
    this.log.logger.info({ event: 'epoch', epoch, trainLoss, whole, masked, pruning: event });
    progress.note(epochLine(epoch, epochs, trainLoss, whole, masked, event));
  }

  /** Validates, prunes where an event is due, and validates what the masks leave. */
  private async measureAndPrune(epoch: number): Promise<EpochEnd> {
    const onBatch = (): void => {
      if (this.options.stop.requested !== null) throw new StopAsked();
    };
    const whole = await this.measure('validate', onBatch);
    this.requireFinite(epoch, whole); // before the method sees the weights
    if (!this.pruning?.isDue(epoch, this.options.epochs)) {
      return { event: null, whole, masked: await this.measureMasked(whole, onBatch) };
    }
    const event = this.pruning.event();
    // A hard event that chooses what is gone already changes nothing.
    const unchanged = event.churn === 0 ? whole : null;
    const masked = await this.measureMasked(unchanged, onBatch);
    this.requireFinite(epoch, masked);
    return { event, whole, masked };
  }

  private async measure(label: string, onBatch?: () => void): Promise<Evaluation> {
    const { data, model, batchSize, progress } = this.options;
    progress.start(data.validation.count, label);
    try {
      return await evaluate(model, data.validation, data, batchSize, (images) => {
        progress.update(images);
        onBatch?.();
      });
    } finally {
      progress.stop();
    }
  }

  /** @param whole what the network measures as it is; null when it has changed since. */
  private async measureMasked(
    whole: Evaluation | null,
    onBatch?: () => void,
  ): Promise<Evaluation | null> {
    if (!this.pruning || removedUnits(this.keep) === 0) return null;
    if (whole && this.pruning.isSilenced) return whole;
    return this.pruning.whileMasked(() => this.measure('validate masked', onBatch));
  }

  private requireFinite(epoch: number, evaluation: Evaluation | null): void {
    if (!evaluation || Number.isFinite(evaluation.loss)) return;
    const what = `the loss on the validation images became ${evaluation.loss}`;
    throw new DivergedError(this.stepsDone - 1, epoch, what);
  }

  private async keepIfBest(epoch: number, evaluation: Evaluation | null): Promise<void> {
    if (!evaluation || !isBetter(evaluation, this.bestSoFar?.evaluation)) return;
    this.bestSoFar = { epoch, step: this.stepsDone, evaluation };
    // Two: the checkpoint that a killed run resumes from may still name the one before.
    await this.saveTo(this.bestFolder, 2);
  }

  private async saveIfDue(batches: number): Promise<void> {
    const { checkpointEvery } = this.options;
    const isEnd = batches === this.stepsPerEpoch; // saved after its validation
    if (!checkpointEvery || isEnd || this.stepsDone % checkpointEvery !== 0) return;
    await this.save();
  }

  private async save(): Promise<void> {
    await this.saveTo(this.options.run.checkpoints, this.options.keepCheckpoints ?? 2);
  }

  private async saveTo(folder: string, keep: number): Promise<void> {
    const state = this.capture();
    try {
      await saveCheckpoint(folder, this.stepsDone, state, { keep });
    } catch (error) {
      if (!(error instanceof CheckpointStateError) || error.tensor === null) throw error;
      const what = `${error.tensor} is no longer finite`;
      throw new DivergedError(this.stepsDone - 1, this.epochsDone, what, { cause: error });
    }
  }

  private capture(): TrainingState {
    this.meanLoss(this.epochsDone); // none is left unread
    const best = this.bestSoFar;
    return {
      tensors: captureTensors(this.options.model, this.options.optimizer),
      record: {
        identity: this.options.identity,
        step: this.stepsDone,
        epochs: this.epochsDone,
        losses: this.losses.state,
        optimizerSteps: this.options.optimizer.steps,
        keep: keepToJson(this.keep),
        best: best && { ...best, evaluation: { ...best.evaluation } },
      },
    };
  }

  private restore({ tensors, record }: TrainingState): void {
    const { model, optimizer, identity } = this.options;
    const differing = differences(identity, record.identity as JsonObject);
    if (differing.length > 0) {
      throw new ResumeMismatchError(
        `the checkpoint belongs to another run: ${differing.join('; ')}`,
      );
    }
    // The identity is ours, so this version or one that saved the same format wrote the record.
    const { step, epochs, losses, optimizerSteps, best, keep } = record as unknown as SavedRecord;
    restoreTensors(model, optimizer, tensors, optimizerSteps);
    this.losses.restore(losses);
    this.stepsDone = step;
    this.epochsDone = epochs;
    this.bestSoFar = best;
    this.pruning?.restore(keepFromJson(keep));
  }
}

/** What the end of an epoch brought. */
interface EpochEnd {
  readonly event: PruningEvent | null;
  readonly whole: Evaluation;
  readonly masked: Evaluation | null;
}

/** The record of a checkpoint beside the identity, as `capture` makes it. */
interface SavedRecord {
  readonly step: number;
  readonly epochs: number;
  readonly losses: LossMean['state'];
  readonly optimizerSteps: number;
  readonly best: Best | null;
  readonly keep: ReturnType<typeof keepToJson>;
}

function checkOptions(options: TrainerOptions, { from, every }: PruningTimes): void {
  const atLeast = (name: string, value: number, least: number): void => {
    if (Number.isInteger(value) && value >= least) return;
    throw new RangeError(`${name} must be a whole number from ${least}, got ${value}`);
  };
  const { epochs, batchSize, method, data, checkpointEvery, keepCheckpoints } = options;
  atLeast('epochs', epochs, 1);
  atLeast('batchSize', batchSize, 1);
  atLeast('checkpointEvery', checkpointEvery ?? 1, 1);
  atLeast('keepCheckpoints', keepCheckpoints ?? 1, 1);
  atLeast('training images', data.train.count, 1);
  atLeast('validation images (the best epoch is chosen by them)', data.validation.count, 1);
  atLeast('pruneAt.from', from, 0);
  atLeast('pruneAt.every', every, 1);
  if (method && from >= epochs) {
    throw new RangeError(
      `the first pruning epoch (${from}) must be below the number of epochs ${epochs}`,
    );
  }
}

/** `val_loss`, `val_top1`, `val_top5`; no columns where nothing was measured. */
function columnsOf(prefix: string, evaluation: Evaluation | null): Record<string, number> {
  if (!evaluation) return {};
  const { loss, top1, top5 } = evaluation;
  return { [`${prefix}_loss`]: loss, [`${prefix}_top1`]: top1, [`${prefix}_top5`]: top5 };
}

function isBetter(a: Evaluation, b: Evaluation | undefined): boolean {
  if (!b) return true;
  return a.top1 > b.top1 || (a.top1 === b.top1 && a.loss < b.loss);
}

function differences(ours: JsonObject, theirs: JsonObject): string[] {
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  const text = (value: JsonValue | undefined): string => canonicalJson(value ?? null);
  return [...keys]
    .filter((key) => text(ours[key]) !== text(theirs[key]))
    .map((key) => `${key} was ${text(theirs[key])}, is ${text(ours[key])}`);
}

function epochLine(
  epoch: number,
  epochs: number,
  trainLoss: number,
  whole: Evaluation,
  masked: Evaluation | null,
  event: PruningEvent | null,
): string {
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;
  const parts = [
    `epoch ${epoch + 1}/${epochs}: train loss ${trainLoss.toFixed(4)}`,
    `validation ${percent(whole.top1)}`,
  ];
  if (masked) parts.push(`masked ${percent(masked.top1)}`);
  if (event) parts.push(`removed ${event.removed}/${event.units}, churn ${percent(event.churn)}`);
  return parts.join(', ');
}
