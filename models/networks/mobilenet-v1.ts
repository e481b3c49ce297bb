import type * as tf from '@tensorflow/tfjs';
import { DepthwiseSeparable } from '../blocks/depthwise-separable';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts } from '../blocks/parts';
import { truncated } from '../blocks/rounding';

/** Filters and stride of the thirteen blocks. */
const blocks: readonly (readonly [number, 1 | 2])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

/**
 * MobileNetV1; torchvision has none, so the names follow those of its MobileNetV2.
 *
 * Source: Howard et al., 2017, arXiv:1704.04861, table 1.
 */
export function mobileNetV1(options: NetworkOptions): tf.LayersModel {
  const large = variantOf(options) === 'imagenet';
  const parts = new Parts(options, truncated);
  const input = parts.input();
  const filters = parts.scaled(32);
  const stride = large ? 2 : 1;
  let x = parts.convolution(input, { name: 'features_0_0', filters, size: 3, stride });
  x = parts.activation(parts.batchNormalization(x, 'features_0_1'), 'features_0_2');
  blocks.forEach(([width, ownStride], index) => {
    const name = `features_${index + 1}`;
    // The variant for small images leaves out the first halving here and the one of the stem.
    const kept = large || index > 1 ? ownStride : 1;
    x = new DepthwiseSeparable(parts, { name, filters: parts.scaled(width), stride: kept }).apply(
      x,
    );
  });
  x = parts.dropout(parts.globalAveragePooling(x), 'classifier_0', 0.2);
  return parts.model('mobilenet_v1', input, parts.linear(x, 'classifier_1'));
}
