import type { TrainingState } from '../files/run/training-state';
import type { JsonObject } from '../files';
import { requireSameRun } from '../files/run/same-run';
import type { KeepSet, Network } from '../graph';
import { keepAll, keepToJson } from '../graph';
import { weightNotFinite } from '../layers';
import { findLastDone, runStart } from './position';
import type { Position } from './position';
import type { Pruning, PruningState } from './pruning/pruning';
import type { Timetable } from './pruning/timetable';
import { LossMean } from './step/loss-mean';
import type { LossState } from './step/loss-mean';
import type { TrainingStep } from './step/step';
import { DivergedError } from './trainer-errors';
import { captureTensors, restoreTensors } from './training-state';
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
export interface RunParts extends Pick<TrainerOptions, 'network' | 'optimizer' | 'identity'> {
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
  private network: Network; // one object, so that a smaller network can take its place

  constructor(private readonly parts: RunParts) {
    this.network = parts.network;
  }

  /** What stays of the network now. */
  get keep(): KeepSet {
    return this.parts.pruning?.keep ?? keepAll;
  }

  /** Whether an epoch that ends so is better than all before; of equals the earlier stays the best. */
  isBest({ top1, loss }: Evaluation): boolean {
    if (!this.best) return true;
    const { evaluation } = this.best;
    return top1 > evaluation.top1 || (top1 === evaluation.top1 && loss < evaluation.loss);
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
      },
    };
  }

  /**
   * Goes back, or on, to what `capture` gave.
   *
   * @throws {ResumeMismatchError} when it is of another run; nothing changes then.
   */
  restore({ tensors, record }: TrainingState): void {
    const { identity, optimizer, pruning, stepsPerEpoch } = this.parts;
    requireSameRun(identity, record.identity as JsonObject);
    // The identity is ours, so this version or one that saved the same format wrote the record.
    const saved = record as unknown as SavedRecord;
    restoreTensors(this.network.model, optimizer, tensors, saved.optimizerSteps);
    this.losses.restore(saved.losses);
    const { step, epochs: epoch } = saved;
    this.position = { step, epoch, batch: step - epoch * stepsPerEpoch };
    this.best = saved.best;
    pruning?.restore(saved);
    this.goOnWith(this.network);
  }
}

/** The record of a checkpoint beside the identity, as `capture` makes it. */
interface SavedRecord extends PruningState {
  readonly step: number;
  readonly epochs: number;
  readonly losses: LossState;
  readonly optimizerSteps: number;
  readonly best: Best | null;
}
