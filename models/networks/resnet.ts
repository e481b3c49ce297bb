import type * as tf from '@tensorflow/tfjs';
import { BasicBlock } from '../blocks/basic-block';
import { Bottleneck } from '../blocks/bottleneck';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts } from '../blocks/parts';

/** Block class and number of blocks per stage, by depth. */
const depths = {
  18: [BasicBlock, [2, 2, 2, 2]],
  34: [BasicBlock, [3, 4, 6, 3]],
  50: [Bottleneck, [3, 4, 6, 3]],
  101: [Bottleneck, [3, 4, 23, 3]],
  152: [Bottleneck, [3, 8, 36, 3]],
} as const;

/** The depths of ImageNet's residual networks. */
export type ResNetDepth = keyof typeof depths;

/** Filters of the four stages (in a bottleneck: of its inside). */
const widths = [64, 128, 256, 512];

/**
 * ImageNet's residual network, as torchvision's: shortcut B unless asked otherwise.
 *
 * Source: He et al., "Deep Residual Learning", CVPR 2016, arXiv:1512.03385, table 1.
 */
export function resNet(depth: ResNetDepth, options: NetworkOptions): tf.LayersModel {
  const { shortcut = 'B' } = options;
  const [Block, counts] = depths[depth];
  const parts = new Parts(options);
  const input = parts.input();
  let x = stem(parts, input);
  counts.forEach((count, stage) => {
    for (let index = 0; index < count; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const name = `layer${stage + 1}_${index}`;
      const filters = parts.scaled(widths[stage]!);
      x = new Block(parts, { name, filters, stride, shortcut }).apply(x);
    }
  });
  x = parts.globalAveragePooling(x);
  return parts.model(`resnet${depth}`, input, parts.linear(x, 'fc'));
}

function stem(parts: Parts, input: tf.SymbolicTensor): tf.SymbolicTensor {
  const large = variantOf(parts.options) === 'imagenet';
  const filters = parts.scaled(64);
  const window = large ? { size: 7, stride: 2 } : { size: 3 };
  let x = parts.convolution(input, { name: 'conv1', filters, ...window });
  x = parts.batchNormalization(x, 'bn1');
  x = parts.activation(x, 'relu');
  return large ? parts.maxPooling(x, { name: 'maxpool', size: 3, stride: 2, padding: 1 }) : x;
}
