import type * as tf from '@tensorflow/tfjs';
import { bottleneck } from './block';
import type { Block } from './block';
import { widthOf } from './parts';
import type { Parts } from './parts';
import { shortcut } from './shortcut';
import type { ResidualBlockOptions } from './shortcut';

/** How much wider a bottleneck's output is than its inside. */
const EXPANSION = 4;

/**
 * 1x1, 3x3 and 1x1 convolutions beside a shortcut; the last is four times as wide.
 *
 * Source: He et al., "Deep Residual Learning", CVPR 2016, figure 5 right; the 3x3 convolution has the
 * stride, as in torchvision.
 */
@bottleneck({ convs: ['conv1', 'conv2', 'conv3'], downsampling: ['downsample_0'] })
export class Bottleneck implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: ResidualBlockOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h / stride, w / stride, 4 filters]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { name, parts } = this;
    const { filters, stride } = this.options;
    let y = parts.convolution(x, { name: `${name}_conv1`, filters, size: 1 });
    y = parts.batchNormalization(y, `${name}_bn1`);
    y = parts.activation(y, `${name}_relu1`);
    y = parts.convolution(y, { name: `${name}_conv2`, filters, size: 3, stride });
    y = parts.batchNormalization(y, `${name}_bn2`);
    y = parts.activation(y, `${name}_relu2`);
    y = parts.convolution(y, { name: `${name}_conv3`, filters: EXPANSION * filters, size: 1 });
    y = parts.batchNormalization(y, `${name}_bn3`);
    const beside = shortcut(parts, x, { ...this.options, filters: widthOf(y) });
    return parts.activation(parts.add(`${name}_add`, y, beside), `${name}_relu3`);
  }
}
