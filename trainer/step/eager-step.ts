import * as tf from '@tensorflow/tfjs';
import { SeededDropout, weightsByName } from '../../layers';
import { TrainingLoss } from './loss';
import type { LossOptions } from './loss';
import type { Optimizer } from './optimizer';
import type { TrainingStep } from './step';
import type { LabelledBatch } from '../../data';

export interface EagerStepOptions extends LossOptions {
  /** What dropout draws by, together with the optimizer's step and the layer. Default 1. */
  readonly seed?: number;
}

/** The step taken operation by operation: a gradient tape over the model's layers. */
export class EagerStep implements TrainingStep {
  private readonly weights: Map<string, tf.LayerVariable>;
  private readonly variables: tf.Variable[];
  private readonly names: Map<string, string>; // tfjs' variable name -> ours
  private readonly dropout: SeededDropout;
  private readonly loss: TrainingLoss;

  /** @throws {RangeError} when labelSmoothing is outside [0, 1), or see TrainingLoss. */
  constructor(
    model: tf.LayersModel,
    private readonly optimizer: Optimizer,
    private readonly options: EagerStepOptions = {},
  ) {
    this.loss = new TrainingLoss(model, options);
    this.dropout = new SeededDropout(model);
    const unfrozen = new Set(model.trainableWeights);
    const trainable = [...weightsByName(model)].filter(([, weight]) => unfrozen.has(weight));
    this.weights = new Map(trainable);
    this.variables = trainable.map(([, weight]) => weight.read() as unknown as tf.Variable);
    this.names = new Map(trainable.map(([name], index) => [this.variables[index]!.name, name]));
  }

  run(batch: LabelledBatch, learningRate: number): tf.Scalar {
    const { seed = 1 } = this.options;
    const { value, grads } = this.loss.during(batch, (loss) =>
      this.dropout.during(seed, this.optimizer.steps, () => tf.variableGrads(loss, this.variables)),
    );
    const gradients = new Map(
      Object.entries(grads).map(([name, gradient]) => [this.names.get(name)!, gradient]),
    );
    this.optimizer.apply(this.weights, gradients, learningRate);
    tf.dispose(grads);
    return value;
  }
}
