import type * as tf from '@tensorflow/tfjs';
import { Fire } from '../blocks/fire';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts } from '../blocks/parts';

/** Squeeze and expand filters of the eight fire blocks. */
const fires = [
  [16, 64],
  [16, 64],
  [32, 128],
  [32, 128],
  [48, 192],
  [48, 192],
  [64, 256],
  [64, 256],
] as const;

/** The stem's filters and window, and before which fire blocks the map is halved. */
const versions = {
  '1_0': { filters: 96, size: 7, pools: [0, 3, 7] },
  '1_1': { filters: 64, size: 3, pools: [0, 2, 4] },
} as const;

/** SqueezeNet's two versions. */
export type SqueezeNetVersion = keyof typeof versions;

/**
 * SqueezeNet as torchvision's: no Dense layer, the last convolution's maps are averaged to the logits.
 *
 * Source: Iandola et al., 2016, arXiv:1602.07360.
 */
export function squeezeNet(version: SqueezeNetVersion, options: NetworkOptions): tf.LayersModel {
  const { filters, size, pools } = versions[version];
  const large = variantOf(options) === 'imagenet';
  const parts = new Parts(options);
  const input = parts.input();
  const window = large ? { size, stride: 2, padding: 0 } : { size: 3 };
  const stem = { name: 'features_0', filters: parts.scaled(filters), bias: true, ...window };
  let x = parts.activation(parts.convolution(input, stem), 'features_1');
  let index = 2; // among torchvision's features
  fires.forEach(([squeeze, expand], block) => {
    if (pools.some((before) => before === block)) {
      const name = `features_${index++}`;
      if (large || block > 0) x = parts.maxPooling(x, { name, size: 3, stride: 2, ceil: true });
    }
    const widths = { squeeze: parts.scaled(squeeze), expand: parts.scaled(expand) };
    x = new Fire(parts, { name: `features_${index++}`, ...widths }).apply(x);
  });
  return parts.model(`squeezenet${version}`, input, head(parts, x));
}

function head(parts: Parts, features: tf.SymbolicTensor): tf.SymbolicTensor {
  let x = parts.dropout(features, 'classifier_0', 0.5);
  x = parts.classes(x, 'classifier_1');
  x = parts.activation(x, 'classifier_2');
  return parts.globalAveragePooling(x, 'classifier_3');
}
