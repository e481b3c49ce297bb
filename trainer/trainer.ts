import * as path from 'node:path';
import { batchCount, trainingBatches } from '../data';
import { StoppedError } from '../errors';
import { loadCheckpoint, loadNewestCheckpoint, saveCheckpoint } from '../files/run/checkpoint';
import { CheckpointStateError } from '../files/run/checkpoint-errors';
import { MetricsLog } from '../files/run/metrics-log';
import { removedUnits } from '../graph';
import type { KeepSet, Network } from '../graph';
import { evaluate } from '../measure/accuracy';
import type { Evaluation } from '../measure/accuracy';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { breathe } from '../stopping';
import type { EpochEnd, Happening, PhaseName, TrainingObserver } from './events';
import { epochRow, metricsColumns, pruningRow, rewindMetrics } from './metrics';
import { openRunLog } from './log';
import { createPruning, createStep } from './parts';
import { passEpoch, passStep } from './position';
import type { Pruning } from './pruning/pruning';
import type { PruningEvent } from './pruning/pruning-event';
import { RunState } from './run-state';
import type { Best } from './run-state';
import type { TrainingStep } from './step/step';
import { DivergedError } from './trainer-errors';
import { checkTrainerOptions } from './trainer-options';
import type { TrainerOptions } from './trainer-options';

/** Steps between two readings of the loss: each one waits for the device. */
const READ_EVERY = 10;

/**
 * Trains a network and prunes it meanwhile; owns time, randomness and files, knows no method by name.
 *
 * Everything it computes is a function of its options and the step index, so that a run that was
 * stopped anywhere and resumed ends with the same bits (on one engine and machine). The order is the law of
 * that: the step, its pruning event, its row of metrics, the rows to the disk, then the checkpoint of the best
 * epoch and that of the step.
 */
export class Trainer {
  private readonly stepsPerEpoch: number;
  private readonly step: TrainingStep;
  private readonly pruning: Pruning | null;
  private readonly state: RunState;
  private readonly log: ReturnType<typeof openRunLog>;
  private readonly observers: readonly TrainingObserver[];

  /** @throws {OptionError} when an option cannot be used; `Pruning` and the step have more to say. */
  constructor(private readonly options: TrainerOptions) {
    checkTrainerOptions(options);
    this.stepsPerEpoch = batchCount(options.data.train.count, options.batchSize);
    this.step = createStep(options);
    this.pruning = createPruning(options, this.stepsPerEpoch);
    const { stepsPerEpoch, step, pruning } = this;
    const { network, optimizer, identity } = options;
    this.state = new RunState({ network, optimizer, identity, step, pruning, stepsPerEpoch });
    this.log = openRunLog(options.run.path);
    this.observers = [this.log.observe, ...(options.observers ?? [])];
  }

  /** The epoch that is handed over: the best on the validation images so far; null before the first. */
  get best(): Best | null {
    return this.state.best;
  }

  /** What stays of the network now. */
  get keep(): KeepSet {
    return this.state.keep;
  }

  /** Finished steps. */
  get steps(): number {
    return this.state.position.step;
  }

