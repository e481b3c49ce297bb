import type * as tf from '@tensorflow/tfjs';
import { classifier } from '../blocks/classifier';
import { variantOf } from '../network-options';
import type { NetworkOptions, Variant } from '../network-options';
import { Parts, sizeOf } from '../blocks/parts';

/** Widths of the convolutions of each stage, by the number of layers with kernels. */
const stages = {
  9: [[64], [128], [256, 256], [512, 512]],
  11: [[64], [128], [256, 256], [512, 512], [512, 512]],
  13: [
    [64, 64],
    [128, 128],
    [256, 256],
    [512, 512],
    [512, 512],
  ],
  16: [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ],
  19: [
    [64, 64],
    [128, 128],
    [256, 256, 256, 256],
    [512, 512, 512, 512],
    [512, 512, 512, 512],
  ],
} as const;

/** The depths of the VGG networks. */
export type VggDepth = keyof typeof stages;

export interface VggOptions extends NetworkOptions {
  /** Whether a BatchNormalization follows each convolution. Default false. */
  readonly batchNorm?: boolean;
}

/**
 * VGG as torchvision's: stages of 3x3 convolutions (with bias), each ended by a 2x2 max-pooling.
 *
 * VGG-9 is not torchvision's: VGG-11 without its last stage. The variant `cifar` has one Dense layer
 * behind global average pooling, and leaves out a pooling where the map is 1 pixel high or wide.
 * Source: Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556, table 1 (A, B, D, E).
 */
export function vgg(depth: VggDepth, options: VggOptions): tf.LayersModel {
  const variant = variantOf(options, { smallest: 224 });
  const parts = new Parts(options);
  const input = parts.input();
  const x = features(parts, input, { depth, variant, batchNorm: options.batchNorm ?? false });
  const logits = classifier(parts, x, { variant, map: 7, dropouts: [2, 5], dense: [0, 3, 6] });
  return parts.model(`vgg${depth}${options.batchNorm ? '_bn' : ''}`, input, logits);
}

function features(
  parts: Parts,
  input: tf.SymbolicTensor,
  { depth, variant, batchNorm }: { depth: VggDepth; variant: Variant; batchNorm: boolean },
): tf.SymbolicTensor {
  let x = input;
  let index = 0;
  const next = (): string => `features_${index++}`;
  for (const stage of stages[depth]) {
    for (const width of stage) {
      x = parts.convolution(x, { name: next(), filters: parts.scaled(width), size: 3, bias: true });
      if (batchNorm) x = parts.batchNormalization(x, next());
      x = parts.activation(x, next());
    }
    const name = next();
    const tiny = variant === 'cifar' && Math.min(...sizeOf(x)) < 2;
    if (!tiny) x = parts.maxPooling(x, { name, size: 2, stride: 2 });
  }
  return x;
}
