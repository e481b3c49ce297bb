import type * as tf from '@tensorflow/tfjs';
import { basicBlock } from './block';
import type { Block } from './block';
import { widthOf } from './parts';
import type { Parts } from './parts';
import { shortcut } from './shortcut';
import type { ResidualBlockOptions } from './shortcut';

/**
 * Two 3x3 convolutions beside a shortcut: y = relu(x' + bn(conv(relu(bn(conv(x)))))).
 *
 * Source: He et al., "Deep Residual Learning", CVPR 2016, figure 5 left.
 */
@basicBlock({ convs: ['conv1', 'conv2'], downsampling: ['downsample_0'] })
export class BasicBlock implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: ResidualBlockOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h / stride, w / stride, filters]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { name, parts } = this;
    const { filters, stride } = this.options;
    let y = parts.convolution(x, { name: `${name}_conv1`, filters, size: 3, stride });
    y = parts.batchNormalization(y, `${name}_bn1`);
    y = parts.activation(y, `${name}_relu1`);
    y = parts.convolution(y, { name: `${name}_conv2`, filters, size: 3 });
    y = parts.batchNormalization(y, `${name}_bn2`);
    const beside = shortcut(parts, x, { ...this.options, filters: widthOf(y) });
    return parts.activation(parts.add(`${name}_add`, y, beside), `${name}_relu2`);
  }
}
