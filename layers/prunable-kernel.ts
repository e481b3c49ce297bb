import * as tf from '@tensorflow/tfjs';
import { addMask, readMasked, reading } from './prunable';
import type { MaskedWeight, Prunable } from './prunable';
import { Conv2D, Dense, DepthwiseConv2D } from './stock';
import type { Concrete, StockKernelLayer } from './stock';

type MaskedKernelLayer = Omit<typeof StockKernelLayer, 'prototype'> &
  (new (config: tf.serialization.ConfigDict) => StockKernelLayer & Prunable);

/**
 * A stock layer that computes with kernel * mask and bias * mask.
 *
 * A full mask changes no bit. Every option of the stock layer works: its own `call` does the work,
 * reading the masked weights in place of its own.
 *
 * @param outputAxes how many of the kernel's last axes, flattened, are the output channels.
 */
function withMaskedKernel(
  Stock: Concrete<typeof StockKernelLayer>,
  kernelField: 'kernel' | 'depthwiseKernel',
  outputAxes: number,
): MaskedKernelLayer {
  return class extends Stock implements Prunable {
    masked: readonly MaskedWeight[] = [];
    outputChannels = 0;

    override build(inputShape: tf.Shape | tf.Shape[]): void {
      super.build(inputShape);
      const kernel = this[kernelField];
      const masked = [{ weight: kernel, mask: addMask(this, 'mask', kernel), isKernel: true }];
      if (this.bias) {
        const mask = addMask(this, 'bias_mask', this.bias);
        masked.push({ weight: this.bias, mask, isKernel: false });
      }
      this.masked = masked;
      this.outputChannels = tf.util.sizeFromShape(kernel.shape.slice(-outputAxes) as number[]);
    }

    override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor {
      return tf.tidy(() => {
        const { [kernelField]: kernel, bias } = this;
        const [maskedKernel, maskedBias] = this.masked.map(readMasked);
        this[kernelField] = reading(maskedKernel!);
        this.bias = maskedBias ? reading(maskedBias) : null;
        try {
          return super.call(inputs, kwargs) as tf.Tensor;
        } finally {
          this[kernelField] = kernel;
          this.bias = bias;
        }
      });
    }
  };
}

/** Conv2D with masks: kernel [kh, kw, in, out], bias [out]. */
export class PrunableConv2D extends withMaskedKernel(Conv2D, 'kernel', 1) {
  static override className = 'PrunableConv2D';
}

/** Dense with masks: kernel [in, out], bias [out]. */
export class PrunableDense extends withMaskedKernel(Dense, 'kernel', 1) {
  static override className = 'PrunableDense';
}

/** DepthwiseConv2D with masks: kernel [kh, kw, in, multiplier], bias [in * multiplier]. */
export class PrunableDepthwiseConv2D extends withMaskedKernel(
  DepthwiseConv2D,
  'depthwiseKernel',
  2,
) {
  static override className = 'PrunableDepthwiseConv2D';
}
