import * as path from 'node:path';
import { batchCount, trainingBatches } from '../data';
import type { KeepSet } from '../graph';
import { OptionError } from '../errors';
import { keepAll, keepToJson, removedUnits } from '../graph';
import { schedules, startingAt } from '../methods';
import type { Methodology } from '../methods';
import { loadCheckpoint, loadNewestCheckpoint, saveCheckpoint } from '../files/run/checkpoint';
import { CheckpointStateError } from '../files/run/checkpoint-errors';
import type { TrainingState } from '../files/run/training-state';
import type { JsonObject } from '../files';
import { epochLine, evaluationColumns, metricsColumns, stepEventLine } from './epoch-report';
import type { EpochEnd } from './epoch-report';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { normAdvice } from './pruning/filter-norms';
import { penaltyOf } from './step/loss';
import { LossMean } from './step/loss-mean';
import { openEventLog } from '../files/run/event-log';
import { MetricsLog } from '../files/run/metrics-log';
import type { EventLog } from '../files/run/event-log';
import type { MetricsRow } from '../files/run/metrics-log';
import { Pruning } from './pruning/pruning';
import { eventColumns } from './pruning/pruning-event';
import type { PruningEvent } from './pruning/pruning-event';
import { EagerStep } from './step/eager-step';
import type { TrainingStep } from './step/step';
import { Timetable } from './pruning/timetable';
import { DivergedError, requireSameRun } from './trainer-errors';
import { checkTrainerOptions } from './trainer-options';
import type { TrainerOptions } from './trainer-options';
import { captureTensors, restoreTensors, weightNotFinite } from './training-state';
import { evaluate } from '../measure/accuracy';
import type { Evaluation } from '../measure/accuracy';

