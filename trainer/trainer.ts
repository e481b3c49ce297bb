import * as path from 'node:path';
import { batchCount, trainingBatches } from '../data';
import { StoppedError } from '../errors';
import type { LoadedCheckpoint } from '../files/run/checkpoint';
import { MetricsLog } from '../files/run/metrics-log';
import type { MetricsRow } from '../files/run/metrics-log';
import { RunCheckpoints } from '../files/run/run-checkpoints';
import { MOST_LOWERINGS } from '../files/run/training-record';
import type { KeepSet } from '../graph';
import type { Evaluation } from '../measure/accuracy';
import { epochRow, metricsColumns, pruningRow } from '../measure/metrics-row';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { breathe } from '../stopping';
import type { EpochEnd, Happening, TrainingObserver } from './events';
import { rewindMetrics } from './metrics';
import { KeptNetworks } from './kept-networks';
import { openRunLog } from './log';
import { createPruning, createStep } from './parts';
import { passEpoch, passStep } from './position';
import type { Pruning } from './pruning/pruning';
import type { PruningEvent } from '../measure/pruning-event';
import { RunState } from './run-state';
import type { Best } from './run-state';
import type { TrainingStep } from './step/step';
import { DivergedError } from './trainer-errors';
import { checkTrainerOptions } from './trainer-options';
import type { TrainerOptions } from './trainer-options';
import { Validation } from './validation';

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
  private readonly validation: Validation;
  private readonly checkpoints: RunCheckpoints;
  private readonly kept: KeptNetworks;
  private readonly log: ReturnType<typeof openRunLog>;
  private readonly observers: readonly TrainingObserver[];

  /** @throws {OptionError} when an option cannot be used; `Pruning` and the step have more to say. */
  constructor(private readonly options: TrainerOptions) {
    checkTrainerOptions(options);
    this.stepsPerEpoch = batchCount(options.data.train.count, options.batchSize);
    this.step = createStep(options);
    this.pruning = createPruning(options, this.stepsPerEpoch);
    const { stepsPerEpoch, step, pruning } = this;
    this.state = new RunState({ ...options, step, pruning, stepsPerEpoch });
    const tell = this.tell.bind(this);
    this.validation = new Validation(options, this.state, pruning, tell);
    this.checkpoints = new RunCheckpoints(options.run, options.keepCheckpoints ?? 2, this.warn);
    const { state, checkpoints, takeUp } = this;
    const { keepDense = false } = options;
    this.kept = new KeptNetworks({ state, checkpoints, pruning, keepDense, takeUp, tell });
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
   * @throws {DivergedError} when the loss is no longer finite, and lowering the learning rate was not asked for or
   *   has not helped.
   */
  async train(): Promise<void> {
    const { warn, options } = this;
    const metrics = await MetricsLog.open(options.run.path, metricsColumns, { warn });
    try {
      await this.rewind(metrics);
      this.tell({ kind: 'started' });
      while (!(await this.reachEnd(metrics))); // each turn but the last went back and lowered the learning rate
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
    const whole = await this.validation.measureWhole();
    return { whole, masked: await this.validation.measureMasked(whole) };
  }

  /**
   * Goes on from the newest valid checkpoint of the run directory.
   *
   * @returns false when there is none and the run starts from the beginning.
   * @throws {ResumeMismatchError} when the checkpoint belongs to another configuration or data set.
   * @throws {NoValidCheckpointError} when there are checkpoints and all are damaged.
   */
  async tryResume(): Promise<boolean> {
    const newest = await this.checkpoints.loadNewest(this.takeUp);
    if (!newest) return false;
    this.tell({ kind: 'resumed', skipped: newest.skipped });
    if (this.best) await this.checkpoints.mendBest(this.best.step);
    return true;
  }

  /** Puts the best network before anything was removed in place, null where there is none; `restoreBest` comes after it. */
  restoreDense(): Promise<Best | null> {
    return this.kept.restoreDense();
  }

  /** Puts the best epoch's network and keep set in place; what train() went on to is lost. */
  restoreBest(): Promise<Best> {
    return this.kept.restoreBest();
  }

  /** Closes the log and frees what the Trainer made itself. */
  dispose(): void {
    this.log.close();
    this.state.losses.clear();
    this.step.dispose();
  }

  /** Trains to the last epoch; false where the network diverged and the run went back. */
  private async reachEnd(metrics: MetricsLog): Promise<boolean> {
    const { epochs, onNan } = this.options;
    try {
      if (this.state.position.step === 0) {
        if (onNan === 'lower') await this.save(); // to go back to
        if (this.pruning?.timetable.atStart) await this.pruneBetweenSteps(metrics);
      }
      while (this.state.position.epoch < epochs) {
        await this.trainEpoch(metrics);
        await this.endEpoch(metrics);
      }
      return true;
    } catch (error) {
      if (!(error instanceof DivergedError) || onNan !== 'lower') throw error;
      await this.goBack(error, metrics);
      return false;
    }
  }

  /**
   * Goes back to the end of the last epoch, which a run has saved wherever else it was stopped, and lowers the
   * learning rate; on the disk when it returns.
   */
  private async goBack(error: DivergedError, metrics: MetricsLog): Promise<void> {
    const { state } = this;
    const times = state.lowered + 1;
    if (times > MOST_LOWERINGS) throw error.afterLowering(state.lowered);
    if (!(await this.checkpoints.loadUpTo(state.epochStart, this.takeUp))) throw error;
    state.lowered = Math.max(state.lowered, times); // a run that was killed here has lowered it before
    await this.rewind(metrics);
    await this.save();
    this.tell({ kind: 'lowered', error, times: state.lowered, most: MOST_LOWERINGS });
  }

  private async rewind(metrics: MetricsLog): Promise<void> {
    const { position, metrics: mark } = this.state;
    await rewindMetrics(metrics, position, mark);
    this.state.metrics = metrics.mark;
  }

  private readonly warn = (what: string): void => {
    this.tell({ kind: 'mended', what });
  };

  private readonly takeUp = ({ path: folder, state }: LoadedCheckpoint): void => {
    this.state.restore(state, path.join(folder, 'state.json'));
  };

  /** The steps of an epoch from wherever the run is in it. */
  private async trainEpoch(metrics: MetricsLog): Promise<void> {
    const { data, batchSize, seed, augment } = this.options;
    const { epoch, batch: firstBatch } = this.state.position;
    this.tell({ kind: 'phase', name: 'train', total: this.stepsPerEpoch, done: firstBatch });
    try {
      const order = { seed, epoch, batchSize, augment, firstBatch };
      for await (const batch of trainingBatches(data, order)) {
        try {
          this.state.losses.add(
            this.step.run(batch, this.state.learningRate(this.state.position.step)),
          );
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
    const learningRate = this.state.learningRate(step - 1);
    await this.append(metrics, epochRow({ step, epoch }, { trainLoss, learningRate }, end));
    this.tell({ kind: 'epoch', epoch, trainLoss, ...end });
    await this.kept.keepIfBest(epoch, end);
    await this.save();
  }

  /** Validates, prunes where an event is due, and validates what the masks leave. */
  private async measureAndPrune(): Promise<EpochEnd> {
    const { pruning } = this;
    const whole = await this.validation.measureWhole();
    this.state.requireFiniteLoss(whole); // before the method sees the weights
    await this.kept.keepIfDense(whole);
    if (pruning?.timetable.by !== 'epoch' || !pruning.timetable.isDue(this.state.position.epoch)) {
      return { pruning: null, whole, masked: await this.validation.measureMasked(whole) };
    }
    const wasSilenced = pruning.isSilenced;
    const event = await this.prune(pruning, this.options.signal);
    this.tellPruned(pruning, event, true);
    // Choosing what is silent already changes nothing.
    const unchanged = wasSilenced && event.churn === 0 ? whole : null;
    const masked = await this.validation.measureMasked(unchanged);
    this.state.requireFiniteLoss(masked);
    return { pruning: event, whole, masked };
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
    await this.append(metrics, pruningRow(this.state.position, event));
    this.tellPruned(pruning, event, false);
  }

  /** Writes a row, on the disk when it returns: the checkpoints of its step come after it. */
  private async append(metrics: MetricsLog, row: MetricsRow): Promise<void> {
    await metrics.append(row);
    await metrics.sync();
    this.state.metrics = metrics.mark;
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

  private async save(): Promise<void> {
    const protect = this.options.onNan === 'lower' ? [this.state.epochStart] : [];
    const saved = await this.state.save((...state) => this.checkpoints.save(...state, protect));
    this.tell({ kind: 'saved', path: saved, isBest: false });
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
