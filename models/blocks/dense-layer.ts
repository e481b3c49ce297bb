import type * as tf from '@tensorflow/tfjs';
import { denseLayer } from './block';
import type { Block } from './block';
import type { Parts } from './parts';

interface DenseLayerOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  /** Filters of the 1x1 convolution. */
  readonly narrow: number;
  /** Channels that the layer appends. */
  readonly growth: number;
}

/**
 * Appends to its input what a 1x1 and a 3x3 convolution make of it, each behind a normalization.
 *
 * Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, section 3 (DenseNet-B).
 */
@denseLayer({ convs: ['conv1', 'conv2'] })
export class DenseLayer implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: DenseLayerOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h, w, in + growth]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { name, parts } = this;
    const { narrow, growth } = this.options;
    let y = parts.activation(parts.batchNormalization(x, `${name}_norm1`), `${name}_relu1`);
    y = parts.convolution(y, { name: `${name}_conv1`, filters: narrow, size: 1 });
    y = parts.activation(parts.batchNormalization(y, `${name}_norm2`), `${name}_relu2`);
    y = parts.convolution(y, { name: `${name}_conv2`, filters: growth, size: 3 });
    return parts.concatenate(`${name}_cat`, [x, y]);
  }
}