/** The epoch whose network the run hands over. */
export interface Best {
  readonly epoch: number;
  readonly step: number;
  readonly evaluation: Evaluation;
}

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
    checkTrainerOptions(options);
    const penalty = method && penaltyOf(method, graph, model);
    const terms = [...(options.terms ?? []), ...(penalty ? [penalty] : [])];
    this.step = new EagerStep(model, optimizer, { labelSmoothing, terms, seed: options.seed });
    this.stepsPerEpoch = batchCount(options.data.train.count, options.batchSize);
    this.pruning = method && this.pruningBy(method);
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
      await this.rewind(metrics);
      if (this.stepsDone === 0 && this.pruning?.timetable.atStart) {
        await this.pruneBetweenSteps({ unit: -1, epoch: 0 }, metrics);
      }
      while (this.epochsDone < epochs) {
        if ((await this.trainEpoch(this.epochsDone, metrics)) === 'stopped') return 'stopped';
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

  private pruningBy(method: Methodology): Pruning {
    const { model, graph, policy, optimizer, epochs, extent = 'unit', finalRate } = this.options;
    if (!policy) throw new OptionError({ option: 'policy', problem: 'is needed with a method' });
    const times = this.options.pruneAt ?? { from: 0, every: 1, atStart: false };
    const units = times.by === 'step' ? epochs * this.stepsPerEpoch : epochs;
    const timetable = new Timetable(times, units);
    const schedule = this.options.schedule ?? startingAt(schedules.constant);
    const how = { timetable, schedule, finalRate, extent };
    return new Pruning({ model, graph, method, policy, optimizer, ...how });
  }

  /** Drops the rows of what is done again. */
  private async rewind(metrics: MetricsLog): Promise<void> {
    // The end of an epoch comes after the events of its last step and is done again on its own.
    const isPast = ({ epoch, train_loss: trainLoss }: MetricsRow): boolean =>
      isEventRow(trainLoss) || Number(epoch) < this.epochsDone;
    await metrics.rewindTo(this.stepsDone === 0 ? -1 : this.stepsDone, isPast);
  }

  /** The epoch or step that is done last, as the timetable counts. */
  private unitOf(epoch: number): number {
    return this.pruning?.timetable.by === 'step' ? this.stepsDone - 1 : epoch;
  }

  /** An event with what the method wants to see before it. */
  private async prune(unit: number, epoch: number, onBatch?: () => void): Promise<PruningEvent> {
    const { data, seed, batchSize, model, graph, observeBatches = 10 } = this.options;
    const pruning = this.pruning!;
    const method = this.options.method!;
    const order = { seed, epoch, batchSize };
    const event = await withEvidence(
      { model, graph },
      method,
      () => callBefore(observationBatches(data, order, observeBatches), onBatch),
      (evidence) => pruning.event(unit, evidence),
    );
    const isOfFilters = pruning.keep.weights.size === 0;
    if (event.norms && isOfFilters && pruning.timetable.isFirst(unit)) {
      const advice = normAdvice(event.norms);
      this.log.logger.info({ event: 'norms', ...event.norms }, advice);
      this.options.progress.note(advice);
    }
    return event;
  }

  /** An event outside the end of an epoch, with a row of its own. */
  private async pruneBetweenSteps(
    { unit, epoch }: { unit: number; epoch: number },
    metrics: MetricsLog,
  ): Promise<void> {
    const event = await this.prune(unit, epoch);
    await metrics.append({ step: this.stepsDone, epoch, ...eventColumns(event) });
    await metrics.sync(); // the checkpoint of this step comes after its row
    this.log.logger.info({ event: 'pruned', step: this.stepsDone, epoch, pruning: event });
    this.options.progress.note(stepEventLine(this.stepsDone, event));
  }

  private async pruneIfDue(epoch: number, metrics: MetricsLog): Promise<void> {
    const timetable = this.pruning?.timetable;
    const unit = this.stepsDone - 1;
    if (timetable?.by !== 'step' || !timetable.isDue(unit)) return;
    this.meanLoss(epoch);
    this.requireFiniteWeights(epoch); // before the method sees them
    await this.pruneBetweenSteps({ unit, epoch }, metrics);
  }

  private async trainEpoch(epoch: number, metrics: MetricsLog): Promise<'finished' | 'stopped'> {
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
        await this.pruneIfDue(epoch, metrics);
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
    await this.keepIfBest(epoch, ending);
    await this.save();
    return 'finished';
  }

  private async record(
    epoch: number,
    trainLoss: number,
    ending: EpochEnd,
    metrics: MetricsLog,
  ): Promise<void> {
    const { epochs, learningRate, progress } = this.options;
    const { event, whole, masked } = ending;
    await metrics.append({
      step: this.stepsDone,
      epoch,
      learning_rate: learningRate(this.stepsDone - 1),
      train_loss: trainLoss,
      ...evaluationColumns('val', whole),
      ...evaluationColumns('masked', masked),
      ...eventColumns(event),
    });
    await metrics.sync();
    this.log.logger.info({ event: 'epoch', epoch, trainLoss, whole, masked, pruning: event });
    progress.note(epochLine(epoch, epochs, trainLoss, ending));
  }

  /** Validates, prunes where an event is due, and validates what the masks leave. */
  private async measureAndPrune(epoch: number): Promise<EpochEnd> {
    const onBatch = (): void => {
      if (this.options.stop.requested !== null) throw new StopAsked();
    };
    const whole = await this.measure('validate', onBatch);
    this.requireFinite(epoch, whole); // before the method sees the weights
    const timetable = this.pruning?.timetable;
    if (timetable?.by !== 'epoch' || !timetable.isDue(epoch)) {
      return { event: null, whole, masked: await this.measureMasked(whole, onBatch) };
    }
    const wasSilenced = this.pruning!.isSilenced;
    const event = await this.prune(epoch, epoch, onBatch);
    // Choosing what is silent already changes nothing.
    const unchanged = wasSilenced && event.churn === 0 ? whole : null;
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

  private requireFiniteWeights(epoch: number): void {
    const name = weightNotFinite(this.options.model);
    if (name === null) return;
    throw new DivergedError(this.stepsDone - 1, epoch, `${name} is no longer finite`);
  }

  /** Only what has lost all that it is to lose is handed over: before, less is removed. */
  private async keepIfBest(epoch: number, { whole, masked }: EpochEnd): Promise<void> {
    if (this.pruning && !this.pruning.hasReachedRate(this.unitOf(epoch))) return;
    const evaluation = this.pruning ? masked : whole;
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
        ...(this.pruning?.state() ?? { keep: keepToJson(keepAll), held: keepToJson(keepAll) }),
        best: best && { ...best, evaluation: { ...best.evaluation } },
      },
    };
  }

  private restore({ tensors, record }: TrainingState): void {
    const { model, optimizer, identity } = this.options;
    requireSameRun(identity, record.identity as JsonObject);
    // The identity is ours, so this version or one that saved the same format wrote the record.
    const { step, epochs, losses, optimizerSteps, best, keep, held } =
      record as unknown as SavedRecord;
    restoreTensors(model, optimizer, tensors, optimizerSteps);
    this.losses.restore(losses);
    this.stepsDone = step;
    this.epochsDone = epochs;
    this.bestSoFar = best;
    this.pruning?.restore({ keep, ...(held && { held }) });
  }
}

/** The record of a checkpoint beside the identity, as `capture` makes it. */
interface SavedRecord {
  readonly step: number;
  readonly epochs: number;
  readonly losses: LossMean['state'];
  readonly optimizerSteps: number;
  readonly best: Best | null;
  readonly keep: ReturnType<typeof keepToJson>;
  /** Not in the checkpoints of versions without gradual regrowth. */
  readonly held?: ReturnType<typeof keepToJson>;
}

/** Calls `onBatch` before each batch is handed on; what it throws ends the feed. */
async function* callBefore<T>(batches: AsyncIterable<T>, onBatch?: () => void): AsyncGenerator<T> {
  for await (const batch of batches) {
    onBatch?.();
    yield batch;
  }
}

/** Rows of events between steps have no loss of an epoch. */
function isEventRow(trainLoss: MetricsRow[string] | undefined): boolean {
  return trainLoss === undefined || trainLoss === null;
}

function isBetter(a: Evaluation, b: Evaluation | undefined): boolean {
  if (!b) return true;
  return a.top1 > b.top1 || (a.top1 === b.top1 && a.loss < b.loss);
}
