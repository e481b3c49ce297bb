import * as tf from '@tensorflow/tfjs';
import { readAsVariable } from './prunable';
import { BatchNormalization } from './stock';
import type { StockBatchNormalization } from './stock';

/** What we use of the inside of a BatchNormalization that lacks a weight. */
interface Normalization extends Pick<StockBatchNormalization, 'gamma' | 'beta' | 'movingMean'> {
  readonly scale: boolean;
  readonly center: boolean;
}

type Call = (
  this: Normalization,
  inputs: tf.Tensor | tf.Tensor[],
  kwargs: Record<string, unknown>,
) => tf.Tensor | tf.Tensor[];

/**
 * Gives BatchNormalization without scale or center a gradient, and lets it compute in training: the library
 * fails at both without a gamma and a beta. It is lent ones and zeros, which change no value, where it trains or is
 * differentiated; elsewhere it computes as ever.
 */
export function mendNormalizationGradient(): void {
  const prototype = BatchNormalization.prototype as unknown as { call: Call };
  const stockCall = prototype.call;
  prototype.call = function (inputs, kwargs) {
    const { gamma, beta, scale, center } = this;
    const isWhole = gamma !== undefined && beta !== undefined;
    if (isWhole || !(kwargs.training === true || isDifferentiated())) {
      return stockCall.call(this, inputs, kwargs);
    }
    return tf.tidy(() => {
      const mean = this.movingMean.read();
      const lent = {
        gamma: gamma ?? readAsVariable(tf.onesLike(mean)),
        beta: beta ?? readAsVariable(tf.zerosLike(mean)),
      };
      Object.assign(this, { ...lent, scale: true, center: true });
      try {
        return stockCall.call(this, inputs, kwargs);
      } finally {
        Object.assign(this, { gamma, beta, scale, center });
      }
    });
  };
}

/** Whether a gradient is being taken of what is computed now. */
const isDifferentiated = (): boolean => tf.engine().state.gradientDepth > 0;
