import * as tf from '@tensorflow/tfjs';
import { batchNormalizeTraining } from '../backend/fused';
import { addMask, readMasked, reading } from './prunable';
import type { MaskedWeight, Prunable } from './prunable';
import { BatchNormalization } from './stock';

/**
 * BatchNormalization whose gamma, beta and moving mean read as value * mask: a masked channel is
 * exactly zero after it, in training and in inference, with or without scale and center.
 *
 * Inference is the stock layer's own. Training uses the engine's fused operation and follows Keras
 * and PyTorch: the moving variance takes the batch's unbiased variance (n / (n - 1)), where the
 * stock tfjs layer takes the biased one.
 */
export class PrunableBatchNormalization extends BatchNormalization implements Prunable {
  static override className = 'PrunableBatchNormalization';
  masked: readonly MaskedWeight[] = [];

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    super.build(inputShape);
    const rank = (inputShape as tf.Shape).length;
    if (this.axis !== -1 && this.axis !== rank - 1) {
      throw new RangeError(
        `axis of the prunable layer ${this.name} must be the last (-1 or ${rank - 1}), got ${this.axis}`,
      );
    }
    const mask = addMask(this, 'mask', this.movingMean);
    this.masked = [this.gamma, this.beta, this.movingMean]
      .filter((weight) => weight !== undefined)
      .map((weight) => ({ weight, mask, isKernel: false }));
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor {
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      return kwargs['training']
        ? this.normalizeBatch(x)
        : this.normalizeWithMaskedWeights(x, kwargs);
    });
  }

  /** x [..., c] by the statistics of the batch, which also move the moving averages. */
  private normalizeBatch(x: tf.Tensor): tf.Tensor {
    const [channels] = this.movingMean.shape as [number];
    const masked = new Map(this.masked.map((entry) => [entry.weight, entry]));
    const gamma = this.gamma ? readMasked(masked.get(this.gamma)!) : tf.ones([channels]);
    const beta = this.beta ? readMasked(masked.get(this.beta)!) : tf.zeros([channels]);
    return batchNormalizeTraining({
      x,
      gamma: gamma as tf.Tensor1D,
      beta: beta as tf.Tensor1D,
      epsilon: this.epsilon,
      momentum: this.momentum,
      moving: { mean: this.movingMean.read(), variance: this.movingVariance.read() },
      onMoved: (mean, variance) => {
        this.movingMean.write(mean);
        this.movingVariance.write(variance);
      },
    });
  }

  private normalizeWithMaskedWeights(x: tf.Tensor, kwargs: Record<string, unknown>): tf.Tensor {
    const { gamma, beta, movingMean } = this;
    const values = new Map(this.masked.map((entry) => [entry.weight, reading(readMasked(entry))]));
    this.gamma = gamma && values.get(gamma);
    this.beta = beta && values.get(beta);
    this.movingMean = values.get(movingMean)!;
    try {
      return super.call(x, kwargs) as tf.Tensor;
    } finally {
      Object.assign(this, { gamma, beta, movingMean });
    }
  }
}
