import { SecateurError } from '../errors';
import { MalformedFileError, object } from '../files';
import { CheckpointStateError } from '../files/run/checkpoint-errors';
import { requireSameRun } from '../files/run/same-run';
import { readTrainingRecord } from '../files/run/training-record';
import type { MetricsMark, TrainingRecord } from '../files/run/training-record';
import type { TrainingState } from '../files/run/training-state';
import type { KeepSet, Network } from '../graph';
import { checkKeep, keepAll, keepFromJson, keepToJson } from '../graph';
import { weightNotFinite } from '../layers';
import { findLastDone, runStart } from './position';
import type { Position } from './position';
import type { Pruning } from './pruning/pruning';
import type { Timetable } from './pruning/timetable';
import { LossMean } from '../measure/loss-mean';
import type { TrainingStep } from './step/step';
import { DivergedError } from './trainer-errors';
import { captureTensors, restoreTensors, tensorsFault } from './training-state';
import type { Evaluation } from '../measure/accuracy';
import type { TrainerOptions } from './trainer-options';

/** The epoch whose network the run hands over: the best on the validation images. */
export interface Best {
  readonly epoch: number;
  /** Finished steps at its end. */
  readonly step: number;
  readonly evaluation: Evaluation;
}

/** What a run changes, and how its checkpoints name it; borrowed. */
export interface RunParts extends Pick<
  TrainerOptions,
  'network' | 'optimizer' | 'identity' | 'epochs' | 'learningRate'
> {
  readonly step: TrainingStep;
  readonly pruning: Pruning | null;
  readonly stepsPerEpoch: number;
}

/** All that changes in a run, and what a checkpoint holds of it. */
export class RunState {
  position: Position = runStart;
  /** Of the running epoch. */
  readonly losses = new LossMean();
  /** Of the epochs so far; null before the first that counts. */
  best: Best | null = null;
  /** Of the epochs before anything was removed; null where none was kept. */
  dense: Best | null = null;
  /** How often the learning rate was divided by 10, because the network diverged. */
  lowered = 0;
  /** Of the rows that are written; null where a checkpoint does not tell. */
  metrics: MetricsMark | null = null;
  private network: Network; // one object, so that a smaller network can take its place

  constructor(private readonly parts: RunParts) {
    this.network = parts.network;
  }

  /** What stays of the network now. */
  get keep(): KeepSet {
    return this.parts.pruning?.keep ?? keepAll;
  }

  /** Finished steps at the beginning of the running epoch. */
  get epochStart(): number {
    return this.position.epoch * this.parts.stepsPerEpoch;
  }

  /** Whether an epoch that ends so is better than the best before; of equals the earlier stays the best. */
  isBetter({ top1, loss }: Evaluation, best: Best | null): boolean {
    if (!best) return true;
    const { evaluation } = best;
    return top1 > evaluation.top1 || (top1 === evaluation.top1 && loss < evaluation.loss);
  }

  /** The best epoch of a run that is over. */
  requireBest(): Best {
    if (this.best) return this.best;
    const isNone = this.position.epoch === 0;
    const cause = isNone ? 'no epoch has been finished' : 'no pruning event removed anything';
    throw new Error(`${cause}, so no epoch is the best`);
  }

  /** Of a step from now on. */
  learningRate(step: number): number {
    return this.parts.learningRate(step) / 10 ** this.lowered;
  }

  /** The network with all that the steps made of it, for who reads its weights. */
  readNetwork(): Network {
    this.parts.step.sync();
    return this.network;
  }

  /** Goes on with a network as it is now: the same after its weights were changed, or another. */
  goOnWith(network: Network): void {
    this.network = network;
    this.parts.pruning?.rebind(network);
    this.parts.step.rebind(network);
  }

  /** The epoch or step that is done last, as a timetable counts; -1 before the first. */
  findLastDone({ by }: Timetable): number {
    return findLastDone(this.position, by, this.parts.stepsPerEpoch);
  }

