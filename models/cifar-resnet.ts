import * as tf from '@tensorflow/tfjs';
import { BasicBlock } from './basic-block';
import type { Shortcut } from './basic-block';
import { batchNormalization, convolution, linear } from './parts';

/** A residual network for small images. */
export interface CifarResNetOptions {
  /** [height, width, channels]; any size from 4 x 4. */
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
  /** `A`: subsample and append zero channels, no weights; `B`: 1x1 convolution. Default A. */
  readonly shortcut?: Shortcut;
  /** Filters of the three stages. Default 16, 32, 64. */
  readonly widths?: readonly [number, number, number];
  /** Determines the initial weights together with each layer's name. Default 1. */
  readonly seed?: number;
}

/**
 * The CIFAR residual network of depth 6n + 2: a 3x3 stem and three stages of n basic blocks.
 *
 * Ends in logits [n, classes]. Layers carry torchvision's names (`layer2_0_conv1`).
 * Source: He et al., "Deep Residual Learning", CVPR 2016, arXiv:1512.03385, section 4.2. BatchNorm
 * momentum 0.9 (Keras' sense) and epsilon 1e-5, as the PyTorch codes that pruning papers use.
 *
 * @throws {RangeError} when depth is not 6n + 2 or the image is smaller than 4 x 4.
 */
export function cifarResNet(depth: number, options: CifarResNetOptions): tf.LayersModel {
  const { inputShape, classes, shortcut = 'A', widths = [16, 32, 64], seed = 1 } = options;
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new RangeError(`depth must be 6n + 2 (20, 32, 44, 56, 110), got ${depth}`);
  }
  if (inputShape[0] < 4 || inputShape[1] < 4) {
    throw new RangeError(`images must be at least 4 x 4, got ${inputShape.join(' x ')}`);
  }
  const input = tf.input({ shape: [...inputShape], name: 'input' });
  let x = convolution(input, { name: 'conv1', filters: widths[0], size: 3, seed });
  x = batchNormalization(x, 'bn1');
  x = tf.layers.reLU({ name: 'relu' }).apply(x) as tf.SymbolicTensor; // [n, h, w, 16]
  widths.forEach((filters, stage) => {
    for (let index = 0; index < blocks; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const name = `layer${stage + 1}_${index}`;
      x = new BasicBlock({ name, filters, stride, shortcut, seed }).apply(x);
    }
  });
  x = tf.layers.globalAveragePooling2d({ name: 'avgpool' }).apply(x) as tf.SymbolicTensor;
  const logits = linear(x, { name: 'fc', units: classes, seed });
  return tf.model({ inputs: input, outputs: logits, name: `resnet${depth}` });
}
