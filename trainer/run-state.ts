import type { TrainingState } from '../files/run/checkpoint';
import type { JsonObject } from '../files/durable-files';
import type { KeepSet, Network } from '../graph';
import { keepAll, keepFromJson, keepToJson } from '../graph';
import { BestEpoch } from './best-epoch';
import type { Best } from './best-epoch';
import { lastDone, restorePosition, runStart, savePosition } from './position';
import type { Position, SavedPosition } from './position';
import type { Pruning } from './pruning/pruning';
import type { Timetable } from './pruning/timetable';
import { LossMean } from './step/loss-mean';
import type { LossState } from './step/loss-mean';
import type { Optimizer } from './step/optimizer';
import type { TrainingStep } from './step/step';
import { DivergedError, requireSameRun } from './trainer-errors';
import { captureTensors, restoreTensors, weightNotFinite } from './training-state';

/** What changes with a run, and how it is named; borrowed. */
export interface RunParts {
  readonly network: Network;
  readonly step: TrainingStep;
  readonly optimizer: Optimizer;
  /** Null where nothing is ever removed. */
  readonly pruning: Pruning | null;
  readonly stepsPerEpoch: number;
  /** What a resumed run must share with this one. */
  readonly identity: JsonObject;
  /** Path of the run directory. */
  readonly folder: string;
}

/** All that changes in a run, and what a checkpoint holds of it. */
export class RunState {
  position: Position = runStart;
  /** Of the running epoch. */
  readonly losses = new LossMean();
  readonly best: BestEpoch;
  private network: Network; // one object, so that a smaller network can take its place

  constructor(private readonly parts: RunParts) {
    this.network = parts.network;
    this.best = new BestEpoch(parts.folder);
  }

  /** What stays of the network now. */
  get keep(): KeepSet {
    return this.parts.pruning?.keep ?? keepAll;
  }

  /** The network with all that the steps made of it, for who reads its weights. */
  readNetwork(): Network {
    this.parts.step.sync();
    return this.network;
  }

  /** Goes on with a network as it is now: the same after its weights were changed, or another. */
  goOnWith(network: Network): void {
    this.network = network;
    this.parts.step.rebind(network);
  }

  /** The epoch or step that is done last, as a timetable counts; -1 before the first. */
  lastDone({ by }: Timetable): number {
    return lastDone(this.position, by, this.parts.stepsPerEpoch);
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
        ...savePosition(this.position),
        losses: this.losses.state(),
        optimizerSteps: optimizer.steps,
        keep: keepToJson(this.keep),
        held: keepToJson(pruning?.held ?? keepAll),
        best: this.best.state(),
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
    this.position = restorePosition(saved, stepsPerEpoch);
    this.best.restore(saved.best);
    pruning?.restore(keepFromJson(saved.keep), saved.held ? keepFromJson(saved.held) : null);
    this.goOnWith(this.network);
  }
}

/** The record of a checkpoint beside the identity, as `capture` makes it. */
interface SavedRecord extends SavedPosition {
  readonly losses: LossState;
  readonly optimizerSteps: number;
  readonly best: Best | null;
  readonly keep: ReturnType<typeof keepToJson>;
  /** Not in the checkpoints of versions without gradual regrowth. */
  readonly held?: ReturnType<typeof keepToJson>;
}
