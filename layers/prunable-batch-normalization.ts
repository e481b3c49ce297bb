import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { batchNormalizeTraining } from '../backend/fused';
import { addMask, readMasked, readAsVariable, timesMask } from './prunable';
import type { MaskedWeight, Prunable } from './prunable';
import { BatchNormalization } from './stock';

/**
 * BatchNormalization whose gamma, beta and moving mean read as value * mask: a masked channel is
 * exactly zero after it, in training and in inference, with or without scale and center.
 *
 * Inference is the stock layer's own. Training uses the engine's fused operation and follows Keras
 * and PyTorch: the moving variance takes the batch's unbiased variance (n / (n - 1)), where the
 * stock tfjs layer takes the biased one. A frozen layer computes in training as in inference, and its averages
 * stay: Keras' rule, which tfjs lacks.
 */
export class PrunableBatchNormalization extends BatchNormalization implements Prunable {
  static override className = 'PrunableBatchNormalization';
  masked: readonly MaskedWeight[] = [];
  outputChannels = 0;
  /** Whether a model around the layer is frozen, which no flag of the layer says. */
  isWithinFrozen = false;
  private mask!: tf.LayerVariable; // [c], of all three weights

  /** Whether the layer is not trained: it normalizes by its averages, always. */
  get isFrozen(): boolean {
    const own = [this.gamma, this.beta].filter((weight) => weight !== undefined);
    const isOwnFrozen = own.length > 0 && own.every((weight) => !weight.trainable);
    return this.isWithinFrozen || !this.trainable || isOwnFrozen;
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    super.build(inputShape);
    const last = (inputShape as tf.Shape).length - 1;
    const axis = Number(this.axis); // of an array of one its entry
    if (axis !== -1 && axis !== last) {
      throw new OptionError({
        option: 'axis',
        problem: `of the prunable layer ${this.name} must be the last (-1 or ${last})`,
        received: axis,
      });
    }
    this.mask = addMask(this, 'mask', this.movingMean);
    this.masked = [this.gamma, this.beta, this.movingMean]
      .filter((weight) => weight !== undefined)
      .map((weight) => ({ weight, mask: this.mask, isKernel: false, outputAxes: [0] }));
    this.outputChannels = tf.util.sizeFromShape(this.movingMean.shape as number[]);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor {
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      if (!kwargs.training) return this.normalizeByAverages(x, kwargs);
      return this.isFrozen ? this.normalizeFrozen(x) : this.normalizeBatch(x);
    });
  }

  /** x [..., c] by the statistics of the batch, which also move the moving averages. */
  private normalizeBatch(x: tf.Tensor): tf.Tensor {
    const { mask, gamma, beta, movingMean, movingVariance, epsilon, momentum } = this;
    return batchNormalizeTraining({
      x,
      gamma: (gamma ? timesMask(gamma.read(), mask) : mask.read()) as tf.Tensor1D,
      beta: (beta ? timesMask(beta.read(), mask) : tf.zerosLike(mask.read())) as tf.Tensor1D,
      epsilon,
      momentum,
      moving: { mean: movingMean.read(), variance: movingVariance.read() },
      onMoved: (mean, variance) => {
        movingMean.write(mean);
        movingVariance.write(variance);
      },
    });
  }

  /** x [..., c] by the averages, with a gamma and a beta in any case: tfjs has no gradient without them. */
  private normalizeFrozen(x: tf.Tensor): tf.Tensor {
    const { mask, gamma, beta, movingMean, movingVariance, epsilon } = this;
    const scale = gamma ? timesMask(gamma.read(), mask) : mask.read();
    const offset = beta ? timesMask(beta.read(), mask) : tf.zerosLike(mask.read());
    const rows = x.rank > 4 ? tf.reshape(x, [-1, x.shape.at(-1)!]) : x;
    const mean = timesMask(movingMean.read(), mask) as tf.Tensor1D;
    const variance = movingVariance.read() as tf.Tensor1D;
    const y = tf.batchNorm(rows, mean, variance, offset, scale, epsilon);
    return x.rank > 4 ? tf.reshape(y, x.shape) : y;
  }

  /** The stock layer's own computation; without a gamma the mask acts on x [..., c]. */
  private normalizeByAverages(x: tf.Tensor, kwargs: Record<string, unknown>): tf.Tensor {
    const { gamma, beta, movingMean } = this;
    const values = new Map(
      this.masked.map((entry) => [entry.weight, readAsVariable(readMasked(entry))]),
    );
    this.gamma = gamma && values.get(gamma);
    this.beta = beta && values.get(beta);
    this.movingMean = values.get(movingMean)!;
    try {
      return super.call(gamma ? x : timesMask(x, this.mask), kwargs) as tf.Tensor;
    } finally {
      Object.assign(this, { gamma, beta, movingMean });
    }
  }
}
