import * as tf from '@tensorflow/tfjs';
import { batchNormalization, convolution } from './parts';

/** How a block's input reaches its sum where the shape changes. */
export type Shortcut = 'A' | 'B';

export interface BasicBlockOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  readonly filters: number;
  readonly stride: number;
  readonly shortcut: Shortcut;
  readonly seed: number;
}

/**
 * Two 3x3 convolutions beside a shortcut: y = relu(x' + bn(conv(relu(bn(conv(x)))))).
 *
 * Source: He et al., "Deep Residual Learning", CVPR 2016, figure 5 left.
 */
export class BasicBlock {
  constructor(private readonly options: BasicBlockOptions) {}

  /** x [n, h, w, in] to [n, h / stride, w / stride, filters]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { name, filters, stride, seed } = this.options;
    let y = convolution(x, { name: `${name}_conv1`, filters, size: 3, stride, seed });
    y = batchNormalization(y, `${name}_bn1`);
    y = tf.layers.reLU({ name: `${name}_relu1` }).apply(y) as tf.SymbolicTensor;
    y = convolution(y, { name: `${name}_conv2`, filters, size: 3, seed });
    y = batchNormalization(y, `${name}_bn2`);
    const sum = tf.layers.add({ name: `${name}_add` }).apply([y, this.shortcut(x)]);
    return tf.layers.reLU({ name: `${name}_relu2` }).apply(sum) as tf.SymbolicTensor;
  }

  private shortcut(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { name, filters, stride, shortcut, seed } = this.options;
    const extra = filters - (x.shape.at(-1) ?? 0);
    if (stride === 1 && extra === 0) return x;
    if (shortcut === 'B') {
      const downsample = `${name}_downsample`;
      const y = convolution(x, { name: `${downsample}_conv`, filters, size: 1, stride, seed });
      return batchNormalization(y, `${downsample}_bn`);
    }
    if (extra < 0) throw new RangeError(`shortcut A can only widen, ${name} narrows by ${-extra}`);
    const sampled = tf.layers
      .averagePooling2d({ name: `${name}_shortcut_pool`, poolSize: 1, strides: stride })
      .apply(x) as tf.SymbolicTensor;
    if (extra === 0) return sampled;
    // channelsFirst pads the LAST axis of an NHWC tensor: zero channels after the others.
    return tf.layers
      .zeroPadding2d({
        name: `${name}_shortcut_pad`,
        padding: [
          [0, 0],
          [0, extra],
        ],
        dataFormat: 'channelsFirst',
      })
      .apply(sampled) as tf.SymbolicTensor;
  }
}
