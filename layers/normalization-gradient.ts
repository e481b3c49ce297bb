import * as tf from '@tensorflow/tfjs';
import { readAsVariable } from './prunable';

/** What we use of the inside of a normalization that lacks a weight. */
interface Normalization {
  readonly gamma?: tf.LayerVariable | null;
  readonly beta?: tf.LayerVariable | null;
  readonly scale: boolean;
  readonly center: boolean;
  /** What is normalized, from 0 on once the layer is built; of a BatchNormalization also one from the end. */
  readonly axis: number | readonly number[];
}

type Call = (
  this: Normalization,
  inputs: tf.Tensor | tf.Tensor[],
  kwargs: Record<string, unknown>,
) => tf.Tensor | tf.Tensor[];

/**
 * Gives normalization without scale or center a gradient, and lets BatchNormalization compute in training: the
 * library fails at both without a gamma and a beta. Layers are lent ones and zeros, which change no value, where they
 * train or are differentiated; elsewhere they compute as ever.
 */
export function mendNormalizationGradient(): void {
  for (const layer of [tf.layers.batchNormalization(), tf.layers.layerNormalization()]) {
    mend(Object.getPrototypeOf(layer) as { call: Call });
  }
}

function mend(prototype: { call: Call }): void {
  const stockCall = prototype.call;
  prototype.call = function (inputs, kwargs) {
    const { gamma, beta, scale, center, axis } = this;
    const isWhole = Boolean(gamma) && Boolean(beta); // undefined in one class, null in the other
    if (isWhole || !(kwargs.training === true || isDifferentiated())) {
      return stockCall.call(this, inputs, kwargs);
    }
    return tf.tidy(() => {
      const { shape } = [inputs].flat()[0]!;
      const widths = [axis].flat().map((one) => shape.at(one)!);
      const lent = {
        gamma: gamma ?? readAsVariable(tf.ones(widths)),
        beta: beta ?? readAsVariable(tf.zeros(widths)),
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