  /**
   * The mean loss of the epoch so far, all of it read.
   *
   * @throws {DivergedError} naming the first step whose loss is not finite.
   */
  readMeanLoss(): number {
    const bad = this.losses.read();
    if (!bad) return this.losses.mean;
    const { epoch } = this.position;
    const step = epoch * this.parts.stepsPerEpoch + bad.index;
    throw new DivergedError(step, epoch, `the loss became ${bad.loss}`);
  }

  /** @throws {DivergedError} naming a weight that is not finite. */
  requireFiniteWeights(): void {
    const name = weightNotFinite(this.readNetwork().model);
    if (name !== null) throw this.diverged(`${name} is no longer finite`);
  }

  /** @throws {DivergedError} when the loss of a validation is not finite. */
  requireFiniteLoss(evaluation: Evaluation | null): void {
    if (!evaluation || Number.isFinite(evaluation.loss)) return;
    throw this.diverged(`the loss on the validation images became ${evaluation.loss}`);
  }

  /** The error of what is found after the last step. */
  diverged(what: string, options?: ErrorOptions): DivergedError {
    const { step, epoch } = this.position;
    return new DivergedError(step - 1, epoch, what, options);
  }

  /**
   * All that a checkpoint holds.
   *
   * @throws {DivergedError} when a loss is not finite.
   */
  capture(): TrainingState {
    this.readMeanLoss(); // none is left unread
    const { identity, optimizer, pruning } = this.parts;
    return {
      tensors: captureTensors(this.readNetwork().model, optimizer),
      record: {
        identity,
        step: this.position.step,
        epochs: this.position.epoch,
        losses: this.losses.state(),
        optimizerSteps: optimizer.steps,
        ...(pruning?.state() ?? { keep: keepToJson(keepAll), held: keepToJson(keepAll) }),
        best: this.best && { ...this.best, evaluation: { ...this.best.evaluation } },
        ...(this.dense && { dense: { ...this.dense, evaluation: { ...this.dense.evaluation } } }),
        ...(this.lowered > 0 && { lowered: this.lowered }),
        ...(this.metrics && { metrics: this.metrics }),
      },
    };
  }

  /**
   * Hands what a checkpoint holds to who saves it.
   *
   * @throws {DivergedError} when a loss or a weight is not finite, naming the weight.
   */
  async save(write: (step: number, state: TrainingState) => Promise<string>): Promise<string> {
    const state = this.capture();
    try {
      return await write(this.position.step, state);
    } catch (error) {
      if (!(error instanceof CheckpointStateError) || error.tensor === null) throw error;
      throw this.diverged(`${error.tensor} is no longer finite`, { cause: error });
    }
  }

  /**
   * Goes back, or on, to what `capture` gave.
   *
   * @param file that it comes from, for the error.
   * @throws {ResumeMismatchError} when it is of another run; nothing changes then.
   * @throws {MalformedFileError} when it says what no run of this length and network can have come to; nothing changes
   *   then either.
   */
  restore({ tensors, record }: TrainingState, file = 'state.json'): void {
    const { identity, optimizer, pruning, stepsPerEpoch } = this.parts;
    requireSameRun(identity, object(record.identity, { file, key: 'record.identity' }));
    const saved = readTrainingRecord(record, this.parts, file);
    const { model } = this.network;
    const fault = tensorsFault(model, tensors);
    if (fault !== null) throw new MalformedFileError(file, fault);
    this.requireKeep(saved, file);
    restoreTensors(model, optimizer, tensors, saved.optimizerSteps);
    this.losses.restore(saved.losses);
    const { step, epochs: epoch } = saved;
    this.position = { step, epoch, batch: step - epoch * stepsPerEpoch };
    this.best = saved.best;
    this.dense = saved.dense ?? null;
    this.lowered = saved.lowered ?? 0;
    this.metrics = saved.metrics ?? null;
    pruning?.restore(saved);
    this.goOnWith(this.network);
  }

  /** Refuses what cannot stay of this network. */
  private requireKeep({ keep, held = keep }: TrainingRecord, file: string): void {
    try {
      for (const json of [keep, held]) checkKeep(this.network.graph, keepFromJson(json));
    } catch (error) {
      if (!(error instanceof SecateurError)) throw error;
      throw new MalformedFileError(file, `record.keep does not fit the network: ${error.message}`);
    }
  }
}
