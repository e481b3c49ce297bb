import type * as tf from '@tensorflow/tfjs';
import { widthOf } from './parts';
import type { ActivationId, Parts } from './parts';
import { squeezeExcite } from './squeeze-excite';

/** An inverted residual block without its names. */
export interface InvertedResidualOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  readonly filters: number;
  /** Channels between the first and the last convolution; as many as the input has: no first one. */
  readonly expanded: number;
  /** Kernel height and width of the depthwise convolution. */
  readonly size: number;
  readonly stride: number;
}

/** What the three families that use the block do differently. */
export interface InvertedResidualStyle {
  readonly activation: ActivationId;
  /** Keras' sense; default 0.9. */
  readonly momentum?: number;
  /** Names of convolution, normalization and activation. */
  readonly expand: Names;
  readonly depthwise: Names;
  readonly project: readonly [string, string];
  /** Name of the squeeze-and-excite between depthwise and last convolution, and its inner width. */
  readonly squeeze?: { readonly name: string; readonly filters: number };
}

type Names = readonly [string, string, string];

/**
 * Widens by a 1x1 convolution, filters each channel, narrows by a 1x1 convolution without activation;
 * added to the input where the shapes agree.
 *
 * Source: Sandler et al., "MobileNetV2", CVPR 2018, arXiv:1801.04381, table 1.
 */
export function invertedResidual(
  parts: Parts,
  x: tf.SymbolicTensor,
  options: InvertedResidualOptions,
  style: InvertedResidualStyle,
): tf.SymbolicTensor {
  const { name, filters, expanded, size, stride } = options;
  const { activation, expand, depthwise, project, squeeze } = style;
  const named = (own: string): string => `${name}_${own}`;
  const normalized = (y: tf.SymbolicTensor, own: string): tf.SymbolicTensor =>
    parts.batchNormalization(y, named(own), { momentum: style.momentum ?? 0.9 });
  let y = x;
  if (expanded !== widthOf(x)) {
    y = parts.convolution(y, { name: named(expand[0]), filters: expanded, size: 1 });
    y = parts.activation(normalized(y, expand[1]), named(expand[2]), activation);
  }
  y = parts.depthwise(y, { name: named(depthwise[0]), size, stride });
  y = parts.activation(normalized(y, depthwise[1]), named(depthwise[2]), activation);
  if (squeeze) y = squeezeExcite(parts, y, { ...squeeze, name: named(squeeze.name), activation });
  y = normalized(parts.convolution(y, { name: named(project[0]), filters, size: 1 }), project[1]);
  return stride === 1 && widthOf(y) === widthOf(x) ? parts.add(named('add'), y, x) : y;
}
