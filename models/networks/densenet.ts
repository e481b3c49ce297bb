import type * as tf from '@tensorflow/tfjs';
import { DenseLayer } from '../blocks/dense-layer';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts, widthOf } from '../blocks/parts';

/** Layers of the four blocks. */
const blocks = [6, 12, 24, 16];

/** Channels that a layer appends, and how many times as many its 1x1 convolution has. */
const GROWTH = 32;
const BOTTLENECK = 4;

/**
 * DenseNet-121 as torchvision's.
 *
 * Source: Huang et al., CVPR 2017, arXiv:1608.06993, table 1 (DenseNet-BC).
 */
export function denseNet121(options: NetworkOptions): tf.LayersModel {
  const parts = new Parts(options);
  const input = parts.input();
  const growth = parts.scaled(GROWTH);
  let x = stem(parts, input);
  blocks.forEach((count, block) => {
    for (let index = 1; index <= count; index++) {
      const name = `features_denseblock${block + 1}_denselayer${index}`;
      x = new DenseLayer(parts, { name, narrow: BOTTLENECK * growth, growth }).apply(x);
    }
    if (block < blocks.length - 1) x = transition(parts, x, `features_transition${block + 1}`);
  });
  x = parts.activation(parts.batchNormalization(x, 'features_norm5'), 'relu');
  x = parts.globalAveragePooling(x);
  return parts.model('densenet121', input, parts.linear(x, 'classifier'));
}

function stem(parts: Parts, input: tf.SymbolicTensor): tf.SymbolicTensor {
  const large = variantOf(parts.options) === 'imagenet';
  const filters = parts.scaled(64);
  const window = large ? { size: 7, stride: 2 } : { size: 3 };
  let x = parts.convolution(input, { name: 'features_conv0', filters, ...window });
  x = parts.activation(parts.batchNormalization(x, 'features_norm0'), 'features_relu0');
  const pool = { name: 'features_pool0', size: 3, stride: 2, padding: 1 };
  return large ? parts.maxPooling(x, pool) : x;
}

/** Halves channels and map. */
function transition(parts: Parts, input: tf.SymbolicTensor, name: string): tf.SymbolicTensor {
  const filters = Math.max(1, Math.floor(widthOf(input) / 2));
  let x = parts.activation(parts.batchNormalization(input, `${name}_norm`), `${name}_relu`);
  x = parts.convolution(x, { name: `${name}_conv`, filters, size: 1 });
  return parts.averagePooling(x, { name: `${name}_pool`, size: 2, stride: 2 });
}
