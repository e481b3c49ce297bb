import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { batchCount, trainingBatches } from '../data';
import type { DataSet } from '../data';
import type { ChannelGraph, KeepSet } from '../graph';
import { keepAll, keepFromJson, keepToJson, removedUnits } from '../graph';
import type { MaskExtent } from '../layers';
import type { Methodology } from '../methods';
import type { Progress } from '../report/progress';
import { loadNewestCheckpoint, saveCheckpoint } from './checkpoint';
import type { TrainingState } from './checkpoint';
import { canonicalJson } from '../files/durable-files';
import type { JsonObject, JsonValue } from '../files/durable-files';
import type { LearningRate } from './learning-rate';
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
  readonly stop: StopRequest;
}

/** The network diverged: there is nothing finite to go on with. */
export class DivergedError extends Error {
  override readonly name = 'DivergedError';
  readonly exitCode = 1;

  constructor(
    readonly step: number,
    epoch: number,
    loss: number,
  ) {
    super(
      `the loss became ${loss} by step ${step} (epoch ${epoch}): lower --learning-rate or raise ` +
        `--warmup-epochs; the last checkpoint is intact`,
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
  private lossSum: tf.Scalar; // of the running epoch, on the device
  private stepsDone = 0;
  private startEvent: PruningEvent | null = null;
  private bestSoFar: Best | null = null;

  constructor(private readonly options: TrainerOptions) {
    const { model, graph, method, optimizer, labelSmoothing = 0 } = options;
    for (const name of ['epochs', 'batchSize'] as const) {
      const value = options[name];
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`${name} must be a whole number from 1, got ${value}`);
      }
    }
    const { from, every, atStart } = options.pruneAt ?? { from: 0, every: 1, atStart: false };
    if (method && from >= options.epochs) {
      throw new RangeError(
        `the first pruning epoch (${from}) must be below the number of epochs ${options.epochs}`,
      );
    }
    this.step = new EagerStep(model, optimizer, { labelSmoothing });
    this.pruning =
      method &&
      new Pruning(
        model,
        graph,
        method,
        optimizer,
        { from, every, atStart },
        options.extent ?? 'unit',
      );
    this.stepsPerEpoch = batchCount(options.data.train.count, options.batchSize);
    this.log = openEventLog(options.run.path);
    this.lossSum = tf.scalar(0);
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
      await metrics.rewindTo(this.stepsDone === 0 ? -1 : this.stepsDone);
      if (this.stepsDone === 0 && this.pruning?.times.atStart) this.pruneBeforeTraining();
      for (let epoch = this.epoch; epoch < epochs; epoch++) {
        if ((await this.trainEpoch(epoch)) === 'stopped') return 'stopped';
        await this.endEpoch(epoch, metrics);
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
    const saved = await loadNewestCheckpoint(this.bestFolder);
    if (!saved || !this.bestSoFar)
      throw new Error('no epoch has been finished, so none is the best');
    const best = this.bestSoFar;
    this.restore(saved.state);
    this.bestSoFar = best;
    return best;
  }

  /** Closes the log and frees what the Trainer made itself. */
  dispose(): void {
    this.log.close();
    this.lossSum.dispose();
  }

  private get epoch(): number {
    return Math.floor(this.stepsDone / this.stepsPerEpoch);
  }

  private get bestFolder(): string {
    return path.join(this.options.run.path, 'best');
  }

  private pruneBeforeTraining(): void {
    this.startEvent = this.pruning!.event();
    this.log.logger.info({ event: 'pruned', epoch: -1, ...this.startEvent }, 'pruned at the start');
  }

  private async trainEpoch(epoch: number): Promise<'finished' | 'stopped'> {
    const { data, batchSize, seed, augment, progress, epochs, stop } = this.options;
    const firstBatch = this.stepsDone - epoch * this.stepsPerEpoch;
    progress.start(this.stepsPerEpoch, `epoch ${epoch + 1}/${epochs}`);
    try {
      const order = { seed, epoch, batchSize, augment, firstBatch };
      for await (const batch of trainingBatches(data, order)) {
        this.trainOn(batch);
        batch.dispose();
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

  private trainOn(batch: { readonly images: tf.Tensor; readonly labels: tf.Tensor1D }): void {
    const loss = this.step.run(batch, this.options.learningRate(this.stepsDone));
    const sum = tf.add<tf.Scalar>(this.lossSum, loss);
    tf.dispose([loss, this.lossSum]);
    this.lossSum = sum;
    this.stepsDone++;
  }

  /** Shows the mean loss of the epoch so far, and notices when it is no number. */
  private report(epoch: number, batches: number): void {
    const isLast = batches === this.stepsPerEpoch;
    if (batches % READ_EVERY !== 0 && !isLast) {
      this.options.progress.update(batches);
      return;
    }
    this.options.progress.update(batches, { loss: this.meanLoss(epoch, batches) });
  }

  private meanLoss(epoch: number, batches: number): number {
    const loss = this.lossSum.dataSync()[0]! / batches;
    if (!Number.isFinite(loss)) throw new DivergedError(this.stepsDone, epoch, loss);
    return loss;
  }

  private async endEpoch(epoch: number, metrics: MetricsLog): Promise<void> {
    const { epochs, learningRate } = this.options;
    const trainLoss = this.meanLoss(epoch, this.stepsPerEpoch);
    const { event, whole, masked } = await this.measureAndPrune(epoch, epochs);
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
    this.options.progress.note(epochLine(epoch, epochs, trainLoss, whole, masked, event));
    this.lossSum.dispose();
    this.lossSum = tf.scalar(0);
    await this.keepIfBest(epoch, this.pruning ? masked : whole);
    await this.save();
  }

  /** Validates, prunes where an event is due, and validates what the masks leave. */
  private async measureAndPrune(
    epoch: number,
    epochs: number,
  ): Promise<{ event: PruningEvent | null; whole: Evaluation; masked: Evaluation | null }> {
    const isDue = this.pruning?.isDue(epoch, epochs) ?? false;
    if (!isDue) return { event: null, ...(await this.validate()) };
    const whole = await this.measure('validate');
    const event = this.pruning!.event();
    return { event, whole, masked: await this.measureMasked() };
  }

  private async measure(label: string): Promise<Evaluation> {
    const { data, model, batchSize, progress } = this.options;
    progress.start(data.validation.count, label);
    try {
      return await evaluate(model, data.validation, data, batchSize, (images) => {
        progress.update(images);
      });
    } finally {
      progress.stop();
    }
  }

  /** @param whole what the network measures as it is, if it has not changed since. */
  private async measureMasked(whole?: Evaluation): Promise<Evaluation | null> {
    if (!this.pruning || removedUnits(this.keep) === 0) return null;
    if (whole && this.pruning.isSilenced) return whole;
    return this.pruning.whileMasked(() => this.measure('validate masked'));
  }

  private async keepIfBest(epoch: number, evaluation: Evaluation | null): Promise<void> {
    if (!evaluation || !isBetter(evaluation, this.bestSoFar?.evaluation)) return;
    this.bestSoFar = { epoch, step: this.stepsDone, evaluation };
    await saveCheckpoint(this.bestFolder, this.stepsDone, this.capture(), { keep: 1 });
  }

  private async saveIfDue(batches: number): Promise<void> {
    const { checkpointEvery } = this.options;
    const isEnd = batches === this.stepsPerEpoch; // saved after its validation
    if (!checkpointEvery || isEnd || this.stepsDone % checkpointEvery !== 0) return;
    await this.save();
  }

  private async save(): Promise<void> {
    const { run, keepCheckpoints = 2 } = this.options;
    await saveCheckpoint(run.checkpoints, this.stepsDone, this.capture(), {
      keep: keepCheckpoints,
    });
  }

  private capture(): TrainingState {
    const tensors = captureTensors(this.options.model, this.options.optimizer);
    tensors.set('trainer/loss_sum', {
      shape: [],
      dtype: 'float32',
      values: this.lossSum.dataSync<'float32'>(),
    });
    const best = this.bestSoFar;
    return {
      tensors,
      record: {
        identity: this.options.identity,
        step: this.stepsDone,
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
        `the checkpoint belongs to another run: ${differing.join(', ')} differ`,
      );
    }
    restoreTensors(model, optimizer, tensors, record.optimizerSteps as number);
    this.lossSum.dispose();
    this.lossSum = tf.scalar(tensors.get('trainer/loss_sum')!.values[0]!);
    this.stepsDone = record.step as number;
    this.bestSoFar = record.best as unknown as Best | null;
    this.pruning?.restore(keepFromJson(record.keep as unknown as ReturnType<typeof keepToJson>));
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
  return [...keys].filter((key) => text(ours[key]) !== text(theirs[key]));
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