  /**
   * Trains to the last epoch, or until the signal is aborted; saves either way.
   *
   * @throws {StoppedError} once it is saved: the same run directory resumes.
   * @throws {DivergedError} when the loss is no longer finite.
   */
  async train(): Promise<void> {
    const { epochs, run } = this.options;
    const metrics = await MetricsLog.open(run.path, metricsColumns);
    try {
      await rewindMetrics(metrics, this.state.position);
      this.tell({ kind: 'started' });
      if (this.state.position.step === 0 && this.pruning?.timetable.atStart) {
        await this.pruneBetweenSteps(metrics);
      }
      while (this.state.position.epoch < epochs) {
        await this.trainEpoch(metrics);
        await this.endEpoch(metrics);
      }
    } catch (error) {
      if (error instanceof StoppedError) this.tell({ kind: 'stopped', by: error.by });
      if (error instanceof DivergedError) this.tell({ kind: 'diverged', error });
      throw error;
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
    const whole = await this.measureWhole();
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
    const newest = await loadNewestCheckpoint(this.options.run.checkpoints);
    if (!newest) return false;
    this.state.restore(newest.state);
    this.tell({ kind: 'resumed', skipped: newest.skipped });
    return true;
  }

  /** Puts the best epoch's network and keep set in place; what train() went on to is lost. */
  async restoreBest(): Promise<Best> {
    const { best } = this;
    if (!best) {
      throw new Error(
        this.state.position.epoch === 0
          ? 'no epoch has been finished, so none is the best'
          : 'no pruning event removed anything, so no epoch is the best',
      );
    }
    const name = `ckpt-${String(best.step).padStart(8, '0')}`;
    const { state } = await loadCheckpoint(path.join(this.bestFolder, name));
    this.state.restore(state);
    this.state.best = best;
    return best;
  }

  /** Closes the log and frees what the Trainer made itself. */
  dispose(): void {
    this.log.close();
    this.state.losses.clear();
    this.step.dispose();
  }

  /** The steps of an epoch from wherever the run is in it. */
  private async trainEpoch(metrics: MetricsLog): Promise<void> {
    const { data, batchSize, seed, augment, learningRate } = this.options;
    const { epoch, batch: firstBatch } = this.state.position;
    this.tell({ kind: 'phase', name: 'train', total: this.stepsPerEpoch, done: firstBatch });
    try {
      const order = { seed, epoch, batchSize, augment, firstBatch };
      for await (const batch of trainingBatches(data, order)) {
        try {
          this.state.losses.add(this.step.run(batch, learningRate(this.state.position.step)));
        } finally {
          batch.dispose();
        }
        this.state.position = passStep(this.state.position);
        this.tellStep();
        await this.pruneIfDue(metrics); // with its row, which goes to the disk before a checkpoint
        await this.breatheOrSave();
        await this.saveIfDue();
      }
    } finally {
      this.tell({ kind: 'phase-end' });
    }
  }

  /** Validates, prunes and saves; a stop meanwhile goes back to the end of the epoch's last step. */
  private async endEpoch(metrics: MetricsLog): Promise<void> {
    const { epoch, step } = this.state.position;
    const trainLoss = this.state.readMeanLoss();
    const before = this.state.capture();
    const end = await this.measureAndPrune().catch(async (error: unknown) => {
      if (!(error instanceof StoppedError)) throw error;
      this.state.restore(before);
      await this.save();
      throw error;
    });
    this.state.losses.clear();
    this.state.position = passEpoch(this.state.position);
    const learningRate = this.options.learningRate(step - 1);
    await metrics.append(epochRow({ step, epoch }, { trainLoss, learningRate }, end));
    await metrics.sync(); // the checkpoints of this step come after its row
    this.tell({ kind: 'epoch', epoch, trainLoss, ...end });
    await this.keepIfBest(epoch, end);
    await this.save();
  }

  /** Validates, prunes where an event is due, and validates what the masks leave. */
  private async measureAndPrune(): Promise<EpochEnd> {
    const { pruning } = this;
    const whole = await this.measureWhole();
    this.requireFinite(whole); // before the method sees the weights
    if (pruning?.timetable.by !== 'epoch' || !pruning.timetable.isDue(this.state.position.epoch)) {
      return { pruning: null, whole, masked: await this.measureMasked(whole) };
    }
    const wasSilenced = pruning.isSilenced;
    const event = await this.prune(pruning, this.options.signal);
    this.tellPruned(pruning, event, true);
    // Choosing what is silent already changes nothing.
    const unchanged = wasSilenced && event.churn === 0 ? whole : null;
    const masked = await this.measureMasked(unchanged);
    this.requireFinite(masked);
    return { pruning: event, whole, masked };
  }

  private measureWhole(): Promise<Evaluation> {
    return this.measure('validate', this.state.readNetwork());
  }

  private async measure(name: PhaseName, { model }: Network): Promise<Evaluation> {
    const { data, batchSize, loss, signal } = this.options;
    this.tell({ kind: 'phase', name, total: data.validation.count, done: 0 });
    try {
      return await evaluate(model, data.validation, data, batchSize, {
        signal,
        loss,
        onProgress: (images) => {
          this.tell({ kind: 'measured', images });
        },
      });
    } finally {
      this.tell({ kind: 'phase-end' });
    }
  }

  /** @param whole what the network measures as it is; null when it has changed since. */
  private async measureMasked(whole: Evaluation | null): Promise<Evaluation | null> {
    if (!this.pruning || removedUnits(this.keep) === 0) return null;
    if (whole && this.pruning.isSilenced) return whole;
    const network = this.state.readNetwork();
    return this.pruning.whileMasked(() => this.measure('validate masked', network));
  }

  private async pruneIfDue(metrics: MetricsLog): Promise<void> {
    const timetable = this.pruning?.timetable;
    if (timetable?.by !== 'step' || !timetable.isDue(this.state.findLastDone(timetable))) return;
    this.state.readMeanLoss();
    this.state.requireFiniteWeights(); // before the method sees them
    await this.pruneBetweenSteps(metrics);
  }

  /** An event outside the end of an epoch, with a row of its own. */
  private async pruneBetweenSteps(metrics: MetricsLog): Promise<void> {
    const pruning = this.pruning!;
    const event = await this.prune(pruning);
    await metrics.append(pruningRow(this.state.position, event));
    await metrics.sync(); // the checkpoint of this step comes after its row
    this.tellPruned(pruning, event, false);
  }

  /** An event with what the method wants to see before it. */
  private async prune(pruning: Pruning, signal?: AbortSignal): Promise<PruningEvent> {
    const { data, seed, batchSize, loss, observeBatches = 10 } = this.options;
    const order = { seed, epoch: this.state.position.epoch, batchSize };
    const network = this.state.readNetwork();
    const time = this.state.findLastDone(pruning.timetable);
    const event = await withEvidence(
      { model: network.model, graph: network.graph, loss },
      this.options.method!,
      () => observationBatches(data, order, observeBatches, signal),
      (evidence) => pruning.event(time, evidence),
    );
    this.state.goOnWith(network); // its weights, masks and slots are others now
    return event;
  }

  /** Ends with a checkpoint of the running step where a stop was asked for. */
  private async breatheOrSave(): Promise<void> {
    try {
      await breathe(this.options.signal);
    } catch (error) {
      await this.save();
      throw error;
    }
  }

  private async saveIfDue(): Promise<void> {
    const { checkpointEvery } = this.options;
    const { step, batch } = this.state.position;
    const isEnd = batch === this.stepsPerEpoch; // saved after its validation
    if (!checkpointEvery || isEnd || step % checkpointEvery !== 0) return;
    await this.save();
  }

  /** Only what has lost all that it is to lose is handed over: before, less is removed. */
  private async keepIfBest(epoch: number, { whole, masked }: EpochEnd): Promise<void> {
    const { pruning, state } = this;
    if (pruning && !pruning.hasReachedRate(state.findLastDone(pruning.timetable))) return;
    const evaluation = pruning ? masked : whole;
    if (!evaluation || !state.isBest(evaluation)) return;
    state.best = { epoch, step: state.position.step, evaluation };
    // Two: the checkpoint that a killed run resumes from may still name the one before.
    const saved = await this.saveTo(this.bestFolder, 2);
    this.tell({ kind: 'saved', path: saved, isBest: true });
  }

  private get bestFolder(): string {
    return path.join(this.options.run.path, 'best');
  }

  private async save(): Promise<void> {
    const { run, keepCheckpoints = 2 } = this.options;
    const saved = await this.saveTo(run.checkpoints, keepCheckpoints);
    this.tell({ kind: 'saved', path: saved, isBest: false });
  }

  private async saveTo(folder: string, keep: number): Promise<string> {
    const state = this.state.capture();
    try {
      return await saveCheckpoint(folder, this.state.position.step, state, { keep });
    } catch (error) {
      if (!(error instanceof CheckpointStateError) || error.tensor === null) throw error;
      throw this.state.diverged(`${error.tensor} is no longer finite`, { cause: error });
    }
  }

  private requireFinite(evaluation: Evaluation | null): void {
    if (!evaluation || Number.isFinite(evaluation.loss)) return;
    throw this.state.diverged(`the loss on the validation images became ${evaluation.loss}`);
  }

  private tell(happening: Happening): void {
    const event = { ...happening, position: this.state.position, epochs: this.options.epochs };
    for (const observe of this.observers) observe(event);
  }

  /** Reads the loss now and then, and notices when it is no number. */
  private tellStep(): void {
    const isRead = this.state.position.batch % READ_EVERY === 0;
    this.tell({ kind: 'step', meanLoss: isRead ? this.state.readMeanLoss() : null });
  }

  private tellPruned(pruning: Pruning, event: PruningEvent, isInEpochEnd: boolean): void {
    const isFirst = pruning.timetable.isFirst(this.state.findLastDone(pruning.timetable));
    const isOfFilters = pruning.keep.weights.size === 0;
    const firstNorms = isFirst && isOfFilters ? event.norms : null;
    this.tell({ kind: 'pruned', pruning: event, isInEpochEnd, firstNorms });
  }
}
