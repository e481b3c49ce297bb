import * as tf from '@tensorflow/tfjs';
import { takingGradients } from '../../backend/missing-gradient';
import type { LabelledBatch } from '../../data';
import type { Network } from '../../graph';
import { findTrained } from '../../layers';
import { TrainingLoss } from './loss';
import type { LossOptions } from './loss';
import type { Optimizer } from './optimizer';
import type { StepParts, TrainingStep } from './step';

export interface EagerStepOptions extends LossOptions {
  /** What dropout draws by, together with the optimizer's step and the layer. Default 1. */
  readonly seed?: number;
}

/** The step taken operation by operation: a gradient tape over the model's layers, which hold the weights. */
export class EagerStep implements TrainingStep {
  private readonly loss: TrainingLoss;
  private trained: ReturnType<typeof findTrained>;

  /** @throws {OptionError} when labelSmoothing is outside [0, 1), or see TrainingLoss. */
  constructor(
    model: tf.LayersModel,
    private readonly optimizer: Optimizer,
    private readonly options: EagerStepOptions = {},
  ) {
    this.loss = new TrainingLoss(model, options);
    this.trained = findTrained(model);
  }

  run(batch: LabelledBatch, learningRate: number): tf.Scalar {
    const { seed = 1 } = this.options;
    const { weights, variables, names, dropout } = this.trained;
    const { value, grads } = this.loss.during(batch, (loss) =>
      dropout.during(seed, this.optimizer.steps, () =>
        takingGradients(() => tf.variableGrads(loss, variables)),
      ),
    );
    const gradients = new Map(
      Object.entries(grads).map(([name, gradient]) => [names.get(name)!, gradient]),
    );
    this.optimizer.apply(weights, gradients, learningRate);
    tf.dispose(grads);
    return value;
  }

  sync(): void {
    // the weights live in the model
  }

  rebind(network: Network): void {
    this.loss.rebind(network);
    this.trained = findTrained(network.model);
  }

  dispose(): void {
    // the weights are the model's and the slots are the optimizer's
  }
}

/** The step that a Trainer takes unless it is told otherwise. */
export function createEagerStep({ network, optimizer, ...options }: StepParts): TrainingStep {
  return new EagerStep(network.model, optimizer, options);
}
