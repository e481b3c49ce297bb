import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { batchNormalizeTraining } from '../backend/fused';
import { addMask, readMasked, reading, timesMask } from './prunable';
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
  outputChannels = 0;
  private mask!: tf.LayerVariable; // [c], of all three weights

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
      return kwargs.training ? this.normalizeBatch(x) : this.normalizeByAverages(x, kwargs);
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

  /** The stock layer's own computation; without a gamma the mask acts on x [..., c]. */
  private normalizeByAverages(x: tf.Tensor, kwargs: Record<string, unknown>): tf.Tensor {
    const { gamma, beta, movingMean } = this;
    const values = new Map(this.masked.map((entry) => [entry.weight, reading(readMasked(entry))]));
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
