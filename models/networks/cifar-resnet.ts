import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import { BasicBlock } from '../blocks/basic-block';
import type { NetworkOptions } from '../network-options';
import { Parts } from '../blocks/parts';

/** A residual network for small images: any size from 4 x 4; `variant` and `dropout` have no effect. */
export interface CifarResNetOptions extends NetworkOptions {
  /** Filters of the three stages, before `width`. Default 16, 32, 64. */
  readonly widths?: readonly [number, number, number];
}

/**
 * The CIFAR residual network of depth 6n + 2: a 3x3 stem and three stages of n basic blocks.
 *
 * Ends in logits [n, classes]. Layers carry torchvision's names (`layer2_0_conv1`).
 * Source: He et al., "Deep Residual Learning", CVPR 2016, arXiv:1512.03385, section 4.2. BatchNorm
 * momentum 0.9 (Keras' sense) and epsilon 1e-5, as the PyTorch codes that pruning papers use.
 *
 * @throws {OptionError} when depth is not 6n + 2 or the image is smaller than 4 x 4.
 */
export function cifarResNet(depth: number, options: CifarResNetOptions): tf.LayersModel {
  const { inputShape, shortcut = 'A', widths = [16, 32, 64] } = options;
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new OptionError({
      option: 'depth',
      allowed: '6n + 2 (20, 32, 44, 56, 110)',
      received: depth,
    });
  }
  if (inputShape[0] < 4 || inputShape[1] < 4) {
    throw new OptionError({
      option: 'inputShape',
      allowed: 'at least 4 x 4',
      received: inputShape.join(' x '),
    });
  }
  const parts = new Parts(options);
  const input = parts.input();
  let x = parts.convolution(input, { name: 'conv1', filters: parts.scaled(widths[0]), size: 3 });
  x = parts.batchNormalization(x, 'bn1');
  x = parts.activation(x, 'relu'); // [n, h, w, 16]
  widths.forEach((width, stage) => {
    for (let index = 0; index < blocks; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const name = `layer${stage + 1}_${index}`;
      x = new BasicBlock(parts, { name, filters: parts.scaled(width), stride, shortcut }).apply(x);
    }
  });
  x = parts.globalAveragePooling(x);
  return parts.model(`resnet${depth}`, input, parts.linear(x, 'fc'));
}
