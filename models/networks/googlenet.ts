import type * as tf from '@tensorflow/tfjs';
import { convolutionUnit } from '../blocks/convolution-unit';
import { Inception } from '../blocks/inception';
import type { InceptionOptions } from '../blocks/inception';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts } from '../blocks/parts';

/** Filters of the inception blocks by name; `maxpool` entries are window sizes of stride 2. */
const layers: readonly (readonly [string, number | InceptionOptions['filters']])[] = [
  ['inception3a', [64, 96, 128, 16, 32, 32]],
  ['inception3b', [128, 128, 192, 32, 96, 64]],
  ['maxpool3', 3],
  ['inception4a', [192, 96, 208, 16, 48, 64]],
  ['inception4b', [160, 112, 224, 24, 64, 64]],
  ['inception4c', [128, 128, 256, 24, 64, 64]],
  ['inception4d', [112, 144, 288, 32, 64, 64]],
  ['inception4e', [256, 160, 320, 32, 128, 128]],
  ['maxpool4', 2],
  ['inception5a', [256, 160, 320, 32, 128, 128]],
  ['inception5b', [384, 192, 384, 48, 128, 128]],
];

/**
 * GoogLeNet as torchvision's, with BatchNormalization and without auxiliary heads.
 *
 * Source: Szegedy et al., CVPR 2015, arXiv:1409.4842, table 1.
 */
export function googLeNet(options: NetworkOptions): tf.LayersModel {
  const parts = new Parts(options);
  const input = parts.input();
  let x = stem(parts, input);
  for (const [name, entry] of layers) {
    x =
      typeof entry === 'number'
        ? parts.maxPooling(x, { name, size: entry, stride: 2, ceil: true })
        : new Inception(parts, { name, filters: scaleWidths(parts, entry) }).apply(x);
  }
  x = parts.dropout(parts.globalAveragePooling(x), 'dropout', 0.2);
  return parts.model('googlenet', input, parts.linear(x, 'fc'));
}

function stem(parts: Parts, input: tf.SymbolicTensor): tf.SymbolicTensor {
  const large = variantOf(parts.options) === 'imagenet';
  const [narrow, wide] = [parts.scaled(64), parts.scaled(192)];
  const window = large ? { size: 7, stride: 2 } : { size: 3 };
  let x = convolutionUnit(parts, input, { name: 'conv1', filters: narrow, ...window });
  if (large) x = parts.maxPooling(x, { name: 'maxpool1', size: 3, stride: 2, ceil: true });
  x = convolutionUnit(parts, x, { name: 'conv2', filters: narrow, size: 1 });
  x = convolutionUnit(parts, x, { name: 'conv3', filters: wide, size: 3 });
  return parts.maxPooling(x, { name: 'maxpool2', size: 3, stride: 2, ceil: true });
}

function scaleWidths(
  parts: Parts,
  filters: InceptionOptions['filters'],
): InceptionOptions['filters'] {
  // A map over a tuple is a tuple of the same length.
  return filters.map((count) => parts.scaled(count)) as unknown as InceptionOptions['filters'];
}
