import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import type { Shortcut } from '../network-options';
import { widthOf } from './parts';
import type { Parts } from './parts';

/** A residual block of torchvision's kinds. */
export interface ResidualBlockOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  /** Width of the block's narrow convolutions. */
  readonly filters: number;
  readonly stride: number;
  readonly shortcut: Shortcut;
}

/**
 * Brings a block's input x to [n, h / stride, w / stride, filters]; x itself where it has that shape.
 *
 * @throws {OptionError} when option A would have to narrow.
 */
export function shortcut(
  parts: Parts,
  x: tf.SymbolicTensor,
  { name, filters, stride, shortcut: kind }: ResidualBlockOptions,
): tf.SymbolicTensor {
  const extra = filters - widthOf(x);
  if (stride === 1 && extra === 0) return x;
  if (kind === 'B') {
    const y = parts.convolution(x, { name: `${name}_downsample_0`, filters, size: 1, stride });
    return parts.batchNormalization(y, `${name}_downsample_1`);
  }
  if (extra < 0) {
    throw new OptionError({
      option: 'shortcut',
      problem: `A can only widen, ${name} narrows by ${-extra}`,
    });
  }
  const sampled = parts.averagePooling(x, { name: `${name}_shortcut_pool`, size: 1, stride });
  if (extra === 0) return sampled;
  // channelsFirst pads the LAST axis of an NHWC tensor: zero channels after the others.
  const pad = tf.layers.zeroPadding2d({
    name: `${name}_shortcut_pad`,
    padding: [
      [0, 0],
      [0, extra],
    ],
    dataFormat: 'channelsFirst',
  });
  return pad.apply(sampled) as tf.SymbolicTensor;
}
