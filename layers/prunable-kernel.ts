import * as tf from '@tensorflow/tfjs';
import { addMask, readMasked, readAsVariable } from './prunable';
import type { MaskedWeight, Prunable } from './prunable';
import {
  Conv1D,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  Dense,
  DepthwiseConv2D,
  SeparableConv2D,
} from './stock';
import type { Concrete, StockKernelLayer } from './stock';

type MaskedKernelLayer = Omit<typeof StockKernelLayer, 'prototype'> &
  (new (config: tf.serialization.ConfigDict) => StockKernelLayer & Prunable);

/**
 * A stock layer that computes with kernel * mask and bias * mask.
 *
 * A full mask changes no bit. Every option of the stock layer works: its own `call` does the work,
 * reading the masked weights in place of its own.
 *
 * @param kernelField the weight that a method scores.
 * @param fromEnd the kernel's adjacent axes, counted from its end, that flattened are the outputs.
 */
function withMaskedKernel(
  Stock: Concrete<typeof StockKernelLayer>,
  kernelField: 'kernel' | 'depthwiseKernel' | 'pointwiseKernel',
  ...fromEnd: readonly number[]
): MaskedKernelLayer {
  return class extends Stock implements Prunable {
    masked: readonly MaskedWeight[] = [];
    outputChannels = 0;

    override build(inputShape: tf.Shape | tf.Shape[]): void {
      super.build(inputShape);
      const kernel = this[kernelField];
      const outputAxes = fromEnd.map((axis) => kernel.shape.length - axis);
      const mask = addMask(this, 'mask', kernel);
      const masked: MaskedWeight[] = [{ weight: kernel, mask, isKernel: true, outputAxes }];
      if (this.bias) {
        const biasMask = addMask(this, 'bias_mask', this.bias);
        masked.push({ weight: this.bias, mask: biasMask, isKernel: false, outputAxes: [0] });
      }
      this.masked = masked;
      this.outputChannels = tf.util.sizeFromShape(outputAxes.map((axis) => kernel.shape[axis]!));
    }

    override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor {
      return tf.tidy(() => {
        const { [kernelField]: kernel, bias } = this;
        const [maskedKernel, maskedBias] = this.masked.map(readMasked);
        this[kernelField] = readAsVariable(maskedKernel!);
        this.bias = maskedBias ? readAsVariable(maskedBias) : null;
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

/** Conv1D with masks: kernel [k, in, out], bias [out]. */
export class PrunableConv1D extends withMaskedKernel(Conv1D, 'kernel', 1) {
  static override className = 'PrunableConv1D';
}

/** Conv2D with masks: kernel [kh, kw, in, out], bias [out]. */
export class PrunableConv2D extends withMaskedKernel(Conv2D, 'kernel', 1) {
  static override className = 'PrunableConv2D';
}

/** Conv3D with masks: kernel [kd, kh, kw, in, out], bias [out]. */
export class PrunableConv3D extends withMaskedKernel(Conv3D, 'kernel', 1) {
  static override className = 'PrunableConv3D';
}

/** Conv2DTranspose with masks: kernel [kh, kw, out, in], bias [out]. */
export class PrunableConv2DTranspose extends withMaskedKernel(Conv2DTranspose, 'kernel', 2) {
  static override className = 'PrunableConv2DTranspose';
}

/** Conv3DTranspose with masks: kernel [kd, kh, kw, out, in], bias [out]. */
export class PrunableConv3DTranspose extends withMaskedKernel(Conv3DTranspose, 'kernel', 2) {
  static override className = 'PrunableConv3DTranspose';
}

/** DepthwiseConv2D with masks: kernel [kh, kw, in, multiplier], bias [in * multiplier]. */
export class PrunableDepthwiseConv2D extends withMaskedKernel(
  DepthwiseConv2D,
  'depthwiseKernel',
  2,
  1,
) {
  static override className = 'PrunableDepthwiseConv2D';
}

/**
 * SeparableConv2D with masks: pointwise kernel [1, 1, in * multiplier, out], bias [out]. The depthwise
 * kernel belongs to the channels that come in: it makes none of the outputs and needs no mask.
 */
export class PrunableSeparableConv2D extends withMaskedKernel(
  SeparableConv2D,
  'pointwiseKernel',
  1,
) {
  static override className = 'PrunableSeparableConv2D';
}

/** Dense with masks: kernel [in, out], bias [out]. */
export class PrunableDense extends withMaskedKernel(Dense, 'kernel', 1) {
  static override className = 'PrunableDense';
}
