import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropy } from '../backend/fused';
import { SeededDropout, weightsByName } from '../layers';
import { logitsOf } from './logits';
import type { Optimizer } from './optimizer';

/** A batch as the step takes it; borrowed. */
export interface LabelledBatch {
  /** [n, h, w, c], normalised. */
  readonly images: tf.Tensor;
  /** [n] int32. */
  readonly labels: tf.Tensor1D;
}

/**
 * One door to training: a batch goes in, the weights change, the loss comes out. The Trainer knows
 * nothing else of how a step is computed.
 */
export interface TrainingStep {
  /**
   * Trains on one batch.
   *
   * @returns the mean loss of the batch in nats plus the penalties of the layers' regularizers, a
   *   scalar still on the device; the caller owns it.
   */
  run(batch: LabelledBatch, learningRate: number): tf.Scalar;
}

export interface EagerStepOptions {
  /** In [0, 1). Default 0. */
  readonly labelSmoothing?: number;
  /** What dropout draws by, together with the optimizer's step and the layer. Default 1. */
  readonly seed?: number;
}

/** The step taken operation by operation: a gradient tape over the model's layers. */
export class EagerStep implements TrainingStep {
  private readonly weights: Map<string, tf.LayerVariable>;
  private readonly variables: tf.Variable[];
  private readonly names: Map<string, string>; // tfjs' variable name -> ours
  private readonly dropout: SeededDropout;

  /** @throws {RangeError} when labelSmoothing is outside [0, 1). */
  constructor(
    private readonly model: tf.LayersModel,
    private readonly optimizer: Optimizer,
    private readonly options: EagerStepOptions = {},
  ) {
    const { labelSmoothing = 0 } = options;
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new RangeError(`labelSmoothing must be in [0, 1), got ${labelSmoothing}`);
    }
    this.dropout = new SeededDropout(model);
    const unfrozen = new Set(model.trainableWeights);
    const trainable = [...weightsByName(model)].filter(([, weight]) => unfrozen.has(weight));
    this.weights = new Map(trainable);
    this.variables = trainable.map(([, weight]) => weight.read() as unknown as tf.Variable);
    this.names = new Map(trainable.map(([name], index) => [this.variables[index]!.name, name]));
  }

  run({ images, labels }: LabelledBatch, learningRate: number): tf.Scalar {
    const { seed = 1 } = this.options;
    const { value, grads } = this.dropout.during(seed, this.optimizer.steps, () =>
      tf.variableGrads(() => this.loss(images, labels), this.variables),
    );
    const gradients = new Map(
      Object.entries(grads).map(([name, gradient]) => [this.names.get(name)!, gradient]),
    );
    this.optimizer.apply(this.weights, gradients, learningRate);
    tf.dispose(grads);
    return value;
  }

  private loss(images: tf.Tensor, labels: tf.Tensor1D): tf.Scalar {
    const logits = logitsOf(this.model, images, true);
    const losses = softmaxCrossEntropy(logits, labels, this.options.labelSmoothing);
    const penalties = this.model.calculateLosses(); // of the layers' regularizers
    return penalties.reduce<tf.Scalar>((sum, penalty) => tf.add(sum, penalty), tf.mean(losses));
  }
}
