import type * as tf from '@tensorflow/tfjs';
import { mbConv } from './block';
import type { Block } from './block';
import type { Parts } from './parts';

interface DepthwiseSeparableOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  readonly filters: number;
  readonly stride: number;
}

/**
 * A 3x3 depthwise and a 1x1 convolution, BatchNormalization and ReLU behind each.
 *
 * Source: Howard et al., "MobileNets", 2017, arXiv:1704.04861, figure 3 right.
 */
@mbConv({ convs: ['0_0', '1_0'] })
export class DepthwiseSeparable implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: DepthwiseSeparableOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h / stride, w / stride, filters]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { name, parts } = this;
    const { filters, stride } = this.options;
    let y = parts.depthwise(x, { name: `${name}_0_0`, size: 3, stride });
    y = parts.activation(parts.batchNormalization(y, `${name}_0_1`), `${name}_0_2`);
    y = parts.convolution(y, { name: `${name}_1_0`, filters, size: 1 });
    return parts.activation(parts.batchNormalization(y, `${name}_1_1`), `${name}_1_2`);
  }
}
