import type * as tf from '@tensorflow/tfjs';
import { classifier } from '../blocks/classifier';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts } from '../blocks/parts';

/** Per convolution: its index among torchvision's `features`, filters, size, whether a pool follows. */
const later = [
  { index: 3, filters: 192, size: 5, pooled: true },
  { index: 6, filters: 384, size: 3, pooled: false },
  { index: 8, filters: 256, size: 3, pooled: false },
  { index: 10, filters: 256, size: 3, pooled: true },
];

/**
 * AlexNet as torchvision's, without local response normalization.
 *
 * The variant `cifar` has a 3x3 stem of stride 1 and one Dense layer behind global average pooling.
 * Source: Krizhevsky, "One weird trick", 2014, arXiv:1404.5997.
 */
export function alexNet(options: NetworkOptions): tf.LayersModel {
  const variant = variantOf(options, { smallest: 224 });
  const parts = new Parts(options);
  const input = parts.input();
  const window = variant === 'imagenet' ? { size: 11, stride: 4, padding: 2 } : { size: 3 };
  const stages = [{ index: 0, filters: 64, pooled: true, ...window }, ...later];
  let x = input;
  for (const { index, filters, pooled, ...rest } of stages) {
    const name = `features_${index}`;
    x = parts.convolution(x, { name, filters: parts.scaled(filters), bias: true, ...rest });
    x = parts.activation(x, `features_${index + 1}`);
    if (pooled) x = parts.maxPooling(x, { name: `features_${index + 2}`, size: 3, stride: 2 });
  }
  const logits = classifier(parts, x, { variant, map: 6, dropouts: [0, 3], dense: [1, 4, 6] });
  return parts.model('alexnet', input, logits);
}
